"""Who may call MiniStack, which itself accepts the root's requests with any signature, and answers any page.

Calls of AWS's APIs must be signed with a secret of this run. Without a signature only what is public in AWS is
served: Lambda URLs, the WebSocket API, the user pool's signing keys, and Cognito's calls that a person's own token
authorizes, which its clients never sign; and the distribution, to the edge alone.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from ministack.core import iam_actions, iam_evaluator, responses, sigv4
from ministack.core.router import extract_access_key_id
from ministack.services import sts
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.foreign_pages import RefuseForeignPages, refuse
from local.settings import EDGE_HEADER

LARGEST_BODY = 256 * 1024 * 1024

_PLAIN_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
"""Under another name on loopback, MiniStack reads the path in other ways."""
_PUBLIC = re.compile(r"/_aws/lambda-url/[^/]+/.*", re.DOTALL)
_PUBLIC_TO_READ = re.compile(r"/_ministack/health|/[\w-]+/\.well-known/jwks\.json")
_COGNITO = "AWSCognitoIdentityProviderService"
_WEBSOCKET_API = re.compile(r"/_aws/execute-api/[^/]+/[^/]+/?")
_CORS = b"access-control-"


def guarded(app: ASGIApp) -> ASGIApp:
    """MiniStack's application behind every check."""
    guard = RefuseForeignPages(_Signed(app), any_origin=_open_to_any_page)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:  # a function, which Hypercorn recognizes
        await guard(scope, receive, send)

    return serve


def role_session(config: Mapping[str, Any]) -> dict[str, str]:
    """A function's credentials, registered for its role. MiniStack's own can be computed from the function's name."""
    function, role = config["FunctionArn"], config.get("Role", "")
    account = function.split(":")[4]
    role_name, session = role.rsplit("/", 1)[-1], config.get("FunctionName", "function")[:64]

    def derived(what: str) -> str:
        return hmac.new(_secret(), f"{what}:{function}:{role}".encode(), hashlib.sha256).hexdigest()

    credentials = {
        "AWS_ACCESS_KEY_ID": f"ASIA{derived('key')[:16].upper()}",
        "AWS_SECRET_ACCESS_KEY": derived("secret"),
        "AWS_SESSION_TOKEN": derived("token"),
    }
    sts.register_session(
        credentials["AWS_ACCESS_KEY_ID"],
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role_name}/{session}",
            "UserId": f"{role_name}:{session}",
            "SecretAccessKey": credentials["AWS_SECRET_ACCESS_KEY"],
            "SessionToken": credentials["AWS_SESSION_TOKEN"],
        },
    )
    return credentials


def _open_to_any_page(scope: Scope) -> bool:
    """The WebSocket API, which tells strangers only what is public, as in AWS; and what the edge has checked."""
    if scope["type"] == "websocket":
        return _WEBSOCKET_API.fullmatch(scope["path"]) is not None
    return _from_edge(scope)


class _Signed:
    """Refuses what is neither public nor signed, and removes MiniStack's CORS headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif _from_edge(scope):
            withheld = EDGE_HEADER.encode()
            headers = [(name, value) for name, value in scope["headers"] if name.lower() != withheld]
            await self._app({**scope, "headers": headers}, receive, send)
        elif _is_public(scope):
            await self._app(scope, receive, _without_cors(send))
        elif scope["type"] == "websocket":
            await refuse(scope, receive, send, "it is no address of a WebSocket API")
        else:
            body = await _read(receive)
            reason = "the body is too large" if body is None else signature_failure(scope, body)
            if reason is None:
                await self._app(scope, _replayed(body or b"", receive), _without_cors(send))
            else:
                await refuse(scope, receive, send, reason, _as_the_service(scope, reason))


def signature_failure(scope: Scope, body: bytes) -> str | None:
    """Why a request's SigV4 signature is not accepted; None for one with a secret of this run."""
    query = parse_qs(scope.get("query_string", b"").decode("utf-8", "replace"), keep_blank_values=True)
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), sigv4.decode_header_value(raw_value)
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    presigned = "authorization" not in headers and "X-Amz-Signature" in query
    if not presigned and not headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
        return "it is not signed; outputs.json has the access key of this run"
    signature = sigv4.parse_query_signature(query) if presigned else sigv4.parse_header_signature(headers)
    if isinstance(signature, tuple):
        return str(signature[0])
    if failure := _untimely(signature, query, presigned=presigned):
        return failure
    if signature.region_set is not None or signature.access_key_id != extract_access_key_id(headers, query):
        return "UnsupportedSignature"
    token = (query.get("X-Amz-Security-Token") or [""])[0] if presigned else headers.get("x-amz-security-token", "")
    credential = iam_evaluator.resolve_credential(signature.access_key_id, _account(signature.access_key_id), token)
    if isinstance(credential, iam_evaluator.CredentialResolutionError):
        return str(credential.code)
    raw_path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("latin-1")
    failure = sigv4.header_signature_failure(
        *(signature, credential.secret_access_key, scope["method"], raw_path, query, headers, body),
        presigned=presigned,
    )
    return str(failure[0]) if failure else _wrong_payload(headers, body)


def _as_the_service(scope: Scope, reason: str) -> Response | None:
    """A refusal in the protocol of the service that was called, which its client can read."""
    headers = dict(Headers(scope=scope).items())
    named = re.search(r"/([\w-]+)/aws4_request", headers.get("authorization", ""))
    if named is None:
        return None
    message = "the signature is not of this run; outputs.json has its access key"
    _, given, body = iam_actions.access_denied_response(
        named[1], "", "", "", error_code=reason, message=message, headers=headers
    )
    return Response(body, status_code=403, headers=given)


def _untimely(signature: Any, query: Mapping[str, list[str]], *, presigned: bool) -> str | None:
    if not presigned:
        skewed = sigv4.request_time_failure(signature)
        return skewed[0] if skewed else None
    try:
        expired = sigv4.presigned_request_is_expired(signature.amz_date, (query.get("X-Amz-Expires") or ["0"])[0])
    except ValueError:
        return "AuthorizationQueryParametersError"
    return "ExpiredToken" if expired else None


def _wrong_payload(headers: Mapping[str, str], body: bytes) -> str | None:
    """The signature covers the hash that the header states, and so far nobody has compared it with the body."""
    stated = headers.get("x-amz-content-sha256", "")
    is_hash = re.fullmatch("[0-9a-f]{64}", stated) is not None
    return "XAmzContentSHA256Mismatch" if is_hash and stated != hashlib.sha256(body).hexdigest() else None


def _account(access_key_id: str) -> str:
    if re.fullmatch(r"\d{12}", access_key_id):
        return access_key_id
    own: str = responses._account_from_sts_session(access_key_id) or os.environ["MINISTACK_ACCOUNT_ID"]  # noqa: SLF001 - there is no public way
    return own


def _is_public(scope: Scope) -> bool:
    host = urlsplit(f"//{Headers(scope=scope).get('host', '')}").hostname
    if host not in _PLAIN_HOSTS:
        return False
    if scope["type"] == "websocket":
        return _WEBSOCKET_API.fullmatch(scope["path"]) is not None
    service, _, operation = Headers(scope=scope).get("x-amz-target", "").partition(".")
    if service == _COGNITO and scope["path"] == "/" and not scope.get("query_string"):
        return operation in iam_actions.unsigned_operations("cognito-idp")
    if scope["method"] in ("GET", "HEAD") and _PUBLIC_TO_READ.fullmatch(scope["path"]):
        return True
    return _PUBLIC.fullmatch(scope["path"]) is not None


def _from_edge(scope: Scope) -> bool:
    given = Headers(scope=scope).get(EDGE_HEADER, "")
    return scope["type"] == "http" and hmac.compare_digest(given.encode("latin-1"), _secret())


def _secret() -> bytes:
    return os.environ["AWS_SECRET_ACCESS_KEY"].encode()


def _without_cors(send: Send) -> Send:
    async def checked(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept", "websocket.http.response.start"):
            headers = [
                (name, value) for name, value in message.get("headers", []) if not name.lower().startswith(_CORS)
            ]
            message = {**message, "headers": headers}
        await send(message)

    return checked


async def _read(receive: Receive) -> bytes | None:
    """The request's body; None for one that is too large or breaks off."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body that was read, and then what the connection brings."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return messages.pop() if messages else await receive()

    return next_message
