"""Pages of any origin may read every answer, whatever it is, and none of them comes with a cookie."""

from __future__ import annotations

import pytest

from testing.cloud import Cloud
from testing.viewer_site import Site

REQUESTS: list[tuple[str, str, object, int]] = [
    ("POST", "join", {"channelId": "demo"}, 200),
    ("POST", "join", {"channelId": "no channel"}, 400),
    ("POST", "join", {"channelId": "x" * 2100}, 413),
    ("POST", "heartbeat", {"channelId": "demo", "viewerId": "v" * 22, "token": f"0.{'A' * 22}"}, 404),
    ("POST", "leave", {"channelId": "demo", "viewerId": "v" * 22, "token": f"0.{'A' * 22}"}, 204),
    ("GET", "count/demo", None, 200),
    ("GET", "count/no%20channel", None, 400),
    ("GET", "sse/demo", None, 200),
    ("GET", "curve/demo", None, 200),
    ("GET", "channel/demo", None, 200),
    ("HEAD", "count/demo", None, 200),
    ("OPTIONS", "join", None, 204),
    ("OPTIONS", "count/demo", None, 204),
    ("OPTIONS", "nowhere", None, 404),
    ("GET", "join", None, 405),
    ("POST", "count/demo", {}, 405),
    ("DELETE", "leave", None, 405),
    ("PROPFIND", "sse/demo", None, 405),
    ("GET", "", None, 404),
    ("GET", "count", None, 404),
    ("GET", "count/", None, 404),
    ("GET", "count/a/b", None, 404),
    ("GET", "join/demo", None, 404),
    ("GET", "/", None, 404),
    ("GET", "/api/viewers/count/demo", None, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), REQUESTS)
@pytest.mark.parametrize("origin", [None, "https://somebody.example", "null"])
def test_every_answer_may_be_read_by_a_page_of_any_origin(
    shared: Cloud, method: str, path: str, body: object, status: int, origin: str | None
) -> None:
    headers = {"origin": origin} if origin else {}
    answer = Site()(method, path, *([body] if body is not None else []), headers=headers)
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-credentials" not in answer.headers
    assert "set-cookie" not in answer.headers
    if status >= 400:
        assert answer.error


@pytest.mark.parametrize(
    ("path", "methods"), [("join", "POST, OPTIONS"), ("leave", "POST, OPTIONS"), ("sse/demo", "GET, HEAD, OPTIONS")]
)
def test_a_preflight_is_answered_with_what_a_page_may_send(shared: Cloud, path: str, methods: str) -> None:
    headers = {
        "origin": "https://somebody.example",
        "access-control-request-method": methods[:4].strip(","),
        "access-control-request-headers": "content-type",
    }
    answer = Site()("OPTIONS", path, headers=headers)
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["access-control-allow-methods"] == methods
    assert "content-type" in answer.headers["access-control-allow-headers"]
    assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize(("method", "path", "allow"), [("GET", "join", "POST"), ("PUT", "count/demo", "GET, HEAD")])
def test_a_wrong_method_is_answered_with_the_right_ones(shared: Cloud, method: str, path: str, allow: str) -> None:
    answer = Site()(method, path)
    assert answer.status == 405
    assert answer.headers["allow"] == f"{allow}, OPTIONS"
