"""How old each part of a dashboard is, and what it warns of."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from cairn.clock import iso, now
from cairn.creators.model import Creator
from cairn.creators.registry import Creators
from cairn.creators.sync_state import Drift
from cairn.model import Milestone, Passed
from cairn.readings.milestones import Milestones
from testing.adversarial_dynamodb import catch_up
from testing.agency import AgencySite, Sale

MINUTE = timedelta(minutes=1)


def codes(shown: Any) -> list[str]:
    return [warning["code"] for warning in shown["warnings"]]


def failed(site: AgencySite, creator: Creator, message: str) -> None:
    assert site.states.begin(creator.id, "test", now(), 2 * MINUTE)
    site.states.failed(creator.id, "test", at=now(), code="down", message=message, not_before=now() + MINUTE)
    catch_up()


def test_each_part_is_as_old_as_the_oldest_creator_shown(site: AgencySite) -> None:
    mia, zoe = site.creator("Mia"), site.creator("Zoë")
    site.synced(mia, at=now() - 3 * MINUTE)
    site.synced(zoe, at=now() - 10 * MINUTE)
    shown = site.dashboard()
    assert shown["asOf"] == dict.fromkeys(("transactions", "audience"), iso(now() - 10 * MINUTE))
    assert shown["stale"] == {"transactions": False, "audience": True}  # within 16 minutes, and 6
    assert [one["state"] for one in shown["creators"]] == ["ok", "ok"]
    assert site.dashboard(modelId=mia.id)["stale"] == {"transactions": False, "audience": False}
    assert codes(shown) == []


def test_figures_are_stale_a_minute_after_the_next_sync_was_due(site: AgencySite) -> None:
    mia = site.creator()
    site.synced(mia, at=now() - 16 * MINUTE)
    assert site.dashboard()["stale"]["transactions"] is False
    site.clock.sleep(1)
    assert site.dashboard()["stale"]["transactions"] is True


def test_a_creator_who_was_never_synced_makes_the_age_unknown_and_says_so(site: AgencySite) -> None:
    site.synced(site.creator("Mia"))
    site.creator("Zoë")
    shown = site.dashboard()
    assert (shown["asOf"]["transactions"], shown["stale"]["transactions"]) == (None, True)
    assert codes(shown) == ["first_sync"]
    assert "Zoë" in shown["warnings"][0]["message"]
    assert [one["state"] for one in shown["creators"]] == ["ok", "never"]


def test_a_failing_creator_is_stale_at_once_and_the_others_are_not(site: AgencySite) -> None:
    mia, zoe = site.creator("Mia"), site.creator("Zoë")
    site.synced(mia, zoe)
    failed(site, zoe, "fanvue does not answer: 502")
    shown = site.dashboard()
    assert shown["stale"]["transactions"] is True
    assert [one["transactions"]["stale"] for one in shown["creators"]] == [False, True]
    assert [one["state"] for one in shown["creators"]] == ["ok", "failing"]
    assert shown["warnings"] == [
        {"code": "failing", "message": "Zoë cannot be synced: fanvue does not answer: 502"},
    ]


def test_payments_that_only_a_webhook_told_of_are_shown_as_drift_and_pending_net(site: AgencySite) -> None:
    mia = site.creator()
    site.synced(mia)
    site.states.drifted(mia.id, Drift(waiting=2, unconfirmed=1, amount=3000))
    site.books(mia, Sale(now() - MINUTE, 1000, None))
    shown = site.dashboard()
    assert codes(shown) == ["net_pending", "drift"]
    assert "1 transaction," in shown["warnings"][0]["message"]
    assert "2 payments" in shown["warnings"][1]["message"]
    assert float(shown["kpiMetrics"]["netRevenue"]) == 0


def test_who_retired_keeps_their_revenue_and_has_no_audience_from_then_on(site: AgencySite) -> None:
    mia, zoe = site.creator("Mia"), site.creator("Zoë")
    day = timedelta(days=1)
    for creator in (mia, zoe):
        site.books(creator, Sale(now() - 3 * day))
        site.audience(creator, {date(2026, 11, 1): {"subscribers": 10}}, subscribers=12)
    site.clock.set_back(2 * day)
    Creators(site.table).retire(zoe, now())
    site.clock.reset()
    site.synced(mia)
    catch_up()
    shown = site.dashboard(timeRange="7d")
    assert float(shown["kpiMetrics"]["totalRevenue"]) == 20.0
    assert [point["subscribers"] for point in shown["chartData"]] == [20, 20, 20, 20, 10, 10, 12]
    assert [one["state"] for one in shown["creators"]] == ["ok", "retired"]
    assert shown["asOf"]["transactions"] == iso(now())
    assert shown["stale"] == {"transactions": False, "audience": False}
    assert codes(shown) == []


def test_milestones_of_the_range_are_beside_the_chart(site: AgencySite) -> None:
    mia = site.creator()
    site.synced(mia)
    for number, days in enumerate((2, 40)):
        reached = Milestone(
            subject=mia.subject,
            name="Mia",
            rule="creator_subscribers",
            metric="subscribers",
            period="all-time",
            threshold=1000 * (number + 1),
            label="1K",
            value=1003,
            also_passed=(Passed(500, "500"),),
            achieved_at=now() - timedelta(days=days),
            trace_id="t",
        )
        Milestones(site.aws.table("MILESTONES_TABLE")).record(reached)
    catch_up()
    (one,) = site.dashboard(timeRange="7d")["milestones"]
    assert (one["creatorId"], one["date"], one["title"], one["emoji"]) == (
        *(mia.id, "2026-11-18", "1K subscribers", "🎉"),
    )
