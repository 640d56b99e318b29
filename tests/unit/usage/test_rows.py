"""A row of an import is one user's day, and says which field is wrong with it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.errors import BadInputError
from cairn.usage.rows import EARLIEST, MOST, Row, to_row

METRICS = frozenset({"replies", "memes", "suggestions"})
LATEST = date(2026, 12, 1)


def row(**given: Any) -> Row:
    return to_row({"userId": "4711", "date": "2026-11-30", **given}, METRICS, LATEST)


def test_json_and_the_texts_of_csv_are_the_same_row() -> None:
    expected = Row("4711", date(2026, 11, 30), {"memes": 2, "replies": 5})
    assert row(replies=5, memes=2, suggestions=0) == expected
    texts = {"user_id": "4711", "date": "2026-11-30", "replies": "5", "memes": " 2", "suggestions": ""}
    assert to_row(texts, METRICS, LATEST) == expected


def test_what_is_absent_or_null_is_nothing() -> None:
    assert row(replies=None).counts == {}
    assert row().counts == {}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"userId": ""}, "userId: "),
        ({"userId": "a b"}, "userId: "),
        ({"userId": 4711}, "userId: "),
        ({"userId": None}, "userId: "),
        ({"date": "30.11.2026"}, "date: "),
        ({"date": "2026-02-30"}, "date: "),
        ({"date": "20261130"}, "date: "),
        ({"date": "2026-W49-1"}, "date: "),
        ({"date": 20261130}, "date: "),
        ({"date": "1999-12-31"}, "date: "),
        ({"date": "2026-12-02"}, "date: 2026-12-02 has not begun"),
        ({"replies": -1}, "replies: "),
        ({"replies": "-1"}, "replies: "),
        ({"replies": 1.5}, "replies: "),
        ({"replies": "1,000"}, "replies: "),
        ({"replies": "1e3"}, "replies: "),
        ({"replies": "٣"}, "replies: "),
        ({"replies": True}, "replies: "),
        ({"replies": MOST + 1}, "replies: "),
        ({"replies": "9" * 5000}, "replies: "),
        ({"likes": 3}, "likes: is none of userId, date, memes, replies, suggestions"),
    ],
)
def test_a_wrong_row_says_which_field_is_wrong(given: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInputError) as refused:
        row(**given)
    assert refused.value.message.startswith(field)
    assert len(refused.value.message) < 200


@pytest.mark.parametrize("given", [None, [], "4711,2026-11-30,5", 7])
def test_what_is_no_object_is_no_row(given: object) -> None:
    with pytest.raises(BadInputError, match="object"):
        to_row(given, METRICS, LATEST)


@given(
    st.dictionaries(
        st.text(max_size=10) | st.sampled_from(["userId", "date", "replies"]),
        st.none() | st.text() | st.integers() | st.floats(),
    )
)
def test_any_object_is_a_row_or_is_refused_in_words(given: dict[str, Any]) -> None:
    try:
        found = to_row(given, METRICS, LATEST)
    except BadInputError:
        return
    assert EARLIEST <= found.day <= LATEST
    assert all(0 < count <= MOST for count in found.counts.values())
