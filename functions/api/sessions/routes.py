"""The session routes: signing in and out, WebSocket tickets, and the configuration of the pages."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie

from cairn.clock import now
from cairn.errors import NotSignedInError, PlatformUnavailableError, SessionEndedError
from cairn.identity.cognito import Person
from cairn.observability import logger
from cairn.realtime.tickets import VALID_FOR, Holder
from functions.api import cookies
from functions.api.errors import responses
from functions.api.routing import Router
from functions.api.sessions import schemas

router = Router()


@router.post(
    "/api/session",
    summary="Sign in",
    description="Sets two cookies: the session, for one hour, and the token that refreshes it, for 90 days.",
    responses=responses(schemas.Session),
)
def sign_in(body: schemas.SignIn) -> Response[schemas.Session]:
    router.trail.targets.append(f"person:{body.name}")
    tokens = router.dependencies.user_pool.sign_in(body.name, body.password.get_secret_value())
    return _session(tokens.id_token, cookies.refresh(tokens.refresh_token))


@router.get(
    "/api/session", summary="Get the signed-in person", security=[{"session": []}], responses=responses(schemas.Session)
)
def who() -> schemas.Session:
    caller = router.caller
    if not isinstance(caller.identity, Person):
        raise NotSignedInError("an API key has no session; a person signs in with POST /api/session")
    return _to_schema(caller.identity)


@router.post(
    "/api/session/refresh",
    summary="Refresh the session, even an expired one",
    security=[{"refresh": []}],
    responses=responses(schemas.Session),
)
def refresh() -> Response[schemas.Session]:
    refresh_token = _cookies().get(cookies.REFRESH)
    if not refresh_token:
        raise SessionEndedError("there is no session to refresh: sign in", permanent=True)
    return _session(router.dependencies.user_pool.refresh(refresh_token))


@router.delete("/api/session", summary="Sign out", status_code=204, responses=responses(None, 204, "Signed out"))
def sign_out() -> Response[None]:
    _note_who_signs_out()
    refresh_token = _cookies().get(cookies.REFRESH)
    if refresh_token and not router.dependencies.user_pool.revoke(refresh_token):
        # The browser still deletes its cookies: the next person at this browser must not be signed in.
        logger.warning("refresh token not revoked; it stays valid until it expires")
    return Response(status_code=204, content_type="text/plain", cookies=cookies.expired(permanent=True))


@router.post("/api/ws-ticket", summary="Create a ticket for the WebSocket", responses=responses(schemas.SocketTicket))
def ticket() -> schemas.SocketTicket:
    caller = router.caller
    issued = router.dependencies.tickets.issue(Holder(caller.user_id, caller.identity.name, caller.modules), now())
    return schemas.SocketTicket(
        ticket=issued, expires_in=int(VALID_FOR.total_seconds()), url=router.dependencies.settings.websocket_url
    )


@router.get("/api/config", summary="Get the configuration of the pages", responses=responses(schemas.Config))
def config() -> schemas.Config:
    return schemas.Config(
        web_socket_url=router.dependencies.settings.websocket_url,
        time_zone=router.dependencies.settings.time_zone,
        ladders={
            name: list(rule.thresholds)
            for name, rule in router.dependencies.rep_rules.items()
            if rule.metric != "podium"
        },
    )


def _session(id_token: str, *more: Cookie) -> Response[schemas.Session]:
    person = router.dependencies.id_tokens.person(id_token)
    router.trail.signed_in(person)
    seconds = int((person.expires_at - now()).total_seconds())
    return Response(
        status_code=200,
        content_type="application/json",
        body=_to_schema(person),
        cookies=[cookies.session(id_token, seconds), *more],
    )


def _note_who_signs_out() -> None:
    """For the audit trail; whose session is over has no name there."""
    try:
        router.trail.signed_in(router.dependencies.id_tokens.person(_cookies().get(cookies.SESSION, "")))
    except (SessionEndedError, PlatformUnavailableError):
        return


def _to_schema(person: Person) -> schemas.Session:
    return schemas.Session(
        user_id=person.id, name=person.name, modules=sorted(person.modules), expires_at=person.expires_at
    )


def _cookies() -> dict[str, Any]:
    return cookies.parse(router.current_event.raw_event)
