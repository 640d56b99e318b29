"""What goes into a queue comes out of it the same, and what Cairn did not put in is reported as unreadable."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.messages import (
    Alert,
    AlertPart,
    BoardChanged,
    CountViewers,
    FetchBatch,
    Message,
    Reply,
    RoomEvent,
    RoomShard,
    RoomState,
    SyncCreator,
    SyncRun,
    UnreadableMessageError,
    WebhookAttempt,
    WebhookEvent,
    WebhookLane,
    WebhookReplay,
    dump,
    load,
)
from cairn.model import Milestone, Passed, Subject

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = texts.filter(bool)
instants = st.integers(0, 10**13).map(lambda millis: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis))
numbers = st.integers(0, 10**15) | st.decimals(0, 10**9, places=2).filter(lambda amount: amount != int(amount))
milestones = st.builds(
    Milestone,
    subject=st.builds(Subject, names.filter(lambda kind: ":" not in kind), names),
    name=texts,
    rule=texts,
    metric=texts,
    period=texts,
    threshold=numbers,
    label=texts,
    value=numbers,
    also_passed=st.lists(st.builds(Passed, numbers, texts), max_size=3).map(tuple),
    achieved_at=instants,
    trace_id=texts,
    metrics=st.dictionaries(texts, numbers, max_size=3),
    details=st.dictionaries(texts, texts | st.integers(0, 10**9), max_size=3),
)
keys = st.none() | texts
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Alert, milestones),
    st.builds(AlertPart, milestones, st.integers(0, 99), keys, keys, st.integers(0, 30)),
    st.builds(Reply, texts, texts, texts, instants, texts),
    st.builds(FetchBatch, texts, st.integers(0, 10**6), st.lists(texts, max_size=5).map(tuple), texts, texts),
    st.builds(RoomEvent, texts, texts, texts, texts, instants, st.none() | instants, texts),
    st.builds(RoomShard, texts, st.integers(0, 15), texts, texts),
    st.builds(BoardChanged, texts, texts),
    st.builds(RoomState, texts, texts, texts, texts, instants, texts),
    st.builds(CountViewers, texts, instants, st.booleans(), texts),
    st.builds(SyncRun, texts, texts),
    st.builds(SyncCreator, texts, texts, texts, st.booleans(), instants, texts),
    st.builds(WebhookEvent, texts, texts, keys, instants, texts, texts, texts),
    st.builds(WebhookAttempt, texts, st.integers(0, 19), texts, texts, texts),
    st.builds(WebhookLane, texts, st.integers(0, 19), st.none() | instants, texts),
    st.builds(
        WebhookReplay,
        *(texts, texts, instants, instants),
        st.lists(texts, max_size=3).map(tuple),
        st.booleans(),
        *(texts, texts),
    ),
)
MESSAGE = FetchBatch("youtube", 50, ("youtube:UC",), "schedule", "t")


@settings(max_examples=200, deadline=None)
@given(messages)
def test_a_message_comes_out_as_it_went_in(message: Message) -> None:
    text = dump(message)
    assert load(text) == message
    assert json.loads(text)["type"] == message.type
    assert load(text).trace_id == message.trace_id


def test_money_keeps_its_cents() -> None:
    rep, goal, value = Subject("rep", "17"), Decimal("10000.50"), Decimal("10000.51")
    at = datetime(2026, 11, 20, tzinfo=UTC)
    milestone = Milestone(rep, "Ada", "goal", "revenue", "2026-11", goal, "10,000.50", value, (), at, "t")
    read = load(dump(Alert(milestone)))
    assert isinstance(read, Alert)
    assert read.milestone == milestone
    assert isinstance(read.milestone.threshold, Decimal)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "5",
        '"alert"',
        "{}",
        '{"type": "surprise"}',
        '{"type": ["alert"]}',
        '{"type": "alert"}',
        '{"type": "alert", "milestone": null}',
        '{"type": "alert", "milestone": {}}',
        '{"type": "alert", "milestone": {"subject": "nocolon"}}',
        '{"type": "fetch_batch"}',
        '{"type": "fetch_batch", "channel_ids": 5}',
        '{"type": "reply", "not_before": "soon"}',
        '{"type": "reply", "not_before": 1e30}',
        '{"type": "room_state", "at": "now"}',
        '{"type": "count_viewers", "channel": "demo"}',
        dump(MESSAGE)[:-1] + ', "extra": 1}',
        dump(MESSAGE).replace("platform", "plat"),
        "[" * 100_000,
        "1" * 5000,
    ],
)
def test_what_is_no_message_of_cairns_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableMessageError, match="not a Cairn message"):
        load(text)


def test_the_complaint_about_a_message_is_short() -> None:
    with pytest.raises(UnreadableMessageError) as raised:
        load("x" * 100_000)
    assert len(str(raised.value)) < 500


@settings(max_examples=50, deadline=None)
@given(
    st.recursive(st.none() | st.text(max_size=5), lambda one: st.dictionaries(st.text(max_size=5), one), max_leaves=4)
)
def test_any_json_is_a_message_or_unreadable(value: object) -> None:
    with pytest.raises(UnreadableMessageError):
        load(json.dumps(value))
