"""The ladder of concurrent viewers: it starts low enough for a small channel, and a first reading counts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cairn.model import Number, Reading, Subject
from cairn.rules import Transition, catalogue, crossings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LABELS = [
    *("10", "25", "50", "100", "250", "500", "1K", "2.5K", "5K", "10K", "25K", "50K", "75K"),
    *("100K", "250K", "500K", "750K", "1M", "2.5M", "5M", "7.5M", "10M"),
]
(VIEWERS,) = [rule for rule in catalogue() if rule.name == "viewers"]


def watched(viewers: Number | None, *, subject: str = "channel:live:demo", metric: str = "viewers") -> Reading:
    metrics = {} if viewers is None else {metric: viewers}
    return Reading(Subject.parse(subject), "Demo", metrics, NOON, "viewers", "t")


def test_the_ladder_is_the_requested_one() -> None:
    steps = VIEWERS.passed(watched(10**9))
    assert steps is not None
    assert [VIEWERS.label(step) for step in steps] == LABELS
    assert {type(step) for step in steps} == {int}


def test_a_channel_that_is_full_at_its_first_reading_is_news() -> None:
    """Its count started at zero, though no reading shows it."""
    (crossing,) = crossings(None, watched(30), catalogue())
    assert (crossing.rule, crossing.threshold, crossing.transition) == (VIEWERS, 25, Transition.CROSSED)
    assert crossings(None, watched(9), catalogue()) == []


def test_another_day_does_not_restart_the_ladder() -> None:
    assert VIEWERS.period(NOON) == VIEWERS.period(NOON.replace(month=12)) == "all-time"


@pytest.mark.parametrize(("subject", "metric"), [("channel:youtube:UC", "subscribers"), ("rep:17", "viewers")])
def test_what_is_not_watched_has_no_viewers(subject: str, metric: str) -> None:
    reading = watched(10**6, subject=subject, metric=metric)
    assert [one.rule.name for one in crossings(None, reading, catalogue()) if one.rule is VIEWERS] == []


def test_a_milestone_says_how_many_watch_and_how_many_did() -> None:
    (crossing,) = crossings(watched(999), watched(1003), [VIEWERS])
    words = VIEWERS.wording(crossing.milestone(watched(1003), 0, NOON))
    assert (words.type, words.title, words.description) == ("viewers", "1K viewers at once", "1,003 are watching now.")
    assert (words.value, words.emoji, words.color) == (1000, "👀", "bg-red-500")


def test_how_many_have_stayed_decides_and_not_how_many_came() -> None:
    flood = Reading(Subject.parse("channel:live:demo"), "Demo", {"viewers": 900, "sustained": 12}, NOON, "viewers", "t")
    assert VIEWERS.passed(flood) == (10,)
