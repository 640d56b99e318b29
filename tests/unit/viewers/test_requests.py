"""What a page of any origin sends is parsed strictly, and each invalid field is named."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.errors import BadInputError, TooLargeError
from functions.viewer_heartbeat import requests
from functions.viewer_heartbeat.requests import Join

VIEWER = "v" * 22
TOKEN = "0." + "s" * 22
GOOD = {"channelId": "demo", "viewerId": VIEWER, "token": TOKEN}


def sent(body: str | bytes | None, called: str = "text/plain") -> dict[str, Any]:
    """An event with a body; Lambda encodes what is not text in base64."""
    event: dict[str, Any] = {"headers": {"content-type": called}, "isBase64Encoded": isinstance(body, bytes)}
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return event


def of(**changes: object) -> dict[str, Any]:
    return sent(json.dumps({**GOOD, **changes}))


def named(event: dict[str, Any]) -> list[str]:
    """The invalid fields, which the message names too."""
    with pytest.raises(BadInputError) as rejection:
        requests.slot(event)
    details: Any = rejection.value.details
    assert all(detail["field"] in rejection.value.message and detail["message"] for detail in details)
    return [detail["field"] for detail in details]


def test_a_token_says_where_its_tab_is_kept_and_its_secret_is_not() -> None:
    slot = requests.slot(of(token="7." + "s" * 22))
    assert (slot.channel, slot.viewer_id, slot.level) == ("demo", VIEWER, 7)
    assert slot.tab.startswith("h")
    assert len(slot.tab) == 23
    assert "sss" not in slot.tab


def test_another_secret_is_another_tab() -> None:
    assert requests.tab_of("a" * 22) == requests.tab_of("a" * 22) != requests.tab_of("a" * 21 + "b")


@pytest.mark.parametrize(
    "channel", ["d", "x" * 100, "youtube:UC_x-1", "@cats", "a.b~c", "...", "0", "elprimercafe24", "a:b:c"]
)
def test_what_a_channel_may_be_called(channel: str) -> None:
    assert requests.join(sent(json.dumps({"channelId": channel}))) == Join(channel, None)


@pytest.mark.parametrize(
    "channel",
    [
        "",
        "x" * 101,
        "a b",
        "a/b",
        "a#b",
        "ñ",
        "a\n",
        "\u0000",
        "a\u0000b",
        "\ud800",
        "<b>",
        "a%20b",
        "a?b",
        "٣",
        ".",
        "..",
        *(None, 5, 1e300, True, [], ["demo"], {"a": 1}),
    ],
)
def test_what_a_channel_may_not_be_called(channel: object) -> None:
    assert named(of(channelId=channel)) == ["channelId"]


@pytest.mark.parametrize(
    "viewer", ["v" * 21, "v" * 65, "v" * 22 + "\n", "v" * 21 + " ", "v" * 21 + "ñ", None, 5, [VIEWER]]
)
def test_what_no_viewer_is_called(viewer: object) -> None:
    assert named(of(viewerId=viewer)) == ["viewerId"]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "0.",
        "s" * 22,
        ".",
        ".0",
        "0." + "s" * 21,
        "0." + "s" * 23,
        "-1." + "s" * 22,
        "100." + "s" * 22,
        "٣." + "s" * 22,
        "0." + "s" * 22 + "\n",
        "0x1." + "s" * 22,
        "1e9." + "s" * 22,
        " 0." + "s" * 22,
        "0.s." + "s" * 20,
        None,
        0.5,
        {},
    ],
)
def test_what_no_token_looks_like(token: object) -> None:
    assert named(of(token=token)) == ["token"]


def test_all_that_is_wrong_is_named_at_once() -> None:
    assert named(sent("{}")) == ["channelId", "viewerId", "token"]


def test_unknown_fields_are_ignored() -> None:
    assert requests.slot(of(colour="red", channel_id="x")).channel == "demo"


@pytest.mark.parametrize(
    "called", ["application/json", "text/plain;charset=UTF-8", "", requests.FORM, "☃", "image/png"]
)
@pytest.mark.parametrize("in_base64", [False, True])
def test_json_is_read_whatever_it_is_called(called: str, in_base64: bool) -> None:
    text = f"  {json.dumps(GOOD)}\n"
    assert requests.slot(sent(text.encode() if in_base64 else text, called)).viewer_id == VIEWER


@pytest.mark.parametrize(
    "called", [requests.FORM, f"{requests.FORM};charset=UTF-8", "Application/X-WWW-Form-Urlencoded"]
)
def test_a_form_is_read_where_it_is_called_one(called: str) -> None:
    slot = requests.slot(sent(urlencode({**GOOD, "channelId": "a:b"}), called))
    assert (slot.channel, slot.viewer_id) == ("a:b", VIEWER)


def test_a_form_of_very_many_fields_is_none() -> None:
    with pytest.raises(BadInputError):
        requests.slot(sent("a&" * 500, requests.FORM))


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        " ",
        "null",
        "[]",
        "5",
        '"demo"',
        "true",
        "NaN",
        "{",
        '{"a": 1,}',
        "\ufeff{}",
        "[" * 2048,
        '{"a":' * 400,
        *("1" * 2048, "channelId=demo", "\ud800", b"\xff\xfe{", b"\x00", b"", "ñ" * 500, '{"a": "\n"}'),
    ],
)
def test_what_is_no_json_object_is_rejected(body: str | bytes | None) -> None:
    with pytest.raises(BadInputError, match="the body must be a JSON object"):
        requests.join(sent(body))


@pytest.mark.parametrize("letter", ["x", "ñ", "☃", "😀", "\ud800"])
@pytest.mark.parametrize("in_base64", [False, True])
def test_a_body_is_two_kilobytes_of_bytes_at_most(letter: str, in_base64: bool) -> None:
    size = len(letter.encode(errors="surrogatepass"))
    for padding, fits in ((0, True), (1, False)):
        text = letter * (requests.MAX_BYTES // size) + " " * (requests.MAX_BYTES % size + padding)
        event = sent(text.encode(errors="surrogatepass") if in_base64 else text)
        if fits:
            requests.check_size(event)
        else:
            with pytest.raises(TooLargeError):
                requests.check_size(event)


def test_the_size_of_a_body_is_known_exactly_however_it_is_filled_up() -> None:
    for size in range(requests.MAX_BYTES - 4, requests.MAX_BYTES + 5):
        event = sent(b"x" * size)
        if size <= requests.MAX_BYTES:
            requests.check_size(event)
        else:
            with pytest.raises(TooLargeError):
                requests.check_size(event)


@pytest.mark.parametrize(
    ("segment", "channel"), [("demo", "demo"), ("a%3Ab", "a:b"), ("a%3ab", "a:b"), ("%64emo", "demo"), ("a:b", "a:b")]
)
def test_an_address_may_be_percent_encoded(segment: str, channel: str) -> None:
    assert requests.channel_query({"headers": {}}, segment).channel == channel


@pytest.mark.parametrize("segment", ["", "%00", "a%2Fb", "%E2%98%83", "%ff", "a%253Ab", "%", "a+b", "%2e%2e%2f", "☃"])
def test_an_address_that_is_no_channel_is_rejected(segment: str) -> None:
    with pytest.raises(BadInputError, match="channelId"):
        requests.channel_query({"headers": {}}, segment)


def test_the_header_of_an_event_source_goes_before_the_query() -> None:
    query = {"lastEventId": "2"}
    assert (
        requests.channel_query({"headers": {"last-event-id": "1"}, "queryStringParameters": query}, "a").last_event_id
        == "1"
    )
    assert requests.channel_query({"headers": {}, "queryStringParameters": query}, "a").last_event_id == "2"
    assert requests.channel_query({"headers": {}}, "a").last_event_id is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*GOOD, "other"]) | st.text(), inner),
    max_leaves=8,
)


@given(JSON.map(json.dumps) | st.text() | st.binary(), st.sampled_from(["", "text/plain", requests.FORM]))
def test_whatever_is_sent_is_parsed_or_rejected(body: str | bytes, called: str) -> None:
    for read in (requests.join, requests.slot):
        try:
            read(sent(body, called))
        except BadInputError:
            continue
