"""Badges are awarded once, with the date of the first award; a new catalogue is filled whole, and once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cairn.aws import dynamodb
from cairn.clock import now
from cairn.leaderboard.badges import CACHE_SECONDS, INITIAL_CATALOGUE, Badges
from cairn.model import Milestone, Subject
from testing.leaderboard import Floor
from testing.outages import failing

ADA = Subject("rep", "1")


@pytest.fixture
def table(floor: Floor) -> Any:
    return dynamodb.resource().Table("milestones_table")


@pytest.fixture
def badges(table: Any) -> Badges:
    return Badges(table)


def milestone(rule: str, threshold: int, *, minutes: int = 0, subject: Subject = ADA) -> Milestone:
    at = now() + timedelta(minutes=minutes)
    return Milestone(subject, "Ada", rule, "m", "2026-11", threshold, "label", threshold, (), at, "t")


def award(badges: Badges, rule: str, threshold: int, minutes: int = 0) -> list[str]:
    return sorted(badge.id for badge in badges.award(milestone(rule, threshold, minutes=minutes)))


def had(badges: Badges, subject: Subject = ADA) -> list[str]:
    return [earned.id for earned in badges.of([subject]).get(subject, [])]


def test_a_jump_earns_every_badge_that_it_passes(badges: Badges) -> None:
    assert award(badges, "revenue", 100_000) == ["revenue-king", "rising-star", "top-earner"]
    assert award(badges, "signups", 25) == ["sales-rookie"]
    assert sorted(had(badges)) == ["revenue-king", "rising-star", "sales-rookie", "top-earner"]


def test_what_is_below_every_badge_or_of_no_badges_rule_earns_none(badges: Badges) -> None:
    assert award(badges, "revenue", 10_000) == []
    assert award(badges, "nonsense", 10**6) == []
    assert badges.of([ADA]) == {}


def test_a_badge_is_new_once_and_keeps_the_date_of_the_first_time(badges: Badges) -> None:
    first = now()
    assert award(badges, "revenue", 25_000) == ["rising-star"]
    assert award(badges, "revenue", 25_000, minutes=5) == []
    assert award(badges, "revenue", 50_000, minutes=10) == ["top-earner"]
    (newest, oldest) = badges.of([ADA])[ADA]
    assert (newest.id, newest.at) == ("top-earner", first + timedelta(minutes=10))
    assert (oldest.id, oldest.at, oldest.name, oldest.emoji) == ("rising-star", first, "Rising Star", "🌟")


def test_the_same_milestone_at_the_same_instant_is_awarded_to_one(table: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        new = list(pool.map(lambda _: Badges(table).award(milestone("revenue", 50_000)), range(4)))
    assert sorted(map(len, new)) == [0, 0, 0, 2]


def test_everybody_has_their_own(badges: Badges) -> None:
    subjects = [Subject("rep", str(number)) for number in range(1, 131)]
    for subject in subjects[::50]:
        badges.award(milestone("goal", 100, subject=subject))
    assert {subject: [one.id for one in earned] for subject, earned in badges.of(subjects).items()} == {
        subject: ["goal-crusher"] for subject in subjects[::50]
    }
    assert badges.of([]) == {}


def test_the_first_read_fills_the_catalogue_once_however_many_read_concurrently(table: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: Badges(table).catalogue(), range(4)))
    assert all(set(one) == set(INITIAL_CATALOGUE) for one in found)
    assert table.scan()["Count"] == len(INITIAL_CATALOGUE)


def test_a_catalogue_that_could_not_be_filled_is_filled_whole_by_the_next_read(badges: Badges, table: Any) -> None:
    with failing(table, "TransactWriteItems"), pytest.raises(ClientError):
        badges.catalogue()
    assert table.scan()["Count"] == 0
    assert set(badges.catalogue()) == set(INITIAL_CATALOGUE)


def test_a_change_before_the_first_read_is_not_undone(badges: Badges, table: Any) -> None:
    changed = replace(INITIAL_CATALOGUE[0], threshold=7, active=False)
    badges.put(changed)
    assert set(Badges(table).catalogue()) == {changed, *INITIAL_CATALOGUE[1:]}


def test_a_change_is_known_to_others_within_half_a_minute(table: Any) -> None:
    seconds = [0.0]
    warm = Badges(table, clock=lambda: seconds[0])
    assert award(warm, "signups", 10) == []
    Badges(table).put(replace(INITIAL_CATALOGUE[0], threshold=10))
    seconds[0] = CACHE_SECONDS
    assert award(warm, "signups", 10) == []
    seconds[0] += 1
    assert award(warm, "signups", 10) == ["sales-rookie"]


def test_a_rep_who_has_an_inactive_badge_keeps_it(badges: Badges) -> None:
    award(badges, "goal", 100)
    crusher = next(badge for badge in INITIAL_CATALOGUE if badge.id == "goal-crusher")
    badges.put(replace(crusher, active=False))
    assert had(badges) == ["goal-crusher"]
    badges.award(milestone("goal", 100, subject=Subject("rep", "2")))
    assert had(badges, Subject("rep", "2")) == []
