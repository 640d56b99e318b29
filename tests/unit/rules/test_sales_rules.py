"""The rules of a sales floor: their thresholds and wording, and what is not announced again in the month."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.model import Milestone, Number, Reading, Subject
from cairn.rules import Rule, Transition, Wording, catalogue, crossings
from cairn.rules.bonus_tier import BonusTier
from cairn.rules.rank import podium_step, rank_of
from cairn.zones import Zones

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ADA = Subject("rep", "17")
RULES = {rule.name: rule for rule in catalogue() if rule.kind == "rep"}
THRESHOLDS = {
    "revenue": ("monthly_revenue", (10_000, 25_000, 50_000, 75_000, 100_000)),
    "signups": ("monthly_signups", (10, 15, 20, 25, 30, 35, 40)),
    "bonus_tier": ("monthly_signups", (15, 20, 25, 30, 35, 40)),
    "goal": ("goal_progress", (100,)),
    "rank": ("podium", (1, 2, 3)),
}


def reading(at: datetime = NOW, peaks: dict[str, Number] | None = None, /, **metrics: Number) -> Reading:
    return Reading(ADA, "Ada", metrics, at, "test", "t", peaks=peaks or {})


def passed(old: Reading | None, new: Reading, rules: Iterable[Rule] | None = None) -> list[Milestone]:
    found = crossings(old, new, RULES.values() if rules is None else rules)
    return [one.milestone(new, one.previous, new.as_of) for one in found if one.transition is Transition.CROSSED]


def worded(rule: str, **metrics: Number) -> Wording:
    (one,) = passed(reading(**dict.fromkeys(metrics, 0)), reading(**metrics), [RULES[rule]])
    return RULES[rule].wording(one)


def test_the_rules_are_those_of_the_source() -> None:
    found = {name: (rule.metric, rule.passed(reading(**{rule.metric: 10**6}))) for name, rule in RULES.items()}
    assert found == THRESHOLDS
    assert {rule.baseline for rule in RULES.values()} == {"silent"}
    assert {rule.period(NOW) for rule in RULES.values()} == {"2026-11"}


def test_every_rules_month_is_that_of_the_operators_time_zone() -> None:
    new_york = [rule for rule in catalogue(zones=Zones.of("America/New_York")) if rule.kind == "rep"]
    instant = datetime(2026, 12, 1, 4, 59, tzinfo=UTC)
    assert {rule.period(instant) for rule in new_york} == {"2026-11"}
    assert {rule.period(instant + timedelta(minutes=1)) for rule in new_york} == {"2026-12"}
    assert {rule.period(instant) for rule in RULES.values()} == {"2026-12"}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_threshold_is_passed_when_it_is_reached_and_not_before(name: str) -> None:
    metric, thresholds = THRESHOLDS[name]
    for index, threshold in enumerate(thresholds):
        below: Number = threshold - Decimal("0.01")
        assert RULES[name].passed(reading(**{metric: below})) == thresholds[:index]
        assert RULES[name].passed(reading(**{metric: threshold})) == thresholds[: index + 1]
        assert RULES[name].next_threshold(reading(**{metric: below})) == threshold


@pytest.mark.parametrize(
    ("rule", "metrics", "words"),
    [
        ("revenue", {"monthly_revenue": 51_234}, ("revenue", 50_000, "💰", "bg-green-500", "$50,000")),
        ("revenue", {"monthly_revenue": 100_000}, ("revenue", 100_000, "💰", "bg-green-500", "$100,000")),
        ("signups", {"monthly_signups": 26}, ("signups", 25, "🎯", "bg-blue-500", "25 sign-ups")),
        ("bonus_tier", {"monthly_signups": 15}, ("bonus_tier", "🪙", "🪙", "bg-purple-500", "tier 1")),
        ("bonus_tier", {"monthly_signups": 20}, ("bonus_tier", "💰", "💰", "bg-purple-500", "tier 2")),
        ("bonus_tier", {"monthly_signups": 25}, ("bonus_tier", "💎", "💎", "bg-purple-500", "tier 3")),
        ("bonus_tier", {"monthly_signups": 34}, ("bonus_tier", "🏆", "🏆", "bg-purple-500", "tier 4")),
        ("bonus_tier", {"monthly_signups": 35}, ("bonus_tier", "👑", "👑", "bg-purple-500", "tier 5")),
        ("bonus_tier", {"monthly_signups": 99}, ("bonus_tier", "💯", "💯", "bg-purple-500", "tier 6")),
        ("goal", {"goal_progress": 125}, ("goal_achieved", "125%", "🏁", "bg-primary", "goal")),
        ("goal", {"goal_progress": Decimal("100.5")}, ("goal_achieved", "100.5%", "🏁", "bg-primary", "100.5%")),
        ("rank", {"podium": 1}, ("rank_change", "#3", "🥇", "bg-yellow-500", "#3")),
        ("rank", {"podium": 2}, ("rank_change", "#2", "🥇", "bg-yellow-500", "#2")),
        ("rank", {"podium": 3}, ("rank_change", "#1", "🥇", "bg-yellow-500", "#1")),
    ],
)
def test_a_milestone_is_worded_as_in_the_source(
    rule: str, metrics: dict[str, Number], words: tuple[str, object, str, str, str]
) -> None:
    wording = worded(rule, **metrics)
    assert (wording.type, wording.value, wording.emoji, wording.color) == words[:4]
    assert type(wording.value) is type(words[1])
    assert wording.title
    assert words[4] in f"{wording.title} {wording.description}"


def test_the_goal_is_worded_by_the_share_that_was_reached() -> None:
    words = worded("goal", goal_progress=Decimal("100.5"))
    assert words.title == "Monthly goal reached"
    assert words.description == "100.5% of the goal for this month."


def test_a_milestone_shows_the_rep_as_they_were() -> None:
    details: dict[str, str | int] = {"team": "North", "user_id": 7}
    before = reading(monthly_signups=9)
    after = replace(reading(NOW + SECOND, monthly_signups=16, monthly_revenue=5), name="Ada L.", details=details)
    (crossing,) = crossings(before, after, [RULES["signups"]])
    assert crossing.milestone(after, 10, NOW, revision=2) == Milestone(
        subject=ADA,
        name="Ada L.",
        rule="signups",
        metric="monthly_signups",
        period="2026-11",
        threshold=15,
        label="15 sign-ups",
        value=16,
        also_passed=(),
        achieved_at=NOW,
        trace_id="t",
        metrics={"monthly_signups": 16, "monthly_revenue": 5},
        details=details,
        revision=2,
    )


def test_a_jump_is_one_milestone_of_each_rule() -> None:
    found = {one.rule: one for one in passed(reading(monthly_signups=9), reading(NOW + SECOND, monthly_signups=31))}
    assert {name: one.threshold for name, one in found.items()} == {"signups": 30, "bonus_tier": 30}
    assert [also.label for also in found["signups"].also_passed] == [f"{n} sign-ups" for n in (10, 15, 20, 25)]
    assert [also.label for also in found["bonus_tier"].also_passed] == ["Tier 1", "Tier 2", "Tier 3"]
    assert found["signups"].id == "rep:17/signups/2026-11/30"


def test_what_a_rep_begins_with_is_no_news() -> None:
    begun = reading(monthly_revenue=26_000)
    assert passed(None, begun) == []
    (one,) = passed(begun, reading(monthly_revenue=51_000))
    assert (one.threshold, one.also_passed) == (50_000, ())


def test_only_a_better_rank_than_before_in_the_month_is_news() -> None:
    podium = [(0, None), (1, 1), (1, None), (0, None), (1, None), (2, 2), (0, None), (3, 3), (2, None), (3, None)]
    old, at = reading(podium=0), NOW
    for level, expected in podium:
        at += SECOND
        peak = max(level, old.peaks.get("podium", 0))
        new = reading(at, {"podium": peak}, podium=level)
        assert [one.threshold for one in passed(old, new)] == ([] if expected is None else [expected])
        old = new


def test_the_ranks_are_steps_of_a_podium() -> None:
    assert [podium_step(rank) for rank in (1, 2, 3, 4, 5, 1000)] == [3, 2, 1, 0, 0, 0]
    assert [rank_of(podium_step(rank)) for rank in (1, 2, 3)] == [1, 2, 3]


values = st.lists(st.integers(0, 120_000), min_size=1, max_size=12)


@given(values)
def test_a_fall_and_a_return_are_no_news(revenues: list[int]) -> None:
    old, peak, announced = reading(monthly_revenue=0), 0, []
    for seconds, revenue in enumerate(revenues, 1):
        before, peak = peak, max(peak, revenue)
        new = reading(NOW + seconds * SECOND, {"monthly_revenue": peak}, monthly_revenue=revenue)
        found = passed(old, new)
        fresh = [one for one in THRESHOLDS["revenue"][1] if before < one <= revenue]
        assert [(one.threshold, [also.threshold for also in one.also_passed]) for one in found] == (
            [(fresh[-1], fresh[:-1])] if fresh else []
        )
        announced += [one.id for one in found]
        old = new
    assert len(set(announced)) == len(announced)


def test_peaks_that_lag_behind_the_values_do_not_bring_back_what_was_passed() -> None:
    old = reading(NOW, {"monthly_revenue": 5_000}, monthly_revenue=60_000)
    assert passed(old, reading(NOW + SECOND, monthly_revenue=61_000)) == []
    assert old.at_its_peak().metrics == {"monthly_revenue": 60_000}
    assert reading(NOW, {"podium": 2}).at_its_peak().metrics == {"podium": 2}


@pytest.mark.parametrize(
    ("zone", "last", "first"),
    [
        ("UTC", "2026-11-30T23:59:59", "2026-12-01T00:00:00"),
        ("America/New_York", "2026-12-01T04:59:59", "2026-12-01T05:00:00"),
        ("Pacific/Auckland", "2026-11-30T10:59:59", "2026-11-30T11:00:00"),
        ("Asia/Kolkata", "2026-11-30T18:29:59", "2026-11-30T18:30:00"),
    ],
)
def test_a_month_begins_where_the_operator_lives(zone: str, last: str, first: str) -> None:
    rules = catalogue(zones=Zones.of(zone))
    before, after = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (last, first))
    old = reading(before, {"monthly_signups": 12}, monthly_signups=12)
    assert passed(old, reading(before + timedelta(milliseconds=1), monthly_signups=12), rules) == []
    (one,) = passed(old, reading(after, monthly_signups=12), rules)
    assert (one.period, one.threshold, one.also_passed) == ("2026-12", 10, ())


def test_another_month_begins_from_nothing_whatever_the_last_one_reached() -> None:
    old = reading(NOW, {"monthly_revenue": 120_000, "podium": 3}, monthly_revenue=120_000, podium=3)
    new = reading(datetime(2026, 12, 1, tzinfo=UTC), monthly_revenue=10_000, podium=1)
    assert sorted(one.id for one in passed(old, new)) == ["rep:17/rank/2026-12/1", "rep:17/revenue/2026-12/10000"]


def test_a_channels_values_are_none_of_these_rules() -> None:
    channel = replace(reading(monthly_revenue=10**6, subscribers=5), subject=Subject("channel", "youtube:x"))
    assert crossings(None, channel, RULES.values()) == []


def test_an_operator_may_set_the_thresholds_but_not_those_of_the_podium() -> None:
    ladders = {"revenue": [1], "bonus_tier": [5, 10, 15, 20, 25, 30, 35, 40], "goal": [50, 100]}
    rules = {rule.name: rule for rule in catalogue(ladders)}
    tier = rules["bonus_tier"]
    assert isinstance(tier, BonusTier)
    assert [tier.tier(signups) for signups in (4, 5, 40)] == [0, 1, 8]
    (top,) = passed(reading(monthly_signups=0), reading(monthly_signups=40), [tier])
    assert (tier.wording(top).title, tier.wording(top).emoji) == ("Bonus tier 8", "💯")
    (half,) = passed(reading(goal_progress=0), reading(goal_progress=60), [rules["goal"]])
    assert rules["goal"].wording(half).title == "50% of the monthly goal"
    with pytest.raises(ValueError, match="accepts no thresholds"):
        catalogue({"rank": [1, 2]})


def test_every_threshold_has_words_and_a_label() -> None:
    for name, (metric, thresholds) in THRESHOLDS.items():
        for threshold in thresholds:
            words = worded(name, **{metric: threshold})
            assert words.title
            assert words.description.endswith(".")
            assert RULES[name].label(threshold)
