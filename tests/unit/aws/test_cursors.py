"""A cursor continues the list that issued it, and no other, whatever a client changes in it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.aws.cursors import decode, encode
from cairn.errors import BadInputError

EXPECTED: dict[str, str | tuple[str, str]] = {"pk": "channels", "sk": ("a", "m~")}
KEY = {"pk": "channels", "sk": "b"}


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_a_cursor_comes_back_as_the_key_it_was_made_of() -> None:
    cursor = encode(KEY)
    assert cursor
    assert "=" not in cursor
    assert decode(cursor, EXPECTED) == KEY
    assert decode(cursor + "==", EXPECTED) == KEY


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_cursor_is_the_beginning_and_no_key_is_the_end(nothing: str | None) -> None:
    assert decode(nothing, EXPECTED) == {}
    assert encode(None) is None
    assert encode({}) is None


@pytest.mark.parametrize(
    "value",
    [
        {"pk": "subscribers", "sk": "b"},
        {"pk": "channels", "sk": "z"},
        {"pk": "channels", "sk": "A"},
        {"pk": "channels"},
        {"pk": "channels", "sk": "b", "x": "y"},
        {"pk": "channels", "sk": 5},
        {"pk": "channels", "sk": None},
        {"pk": "channels", "sk": ""},
        {"pk": "channels", "sk": ["b"]},
        {"pk": "channels", "sk": "b\ud800"},
        {"pk": "channels", "sk": "b\x00"},
        [KEY],
        "b",
        None,
        5,
    ],
)
def test_a_cursor_of_another_list_is_rejected(value: object) -> None:
    with pytest.raises(BadInputError, match="cursor: not issued by this list"):
        decode(packed(value), EXPECTED)


@pytest.mark.parametrize("text", ["x", "====", "☃", "é", "%00", "e30", "W10", "W" * 5000, packed([[]])[:-4]])
def test_what_is_no_cursor_is_rejected(text: str) -> None:
    with pytest.raises(BadInputError):
        decode(text, EXPECTED)


def test_a_cursor_as_deep_as_the_stack_is_rejected() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    with pytest.raises(BadInputError):
        decode(deep, EXPECTED)


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_text_is_a_cursor_or_rejected(text: str) -> None:
    try:
        key = decode(text, EXPECTED)
    except BadInputError:
        return
    assert key == {} or key.keys() == EXPECTED.keys()


@given(st.dictionaries(st.sampled_from(["pk", "sk", "x"]), st.none() | st.text() | st.integers() | st.just("channels")))
def test_any_json_is_a_key_of_the_list_or_rejected(value: dict[str, Any]) -> None:
    try:
        key = decode(packed(value), EXPECTED)
    except BadInputError:
        return
    assert key["pk"] == "channels"
    assert "a" <= key["sk"] <= "m~"
    key["sk"].encode()
