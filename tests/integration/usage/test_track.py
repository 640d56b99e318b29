"""A usage event is counted once, for the day it belongs to, and the answer says what it has come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from cairn.aws import dynamodb
from cairn.clock import iso, now
from cairn.model import Milestone
from cairn.readings.detection import Change, Detection
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.usage.event_ids import EventIds
from cairn.usage.reading import subject_of, tombstone
from cairn.workspace.rule_book import RuleBook
from testing.adversarial_dynamodb import adversarial
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.dynamodb import stored
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.outages import failing
from testing.product import Product
from testing.workspace import change


def ago(**length: float) -> str:
    return iso(now() - timedelta(**length))


def count_ids() -> int:
    return len([item for item in stored("USAGE_TABLE").items() if item["pk"]["S"].startswith("event#")])


def total(user: str = "ada", metric: str = "replies") -> object:
    reading = Stats(dynamodb.table("stats_table")).get(subject_of(user))
    return reading.metrics.get(metric) if reading else None


def test_a_first_event_makes_the_user_and_reaches_the_first_milestone(product: Product) -> None:
    assert product.tracked() == {
        "success": True,
        "date": "2026-11-20",
        "timezone": "UTC",
        "goalAchieved": False,
        "currentCount": 1,
        "dailyGoal": None,
        "lifetimeTotal": 1,
        "monthTotal": 1,
        "milestoneReached": 1,
        "isFirst": True,
        "streakDays": 1,
        "duplicate": False,
        "late": False,
        "milestones": [
            {
                "id": "user:ada/replies/all-time/1",
                "type": "replies",
                "label": "1",
                "threshold": 1,
                "value": 1,
                "alsoPassed": [],
                "isFirst": True,
            }
        ],
    }


def test_a_first_event_of_twelve_is_one_milestone_and_the_first_was_passed_too(product: Product) -> None:
    answer = product.tracked(count=12)
    assert (answer["milestoneReached"], answer["isFirst"], answer["lifetimeTotal"]) == (10, True, 12)
    ((milestone),) = answer["milestones"]
    assert (milestone["threshold"], milestone["isFirst"]) == (10, True)
    assert milestone["alsoPassed"] == [{"threshold": 1, "label": "1"}]


def test_events_add_up(product: Product, clock: ControlledClock) -> None:
    product.tracked()
    second = product.tracked(count=8)
    assert (second["lifetimeTotal"], second["milestones"], second["milestoneReached"]) == (9, [], None)
    assert second["isFirst"] is False
    clock.sleep(24 * 3600)
    third = product.tracked()
    assert (third["date"], third["currentCount"], third["lifetimeTotal"]) == ("2026-11-21", 1, 10)
    assert (third["milestoneReached"], third["streakDays"]) == (10, 2)
    assert third["milestones"][0]["isFirst"] is False


def test_types_are_counted_apart_and_only_replies_count_for_the_goal(product: Product) -> None:
    product.tracked()
    meme = product.tracked(kind="meme")
    assert (meme["lifetimeTotal"], meme["currentCount"], meme["isFirst"]) == (1, 1, True)
    assert {one["type"] for one in meme["milestones"]} == {"memes", "feature"}
    assert meme["milestoneReached"] == 1
    assert (total(), total(metric="memes")) == (1, 1)


def test_a_feature_counts_nothing_and_its_first_use_is_a_milestone(product: Product) -> None:
    first = product.tracked(kind="feature", feature="write_like_me")
    assert (first["lifetimeTotal"], first["monthTotal"], first["currentCount"]) == (None, None, 0)
    assert (first["isFirst"], [one["type"] for one in first["milestones"]]) == (True, ["feature"])
    again = product.tracked(kind="feature", feature="write_like_me")
    assert (again["isFirst"], again["milestones"]) == (False, [])


def test_an_event_may_name_a_feature_beside_the_one_that_its_type_implies(product: Product) -> None:
    answer = product.tracked(kind="meme", feature="research")
    assert {one["id"] for one in answer["milestones"]} == {
        "user:ada/memes/all-time/1",
        "user:ada/feature/meme/1",
        "user:ada/feature/research/1",
    }


def test_the_milestones_of_the_answer_are_the_very_ones_that_the_stream_announces(product: Product, aws: Cloud) -> None:
    answered: list[Any] = []
    for kind, count in (
        ("reply", 3),
        ("reply", 60),
        ("meme", 1),
        ("like", 9),
        ("like", 1),
        ("reply", -20),
        ("reply", 40),
    ):
        answered += product.tracked(kind=kind, count=count)["milestones"]
    assert len(answered) == 5
    heard = Heard([])
    workspaces = FUNCTIONS["ingest_usage"].dependencies.workspaces
    detection = Detection(Milestones(aws.table("MILESTONES_TABLE")), {"user": heard}, RuleBook(workspaces))
    for record in aws.changes():
        detection.process(record)
    assert [(one.id, one.label, one.value, len(one.also_passed)) for one in heard.milestones] == [
        (one["id"], one["label"], one["value"], len(one["alsoPassed"])) for one in answered
    ]


@dataclass
class Heard:
    """An announcer that remembers what it is given."""

    milestones: list[Milestone]

    def celebrate(self, milestone: Milestone) -> None:
        pass

    def announce(self, milestone: Milestone) -> None:
        self.milestones.append(milestone)

    def changed(self, changes: Sequence[Change]) -> None:
        pass

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:
        pass


# -- ids


def test_the_same_id_again_is_a_duplicate_and_counts_nothing(product: Product, clock: ControlledClock) -> None:
    first = product.tracked(id="e1", count=2)
    clock.sleep(3600)
    again = product.tracked(id="e1", count=2)
    assert (again["duplicate"], again["lifetimeTotal"], again["date"]) == (True, 2, first["date"])
    assert (again["milestones"], again["milestoneReached"], again["isFirst"]) == ([], None, False)
    assert (total(), count_ids()) == (2, 1)


def test_a_duplicate_has_the_date_of_the_first_even_days_later(product: Product, clock: ControlledClock) -> None:
    product.tracked(id="e1")
    clock.sleep(5 * 24 * 3600)
    again = product.tracked(id="e1")
    assert (again["duplicate"], again["date"], again["currentCount"]) == (True, "2026-11-20", None)


def test_the_same_id_with_another_payload_is_a_conflict(product: Product) -> None:
    product.tracked(id="e1")
    for other in ({"count": 2}, {"kind": "like"}, {"user": "grace"}, {"date": "2026-11-20"}):
        answer = product.track(**({"id": "e1"} | other))
        assert (answer.status, answer.error) == (409, "id: this id was sent before with another event")
    assert (total(), total("grace")) == (1, None)


def test_a_key_is_scoped_to_its_caller(product: Product, aws: Cloud) -> None:
    """Two products that number their events from 1 do not take each other's for repeats."""
    product.tracked(id="1")
    other = Product(aws)
    assert other.tracked(id="1")["duplicate"] is False
    assert other.tracked(id="1")["duplicate"] is True
    assert total() == 2


def test_an_id_is_free_after_32_days_whether_or_not_its_item_was_deleted(
    product: Product, clock: ControlledClock
) -> None:
    product.tracked(id="e1")
    clock.sleep(32 * 24 * 3600 - 1)
    assert product.tracked(id="e1")["duplicate"] is True
    clock.sleep(1)
    assert product.tracked(id="e1")["duplicate"] is False
    assert total() == 2


def test_an_id_claimed_before_a_write_that_failed_is_not_claimed(product: Product) -> None:
    with failing(dynamodb.table("stats_table"), "TransactWriteItems") as failed:
        answer = product.track(id="e1")
    assert len(failed) == 1
    assert (answer.status, answer.error) == (503, "not_stored: the tables did not answer; send it again")
    assert answer.headers["retry-after"] == "1"
    assert (total(), count_ids()) == (None, 0)
    assert product.tracked(id="e1")["duplicate"] is False
    assert total() == 1


def test_a_repeat_that_would_be_refused_by_now_is_still_recognised(product: Product, clock: ControlledClock) -> None:
    """A product's buffer may send again what was counted days ago, or a correction that has been made."""
    product.tracked(count=3)
    product.tracked(id="fix", count=-3)
    assert product.tracked(id="fix", count=-3)["duplicate"] is True
    at = ago()
    product.tracked(id="old", at=at)
    clock.sleep(3 * 24 * 3600)
    again = product.tracked(id="old", at=at)
    assert (again["duplicate"], again["date"]) == (True, "2026-11-20")
    assert product.track(id="older", at=at).status == 400
    assert product.track(id="old", at=at, count=2).status == 400, "too old, and another one"


def test_an_id_that_was_just_stored_is_always_found(product: Product) -> None:
    ids = EventIds(dynamodb.table("usage_table"))
    product.tracked(id="e1")
    caller = product.key_id
    with adversarial("1 an id"):
        assert [set(ids.find(caller, ["e1", "e2"], now())) for _ in range(20)] == [{"e1"}] * 20
    assert ids.find("another key", ["e1"], now()) == {}


def test_an_id_of_any_text_is_an_id(product: Product) -> None:
    for event_id in ("a/b", "é" * 200, "\ud800", "#", "event"):
        assert product.tracked(id=event_id)["duplicate"] is False
        assert product.tracked(id=event_id)["duplicate"] is True


# -- time


def test_yesterdays_act_reported_today_counts_for_yesterday(product: Product) -> None:
    answer = product.tracked(at=ago(hours=20))
    assert (answer["date"], answer["late"], answer["currentCount"]) == ("2026-11-19", True, 1)
    by_day = product.tracked(date="2026-11-19")
    assert (by_day["date"], by_day["late"], by_day["currentCount"]) == ("2026-11-19", True, 2)
    today = product.tracked(date="2026-11-20")
    assert (today["late"], today["currentCount"], today["streakDays"]) == (False, 1, 2)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (lambda: {"at": ago(hours=48, seconds=1)}, "too_old: "),
        (lambda: {"date": "2026-11-17"}, "too_old: "),
        (lambda: {"at": ago(minutes=-5, seconds=-1)}, "future: "),
        (lambda: {"date": "2026-11-21"}, "future: "),
        (lambda: {"count": -1}, "below_zero: "),
        (lambda: {"at": 1763640000}, "at: "),
    ],
)
def test_what_cannot_be_counted_says_why_and_makes_no_user(product: Product, fields: Any, code: str) -> None:
    answer = product.track(**fields())
    assert answer.status == 400
    assert answer.error.startswith(code)
    assert stored("STATS_TABLE").items() == []


def test_two_days_late_and_five_minutes_ahead_are_accepted(product: Product) -> None:
    assert product.tracked(at=ago(hours=48))["date"] == "2026-11-18"
    assert product.tracked(at=ago(minutes=-5))["date"] == "2026-11-20"


def test_a_correction_takes_back_what_was_counted_and_announces_nothing_again(product: Product) -> None:
    product.tracked(count=10)
    down = product.tracked(count=-1)
    assert (down["lifetimeTotal"], down["milestones"]) == (9, [])
    up = product.tracked()
    assert (up["lifetimeTotal"], up["milestones"], up["milestoneReached"]) == (10, [], None)


def test_an_erased_user_stays_erased(product: Product, aws: Cloud) -> None:
    product.tracked()
    stats = Stats(aws.table("STATS_TABLE"))
    stats.update(subject_of("ada"), lambda reading: tombstone("ada", reading, now(), iso(now())))
    for fields in ({}, {"id": "e1"}, {"at": ago(hours=1)}):
        answer = product.track(**fields)
        assert answer.status == 409
        assert answer.error.startswith("erased: ")
    (result,) = product.batch({"userId": "ada", "type": "reply"})
    assert result["status"] == "rejected"
    assert result["error"].startswith("erased: ")
    assert count_ids() == 0


def test_a_user_begins_in_the_time_zone_that_the_settings_have_then(product: Product, clock: ControlledClock) -> None:
    """A changed zone holds from the first instant at which both have the same date; functions know it before."""
    assert product.tracked("ada")["timezone"] == "UTC"
    zones = change(clock, time_zone="Pacific/Kiritimati").zones
    assert product.tracked("grace")["timezone"] == "UTC"
    clock.advance_to(zones.changes[-1][0])
    linus = product.tracked("linus")
    assert (linus["timezone"], linus["date"]) == ("Pacific/Kiritimati", "2026-11-21")
    assert product.tracked("ada")["timezone"] == "UTC", "a known user keeps the zone"


# -- what the operator sees


def test_an_event_is_found_in_the_log_by_its_trace(product: Product, logs: Written) -> None:
    product.tracked(id="e1")
    (line,) = [line for line in logs.lines if line["message"] == "usage counted"]
    item = next(item for item in stored("USAGE_TABLE").items())
    assert line["subject"] == "user:ada"
    assert line["trace_id"] == item["trace_id"]["S"] == stored("STATS_TABLE").items()[0]["trace_id"]["S"]
    assert product.key not in logs.text


def test_events_are_counted_by_type_and_what_was_refused_apart(product: Product, logs: Written) -> None:
    product.tracked()
    product.tracked(id="e1", kind="like")
    product.tracked(id="e1", kind="like")
    product.track(kind="replys")
    with failing(dynamodb.table("stats_table"), "PutItem"):
        product.track()
    assert logs.metrics["UsageEvents"] == [1, 1]
    assert {"type": "reply", "service": "test"} in logs.dimensions
    assert logs.metrics["UsageRejected"] == [1]
    assert logs.metrics["UsageNotStored"] == [1]
    assert [line["reason"] for line in logs.lines if line["message"] == "usage not stored"]
