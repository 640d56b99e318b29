"""The sessions' routes: signing in and out, tickets for WebSockets, and what a page has to know before that."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.shared.cookies import Cookie

from cairn.clock import now
from cairn.errors import NotSignedInError, SessionEndedError
from cairn.identity.cognito import Person
from cairn.observability import logger
from cairn.realtime.tickets import GOOD_FOR, Holder
from functions.api import cookies
from functions.api.errors import responses
from functions.api.routing import Router
from functions.api.sessions import schemas

router = Router()


@router.post(
    "/api/session",
    summary="Sign in",
    description="Sets two cookies: the session, for an hour, and what refreshes it, for 90 days.",
    responses=responses(schemas.Session),
)
def sign_in(body: schemas.SignIn) -> Response[schemas.Session]:
    tokens = router.dependencies.user_pool.sign_in(body.name, body.password.get_secret_value())
    return _session(tokens.id_token, cookies.refresh(tokens.refresh_token))


@router.get(
    "/api/session", summary="Who is signed in", security=[{"session": []}], responses=responses(schemas.Session)
)
def who() -> schemas.Session:
    caller = router.caller
    if not isinstance(caller.who, Person):
        raise NotSignedInError("an API key has no session; a person signs in with POST /api/session")
    return _body(caller.who)


@router.post(
    "/api/session/refresh",
    summary="Go on with a session, expired or not",
    security=[{"refresh": []}],
    responses=responses(schemas.Session),
)
def refresh() -> Response[schemas.Session]:
    refresh_token = _sent().get(cookies.REFRESH)
    if not refresh_token:
        raise SessionEndedError("there is no session to go on with: sign in", for_good=True)
    return _session(router.dependencies.user_pool.refresh(refresh_token))


@router.delete(
    "/api/session", summary="Sign out", status_code=204, responses=responses(None, 204, "Nobody is signed in any more")
)
def sign_out() -> Response[None]:
    refresh_token = _sent().get(cookies.REFRESH)
    if refresh_token and not router.dependencies.user_pool.revoke(refresh_token):
        # The browser forgets it all the same: whoever sits there next must not be signed in.
        logger.warning("a refresh token is not revoked")
    return Response(status_code=204, content_type="text/plain", cookies=cookies.forgotten(for_good=True))


@router.post("/api/ws-ticket", summary="A ticket for the WebSocket", responses=responses(schemas.SocketTicket))
def ticket() -> schemas.SocketTicket:
    caller = router.caller
    made = router.dependencies.tickets.issue(Holder(caller.user_id, caller.who.name, caller.modules), now())
    return schemas.SocketTicket(
        ticket=made, expires_in=int(GOOD_FOR.total_seconds()), url=router.dependencies.settings.websocket_url
    )


@router.get("/api/config", summary="What a page has to know first", responses=responses(schemas.Config))
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


def _session(id_token: str, *others: Cookie) -> Response[schemas.Session]:
    person = router.dependencies.id_tokens.person(id_token)
    seconds = int((person.expires_at - now()).total_seconds())
    return Response(
        status_code=200,
        content_type="application/json",
        body=_body(person),
        cookies=[cookies.session(id_token, seconds), *others],
    )


def _body(person: Person) -> schemas.Session:
    return schemas.Session(
        user_id=person.id, name=person.name, modules=sorted(person.modules), expires_at=person.expires_at
    )


def _sent() -> dict[str, Any]:
    return cookies.sent(router.current_event.raw_event)
