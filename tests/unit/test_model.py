"""Cairn's vocabulary as values: keys that can be parsed again, and ids that are always made the same way."""

from __future__ import annotations

import pytest

from cairn.codec import number
from cairn.errors import CairnError, PlatformPausedError, PlatformUnavailableError
from cairn.model import Subject, milestone_id, new_trace_id
from tests.unit.scripted import NOON


def test_a_subject_is_read_back_from_its_key() -> None:
    for subject in (Subject("channel", "youtube:UC"), Subject("rep", "17"), Subject("user", "a:b:c")):
        assert Subject.parse(str(subject)) == subject


@pytest.mark.parametrize("key", ["", "channel", "channel:", ":17", ":"])
def test_what_is_no_key_is_a_value_error(key: str) -> None:
    with pytest.raises(ValueError, match="kind:id"):
        Subject.parse(key)


def test_the_same_four_make_the_same_id() -> None:
    assert milestone_id(Subject("rep", "17"), "goal", "2026-11", 10_000) == "rep:17/goal/2026-11/10000"


def test_a_trace_id_is_32_hexadecimal_digits_and_new_each_time() -> None:
    ids = {new_trace_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids)


@pytest.mark.parametrize("text", ["0", "7", "10000", "7.00", "1E+2"])
def test_a_whole_number_is_an_int(text: str) -> None:
    assert isinstance(number(text), int)


@pytest.mark.parametrize("wrong", ["x", "Infinity"])
def test_what_is_no_number_is_an_arithmetic_or_value_error(wrong: str) -> None:
    with pytest.raises((ArithmeticError, ValueError)):
        number(wrong)


def test_every_error_has_a_status_of_its_own_kind() -> None:
    errors = [PlatformPausedError("youtube", "quota", NOON), PlatformUnavailableError("youtube", "HTTP 500")]
    assert [error.status for error in errors] == [429, 503]
    for cls in CairnError.__subclasses__():
        assert 400 <= cls.status < 600
