"""From what a product sends, in any order and however often, to what is announced: counted and told once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.aws import dynamodb
from cairn.clock import iso, now
from cairn.habits.model import from_text
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.usage.reading import subject_of
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import Cloud, Context, cloud
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms
from testing.product import Product
from testing.workspace import know_settings

STEPS = (1, 10, 50, 100, 500, 1000)
KINDS = {"reply": "replies", "meme": "memes", "suggestion": "suggestions"}
_users = (f"user-{number}" for number in count())

EVENT = st.fixed_dictionaries(
    {
        "type": st.sampled_from([*KINDS]),
        "count": st.one_of(st.sampled_from([1, 9, 10, 50]), st.integers(1, 60), st.integers(-20, -1)),
        "hours": st.one_of(st.just(0), st.integers(0, 60)),
        "id": st.one_of(st.none(), st.integers(0, 9).map(str)),
    }
)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("track"), EVENT),
        st.tuples(st.just("repeat"), st.integers(0, 50)),
        st.tuples(st.just("undo"), st.sampled_from([*KINDS])),
        st.tuples(st.just("batch"), st.lists(EVENT, min_size=1, max_size=6)),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("detect"), st.booleans()),
    ),
    max_size=16,
)


@pytest.fixture(scope="module")
def product() -> Iterator[tuple[Product, ControlledClock]]:
    with controlled_clock() as clock, cloud(FakePlatforms().transport()) as aws:
        yield Product(aws), clock


@dataclass
class Sent:
    """What was sent, and an oracle of what it comes to: a set of ids, and sums."""

    user: str
    ids: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    days: dict[tuple[str, date], int] = field(default_factory=lambda: defaultdict(int))
    announced: Counter[str] = field(default_factory=Counter)

    def event(self, one: dict[str, Any]) -> dict[str, Any]:
        made = {"userId": self.user, "type": one["type"], "count": one["count"]}
        if one["hours"]:
            made["at"] = iso(now() - timedelta(hours=one["hours"]))
        if one["id"] is not None:
            made["id"] = f"{self.user}/{one['id']}"
        self.sent.append(made)
        return made

    def expect(self, event: dict[str, Any], result: dict[str, Any], hours: int | None) -> None:
        """Compare a result with what it has to be, and count."""
        status, metric = result["status"], KINDS[event["type"]]
        known = self.ids.get(event.get("id", ""))
        if known is not None:
            assert status == ("duplicate" if known == event else "rejected"), result
            return
        if status == "rejected":
            assert result["error"].startswith(("too_old", "below_zero")), result
            return
        assert status in ("counted", "late")
        day = date.fromisoformat(result["date"])
        if hours is not None:
            assert day == (now() - timedelta(hours=hours)).date()
        self.days[metric, day] += event["count"]
        assert self.days[metric, day] >= 0
        if "id" in event:
            self.ids[event["id"]] = event
        self.announced.update(one["id"] for one in result["milestones"])
        assert result["lifetimeTotal"] == self.total(metric)

    def total(self, metric: str) -> int:
        return sum(number for (name, _), number in self.days.items() if name == metric)


def result_of(product: Product, event: dict[str, Any]) -> dict[str, Any]:
    """The answer of track, as a result of a batch is."""
    answer = product("track", event)
    if answer.status != 200:
        return {"status": "rejected", "error": answer.json["error"]}
    status = "duplicate" if answer.json["duplicate"] else "late" if answer.json["late"] else "counted"
    return {"status": status, **answer.json}


def detect(aws: Cloud, twice: bool) -> None:
    """What the stream does, each record once or twice."""
    if records := aws.changes():
        know_settings("detect_milestone")
        for _ in range(1 + twice):
            assert FUNCTIONS["detect_milestone"]({"Records": records}, Context()) == {"batchItemFailures": []}


@settings(max_examples=15, deadline=None)
@given(moves=MOVES)
def test_what_is_sent_is_counted_once_and_what_is_answered_is_what_is_announced(
    product: tuple[Product, ControlledClock], moves: list[tuple[str, Any]]
) -> None:
    api, clock = product
    sent = Sent(next(_users))
    for kind, value in moves:
        match kind:
            case "track":
                event = sent.event(value)
                sent.expect(event, result_of(api, event), value["hours"])
            case "repeat" if sent.sent:
                event = sent.sent[value % len(sent.sent)]
                sent.expect(event, result_of(api, event), None)
            case "undo" if today := sent.days.get((KINDS[value], now().date())):
                for number in (-today, today):
                    event = sent.event({"type": value, "count": number, "hours": 0, "id": None})
                    sent.expect(event, result_of(api, event), 0)
            case "batch":
                events = [sent.event(one) for one in value]
                results = api.batch(*events)
                for event, result in zip(events, results, strict=True):
                    sent.expect(event, result, None)
            case "wait":
                clock.sleep(3600 * value)
            case "detect":
                detect(api.aws, value)
    detect(api.aws, twice=True)
    subject = subject_of(sent.user)
    stored = Stats(dynamodb.table("stats_table")).get(subject)
    if stored is None:
        assert not sum(sent.days.values())
        return
    assert {metric: stored.metrics.get(metric, 0) for metric in KINDS.values()} == {
        metric: sent.total(metric) for metric in KINDS.values()
    }
    habits = from_text(stored.state)
    for (metric, day), number in sent.days.items():
        if day > habits.settled:
            assert habits.day(day).counts.get(metric, 0) == number
    told = Counter(one.id for one in Milestones(dynamodb.table("milestones_table")).of(subject))
    assert told == sent.announced
    assert set(told.values()) <= {1}
    reached = {one.partition("/")[2] for one in told}
    for metric in KINDS.values():
        assert {f"{metric}/all-time/{step}" for step in STEPS if step <= sent.total(metric)} <= _with_passed(
            subject, reached
        )


def _with_passed(subject: Any, reached: set[str]) -> set[str]:
    """With the thresholds that were announced as also passed."""
    listed = Milestones(dynamodb.table("milestones_table")).of(subject)
    return reached | {f"{one.rule}/{one.period}/{step}" for one in listed for step in one.also_reached}
