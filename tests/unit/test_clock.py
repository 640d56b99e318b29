"""An instant is the same in code, in a table and as text, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.clock import from_iso, from_millis, iso, now, to_millis

millis = st.integers(-62_135_596_800_000, 253_402_300_799_999)  # the years 1 to 9999


@given(millis)
def test_an_instant_survives_the_table_and_the_text(value: int) -> None:
    instant = from_millis(value)
    assert to_millis(instant) == value
    assert from_iso(iso(instant)) == instant


@given(millis, millis)
def test_texts_sort_as_instants_do(one: int, other: int) -> None:
    assert (one < other) == (iso(from_millis(one)) < iso(from_millis(other)))


def test_the_present_is_whole_milliseconds_in_utc() -> None:
    present = now()
    assert from_millis(to_millis(present)) == present
    assert present.tzinfo is UTC


def test_an_instant_is_written_in_utc() -> None:
    there = datetime(2026, 11, 20, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    assert iso(there) == "2026-11-20T12:00:00.000Z"


@pytest.mark.parametrize("text", ["2026-11-20T12:00:00", "2026-11-20T12:00:00Z", "2026-11-20T14:00:00+02:00"])
def test_a_text_without_an_offset_is_utc(text: str) -> None:
    assert from_iso(text) == datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "1795180820081000"])
def test_what_is_no_instant_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|month"):
        from_iso(text)
