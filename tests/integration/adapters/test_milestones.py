"""A mark is claimed once, rises only, and answers a repeat of the same event as it did the first time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cairn.instants import now
from cairn.milestones import Claim, Milestones
from cairn.model import Milestone, Subject, Tally
from cairn.rules import ALL_TIME, News
from tests.support.cloud import Cloud

CATS = Subject("channel", "youtube:cats")


@pytest.fixture
def milestones(aws: Cloud) -> Milestones:
    return Milestones(aws.table("MILESTONES_TABLE"))


def claim(
    milestones: Milestones, height: int, event: str, news: News = News.CROSSED, period: str = ALL_TIME
) -> Claim | None:
    return milestones.claim(CATS, "subscribers", period, height, achieved_at=now(), event_id=event, news=news)


def height(milestones: Milestones) -> int | None:
    mark = milestones.marks([CATS], "subscribers", ALL_TIME).get(CATS)
    return int(mark.threshold) if mark else None


def test_the_first_crossing_is_claimed_from_zero(milestones: Milestones) -> None:
    assert claim(milestones, 1000, "e1") == Claim(0)
    assert height(milestones) == 1000


def test_a_claim_says_how_high_the_mark_stood_before(milestones: Milestones) -> None:
    claim(milestones, 1000, "e1")
    assert claim(milestones, 5000, "e2") == Claim(1000)


def test_the_same_height_and_a_lower_one_are_not_claimed_again(milestones: Milestones) -> None:
    claim(milestones, 5000, "e1")
    assert claim(milestones, 5000, "e2") is None
    assert claim(milestones, 1000, "e3") is None
    assert height(milestones) == 5000


def test_a_repeat_of_the_same_event_is_answered_as_the_first_time(milestones: Milestones) -> None:
    claim(milestones, 1000, "e1")
    first = claim(milestones, 5000, "e2")
    assert claim(milestones, 5000, "e2") == first == Claim(1000)
    assert claim(milestones, 5000, "e2") == first


def test_an_event_that_came_too_late_is_nobodys(milestones: Milestones) -> None:
    claim(milestones, 1000, "e1")
    claim(milestones, 5000, "e2")
    assert claim(milestones, 1000, "e1") is None


def test_a_baseline_sets_the_mark_in_silence_however_often_it_comes(milestones: Milestones) -> None:
    for _ in range(2):
        assert claim(milestones, 5000, "e1", News.BASELINE) is None
    assert height(milestones) == 5000
    assert milestones.marks([CATS], "subscribers", ALL_TIME)[CATS].silent
    assert claim(milestones, 5000, "e2") is None
    assert claim(milestones, 10_000, "e3") == Claim(5000)


def test_a_later_baseline_raises_the_mark_and_never_lowers_it(milestones: Milestones) -> None:
    claim(milestones, 5000, "e1")
    assert claim(milestones, 1000, "e2", News.BASELINE) is None
    assert height(milestones) == 5000
    assert claim(milestones, 50_000, "e3", News.BASELINE) is None
    assert height(milestones) == 50_000


def test_a_baseline_below_the_first_threshold_marks_zero(milestones: Milestones) -> None:
    assert claim(milestones, 0, "e1", News.BASELINE) is None
    assert height(milestones) == 0
    assert claim(milestones, 100, "e2") == Claim(0)


def test_a_count_that_reappears_is_announced_only_past_an_old_mark(milestones: Milestones) -> None:
    assert claim(milestones, 5000, "e1", News.REAPPEARED) is None
    assert height(milestones) == 5000
    assert claim(milestones, 5000, "e1", News.REAPPEARED) is None
    assert claim(milestones, 10_000, "e2", News.REAPPEARED) == Claim(5000)
    assert claim(milestones, 10_000, "e2", News.REAPPEARED) == Claim(5000)
    assert claim(milestones, 1000, "e3", News.REAPPEARED) is None


def test_a_period_has_a_mark_of_its_own(milestones: Milestones) -> None:
    claim(milestones, 5000, "e1", period="2026-11")
    assert claim(milestones, 1000, "e2", period="2026-12") == Claim(0)


def milestone(threshold: int, minutes: int = 0) -> Milestone:
    at = now() + timedelta(minutes=minutes)
    label = f"{threshold // 1000}K"
    return Milestone(CATS, "Cats", "subscribers", "subscribers", ALL_TIME, threshold, label, threshold, (), at, "t")


def test_a_milestone_is_entered_once_and_its_tally_stays(aws: Cloud, milestones: Milestones) -> None:
    milestones.record(milestone(1000))
    aws.table("MILESTONES_TABLE").update_item(
        Key={"pk": str(CATS), "sk": aws.table("MILESTONES_TABLE").scan()["Items"][0]["sk"]},
        UpdateExpression="SET delivered = :three",
        ExpressionAttributeValues={":three": 3},
    )
    milestones.record(milestone(1000))
    ((shown, tally),) = milestones.page(None, now(), now(), 10, None).items
    assert (shown, tally) == (milestone(1000), Tally(0, 3, 0))


def test_a_milestone_is_found_by_its_id(milestones: Milestones) -> None:
    for minutes, threshold in enumerate((1000, 5000, 10_000)):
        milestones.record(milestone(threshold, minutes))
    assert milestones.get(milestone(5000, 1).id) == milestone(5000, 1)
    assert milestones.get(f"{CATS}/subscribers/all-time/7") is None
    assert milestones.get("nonsense") is None
    assert milestones.get("") is None
