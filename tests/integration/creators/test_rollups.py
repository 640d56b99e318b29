"""Sums are what the rows are: repeats and disorder change nothing, and a night's check mends what is wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cairn.clock import now
from cairn.creators import keys
from cairn.creators.model import Creator
from testing.creator_platform import earning
from testing.creator_site import CreatorSite
from testing.event_sources import changes


@pytest.fixture
def mia(site: CreatorSite) -> Creator:
    """She has rows of several weeks, which were brought an hour ago."""
    made = site.creator()
    for days in range(0, 80, 4):
        site.platform.add("fv-Mia", earning(now() - timedelta(days=days, minutes=1), 1000 + days, payer=f"p{days % 3}"))
    site.synced(made)
    site.wait(hours=1)
    return made


def check(site: CreatorSite, source: str = "operator") -> dict[str, Any]:
    found: dict[str, Any] = site.account.invoke("roll_up_transactions", {"source": source})
    return found


def test_a_nights_check_of_right_sums_finds_nothing(site: CreatorSite, mia: Creator) -> None:
    found = check(site)
    assert (found["creators"], found["differences"], found["finished"]) == (1, 0, True)
    assert found["days"] >= 36
    assert site.wrong(mia) == []


@pytest.mark.parametrize(
    ("partition", "attribute", "text"),
    [("day", "sums", '{"USD":{"tips":[1,1,1]}}'), ("quarters", "sums", "{}"), ("payers", "payers", "{}")],
)
def test_a_sum_that_was_changed_by_hand_is_noticed_and_made_again(
    site: CreatorSite, mia: Creator, partition: str, attribute: str, text: str
) -> None:
    day = (now() - timedelta(days=4, minutes=61)).date().isoformat()
    site.account.cloud.table("CREATORS_TABLE").update_item(
        Key={"pk": f"{partition}#{mia.id}", "sk": day},
        UpdateExpression="SET #attribute = :text",
        ExpressionAttributeNames={"#attribute": attribute},
        ExpressionAttributeValues={":text": text},
    )
    assert check(site)["differences"] == 1
    assert site.wrong(mia) == []
    assert check(site)["differences"] == 0


def test_a_month_that_was_changed_by_hand_is_made_again(site: CreatorSite, mia: Creator) -> None:
    site.account.cloud.table("CREATORS_TABLE").update_item(
        Key={"pk": keys.month(mia.id), "sk": "2026-11"},
        UpdateExpression="SET sums = :none",
        ExpressionAttributeValues={":none": "{}"},
    )
    assert check(site)["differences"] == 1
    assert site.wrong(mia) == []


def test_a_row_that_the_stream_never_brought_is_summed_by_night_and_one_on_its_way_is_no_difference(
    site: CreatorSite, mia: Creator
) -> None:
    site.platform.add("fv-Mia", earning(now() - timedelta(seconds=1), 77_700))
    site.ask(mia)
    site.account.creators.step(site.account.invoke)
    assert check(site)["differences"] == 0
    site.wait(minutes=20)
    assert check(site)["differences"] == 1
    assert site.wrong(mia) == []


def test_every_older_day_is_checked_within_a_week(site: CreatorSite, mia: Creator) -> None:
    day = (now() - timedelta(days=60, minutes=61)).date().isoformat()
    site.account.cloud.table("CREATORS_TABLE").delete_item(Key={"pk": keys.day(mia.id), "sk": day})
    differences = 0
    for _ in range(7):
        differences += check(site, "schedule")["differences"]
        assert check(site, "schedule")["creators"] == 0, "twice in a night"
        site.wait(days=1)
    assert differences == 1
    assert site.wrong(mia) == []


def test_batches_that_come_again_and_in_another_order_change_no_sum(site: CreatorSite, mia: Creator) -> None:
    records = changes("CREATORS_TABLE", "transactions#")
    before = site.days(mia)
    for batch in (records[5:], records[:3], records[::-1]):
        answer = site.account.invoke("roll_up_transactions", {"Records": batch})
        assert answer == {"batchItemFailures": []}
    assert site.days(mia) == before
    assert site.wrong(mia) == []


def test_a_record_that_nobody_can_read_is_set_aside_and_holds_no_other_up(site: CreatorSite, mia: Creator) -> None:
    good = changes("CREATORS_TABLE", "transactions#")[:2]
    bad: dict[str, Any] = {**good[0], "dynamodb": {**good[0]["dynamodb"], "NewImage": {"pk": {"S": "transactions#x"}}}}
    answer = site.account.invoke("roll_up_transactions", {"Records": [bad, good[1]]})
    assert answer == {"batchItemFailures": []}
    assert [one["type"] for one in site.account.set_aside] == ["unreadable_record"]
