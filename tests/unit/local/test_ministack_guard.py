"""Who may call MiniStack: a signature is really checked, and what needs none is what is public in AWS."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import lambda_svc

from local.ministack_guard import guarded, role_session
from local.settings import EDGE_HEADER

# An event loop needs a socket pair; nothing leaves the process.
pytestmark = pytest.mark.enable_socket

HOST = "127.0.0.1:4566"
SECRET = "of-this-run"
FUNCTION = {
    "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:Cairn-Notify",
    "FunctionName": "Cairn-Notify",
    "Role": "arn:aws:iam::000000000000:role/Cairn-NotifyRole",
}


@pytest.fixture(autouse=True)
def run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("MINISTACK_ACCOUNT_ID", "000000000000")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


def call(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"", query: str = ""
) -> tuple[int, dict[str, str], list[dict[str, str]]]:
    """The status, the response's headers, and the headers of the requests that MiniStack saw."""
    seen: list[dict[str, str]] = []
    sent: list[Any] = []

    async def ministack(scope: Any, receive: Any, send: Any) -> None:
        message = await receive() if scope["type"] == "http" else {"body": body}
        assert message["body"] == body
        seen.append({name.decode(): value.decode() for name, value in scope["headers"]})
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept", "headers": []})
        else:
            cors = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-expose-headers", b"*")]
            await send({"type": "http.response.start", "status": 200, "headers": [*cors, (b"x-own", b"1")]})
            await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    all_headers = {"Host": HOST, **(headers or {})}
    scope = {
        "type": "websocket" if method == "WebSocket" else "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in all_headers.items()],
    }

    async def serve() -> None:
        await guarded(ministack)(scope, receive, send)

    asyncio.run(serve())
    first = sent[0]
    status = {"websocket.accept": 101, "websocket.close": 403}.get(first["type"]) or first["status"]
    return status, {name.decode().lower(): value.decode() for name, value in first.get("headers", [])}, seen


def signed(body: bytes = b"{}", key: str = "test", secret: str = SECRET, token: str | None = None) -> dict[str, str]:
    request = AWSRequest("POST", f"http://{HOST}/", headers={"X-Amz-Target": "DynamoDB_20120810.ListTables"}, data=body)
    SigV4Auth(Credentials(key, secret, token), "dynamodb", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def test_the_root_is_known_by_the_secret_of_this_run() -> None:
    assert call("POST", "/", signed(), b"{}")[0] == 200
    assert call("POST", "/", signed(secret="test"), b"{}")[0] == 403


@pytest.mark.parametrize("key", ["test", "", "000000000000", "AKIANOBODY"])
def test_no_access_key_is_believed_without_the_secret(key: str) -> None:
    status, _, seen = call("POST", "/", signed(key=key, secret="guessed"), b"{}")
    assert (status, seen) == (403, [])


def test_a_signature_is_for_one_body() -> None:
    assert call("POST", "/", signed(b"{}"), b'{"other": 1}')[0] == 403
    stated = signed(b"{}") | {"X-Amz-Content-SHA256": "0" * 64}
    assert call("POST", "/", stated, b"{}")[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=test/x, SignedHeaders=host, Signature=00"},
        {"Authorization": "AWS test:signature"},
        {"Authorization": "Bearer x"},
        {EDGE_HEADER: "guessed"},
        {EDGE_HEADER: ""},
    ],
)
def test_what_is_not_signed_does_not_reach_ministack(headers: dict[str, str]) -> None:
    for path in ("/", "/_ministack/reset", "/bucket/key", "/_aws/execute-api/a/live/@connections/b", "/iceberg/v1"):
        status, _, seen = call("POST", path, headers)
        assert (status, seen) == (403, [])


def test_a_presigned_address_is_good_until_it_expires() -> None:
    def query(expires: int, secret: str = SECRET) -> str:
        request = AWSRequest("GET", f"http://{HOST}/")
        SigV4QueryAuth(Credentials("test", secret), "sts", "us-east-1", expires).add_auth(request)
        return str(request.url).partition("?")[2]

    assert call("GET", "/", query=query(60))[0] == 200
    assert call("GET", "/", query=query(60, "guessed"))[0] == 403
    assert call("GET", "/", query=query(-60))[0] == 403
    assert call("GET", "/", query=query(60).replace("X-Amz-Expires=60", "X-Amz-Expires=never"))[0] == 403


def test_a_functions_credentials_are_its_roles_and_nobody_can_compute_them(monkeypatch: pytest.MonkeyPatch) -> None:
    own = role_session(FUNCTION)
    assert role_session(FUNCTION) == own
    key, secret, token = own["AWS_ACCESS_KEY_ID"], own["AWS_SECRET_ACCESS_KEY"], own["AWS_SESSION_TOKEN"]
    assert call("POST", "/", signed(key=key, secret=secret, token=token), b"{}")[0] == 200
    assert call("POST", "/", signed(key=key, secret=secret), b"{}")[0] == 403
    assert call("POST", "/", signed(key=key, secret="guessed", token=token), b"{}")[0] == 403
    principal = iam_evaluator.resolve_principal(key, "000000000000")
    assert isinstance(principal, iam_evaluator.PrincipalInfo)
    assert principal.arn == "arn:aws:sts::000000000000:assumed-role/Cairn-NotifyRole/Cairn-Notify"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-another-run")
    assert set(role_session(FUNCTION).values()).isdisjoint(own.values())


def test_ministack_still_derives_what_is_replaced() -> None:
    assert lambda_svc.execution_credentials is lambda_runtime.execution_credentials


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_aws/lambda-url/abc/api/viewer/join"),
        ("GET", "/_aws/lambda-url/abc/api/health"),
        ("GET", "/_ministack/health"),
        ("GET", "/us-east-1_Ab1/.well-known/jwks.json"),
        ("WebSocket", "/_aws/execute-api/abc/live"),
    ],
)
def test_what_is_public_in_aws_needs_no_signature_on_a_plain_host(method: str, path: str) -> None:
    assert call(method, path)[0] in (200, 101)
    assert call(method, path, {"Host": "localhost:4566"})[0] in (200, 101)
    assert call(method, path, {"Host": "bucket.s3.localhost:4566"})[0] == 403
    assert call(method, path, {"Host": "rebound.example:4566"})[0] == 403


@pytest.mark.parametrize("operation", ["ChangePassword", "RevokeToken", "GlobalSignOut", "VerifySoftwareToken"])
def test_what_a_persons_own_token_authorizes_needs_no_signature(operation: str) -> None:
    """botocore's model says so, and boto3 sends these calls unsigned."""
    target = {"X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}"}
    assert call("POST", "/", target, b"{}")[0] == 200
    assert call("POST", "/bucket", target, b"{}")[0] == 403
    assert call("POST", "/", target, b"{}", query="Action=CreateUser")[0] == 403


@pytest.mark.parametrize(
    "target", ["AWSCognitoIdentityProviderService.AdminDeleteUser", "DynamoDB_20120810.Scan", "ChangePassword", ""]
)
def test_every_other_call_does(target: str) -> None:
    assert call("POST", "/", {"X-Amz-Target": target}, b"{}")[0] == 403


@pytest.mark.parametrize("path", ["/", "/_aws/execute-api/abc", "/_aws/execute-api/abc/live/@connections/x", "/mqtt"])
def test_no_other_address_takes_a_socket(path: str) -> None:
    assert call("WebSocket", path)[0] == 403


def test_pages_of_any_origin_may_open_the_websocket_api() -> None:
    assert call("WebSocket", "/_aws/execute-api/abc/live", {"Origin": "https://a.site"})[0] == 101


@pytest.mark.parametrize(
    "path",
    ["/", "/_aws/lambda-url/abc/api/health", "/_aws/lambda-url/abc/api/viewer/join", "/_ministack/health"],
)
def test_a_page_reaches_nothing_else_not_even_with_the_secret(path: str) -> None:
    status, _, seen = call("POST", path, signed() | {"Origin": "https://evil.example"}, b"{}")
    assert (status, seen) == (403, [])


@pytest.mark.parametrize(
    ("path", "headers"), [("/", signed()), ("/_aws/lambda-url/abc/api/health", {}), ("/_ministack/health", {})]
)
def test_no_cors_header_leaves(path: str, headers: dict[str, str]) -> None:
    method = "GET" if path.endswith("health") else "POST"
    status, received, _ = call(method, path, headers, b"" if method == "GET" else b"{}")
    assert status == 200
    assert received == {"x-own": "1"}


def test_the_edge_alone_reaches_the_distribution_and_its_proof_goes_no_further() -> None:
    distribution = {"Host": "d123.cloudfront.localhost:4566", "Origin": "https://a.site"}
    assert call("GET", "/", distribution)[0] == 403
    status, headers, seen = call("GET", "/", distribution | {EDGE_HEADER: SECRET})
    assert (status, headers["access-control-allow-origin"]) == (200, "*")
    assert EDGE_HEADER not in seen[0]
    assert call("GET", "/", {"Host": "rebound.example", EDGE_HEADER: SECRET})[0] == 403
