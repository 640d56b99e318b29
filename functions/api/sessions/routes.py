"""The session routes: signing in and out, WebSocket tickets, and the configuration of the pages."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response

from cairn.clock import now
from cairn.errors import NotSignedInError, SessionEndedError
from cairn.identity.cognito import Person
from cairn.identity.user_pool import Challenge
from cairn.realtime.tickets import VALID_FOR, Holder
from functions.api import cookies
from functions.api.errors import responses
from functions.api.routing import Router
from functions.api.sessions import schemas
from functions.api.sessions.sign_in import SignedIn, client_context, response, to_schema

router = Router()
_SIGNED_IN = {
    **responses(schemas.Session),
    **responses(schemas.Challenge, 202, "The sign-in needs a code or a new password"),
}


@router.post(
    "/api/session",
    summary="Sign in",
    description="Sets two cookies: the session, for one hour, and the token that refreshes it, for 90 days. Or answers "
    "202 and sets none: the sign-in needs a code, or a new password, to be sent to `/api/session/challenge`.",
    responses=_SIGNED_IN,
)
def begin(body: schemas.SignIn) -> SignedIn:
    pool, context = router.dependencies.user_pool, client_context(router)
    router.trail.targets.append(f"person:{body.name}")
    result = router.dependencies.sign_in_limits.guard(
        body.name, router.trail.address, lambda: pool.sign_in(body.name, body.password.get_secret_value(), context)
    )
    return response(router, result)


@router.post(
    "/api/session/challenge",
    summary="Go on with a sign-in: send the code, or the new password",
    description="Within three minutes; the other fields as they were in the 202.",
    responses=_SIGNED_IN,
)
def go_on(body: schemas.ChallengeAnswer) -> SignedIn:
    pool, context = router.dependencies.user_pool, client_context(router)
    challenge = Challenge(body.challenge, body.name, body.session.get_secret_value())
    router.trail.targets.append(f"person:{body.name}")
    result = router.dependencies.sign_in_limits.guard(
        body.name, router.trail.address, lambda: pool.answer(challenge, body.answer.get_secret_value(), context)
    )
    return response(router, result)


@router.get(
    "/api/session", summary="Get the signed-in person", security=[{"session": []}], responses=responses(schemas.Session)
)
def who() -> schemas.Session:
    caller = router.caller
    if not isinstance(caller.identity, Person):
        raise NotSignedInError("an API key has no session; a person signs in with POST /api/session")
    return to_schema(caller.identity)


@router.post(
    "/api/session/refresh",
    summary="Refresh the session, even an expired one",
    security=[{"refresh": []}],
    responses=responses(schemas.Session),
)
def refresh() -> SignedIn:
    refresh_token = _cookies().get(cookies.REFRESH)
    if not refresh_token:
        raise SessionEndedError("there is no session to refresh: sign in", permanent=True)
    return response(router, router.dependencies.user_pool.refresh(refresh_token, client_context(router)))


@router.delete(
    "/api/session",
    summary="Sign out",
    description="Ends this session and its WebSockets; the person's other sessions go on.",
    status_code=204,
    responses=responses(None, 204, "Signed out"),
)
def sign_out() -> Response[None]:
    kept = _cookies()
    if person := router.dependencies.session_end.end(
        kept.get(cookies.SESSION), kept.get(cookies.REFRESH), client_context(router)
    ):
        router.trail.signed_in(person)
    return Response(status_code=204, content_type="text/plain", cookies=cookies.expired(permanent=True))


@router.post("/api/ws-ticket", summary="Create a ticket for the WebSocket", responses=responses(schemas.SocketTicket))
def ticket() -> schemas.SocketTicket:
    caller = router.caller
    holder = Holder(caller.user_id, caller.identity.name, caller.modules, caller.identity.credential)
    issued = router.dependencies.tickets.issue(holder, now())
    return schemas.SocketTicket(
        ticket=issued, expires_in=int(VALID_FOR.total_seconds()), url=router.dependencies.settings.websocket_url
    )


@router.get("/api/config", summary="Get the configuration of the pages", responses=responses(schemas.Config))
def config() -> schemas.Config:
    return schemas.Config(
        web_socket_url=router.dependencies.settings.websocket_url,
        time_zone=router.dependencies.workspace.zones.at(now()),
        ladders={
            name: list(rule.thresholds)
            for name, rule in router.dependencies.rep_rules.items()
            if rule.metric != "podium"
        },
    )


def _cookies() -> dict[str, Any]:
    return cookies.parse(router.current_event.raw_event)
