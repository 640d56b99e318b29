"""What a product sends is understood exactly, or refused in words that name the field."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.errors import BadInputError
from cairn.rules.counter import DEFAULT_TYPES, types_of
from cairn.usage.events import MAX_COUNT, UsageEvent, to_event

TYPES = types_of(DEFAULT_TYPES)


def parsed(**fields: Any) -> UsageEvent:
    return to_event({"userId": "ada", "type": "reply"} | fields, TYPES)


def refusal(**fields: Any) -> str:
    with pytest.raises(BadInputError) as refused:
        parsed(**fields)
    return refused.value.message


def test_a_plain_event_counts_one_now() -> None:
    assert parsed() == UsageEvent("ada", "reply", "replies", toward_goal=True)
    assert parsed(count=None, at=None, date=None, id=None, feature=None) == parsed()


def test_every_field_is_read() -> None:
    event = parsed(type="meme", count=-3, at="2026-11-20T12:00:00.1239+05:30", id="e 1", feature="research")
    at = datetime(2026, 11, 20, 6, 30, 0, 123000, tzinfo=UTC)
    assert event == UsageEvent("ada", "meme", "memes", -3, False, at, None, "e 1", "research", "meme")
    assert parsed(date="2026-02-28").day == date(2026, 2, 28)


def test_a_feature_counts_nothing_and_has_a_name() -> None:
    assert parsed(type="feature", feature="write_like_me") == UsageEvent(
        "ada", "feature", None, feature="write_like_me"
    )
    assert parsed(type="feature", feature="research", count=1).metric is None
    assert "feature: the type feature requires it" in refusal(type="feature")
    for count in (0, 2, -1, True):
        assert "counts nothing" in refusal(type="feature", feature="research", count=count)


@pytest.mark.parametrize("type_", ["replys", "Reply", "", 7, None, [], "x" * 10_000])
def test_an_unknown_type_is_refused_with_those_that_are_known(type_: object) -> None:
    message = refusal(type=type_)
    assert message.startswith("type: ")
    assert message.endswith("feature, like, meme, reply, retweet, suggestion")
    assert len(message) < 200


@pytest.mark.parametrize("at", [1763640000, 1763640000.5, 1763640000000, 0, -1, True])
def test_an_epoch_number_as_time_is_refused(at: object) -> None:
    """Taken for the arrival or for seconds that are milliseconds, it would count on another day."""
    assert "a number may be seconds or milliseconds" in refusal(at=at)


@pytest.mark.parametrize(
    "at",
    [
        "2026-11-20T12:00:00",
        "2026-11-20",
        "1763640000",
        "yesterday",
        "",
        "2026-11-31T12:00:00Z",
        "2026-11-20T12:00:60Z",
        "2026-11-20T25:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "2026-11-20T12:00:00+99:99",
        [],
        {},
    ],
)
def test_a_time_without_an_offset_or_that_does_not_exist_is_refused(at: object) -> None:
    assert refusal(at=at) == "at: must be ISO 8601 with an offset, as 2026-11-20T12:00:00Z"


@pytest.mark.parametrize("day", ["2026-11-31", "2026-1-1", "20261120", "2026-W47-5", "2026-11-20T00:00", 20261120, ""])
def test_what_is_no_day_is_refused(day: object) -> None:
    assert refusal(date=day).startswith("date: ")


def test_an_instant_and_a_day_together_are_refused() -> None:
    assert "not both" in refusal(at="2026-11-20T12:00:00Z", date="2026-11-20")


@pytest.mark.parametrize("count", [0, 1.0, 1.5, "1", True, False, [], MAX_COUNT + 1, -MAX_COUNT - 1, 10**400])
def test_a_count_is_a_whole_number_and_not_zero(count: object) -> None:
    assert refusal(count=count).startswith("count: must be a whole number")


@pytest.mark.parametrize("user_id", ["", "a b", "a/b", "é", "x" * 129, 7, None, "a\n", "user#1", "a\u0000"])
def test_what_is_no_users_id_is_refused(user_id: object) -> None:
    assert refusal(userId=user_id).startswith("userId: ")


@pytest.mark.parametrize("user_id", ["x" * 128, "auth0|5f7c8ec7", "ada+test@example.com", "O'Neil", "7f0c-1d_2.~:=!"])
def test_the_ids_of_common_systems_are_accepted(user_id: str) -> None:
    assert parsed(userId=user_id).user_id == user_id


@pytest.mark.parametrize("event_id", ["", " ", "x" * 201, 7, [], {}])
def test_what_is_no_events_id_is_refused(event_id: object) -> None:
    assert refusal(id=event_id).startswith("id: ")


@pytest.mark.parametrize("feature", ["", "Research", "a b", "x" * 61, 7, "é"])
def test_what_is_no_name_of_a_feature_is_refused(feature: object) -> None:
    assert refusal(type="feature", feature=feature).startswith("feature: ")


def test_a_misspelt_field_is_refused_and_not_ignored() -> None:
    assert refusal(user_id="ada").startswith("user_id: there is no such field; an event has userId, type")
    assert len(refusal(**{"x" * 10_000: 1})) < 250


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers())))
def test_what_is_no_object_is_refused(given: object) -> None:
    with pytest.raises(BadInputError, match="must be an object"):
        to_event(given, TYPES)


@given(
    st.dictionaries(
        st.sampled_from(["userId", "type", "count", "at", "date", "id", "feature"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(["ada", "reply"])),
    )
)
def test_nothing_but_a_refusal_comes_of_nonsense(fields: dict[str, Any]) -> None:
    try:
        event = to_event(fields, TYPES)
    except BadInputError:
        return
    assert len(event.digest) == 32


def test_an_event_has_the_same_digest_however_it_is_written() -> None:
    first = parsed(at="2026-11-20T12:00:00Z", id="1")
    assert first.digest == parsed(at="2026-11-20T13:00:00.000+01:00", id="2", count=1).digest
    others = [
        parsed(),
        parsed(at="2026-11-20T12:00:00Z", count=2),
        parsed(at="2026-11-20T12:00:01Z"),
        parsed(at="2026-11-20T12:00:00Z", type="like"),
        parsed(at="2026-11-20T12:00:00Z", userId="grace"),
        parsed(at="2026-11-20T12:00:00Z", feature="research"),
        parsed(date="2026-11-20"),
    ]
    assert len({first.digest, *(one.digest for one in others)}) == 8
