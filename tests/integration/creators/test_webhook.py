"""A payment of which a webhook tells counts at once, and never twice, in whatever order it and its row come."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from cairn.clock import now
from cairn.creators.model import Creator
from cairn.creators.registry import Creators
from testing.creator_platform import earning
from testing.creator_site import CreatorSite, payment, signed

SECOND = timedelta(seconds=1)


@pytest.fixture
def mia(site: CreatorSite) -> Creator:
    """She is synced, and has no row yet."""
    made = site.creator()
    site.synced(made)
    site.wait(minutes=1)
    return made


def sums_up(site: CreatorSite) -> None:
    """Let the stream bring what is stored, and no message of the queue."""
    while site.account.rollups.due():
        site.account.rollups.step(site.account.invoke)


def test_a_payment_counts_before_any_sync(site: CreatorSite, mia: Creator) -> None:
    assert site.push(payment(mia, earning(now(), 2500)))["statusCode"] == 200
    sums_up(site)
    assert site.revenue(mia) == 25
    reading = site.reading(mia)
    assert reading
    assert not reading.silent
    (row,) = site.rows(mia)
    assert (row.origin, row.net) == ("push", None)


def test_a_push_before_its_row_counts_once(site: CreatorSite, mia: Creator) -> None:
    row = earning(now() - timedelta(seconds=20), 2500)
    site.push(payment(mia, earning(now(), 2500)))
    site.settle()
    assert site.state(mia).drift.waiting == 1
    site.platform.add("fv-Mia", row)
    site.wait(minutes=15)
    site.sweep()
    site.settle()
    assert site.wrong(mia) == []
    assert [one.origin for one in site.rows(mia)] == ["pull"]
    assert [one.origin for one in site.rows(mia, "replaced")] == ["push"]
    assert site.state(mia).drift.waiting == 0


def test_a_row_before_its_push_counts_once(site: CreatorSite, mia: Creator) -> None:
    row = earning(now(), 2500)
    site.platform.add("fv-Mia", row)
    site.synced(mia)
    site.push(payment(mia, row, number="1"))
    site.settle()
    assert site.wrong(mia) == []
    assert [one.push for one in site.rows(mia)] == ["FV-1"]
    assert site.rows(mia, "replaced") == []


def test_a_push_that_comes_twice_counts_once(site: CreatorSite, mia: Creator) -> None:
    event = payment(mia, earning(now(), 2500))
    assert [site.push(event)["statusCode"] for _ in range(3)] == [200, 200, 200]
    sums_up(site)
    assert site.revenue(mia) == 25


def test_a_push_that_comes_again_after_its_row_counts_once(site: CreatorSite, mia: Creator) -> None:
    row = earning(now() - SECOND, 2500)
    event = payment(mia, row)
    site.push(event)
    site.platform.add("fv-Mia", row)
    site.settle()
    site.push(event)
    site.settle()
    assert site.wrong(mia) == []


def test_two_equal_payments_are_two(site: CreatorSite, mia: Creator) -> None:
    row = earning(now(), 2500)
    for number in "12":
        site.push(payment(mia, row, number=number))
    site.platform.add("fv-Mia", row)
    site.settle()
    assert site.revenue(mia) == 50
    site.platform.add("fv-Mia", row)
    site.wait(seconds=1)
    site.synced(mia)
    assert site.wrong(mia) == []


def test_a_push_that_is_never_listed_counts_no_more_after_a_day_and_the_drift_says_it(
    site: CreatorSite, mia: Creator
) -> None:
    site.push(payment(mia, earning(now(), 2500)))
    site.settle()
    for _ in range(26):
        site.wait(hours=1)
        site.sweep()
        site.settle()
    assert site.wrong(mia) == []
    drift = site.state(mia).drift
    assert (drift.waiting, drift.unconfirmed, drift.amount) == (0, 1, 2500)
    assert len(site.rows(mia, "unconfirmed")) == 1


def test_a_row_that_comes_after_its_push_was_given_up_counts_once(site: CreatorSite, mia: Creator) -> None:
    row = earning(now(), 2500)
    site.push(payment(mia, row))
    for _ in range(26):
        site.wait(hours=1)
        site.sweep()
        site.settle()
    site.platform.add("fv-Mia", row)
    site.synced(mia)
    assert site.wrong(mia) == []
    assert site.rows(mia, "unconfirmed") == []
    assert site.state(mia).drift.unconfirmed == 0


def test_what_is_pushed_during_the_first_sync_is_silent(site: CreatorSite) -> None:
    mia = site.creator()
    site.push(payment(mia, earning(now(), 999_900)))
    sums_up(site)
    reading = site.reading(mia)
    assert reading
    assert (reading.metrics["revenue"], reading.silent) == (9999, True)


@pytest.mark.parametrize(
    "change", [{"type": "creator.payment.refunded"}, {"type": "creator.dispute.created"}, {"type": None}]
)
def test_any_other_event_has_the_list_read_and_adds_no_row(
    site: CreatorSite, mia: Creator, change: dict[str, Any]
) -> None:
    site.platform.calls.clear()
    site.platform.add("fv-Mia", earning(now() - SECOND, -2500))
    event = payment(mia, earning(now(), 2500)) | change
    assert site.push(event)["statusCode"] == 200
    assert site.rows(mia) == []
    site.settle()
    assert site.wrong(mia) == []


def test_a_flat_event_of_the_first_kind_has_the_list_read(site: CreatorSite, mia: Creator) -> None:
    site.platform.add("fv-Mia", earning(now() - SECOND, 300))
    body = {"transactionOrderId": "o-1", "price": 300, "recipientUuid": "fv-Mia", "sender": {"uuid": "ann"}}
    assert site.push(body)["statusCode"] == 200
    site.settle()
    assert site.wrong(mia) == []


def test_many_events_at_once_lead_to_few_syncs(site: CreatorSite, mia: Creator) -> None:
    site.platform.calls.clear()
    for number in range(20):
        row = earning(now(), 100 + number)
        site.platform.add("fv-Mia", row)
        site.push(payment(mia, row))
    site.wait(milliseconds=5)
    site.settle()
    assert site.wrong(mia) == []
    assert len([call for call in site.platform.calls if call[1] == "rows"]) <= 2


def test_a_creator_whom_nobody_knows_or_who_retired_is_answered_with_200(site: CreatorSite, mia: Creator) -> None:
    event = payment(mia, earning(now(), 2500))
    event["data"]["creator"]["uuid"] = "fv-Eve"
    assert site.push(event)["statusCode"] == 200
    Creators(site.account.cloud.table("CREATORS_TABLE")).retire(mia, now())
    assert site.push(payment(mia, earning(now(), 2500)))["statusCode"] == 200
    assert site.rows(mia) == []
    assert site.account.creators.messages == []


def request(site: CreatorSite, mia: Creator, **signature: Any) -> dict[str, Any]:
    return signed(payment(mia, earning(now(), 2500)), **signature)


def answer(site: CreatorSite, event: dict[str, Any]) -> int:
    status: int = site.account.invoke("creator_webhook", event)["statusCode"]
    return status


def test_a_wrong_signature_an_old_one_and_none_are_refused_and_change_nothing(site: CreatorSite, mia: Creator) -> None:
    unsigned, malformed = request(site, mia), request(site, mia)
    del unsigned["headers"]["x-fanvue-signature"]
    malformed["headers"]["x-fanvue-signature"] = "t=soon,v0=ff"
    other_body = request(site, mia) | {"body": "{}"}
    requests = [
        request(site, mia, secret="guessed"),
        request(site, mia, at=now() - timedelta(seconds=301)),
        request(site, mia, at=now() + timedelta(seconds=301)),
        *(unsigned, malformed, other_body),
    ]
    assert [answer(site, one) for one in requests] == [401] * 6
    assert site.rows(mia) == []
    assert answer(site, request(site, mia, at=now() - timedelta(seconds=299))) == 200


def test_while_a_secret_is_replaced_either_of_two_signatures_is_accepted(site: CreatorSite, mia: Creator) -> None:
    event, other = request(site, mia), request(site, mia, secret="the old one")
    old = other["headers"]["x-fanvue-signature"].partition("v0=")[2]
    event["headers"]["x-fanvue-signature"] = event["headers"]["x-fanvue-signature"].replace("v0=", f"v0={old},")
    assert answer(site, event) == 200


def test_a_body_in_base64_is_verified_as_its_bytes(site: CreatorSite, mia: Creator) -> None:
    event = request(site, mia)
    encoded = base64.b64encode(event["body"].encode()).decode()
    assert answer(site, event | {"body": encoded, "isBase64Encoded": True}) == 200
    assert len(site.rows(mia)) == 1


def test_other_requests_are_refused(site: CreatorSite, mia: Creator) -> None:
    direct = request(site, mia)
    del direct["headers"]["x-cairn-front"]
    get = request(site, mia)
    get["requestContext"] = {"http": {**get["requestContext"]["http"], "method": "GET"}}
    assert [answer(site, one) for one in (direct, get, signed(b"[]"), signed(b"{"), signed(b" " * 65_537))] == [
        *(403, 405, 400, 400, 413)
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"gross": None},
        {"gross": "25.00"},
        {"gross": 10**16},
        {"paid_at": "soon", "created_at": None},
        {"id": 5},
        {"purchaser": "ann"},
    ],
)
def test_a_payment_that_lacks_something_is_left_to_the_list(
    site: CreatorSite, mia: Creator, change: dict[str, Any]
) -> None:
    event = payment(mia, earning(now(), 2500))
    event["data"] |= change
    assert site.push(event)["statusCode"] == 200
    assert site.rows(mia) == []
    assert len(site.account.creators.messages) == 1


def test_the_answer_is_json(site: CreatorSite, mia: Creator) -> None:
    answered = site.account.invoke("creator_webhook", request(site, mia))
    assert (json.loads(answered["body"]), answered["headers"]["content-type"]) == ({"ok": True}, "application/json")
