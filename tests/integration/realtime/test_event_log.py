"""A room numbers its events without a gap, stores each once, and replays them for a day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from cairn.clock import now, to_millis
from cairn.messages import RoomEvent, RoomState
from cairn.realtime.event_log import (
    MAX_REPLAY,
    RETENTION,
    CrowdedError,
    EventLog,
    LoggedEvent,
    Replay,
    current_state,
)
from cairn.realtime.frames import FrameTooLargeError
from testing.clock import ControlledClock
from testing.cloud import Cloud

TV = "tv-display"


@pytest.fixture
def event_log(aws: Cloud) -> EventLog:
    return EventLog(aws.table("CONNECTIONS_TABLE"))


def event(key: str, room: str = TV, data: object = None) -> RoomEvent:
    return RoomEvent(room, "achievement:celebration", key, json.dumps(data or {"key": key}), now(), None, "t")


def append(event_log: EventLog, *keys: str, room: str = TV) -> list[LoggedEvent]:
    logged = [event_log.append(event(key, room), now()) for key in keys]
    assert None not in logged
    return [one for one in logged if one]


def numbers(replay: Replay) -> list[int]:
    return [one.number for one in replay.events]


def test_events_are_numbered_in_the_order_in_which_they_come(event_log: EventLog) -> None:
    assert [one.id for one in append(event_log, "a", "b", "c")] == ["tv-display/1", "tv-display/2", "tv-display/3"]
    assert [one.id for one in append(event_log, "a", room="user:17")] == ["user:17/1"]
    assert event_log.last(TV) == 3
    assert event_log.last("leaderboard") == 0


def test_the_frame_is_what_was_sent_with_its_number(event_log: EventLog) -> None:
    at = now()
    logged = event_log.append(replace(event("a"), at=at, fresh_until=at + timedelta(minutes=10)), now())
    assert logged
    assert json.loads(logged.frame) == {
        "id": "tv-display/1",
        "event": "achievement:celebration",
        "room": "tv-display",
        "at": "2026-11-20T12:00:00.000Z",
        "data": {"key": "a"},
        "expiresAt": "2026-11-20T12:10:00.000Z",
    }


def test_a_repeat_finds_its_event(event_log: EventLog) -> None:
    first, *_ = append(event_log, "a", "b", "c")
    assert append(event_log, "a") == [first]
    assert event_log.last(TV) == 3


def test_a_repeat_of_an_expired_event_is_not_appended(event_log: EventLog, clock: ControlledClock) -> None:
    append(event_log, "a")
    clock.advance_to(now() + RETENTION)
    assert event_log.append(event("a"), now()) is None
    assert event_log.last(TV) == 1
    assert [one.number for one in append(event_log, "b")] == [2]


def test_an_event_that_no_socket_could_take_gets_no_number(event_log: EventLog, aws: Cloud) -> None:
    with pytest.raises(FrameTooLargeError):
        event_log.append(event("a", data="x" * 131_072), now())
    assert aws.table("CONNECTIONS_TABLE").scan()["Items"] == []


def test_who_comes_first_gets_the_number_and_who_is_second_the_next(event_log: EventLog, aws: Cloud) -> None:
    class Late(EventLog):
        """Reads the last number, and is overtaken before it assigns the next."""

        overtaken = False

        def last(self, room: str) -> int:
            number = super().last(room)
            if not self.overtaken:
                self.overtaken = True
                append(event_log, "first")
            return number

    late = Late(aws.table("CONNECTIONS_TABLE")).append(event("second"), now())
    assert late
    assert late.number == 2
    assert numbers(event_log.after(TV, 0, now())) == [1, 2]


def test_who_is_overtaken_at_every_attempt_is_told_to_retry_and_no_number_is_lost(
    event_log: EventLog, aws: Cloud
) -> None:
    class AlwaysLate(EventLog):
        def last(self, room: str) -> int:
            number = super().last(room)
            append(event_log, f"before {number + 1}")
            return number

    with pytest.raises(CrowdedError, match="tv-display"):
        AlwaysLate(aws.table("CONNECTIONS_TABLE")).append(event("late"), now())
    before = event_log.last(TV)
    assert 2 <= before <= 10
    assert [one.number for one in append(event_log, "late")] == [before + 1]
    assert numbers(event_log.after(TV, 0, now())) == list(range(1, before + 2))


# -- a warm function remembers the last number


@contextmanager
def calls_of(event_log: EventLog) -> Iterator[list[str]]:
    """The calls of DynamoDB in the block."""
    made: list[str] = []
    events = event_log._table.meta.client.meta.events

    def count(model: Any, **_: Any) -> None:
        made.append(model.name)

    events.register("before-call.dynamodb", count)
    try:
        yield made
    finally:
        events.unregister("before-call.dynamodb", count)


def test_only_the_first_event_of_a_room_reads_its_head(event_log: EventLog) -> None:
    with calls_of(event_log) as calls:
        append(event_log, "a", "b")
        append(event_log, "a", "b", room="user:17")
        append(event_log, "c")
    assert calls == ["GetItem", *["TransactWriteItems"] * 2] * 2 + ["TransactWriteItems"]


def test_a_number_that_another_function_assigned_meanwhile_is_not_assigned_again(
    event_log: EventLog, aws: Cloud
) -> None:
    other = EventLog(aws.table("CONNECTIONS_TABLE"))
    append(event_log, "a")
    append(other, "b", "c")
    assert [one.number for one in append(event_log, "d", "e")] == [4, 5]
    assert [one.number for one in append(other, "f")] == [6]
    assert numbers(event_log.after(TV, 0, now())) == [1, 2, 3, 4, 5, 6]


def test_a_repeat_of_what_another_function_appended_is_the_same_event(event_log: EventLog, aws: Cloud) -> None:
    append(event_log, "a")
    (logged,) = append(EventLog(aws.table("CONNECTIONS_TABLE")), "b")
    assert append(event_log, "b") == [logged]
    assert [one.number for one in append(event_log, "c")] == [3]


def test_a_room_whose_head_was_deleted_starts_at_one_although_its_number_is_remembered(
    event_log: EventLog, aws: Cloud
) -> None:
    room, table = "channel:x", aws.table("CONNECTIONS_TABLE")
    append(event_log, "a", "b", room=room)
    for item in table.scan()["Items"]:
        table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
    assert [one.number for one in append(event_log, "c", "d", room=room)] == [1, 2]


@pytest.mark.parametrize("room", [TV, "user:17"])
def test_a_warm_function_does_not_say_what_is_suppressed(event_log: EventLog, room: str) -> None:
    append(event_log, "a", room=room)
    event_log.suppress("b", now())
    assert event_log.append(event("b", room), now()) is None
    assert [one.number for one in append(event_log, "c", room=room)] == [2]


def test_an_append_that_failed_reads_the_head_at_its_retry(event_log: EventLog) -> None:
    """It may have taken effect."""
    append(event_log, "a")
    events = event_log._table.meta.client.meta.events

    def lose(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    events.register("after-call.dynamodb.TransactWriteItems", lose)
    with pytest.raises(ReadTimeoutError):
        event_log.append(event("b"), now())
    events.unregister("after-call.dynamodb.TransactWriteItems", lose)
    assert [one.number for one in append(event_log, "b", "c")] == [2, 3]


def test_the_numbers_of_a_thousand_rooms_are_remembered_at_most(event_log: EventLog) -> None:
    append(event_log, *"ab")
    for number in range(2500):
        event_log._remember(f"user:{number}", 1)
    assert len(event_log._last) <= 1000
    assert [one.number for one in append(event_log, "c")] == [3]


def test_the_events_after_one_are_replayed_in_order(event_log: EventLog) -> None:
    logged = append(event_log, *"abcdefghijkl")
    assert event_log.after(TV, 9, now()) == Replay(tuple(logged[9:]), complete=True, last=12)
    assert event_log.after(TV, 12, now()) == Replay((), complete=True, last=12)
    assert numbers(event_log.after(TV, 0, now())) == list(range(1, 13))


def test_a_room_without_events_cannot_complete_a_replay(event_log: EventLog) -> None:
    assert event_log.after(TV, 5, now()) == Replay((), complete=False, last=0)
    assert event_log.after(TV, 0, now()) == Replay((), complete=True, last=0)
    append(event_log, "a")
    assert not event_log.after(TV, 5, now()).complete


def test_what_is_older_than_a_day_is_not_replayed_though_the_table_still_has_it(
    event_log: EventLog, clock: ControlledClock, aws: Cloud
) -> None:
    append(event_log, "a", "b")
    clock.advance_to(now() + RETENTION / 2)
    append(event_log, "c")
    clock.advance_to(now() + RETENTION / 2)
    assert len(aws.table("CONNECTIONS_TABLE").scan()["Items"]) == 7
    assert numbers(event_log.after(TV, 0, now())) == [3]
    assert not event_log.after(TV, 1, now()).complete
    assert event_log.after(TV, 2, now()).complete
    assert event_log.event(TV, 2, now()) is None
    clock.advance_to(now() + RETENTION / 2)
    assert event_log.after(TV, 2, now()) == Replay((), complete=False, last=3)
    assert event_log.after(TV, 3, now()) == Replay((), complete=True, last=3)


def test_numbers_go_on_where_they_were_when_everything_else_has_expired(event_log: EventLog, aws: Cloud) -> None:
    append(event_log, "a", "b")
    table = aws.table("CONNECTIONS_TABLE")
    for item in table.scan()["Items"]:
        if "expires_at" in item:
            table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
    assert [one.number for one in append(event_log, "c")] == [3]
    assert not event_log.after(TV, 1, now()).complete


def test_of_very_much_the_newest_is_replayed(event_log: EventLog, aws: Cloud) -> None:
    with aws.table("CONNECTIONS_TABLE").batch_writer() as batch:
        kept = {"pk": "log#tv-display", "frame": "{}", "at": 0, "trace_id": "t", "expires_at": 2**40}
        for number in range(1, MAX_REPLAY + 3):
            batch.put_item(Item=kept | {"sk": f"event#{number:015d}"})
        batch.put_item(Item={"pk": "log#tv-display", "sk": "head", "last_number": MAX_REPLAY + 2})
    replay = event_log.after(TV, 0, now())
    assert numbers(replay) == list(range(3, MAX_REPLAY + 3))
    assert not replay.complete
    assert event_log.after(TV, 2, now()).complete


def test_large_events_are_replayed_over_several_pages(event_log: EventLog) -> None:
    for number in range(12):
        event_log.append(event(str(number), data="x" * 120_000), now())
    replay = event_log.after(TV, 0, now())
    assert numbers(replay) == list(range(1, 13))
    assert replay.complete


def test_an_incomplete_result_is_read_once_more(event_log: EventLog, aws: Cloud) -> None:
    """The head of an append was read before its event."""
    logged = append(event_log, "a", "b")
    table = aws.table("CONNECTIONS_TABLE")
    item: Any = table.get_item(Key={"pk": "log#tv-display", "sk": f"event#{2:015d}"})["Item"]
    table.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})

    class Early(EventLog):
        def _after(self, room: str, number: int, at: Any) -> Replay:
            replay = super()._after(room, number, at)
            table.put_item(Item=item)
            return replay

    assert Early(table).after(TV, 1, now()) == Replay((logged[1],), complete=True, last=2)


def test_a_state_replaces_the_one_before(event_log: EventLog) -> None:
    states = [
        LoggedEvent("everyone", number, f'{{"id":"everyone/{number}"}}', now(), "t", state=True)
        for number in (1000, 2000)
    ]
    for state in states:
        assert event_log.store_state(state)
        assert event_log.find("everyone", state.id, now()) == state
    assert event_log.find("everyone", "everyone/1000", now()) is None
    assert event_log.state("everyone") == states[1]
    assert event_log.store_state(states[1])
    assert not event_log.store_state(states[0])
    assert event_log.state("everyone") == states[1]


def test_a_state_is_found_by_its_id_and_broadcast_without_one(event_log: EventLog) -> None:
    state = current_state(RoomState("channel:x", "viewers:count", "key", '{"viewers":3}', now(), "t"))
    event_log.store_state(state)
    assert state.id == f"channel:x/{to_millis(now())}"
    assert event_log.find("channel:x", state.id, now()) == state
    assert json.loads(state.frame) == {
        "id": None,
        "event": "viewers:count",
        "room": "channel:x",
        "at": "2026-11-20T12:00:00.000Z",
        "data": {"viewers": 3},
    }


def test_a_state_is_no_event_that_is_replayed(event_log: EventLog) -> None:
    event_log.store_state(current_state(RoomState(TV, "viewers:count", "key", "{}", now(), "t")))
    assert event_log.last(TV) == 0
    assert event_log.after(TV, 0, now()) == Replay((), complete=True, last=0)


def test_an_event_is_found_by_its_id(event_log: EventLog) -> None:
    (logged,) = append(event_log, "a")
    assert event_log.find(TV, logged.id, now()) == logged
    assert event_log.find(TV, "tv-display/2", now()) is None
    assert event_log.find(TV, "everyone/1", now()) is None
