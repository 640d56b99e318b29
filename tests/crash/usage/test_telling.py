"""With a failure at any call of detection, of the rollover or of an import, nothing of a user is lost or doubled."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cairn.clock import now
from cairn.habits.streaks import next_due
from testing.functions import InvocationFailedError
from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict
from tests.crash.usage.telling import Telling, telling

DAY = timedelta(days=1)
START = date(2025, 1, 1)
ADA: dict[str, Any] = {"name": "Ada", "email": "ada@example.com"}
BEGAN = (
    "user_created api",
    "milestone_reached user:ada/replies/all-time/1",
    "milestone_reached user:ada/memes/all-time/1",
    "daily_goal_achieved user:ada/daily_goal/2026-11-20/2",
    "feature_first_used user:ada/feature/meme/1",
)


def noted(here: Telling) -> dict[str, tuple[object, object]]:
    """What the record says, and what it must."""
    profile, habits = here.site.profile(), here.site.habits()
    due = next_due(habits, now(), here.site.anniversaries)
    return {
        "active": (str(profile.active), str(max(habits.days))),
        "due": (profile.due_at is not None and due is not None and profile.due_at <= due, True),
    }


def test_what_a_user_does_is_told_wherever_its_way_fails(prove: Prove) -> None:
    def first_day(points: Explorer) -> Verdict:
        with telling() as here:
            with points.at_every_call_of(here.site.webhooks.account.wire, "detect_milestone", "deliver_webhook"):
                here.site.put(goal=2, **ADA)
                here.site.track(count=2)
                here.site.track(type_="meme")
                here.site.settle()
            about = noted(here)
            latest = here.site.profile().latest
            return here.verdict(BEGAN, latest=(bool(latest), True), **about)

    prove(first_day, alike=2)


def test_a_streak_that_is_lost_is_told_wherever_the_rollover_fails(prove: Prove) -> None:
    def lost(points: Explorer) -> Verdict:
        with telling() as here:
            here.site.put(goal=2, freezes=1, **ADA)
            here.site.track(count=2)
            here.site.track(type_="meme")
            here.site.settle()
            here.site.webhooks.account.run(datetime(2026, 11, 24, 0, 0, 30, tzinfo=UTC))
            with points.at_every_call_of(here.site.webhooks.account.wire, "day_rollover", "detect_milestone"):
                here.roll_over()
            for _ in range(3):  # a quarter of an hour later, a user who failed is tried again
                here.site.webhooks.account.run(now() + timedelta(minutes=16))
                here.roll_over()
            here.site.webhooks.account.run(datetime(2026, 11, 25, 0, 0, 30, tzinfo=UTC))
            here.roll_over()
            habits = here.site.habits()
            frozen = ([str(day) for day in habits.frozen], ["2026-11-21"])
            return here.verdict([*BEGAN, "streak_lost 2026-11-22"], frozen=frozen, freezes=(habits.freezes, 0))

    prove(lost, alike=2)


def test_a_streak_that_is_restored_is_told_wherever_its_way_fails(prove: Prove) -> None:
    def restored(points: Explorer) -> Verdict:
        with telling() as here:
            here.site.put(goal=2, **ADA)
            here.site.track(count=2)
            here.site.track(type_="meme")
            here.site.settle()
            here.site.webhooks.account.run(now() + 2 * DAY)
            with points.at_every_call_of(here.site.webhooks.account.wire, "detect_milestone"):
                here.site.track(count=2, date=date(2026, 11, 21))
                here.site.settle()
            expected = ["streak_restored 2026-11-21", "daily_goal_achieved user:ada/daily_goal/2026-11-21/2"]
            return here.verdict([*BEGAN, *expected])

    prove(restored, alike=2)


def test_an_import_that_is_repeated_until_it_is_answered_is_once_wherever_it_fails(prove: Prove) -> None:
    """Sixty days are two transactions; the next event announces only what is new."""
    rows = [{"userId": "ada", "date": str(START + number * DAY), "replies": 10, "memes": 1} for number in range(60)]

    def imported(points: Explorer) -> Verdict:
        with telling() as here:
            account = here.site.webhooks.account
            with points.at_every_call_of(account.wire, "ingest_usage", "detect_milestone"):
                for _ in range(4):
                    request = here.product.request("/api/usage/import", {"rows": rows})
                    try:
                        answer = account.invoke("ingest_usage", request)
                    except InvocationFailedError:
                        continue
                    results = json.loads(answer["body"]).get("results", [])
                    if len(results) == 60 and all(one["status"] in ("imported", "unchanged") for one in results):
                        break
                here.site.settle()
            here.site.track(count=400)
            here.site.settle()
            reading = here.site.reading()
            totals = here.site.totals(START, START + 59 * DAY)
            return here.verdict(
                ["milestone_reached user:ada/replies/all-time/1000"],
                replies=(reading.metrics["replies"], 1000),
                memes=(reading.metrics["memes"], 60),
                totals=([dict(one.imported) for one in totals], [{"replies": 10, "memes": 1}] * 60),
            )

    prove(imported, alike=2)
