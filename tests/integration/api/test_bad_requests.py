"""Invalid input of any kind is rejected with a message that says what to change, and nothing is half-written."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testing.api import Api
from testing.clock import controlled_clock
from testing.cloud import cloud
from testing.platforms import FakePlatforms, counts

ID = "UC" + "a" * 22
GOOD = {"platform": "youtube", "handle": ID}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One account for all of these tests: none of them changes it, which is what they check."""
    platforms = FakePlatforms(youtube={ID: counts(9500)})
    with controlled_clock(), cloud(platforms.transport()) as aws:
        shared = Api(aws)
        assert shared("POST", "/api/channels", GOOD).status == 201
        yield shared


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "platform"),
        ({"platform": "youtube"}, "handle"),
        ({"handle": "@cats"}, "platform"),
        (GOOD | {"platform": ""}, "platform"),
        (GOOD | {"platform": 5}, "platform"),
        (GOOD | {"platform": None}, "platform"),
        (GOOD | {"platform": ["youtube"]}, "platform"),
        (GOOD | {"platform": "p" * 41}, "platform"),
        (GOOD | {"platform": "myspace"}, "platform: one of instagram, telegram, youtube"),
        (GOOD | {"platform": "YouTube"}, "platform: one of"),
        (GOOD | {"platform": "__init__"}, "platform: one of"),
        (GOOD | {"handle": ""}, "handle"),
        (GOOD | {"handle": "   "}, "handle"),
        (GOOD | {"handle": 5}, "handle"),
        (GOOD | {"handle": {}}, "handle"),
        (GOOD | {"handle": "h" * 201}, "handle"),
        (GOOD | {"handle": "not a handle"}, "handle: must be a YouTube handle like @name"),
        (GOOD | {"handle": "@x\u0000"}, "handle"),
        (GOOD | {"handle": float("nan")}, "handle"),
        (GOOD | {"name": ""}, "name"),
        (GOOD | {"name": "n" * 101}, "name"),
        (GOOD | {"name": 5}, "name"),
        (GOOD | {"colour": "red"}, "colour"),
        (GOOD | {"native_id": "x"}, "native_id"),
        (GOOD | {"id": "x", "addedAt": "now"}, "id"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_tracked(api: Api, body: object, field: str) -> None:
    response = api("POST", "/api/channels", body)
    assert response.status == 400
    assert field in response.error
    assert [item["id"] for item in api("GET", "/api/channels").json["items"]] == [f"youtube:{ID}"]


@pytest.mark.parametrize("body", [None, [], [5], [GOOD, GOOD], "text", 5, True, 1.5])
def test_a_body_that_is_no_object_is_rejected(api: Api, body: object) -> None:
    response = api("POST", "/api/channels", body)
    assert response.status == 400
    assert "must be a JSON object" in response.error


@pytest.mark.parametrize(
    "raw",
    [
        "{",
        "not JSON",
        '{"platform": "youtube",}',
        "\ufeff{}",
        "[" * 60_000,
        '{"platform": ' + "1" * 5000 + "}",
        b"\xff\xfe{",
        '{"a": 1}'.encode("utf-16"),
        b"\x00",
    ],
)
def test_a_body_that_is_no_json_is_rejected(api: Api, raw: str | bytes) -> None:
    response = api("POST", "/api/channels", raw=raw)
    assert response.status == 400
    assert "the body is not JSON" in response.error


def test_no_body_at_all_is_rejected_where_one_is_needed(api: Api) -> None:
    assert api("POST", "/api/channels").status == 400
    assert api("POST", "/api/channels", raw="").status == 400


def test_a_body_in_base64_is_read(api: Api) -> None:
    assert api("POST", "/api/channels", raw=json.dumps(GOOD).encode()).status == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "☃"]
)
def test_a_body_that_does_not_call_itself_json_is_rejected(api: Api, content_type: str) -> None:
    response = api("POST", "/api/channels", GOOD, headers={"content-type": content_type})
    assert response.status == 400
    assert "Content-Type: application/json" in response.error


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON", ""]
)
def test_a_body_may_call_itself_json_in_any_way_or_not_at_all(api: Api, content_type: str) -> None:
    assert api("POST", "/api/channels", GOOD, headers={"content-type": content_type}).status == 200


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/api/channels", {"limit": "0"}, "limit"),
        ("/api/channels", {"limit": "101"}, "limit"),
        ("/api/channels", {"limit": "-1"}, "limit"),
        ("/api/channels", {"limit": "ten"}, "limit"),
        ("/api/channels", {"limit": "1e2"}, "limit"),
        ("/api/channels", {"limit": ""}, "limit"),
        ("/api/channels", "limit=1&limit=2", "limit"),
        ("/api/channels", {"cursor": "nonsense"}, "cursor"),
        ("/api/channels", {"cursor": "x" * 1001}, "cursor"),
        ("/api/milestones", {"cursor": base64.urlsafe_b64encode(b'{"pk": "x"}').decode()}, "cursor"),
        ("/api/milestones", {"subject": "nocolon"}, "subject"),
        ("/api/milestones", {"subject": ""}, "subject"),
        ("/api/milestones", {"subject": "s:" + "x" * 200}, "subject"),
        ("/api/milestones", {"from": "yesterday"}, "from"),
        ("/api/milestones", {"to": "2026-13-01"}, "to"),
        ("/api/milestones", {"from": "2026-11-20T12:00:00Z", "to": "2026-11-20T11:00:00Z"}, "from: must not be later"),
        ("/api/milestones", {"from": "0001-01-01T00:00:00+05:00"}, "from, to: must be between"),
        ("/api/subscribers", {"cursor": "nonsense"}, "cursor"),
        ("/api/subscribers", {"limit": "x"}, "limit"),
        (f"/api/channels/youtube:{ID}", {"refresh": "now"}, "refresh"),
        (f"/api/channels/youtube:{ID}/history", {"bucket": "week"}, "bucket"),
        (f"/api/channels/youtube:{ID}/history", {"from": "x"}, "from"),
        (f"/api/channels/youtube:{ID}/history", {"from": "2020-01-01", "to": "2026-01-01"}, "days per request"),
        (f"/api/channels/youtube:{ID}/history", {"bucket": "none", "cursor": "x"}, "cursor"),
        (f"/api/channels/youtube:{ID}/history", {"from": "2027-01-01"}, "from: must not be later than to"),
        ("/api/channels/" + "x" * 201, "", "channel_id"),
    ],
)
def test_a_wrong_parameter_is_named(api: Api, path: str, query: Mapping[str, object] | str, field: str) -> None:
    response = api("GET", path, query=query)
    assert response.status == 400, response.text
    assert field in response.error


def test_details_name_each_field_at_fault(api: Api) -> None:
    details = api("POST", "/api/channels", {"platform": 5, "handle": ""}).json["details"]
    assert [detail["field"] for detail in details] == ["platform", "handle"]
    assert all(set(detail) == {"field", "message"} for detail in details)


@pytest.mark.parametrize("path", ["", "/history", "/refresh"])
@pytest.mark.parametrize(
    "channel", ["youtube:UCx", "youtube", ":", "myspace:x", "a%2Fb", "%00", "%", "%ff", "youtube%3A%E2%98%83"]
)
def test_a_channel_that_is_not_tracked_is_not_found(api: Api, channel: str, path: str) -> None:
    response = api("POST" if path == "/refresh" else "GET", f"/api/channels/{channel}{path}")
    assert response.status == 404
    assert api("DELETE", f"/api/channels/{channel}").status == 404


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
near_misses = st.fixed_dictionaries(
    {}, optional={"platform": anything | st.just("youtube"), "handle": anything, "name": anything, "extra": anything}
)


@settings(max_examples=60, deadline=None)
@given(body=anything | near_misses)
def test_no_json_is_answered_with_a_500(api: Api, body: object) -> None:
    for path in ("/api/channels", "/api/sync"):
        response = api("POST", path, body)
        assert response.status in (200, 400, 404), response.text


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["limit", "cursor", "subject", "from", "to", "bucket", "refresh"]), value=st.text(max_size=50)
)
def test_no_parameter_is_answered_with_a_500(api: Api, name: str, value: str) -> None:
    for path in ("/api/channels", "/api/milestones", "/api/subscribers"):
        assert api("GET", path, query={name: value.encode(errors="replace").decode()}).status in (200, 400)
