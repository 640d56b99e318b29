"""A user's milestones: with the event by which others were told, and marked when a correction took them back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from cairn.clock import now
from cairn.model import Milestone
from cairn.readings.milestones import Milestones
from cairn.usage.reading import subject_of
from cairn.webhooks.model import event_id
from testing.managed_product import ManagedProduct


def reached(site: ManagedProduct, rule: str, period: str, threshold: int, **more: Any) -> Milestone:
    metric = {"daily_goal": "daily_count", "feature": "features"}.get(rule, rule)
    milestone = Milestone(
        subject=subject_of("4711"),
        name="4711",
        rule=rule,
        metric=metric,
        period=period,
        threshold=threshold,
        label=str(threshold),
        value=threshold,
        also_passed=(),
        achieved_at=now(),
        trace_id="t",
        **more,
    )
    Milestones(site.aws.table("MILESTONES_TABLE")).record(milestone)
    return milestone


def listed(site: ManagedProduct) -> dict[str, Any]:
    answer = site.api("GET", "/api/users/4711/milestones", scopes=("analytics",))
    assert answer.status == 200, answer.text
    return {one["id"]: one for one in answer.json["items"]}


def corrected(site: ManagedProduct) -> set[str]:
    return {id_.removeprefix("user:4711/") for id_, one in listed(site).items() if one["corrected"]}


def test_a_milestone_names_the_event_by_which_others_were_told(site: ManagedProduct) -> None:
    site.does("4711", count=10)
    milestone = reached(site, "replies", "all-time", 10, details={"streak_days": 3})
    found = listed(site)[milestone.id]
    assert found["event"] == event_id(milestone.achieved_at, milestone.id)
    assert (found["type"], found["threshold"], found["streakDays"], found["corrected"]) == ("replies", 10, 3, False)


def test_a_total_that_fell_below_a_threshold_marks_its_milestone_and_no_lower_one(
    site: ManagedProduct,
) -> None:
    site.does("4711", count=12)
    for threshold in (1, 10):
        reached(site, "replies", "all-time", threshold)
    reached(site, "feature", "meme", 1)
    reached(site, "days_with_us", "all-time", 7)
    assert corrected(site) == set()
    site.does("4711", count=-3)
    assert corrected(site) == {"replies/all-time/10"}
    site.does("4711", count=1)
    assert corrected(site) == set()


def test_a_days_goal_that_is_no_longer_met_marks_its_milestone_also_when_the_day_is_over(site: ManagedProduct) -> None:
    site.put("4711", dailyGoal=3)
    site.does("4711", count=3)
    reached(site, "daily_goal", "2026-11-20", 3)
    site.pass_days(1)
    site.does("4711", count=3)
    reached(site, "daily_goal", "2026-11-21", 3)
    assert corrected(site) == set()
    site.does("4711", count=-1, day=date(2026, 11, 20))
    site.record()
    assert corrected(site) == {"daily_goal/2026-11-20/3"}
    site.pass_days(10)
    site.does("4711", count=1)
    site.record()
    assert corrected(site) == {"daily_goal/2026-11-20/3"}


def test_a_day_of_which_nothing_is_known_marks_nothing(site: ManagedProduct) -> None:
    site.put("4711", dailyGoal=3)
    reached(site, "daily_goal", "2026-01-20", 3)
    assert corrected(site) == set()


def test_a_streak_that_a_correction_shortened_marks_its_milestone(site: ManagedProduct) -> None:
    first = now().date()
    for _ in range(7):
        site.does("4711")
        site.record()
        site.pass_days(1)
    site.clock.set_back(timedelta(days=1))
    reached(site, "streak", first.isoformat(), 7)
    assert corrected(site) == set()
    site.does("4711", count=-1)
    assert corrected(site) == {f"streak/{first}/7"}


def test_milestones_are_listed_page_by_page(site: ManagedProduct) -> None:
    site.does("4711", count=600)
    for threshold in (1, 10, 50, 100, 500):
        reached(site, "replies", "all-time", threshold)
        site.clock.sleep(1)
    path = "/api/users/4711/milestones"
    first = site.api("GET", path, query={"limit": 3}).json
    rest = site.api("GET", path, query={"limit": 3, "cursor": first["nextCursor"]}).json
    assert [one["threshold"] for one in first["items"] + rest["items"]] == [500, 100, 50, 10, 1]
    assert rest["nextCursor"] is None
