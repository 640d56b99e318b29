"""What the routes share that sign somebody in: where from, and the response with the session or the challenge."""

from __future__ import annotations

from datetime import timedelta

from aws_lambda_powertools.event_handler import Response

from cairn.clock import now
from cairn.errors import PlatformPausedError, SessionEndedError
from cairn.identity.cognito import SESSION_ENDED, Person
from cairn.identity.user_pool import Challenge, ClientContext, Tokens
from functions.api import cookies
from functions.api.routing import Router
from functions.api.sessions import schemas

SignedIn = Response[schemas.Session | schemas.Challenge]

_TOLD = ("user-agent", "accept-language")
"""The headers that Cognito's threat protection may learn from."""
_MAX_HEADER = 500


def client_context(router: Router) -> ClientContext:
    """Where the request comes from."""
    event = router.current_event.raw_event
    headers = {name: event["headers"][name][:_MAX_HEADER] for name in _TOLD if event["headers"].get(name)}
    server = event["requestContext"]["domainName"]
    return ClientContext(router.trail.address, server, event["rawPath"], headers)


def response(router: Router, result: Tokens | Challenge) -> SignedIn:
    """200 with the session's cookies, or 202 with what is needed in addition."""
    if isinstance(result, Challenge):
        return Response(
            status_code=202,
            content_type="application/json",
            body=schemas.Challenge(challenge=result.kind, name=result.name, session=result.session),
        )
    person = signed_in(router, result)
    seconds = int((person.expires_at - now()).total_seconds())
    set_cookies = [cookies.session(result.id_token, seconds)]
    if result.refresh_token:
        set_cookies.append(cookies.refresh(result.refresh_token))
    return Response(status_code=200, content_type="application/json", body=to_schema(person), cookies=set_cookies)


def signed_in(router: Router, tokens: Tokens) -> Person:
    """The person of new tokens, noted in the audit trail.

    SessionEndedError if the session was signed out and Cognito failed to revoke its refresh token.
    PlatformPausedError in the second in which all of the person's tokens were voided: it has the same time as they.
    """
    person = router.dependencies.id_tokens.person(tokens.id_token)
    revoked = router.dependencies.revocations.revoked_with(person.credential, consistent=True)
    if revoked == "session":
        raise SessionEndedError(SESSION_ENDED, permanent=True)
    if revoked:
        raise PlatformPausedError("Cognito", "the sessions before have just been ended", now() + timedelta(seconds=1))
    router.trail.signed_in(person)
    return person


def to_schema(person: Person) -> schemas.Session:
    return schemas.Session(
        user_id=person.id, name=person.name, modules=sorted(person.modules), expires_at=person.expires_at
    )
