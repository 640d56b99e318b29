"""Every request is answered, whatever it contains, and never with an internal error."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from testing.cloud import Cloud
from testing.viewer_site import Site

WORDS = st.sampled_from(["demo", "v" * 22, f"0.{'s' * 22}", f"99.{'s' * 22}", "", "\u0000", "\ud800", "x" * 3000])
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | WORDS
OBJECTS = st.dictionaries(
    st.sampled_from(["channelId", "viewerId", "token", "hours"]) | st.text(max_size=10),
    VALUES | st.lists(VALUES, max_size=3),
)
BODIES = OBJECTS.map(json.dumps) | st.text(max_size=3000) | st.binary(max_size=3000)
SEGMENTS = st.sampled_from(["join", "heartbeat", "leave", "count", "sse", "curve", "channel", "demo", "a%3Ab", "%00"])
HEADERS = st.dictionaries(
    st.sampled_from(
        ["content-type", "last-event-id", "origin", "x-cairn-front", "cloudfront-viewer-address", "accept"]
    ),
    st.text(max_size=30) | st.just("front") | st.just("application/x-www-form-urlencoded"),
)


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "get", ""]),
    path=st.lists(SEGMENTS | st.text(max_size=20), max_size=4).map("/".join),
    body=st.none() | BODIES,
    query=st.dictionaries(st.sampled_from(["hours", "lastEventId", "x"]), st.text(max_size=10)),
    headers=HEADERS,
)
def test_no_request_of_any_kind_is_a_fault_of_ours(
    shared: Cloud, method: str, path: str, body: str | bytes | None, query: dict[str, str], headers: dict[str, str]
) -> None:
    answer = Site()(method, path, raw=body, query=_encodable(query), headers=headers)
    assert answer.status in (200, 204, 400, 403, 404, 405, 413, 429)
    assert answer.headers["access-control-allow-origin"] == "*"
    if answer.status >= 400 and method != "HEAD":
        assert answer.error


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(["join", "heartbeat", "leave"]), body=BODIES, called=st.sampled_from(["", "text/plain"]))
def test_no_body_is_a_fault_of_ours(shared: Cloud, name: str, body: str | bytes, called: str) -> None:
    assert Site()("POST", name, raw=body, headers={"content-type": called}).status < 500


def _encodable(query: dict[str, str]) -> dict[str, str]:
    return {name: value.encode(errors="replace").decode() for name, value in query.items()}
