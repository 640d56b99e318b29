"""The deployed template: a creator's past is synced in silence, and what is earned then is shown and told at once."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from testing.local_cloud import LocalCloud
from testing.waiting import wait_for
from tests.e2e.channels.test_ways import ok
from tests.e2e.creators.earners import WITHIN_SECONDS, Earner, cents, signed
from tests.e2e.webhooks.test_webhooks import Crm, connected

HOOK = "/hooks/creators/fanvue"
DAYS = 10
"""At most eight sales a day, of 50 dollars at most: less than 5,000 dollars."""


@pytest.fixture
def earner(local_cloud: LocalCloud) -> Earner:
    return signed(local_cloud, history_days=DAYS, subscribers=95, followers=990, chats=33, posts=12)


@pytest.fixture
def crm(local_cloud: LocalCloud, earner: Earner) -> Crm:
    return connected(local_cloud, {"subject": f"creator:{earner.id}"})


def synced(earner: Earner) -> dict[str, Any]:
    """The status after the first sync."""
    earner.done(earner.presses_sync_data())
    return earner.is_synced()


def test_a_first_sync_is_silent_and_a_sale_after_it_is_shown_and_told_within_seconds(earner: Earner, crm: Crm) -> None:
    assert earner.status()["sync"]["state"] == "never"
    status = synced(earner)
    assert (status["sync"]["state"], status["sync"]["stale"], status["sync"]["error"]) == ("ok", False, None)
    past = earner.truth()
    assert past["count"] > DAYS
    earner.shows(past)
    row = earner.sells(1_000_000, fan="Zed")
    earner.shows(earner.truth())
    milestone = earner.reaches("revenue")
    assert 10_000 in {milestone["threshold"], *(passed["threshold"] for passed in milestone["alsoPassed"])}
    # What came before the sale would have been announced before it.
    assert [one["threshold"] for one in earner.milestones()] == [milestone["threshold"]]
    (told,) = crm.gets(1)
    assert (told["type"], told["verified"]) == ("milestone_reached", True)
    assert json.loads(told["body"])["data"]["milestone"] == milestone["id"]

    def listed() -> dict[str, Any] | None:
        newest = earner.transactions(limit=1)[0]
        return newest if newest["orderId"] else None

    newest = wait_for(listed, WITHIN_SECONDS, missing="the order that the platform lists")
    assert (newest["orderId"], newest["payer"]["name"]) == (row["transactionOrderId"], "Zed")
    assert newest["traceId"] == milestone["traceId"], "one search in the logs shows the payment and what it led to"
    assert earner.status()["sync"]["drift"] == {"waiting": 0, "unconfirmed": 0, "amount": 0}


def test_sync_data_says_when_it_is_done_and_has_brought_the_refund_and_the_audience(earner: Earner) -> None:
    synced(earner)
    sale = earner.sells(4_000, fan="Zed")
    earner.shows(earner.truth())
    refund = earner.gives_back(sale["transactionOrderId"], 1_500)
    run = earner.presses_sync_data()
    assert run["creators"]["total"] == 1
    over = earner.done(run)
    assert (over["creators"], over["errors"]) == ({"total": 1, "done": 1, "failed": 0, "skipped": 0}, [])
    assert over["finishedAt"] >= over["startedAt"]
    dashboard = earner.shows(earner.truth())
    breakdown = dashboard["categoryBreakdown"]
    for total, parts in (
        ("totalRevenue", [one["revenue"] for one in breakdown]),
        ("totalRevenue", [one["revenue"] for one in dashboard["chartData"]]),
        ("netRevenue", [one["netRevenue"] for one in dashboard["chartData"]]),
        ("transactions", [one["count"] for one in breakdown]),
    ):
        assert round(sum(parts), 2) == dashboard["kpiMetrics"][total], total
    newest = earner.transactions(limit=1)[0]
    assert (newest["gross"], newest["source"]) == (-15, "refund")
    assert (newest["orderId"], newest["reversesOrderId"]) == (
        refund["transactionOrderId"],
        sale["transactionOrderId"],
    )
    rows, truth = earner.exported(), earner.truth()
    assert (len(rows), cents(rows, "gross"), cents(rows, "net")) == (truth["count"], truth["gross"], truth["net"])

    def fetched() -> dict[str, Any] | None:
        audience: dict[str, Any] = earner.status()["audience"]
        return audience if audience["asOf"] else None

    audience = wait_for(fetched, WITHIN_SECONDS, missing="an audience")
    counts = {name: audience[name] for name in ("subscribers", "followers", "messages", "posts")}
    listed = ok(earner.cloud.sandbox.get(f"/control/fanvue/creators/{earner.uuid}"))
    assert counts == {
        "subscribers": listed["subscribers"],
        "followers": listed["followers"],
        "messages": listed["chats"],
        "posts": listed["posts"],
    }
    assert earner.dashboard()["kpiMetrics"]["followers"] == listed["followers"]


def test_an_outage_of_the_platform_is_named_and_nothing_is_missing_after_it(earner: Earner) -> None:
    synced(earner)
    before = earner.truth()
    ok(earner.cloud.sandbox.post("/control/platforms/fanvue/failure", json={"mode": "broken"}))
    try:
        earner.sells(700, push=False)
        over = earner.done(earner.presses_sync_data())
        assert [(one["creatorId"], one["code"]) for one in over["errors"]] == [(earner.id, "unavailable")]
        status = earner.status()["sync"]
        assert (status["state"], status["stale"], status["error"]["code"]) == ("failing", True, "unavailable")
        dashboard = earner.shows(before)
        assert dashboard["stale"]["transactions"] is True
        assert "failing" in {warning["code"] for warning in dashboard["warnings"]}
    finally:
        ok(earner.cloud.sandbox.delete("/control/platforms/fanvue/failure"))
    assert earner.done(earner.presses_sync_data())["creators"]["done"] == 1
    assert earner.shows(earner.truth())["stale"]["transactions"] is False
    assert earner.status()["sync"]["error"] is None


def test_the_webhook_is_closed_to_callers_without_its_signature(local_cloud: LocalCloud, earner: Earner) -> None:
    body = {"type": "creator.payment.succeeded", "data": {"creator": {"uuid": earner.uuid}, "gross": 100}}
    hook = f"{local_cloud.outputs['ApiUrl']}{HOOK}"
    forged = {"X-Fanvue-Signature": f"t=1,v0={'0' * 64}"}
    for headers in ({}, forged):
        assert httpx.post(hook, json=body, headers=headers, trust_env=False).status_code == 401
    assert earner.transactions() == []
