"""The account routes: people change their own password, and turn their second factor on and off.

Each needs the refresh cookie, which browsers send to /api/session only. It brings an access token, with which Cognito
changes nothing but that person's own account.
"""

from __future__ import annotations

from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from pydantic import SecretStr

from cairn.clock import now
from cairn.errors import ConflictError, SessionEndedError
from cairn.identity.cognito import SESSION_ENDED, Person
from cairn.identity.user_pool import Challenge, Tokens
from functions.api import cookies
from functions.api.errors import responses
from functions.api.routing import Router
from functions.api.sessions import schemas
from functions.api.sessions.sign_in import SignedIn, client_context, response, signed_in

router = Router()

ISSUER = "Cairn"
"""What an authenticator app shows with the name."""


@router.post(
    "/api/session/password",
    summary="Change one's own password, which ends one's other sessions",
    security=[{"session": [], "refresh": []}],
    responses={**responses(schemas.Session), **responses(schemas.Challenge, 202, "A code is needed to sign in again")},
)
def change_password(body: schemas.PasswordChange) -> SignedIn:
    person, tokens = _refreshed()
    pool, new = router.dependencies.user_pool, body.new.get_secret_value()
    current = body.current.get_secret_value()
    router.dependencies.sign_in_limits.guard(
        person.id, router.trail.address, lambda: pool.change_password(tokens.access_token, current, new)
    )
    pool.end_sessions(tokens.access_token)
    result = pool.sign_in(person.id, new, client_context(router))
    kept = None if isinstance(result, Challenge) else router.dependencies.id_tokens.person(result.id_token)
    router.dependencies.sign_out.everywhere(person.id, now(), kept.credential.session if kept else None)
    return response(router, result)


@router.get(
    "/api/session/second-factor",
    summary="Find out whether one's own sign-in needs a code",
    security=[{"session": [], "refresh": []}],
    responses=responses(schemas.SecondFactor),
)
def second_factor() -> schemas.SecondFactor:
    _, tokens = _refreshed()
    return schemas.SecondFactor(enabled=router.dependencies.user_pool.has_second_factor(tokens.access_token))


@router.post(
    "/api/session/second-factor",
    summary="Get a secret for an authenticator app; PUT a code of it to turn the second factor on",
    security=[{"session": [], "refresh": []}],
    responses=responses(schemas.SecondFactorSecret),
)
def begin_second_factor(body: schemas.Password) -> schemas.SecondFactorSecret:
    person, tokens = _refreshed()
    if isinstance(_password_checked(person, body.password), Challenge):
        raise ConflictError("the second factor is on already: turn it off first")
    secret = router.dependencies.user_pool.begin_second_factor(tokens.access_token)
    label = quote(f"{ISSUER}:{person.id}")
    return schemas.SecondFactorSecret(secret=secret, uri=f"otpauth://totp/{label}?secret={secret}&issuer={ISSUER}")


@router.put(
    "/api/session/second-factor",
    summary="Turn one's own second factor on: each sign-in asks for a code",
    security=[{"session": [], "refresh": []}],
    status_code=204,
    responses=responses(None, 204),
)
def confirm_second_factor(body: schemas.SecondFactorCode) -> Response[None]:
    person, tokens = _refreshed()
    pool = router.dependencies.user_pool
    router.dependencies.sign_in_limits.guard(
        person.id, router.trail.address, lambda: pool.confirm_second_factor(tokens.access_token, body.code)
    )
    return Response(status_code=204, content_type="text/plain")


@router.post(
    "/api/session/second-factor/removal",
    summary="Turn one's own second factor off",
    security=[{"session": [], "refresh": []}],
    status_code=204,
    responses=responses(None, 204),
)
def remove_second_factor(body: schemas.SecondFactorRemoval) -> Response[None]:
    person, _ = _refreshed()
    pool, context = router.dependencies.user_pool, client_context(router)
    challenge = _password_checked(person, body.password)
    if isinstance(challenge, Challenge):
        tokens = router.dependencies.sign_in_limits.guard(
            person.id, router.trail.address, lambda: pool.answer(challenge, body.code, context)
        )
        if isinstance(tokens, Tokens):
            pool.set_second_factor(tokens.access_token, on=False)
            pool.revoke(tokens.refresh_token)
    return Response(status_code=204, content_type="text/plain")


def _refreshed() -> tuple[Person, Tokens]:
    """Who has the refresh cookie, and new tokens for them; SessionEndedError without it."""
    refresh_token = cookies.parse(router.current_event.raw_event).get(cookies.REFRESH)
    if not refresh_token:
        raise SessionEndedError(SESSION_ENDED, permanent=True)
    tokens = router.dependencies.user_pool.refresh(refresh_token, client_context(router))
    return signed_in(router, tokens), tokens


def _password_checked(person: Person, password: SecretStr) -> Challenge | None:
    """NotSignedInError for a wrong password; the challenge that follows it, if there is one."""
    pool, context = router.dependencies.user_pool, client_context(router)
    result = router.dependencies.sign_in_limits.guard(
        person.id, router.trail.address, lambda: pool.sign_in(person.id, password.get_secret_value(), context)
    )
    if isinstance(result, Challenge):
        return result
    pool.revoke(result.refresh_token)
    return None
