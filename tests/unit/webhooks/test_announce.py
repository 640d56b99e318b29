"""A milestone of every kind and rule is an event of the catalogue, the same at each retry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cairn.codec import from_json
from cairn.messages import Message, WebhookEvent, dump, load
from cairn.model import Milestone, Passed, Reading, Reversal, Subject
from cairn.rules import Crossing, Rule, Transition, catalogue
from cairn.rules.rank import Rank
from cairn.webhooks.announce import ErasedContactError, WebhookAnnouncer, milestone_event, queued, reverted_event
from cairn.webhooks.catalogue import CATALOGUE, check_data, check_type
from cairn.webhooks.model import Contact, instant_of
from testing.webhooks import AT, event

RULES = {rule.name: rule for rule in catalogue() if rule.kind != "user"}
VALUES: dict[str, int | Decimal] = {
    "subscribers": 10_100,
    "viewers": 1_003,
    "monthly_revenue": Decimal("25400.50"),
    "monthly_signups": 21,
    "goal_progress": Decimal("101.25"),
    "podium": 3,
    "followers": 1_200,
    "messages": 60,
    "posts": 12,
    "revenue": Decimal("1012.50"),
}
SUBJECTS = {
    "subscribers": [Subject("channel", f"{platform}:UC") for platform in ("youtube", "telegram", "instagram")],
    "viewers": [Subject("channel", "live:demo")],
    **{name: [Subject("creator", "c1")] for name, rule in RULES.items() if rule.kind == "creator"},
}


def reading(rule: Rule, subject: Subject) -> Reading:
    return Reading(
        subject=subject,
        name="Ada 🎉",
        metrics={rule.metric: VALUES[rule.metric], "all_time_revenue": Decimal("90000.10"), "monthly_growth": -3},
        as_of=AT,
        source="api",
        trace_id="t" * 32,
        details={
            "team": "North",
            "user_id": "ada",
            "avatar": "https://pictures.example/a.png",
            "window": 60,
            **({"currency": "USD"} if subject.kind == "creator" else {}),
        },
    )


def milestone(rule: Rule, subject: Subject | None = None) -> Milestone:
    """As detection makes it from a reading that passed all that is below its value."""
    subject = subject or SUBJECTS.get(rule.name, [Subject("rep", "17")])[0]
    (one,) = rule.occasions(reading(rule, subject))
    crossing = Crossing(rule, one.period, tuple(one.passed or ()), Transition.CROSSED)
    return crossing.milestone(reading(rule, subject), 0, AT)


EVERY = [
    milestone(rule, subject) for rule in RULES.values() for subject in SUBJECTS.get(rule.name, [Subject("rep", "17")])
]


def rule_of(one: Milestone) -> Rule:
    return RULES[one.rule]


def reverted(one: Milestone) -> Milestone:
    return replace(one, reverted=Reversal(AT + timedelta(hours=1), "ops", "entered twice"))


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.id)
def test_a_milestone_of_every_kind_and_rule_is_as_the_catalogue_says(one: Milestone) -> None:
    for made in (milestone_event(one, rule_of(one)), reverted_event(reverted(one), rule_of(one))):
        known = CATALOGUE[made.type]
        check_type(made.type)
        check_data(made.type, made.data)
        as_sent = from_json(queued(made).data)
        read = _floats(as_sent)
        assert list(Draft202012Validator(dict(known.schema)).iter_errors(read)) == []
        assert set(as_sent) <= set(known.schema["properties"])
        assert set(as_sent) == set(known.example)


def _floats(value: Any) -> Any:
    """As a receiver reads it."""
    match value:
        case dict():
            return {key: _floats(item) for key, item in value.items()}
        case list():
            return [_floats(item) for item in value]
        case Decimal():
            return float(value)
    return value


def test_an_event_says_what_the_milestone_says() -> None:
    one = milestone(RULES["revenue"])
    made = milestone_event(one, RULES["revenue"])
    assert (made.type, made.at, made.subject, made.trace_id) == ("milestone_reached", AT, "rep:17", "t" * 32)
    assert made.contact is None
    assert made.data == {
        "milestone": "rep:17/revenue/2026-11/25000",
        "subject": "rep:17",
        "kind": "rep",
        "name": "Ada 🎉",
        "rule": "revenue",
        "metric": "monthly_revenue",
        "period": "2026-11",
        "threshold": 25_000,
        "label": "$25,000",
        "value": Decimal("25400.50"),
        "alsoPassed": [{"threshold": 10_000, "label": "$10,000"}],
        "isFirst": True,
        "title": "$25,000 in a month",
        "description": "Monthly revenue passed $25,000.",
        "emoji": "💰",
        "metrics": {
            "monthly_revenue": Decimal("25400.50"),
            "all_time_revenue": Decimal("90000.10"),
            "monthly_growth": -3,
        },
        "details": {"team": "North", "user_id": "ada"},
        "achievedAt": "2026-11-30T14:03:07.250Z",
    }


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.id)
def test_the_same_milestone_is_the_same_event_and_another_one_is_another(one: Milestone) -> None:
    rule = rule_of(one)
    made = milestone_event(one, rule)
    assert milestone_event(replace(one), rule) == made
    assert instant_of(made.key) == one.achieved_at
    others = [
        milestone_event(replace(one, revision=1), rule),
        milestone_event(replace(one, period="2026-12"), rule),
        milestone_event(replace(one, achieved_at=one.achieved_at + timedelta(milliseconds=1)), rule),
        reverted_event(reverted(one), rule),
    ]
    assert len({made.id, *(other.id for other in others)}) == 5


def test_a_reversal_is_an_event_of_its_own_at_its_own_time() -> None:
    one = reverted(milestone(RULES["revenue"]))
    made = reverted_event(one, RULES["revenue"])
    assert made.type == "milestone_reverted"
    assert made.at == AT + timedelta(hours=1)
    assert (made.data["revertedAt"], made.data["reason"]) == ("2026-11-30T15:03:07.250Z", "entered twice")
    assert made.data["achievedAt"] == "2026-11-30T14:03:07.250Z"
    assert reverted_event(one, RULES["revenue"]) == made
    with pytest.raises(ValueError, match="not reverted"):
        reverted_event(replace(one, reverted=None), RULES["revenue"])


@pytest.mark.parametrize(
    ("rule", "threshold", "also", "first"),
    [
        ("revenue", 10_000, (), True),
        ("revenue", 25_000, (10_000,), True),
        ("revenue", 25_000, (), False),
        ("subscribers", 10_000, (5_000,), False),
        ("subscribers", 100, (), True),
        ("viewers", 10, (), True),
        ("viewers", 100, (50,), False),
        ("rank", 3, (2,), False),
        ("goal", 100, (), True),
    ],
)
def test_a_first_milestone_is_one_with_nothing_below_it(
    rule: str, threshold: int, also: Sequence[int], first: bool
) -> None:
    one = replace(
        milestone(RULES[rule]),
        threshold=threshold,
        also_passed=tuple(Passed(step, RULES[rule].label(step)) for step in also),
    )
    assert milestone_event(one, RULES[rule]).data["isFirst"] is first


def test_every_rule_is_tried() -> None:
    assert {one.rule for one in EVERY} == set(RULES)
    assert any(isinstance(rule, Rank) for rule in RULES.values())


# -- the queue


class Queue:
    """Keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, messages: Sequence[Message]) -> None:
        self.sent.extend(load(dump(message)) for message in messages)


def announcer(queue: Queue) -> WebhookAnnouncer:
    return WebhookAnnouncer(webhooks=queue, rules=RULES)  # type: ignore[arg-type]


def test_a_milestone_and_its_reversal_are_put_on_the_queue_once_at_each_try() -> None:
    one, queue = milestone(RULES["goal"]), Queue()
    announcer(queue).celebrate(one)
    announcer(queue).changed([])
    assert queue.sent == []
    for _ in range(2):
        announcer(queue).announce(one)
    announcer(queue).reverted(reverted(one), [])
    first, again, taken_back = queue.sent
    assert first == again
    assert isinstance(first, WebhookEvent)
    assert isinstance(taken_back, WebhookEvent)
    assert (first.event_type, taken_back.event_type) == ("milestone_reached", "milestone_reverted")
    assert first.group == taken_back.group
    assert first.key != taken_back.key
    assert from_json(first.data)["value"] == Decimal("101.25")


def test_a_message_of_the_queue_has_the_contact_that_is_known() -> None:
    assert queued(event({"a": Decimal("1.0")}, contact=None)).contact == ""
    carried = queued(event({"a": Decimal("1.0")}, contact=Contact(email="ada@example.com")))
    assert carried.data == '{"a":1.0}'
    assert from_json(carried.contact)["email"] == "ada@example.com"


def test_nothing_is_told_of_somebody_who_was_erased() -> None:
    """A record of the stream from before the erasure may come after it."""

    def erased(_: Subject) -> None:
        raise ErasedContactError

    one, queue = milestone(RULES["goal"]), Queue()
    silent = WebhookAnnouncer(webhooks=queue, rules=RULES, contact_of=erased)  # type: ignore[arg-type]  # a fake queue
    silent.announce(one)
    silent.reverted(reverted(one), [])
    silent.tell("streak_lost", one.subject, at=AT, key="k", data={}, trace_id="t")
    assert queue.sent == []
