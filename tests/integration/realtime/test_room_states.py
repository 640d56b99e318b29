"""A state is posted to every socket of its room: only the newest, after the events, and it is not stored."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from cairn.aws.websocket_api import ThrottledError
from cairn.clock import now, to_millis
from cairn.messages import RoomState
from cairn.realtime.event_log import EventLog
from cairn.realtime.frames import MAX_FRAME_BYTES
from cairn.viewers.counts import CountState, ViewerCount, ViewerCounts
from testing.broadcast import BroadcastBench, event, large_room
from testing.logs import Written
from testing.websocket_api import FakePoster, always

TV, CHANNEL = "tv-display", "channel:x"


def state(viewers: int, room: str = CHANNEL, *, seconds: float = 0) -> RoomState:
    """A count, so many seconds from now."""
    data = json.dumps({"viewers": viewers})
    return RoomState(room, "viewers:count", f"key-{viewers}", data, now() + timedelta(seconds=seconds), "t")


def received(poster: FakePoster, name: str) -> list[object]:
    """The ids of events and the numbers of states, in order."""
    return [one["id"] or one["data"]["viewers"] for one in poster.frames(name)]


# -- posting


def test_every_socket_in_the_room_receives_a_state_and_nothing_is_stored(
    floor: BroadcastBench, poster: FakePoster, logs: Written
) -> None:
    floor.join("a", CHANNEL)
    floor.join("b", CHANNEL, TV)
    floor.join("c", TV)
    before = floor.table.scan()["Items"]
    floor.send(state(3))
    assert floor.bring() == []
    assert poster.frames("a") == poster.frames("b")
    assert poster.frames("a") == [
        {
            "id": None,
            "event": "viewers:count",
            "room": "channel:x",
            "at": "2026-11-20T12:00:00.000Z",
            "data": {"viewers": 3},
        }
    ]
    assert poster.frames("c") == []
    assert floor.table.scan()["Items"] == before
    assert logs.metrics["FramesPosted"] == [2]


def test_the_delay_is_measured_for_events_only(floor: BroadcastBench, logs: Written) -> None:
    floor.join("a", CHANNEL)
    floor.send(state(3))
    floor.bring()
    assert "BroadcastDelay" not in logs.metrics
    floor.send(state(4), event("1", CHANNEL))
    floor.bring()
    assert [line["state"] for line in logs.lines if line["message"] == "event broadcast"] == [True, False, True]
    assert logs.metrics["BroadcastDelay"] == [0]


def test_of_several_states_only_the_newest_of_each_room_is_posted(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.join("a", CHANNEL, TV)
    floor.send(state(1), state(2, seconds=4), state(3, seconds=2), state(7, TV), state(8, TV, seconds=1))
    assert floor.bring() == []
    assert received(poster, "a") == [2, 8]


def test_events_are_posted_before_states(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.join("a", CHANNEL)
    floor.send(state(1), event("1", CHANNEL), state(2, seconds=2), event("2", CHANNEL))
    assert floor.bring() == []
    assert received(poster, "a") == ["channel:x/1", "channel:x/2", 2]


def test_a_repeat_is_the_same_frame_again(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.join("a", CHANNEL)
    message = state(1)
    for _ in range(2):
        floor.send(message)
        floor.settle()
        floor.clock.sleep(301)  # the queue accepts the key again
    first, second = poster.frames("a")
    assert first == second


def test_a_state_that_is_too_large_is_soon_a_dead_letter_and_holds_nobody_back(
    floor: BroadcastBench, poster: FakePoster
) -> None:
    floor.join("a", CHANNEL, TV)
    began = now()
    floor.send(RoomState(CHANNEL, "viewers:count", "k", json.dumps("x" * MAX_FRAME_BYTES), began, "t"), state(1, TV))
    floor.settle()
    assert now() == began
    assert received(poster, "a") == [1]
    assert len(floor.fifo.dead_letters) == 1


# -- failures


def test_a_state_behind_an_unfinished_event_waits_with_it(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.join("a", CHANNEL)
    floor.join("b", CHANNEL)
    poster.answers = {"a": always(ThrottledError("HTTP 429"))}
    floor.send(event("1", CHANNEL), state(1))
    assert len(floor.bring(seconds=6)) == 2
    assert received(poster, "b") == ["channel:x/1"]
    poster.answers = {}
    floor.settle()
    assert received(poster, "a") == ["channel:x/1", 1]


@pytest.mark.parametrize("calls", range(1, 8))
def test_wherever_a_sandbox_dies_every_socket_receives_the_last(
    floor: BroadcastBench, poster: FakePoster, calls: int
) -> None:
    """After each call of DynamoDB, and after each post."""
    for name in "abc":
        floor.join(name, CHANNEL)
    floor.send(state(1), state(2, seconds=2))
    died = floor.bring_and_die(calls)
    floor.send(state(3, seconds=4))
    floor.settle()
    assert {received(poster, name)[-1] for name in "abc"} == {3}
    assert died == (calls < 6)


# -- large rooms


def test_a_large_room_is_served_by_shards(floor: BroadcastBench, poster: FakePoster, logs: Written) -> None:
    names = large_room(floor)
    floor.send(state(1, TV))
    assert floor.bring() == []
    assert len(floor.fifo.messages) == 16
    floor.settle()
    assert {tuple(received(poster, name)) for name in names} == {(1,)}
    assert "BroadcastDelay" not in logs.metrics


def test_a_superseded_state_is_posted_to_no_shard_so_that_a_backlog_drains(
    floor: BroadcastBench, poster: FakePoster
) -> None:
    names = large_room(floor)
    for number in range(5):
        floor.send(state(number, TV, seconds=number), *([event("1")] if number == 2 else []))
        for message in floor.fifo.messages:
            if "room_part" in message.body:
                message.visible_at = now() + timedelta(seconds=30)
        assert floor.bring() == []
    assert len(floor.fifo.messages) == 6 * 16
    floor.settle()
    assert {tuple(received(poster, name)) for name in names} == {("tv-display/1", 4)}


def test_an_older_state_that_is_redelivered_replaces_no_newer_one(floor: BroadcastBench, poster: FakePoster) -> None:
    names = large_room(floor)
    older = state(1, TV)
    floor.send(state(2, TV, seconds=2))
    floor.bring()
    floor.send(older)
    floor.settle()
    assert {tuple(received(poster, name)) for name in names} == {(2,)}
    stored = EventLog(floor.table).state(TV)
    assert stored
    assert stored.number == to_millis(older.at) + 2000


def test_a_sandbox_that_dies_between_the_shards_sends_them_again(floor: BroadcastBench, poster: FakePoster) -> None:
    names = large_room(floor)
    floor.send(state(1, TV))
    for calls in range(1, 6):
        floor.bring_and_die(calls)
        floor.clock.sleep(121)
    floor.settle()
    assert {tuple(dict.fromkeys(received(poster, name))) for name in names} == {(1,)}


def test_a_channel_whose_viewers_are_spread_is_served_by_shards(floor: BroadcastBench, poster: FakePoster) -> None:
    """Viewers who joined before it was receive it too."""
    floor.join("early", CHANNEL)
    count = ViewerCount("x", 5001, 5001, now(), now(), 60)
    counts = ViewerCounts(floor.aws.table("PRESENCE_TABLE"))
    counts.acquire("x", "key", now(), timedelta(seconds=2))
    counts.store(CountState(count, 1, now(), None, now()), count, now())
    names = [f"late-{number}" for number in range(30)]
    for name in names:
        floor.join(name, CHANNEL)
    floor.send(event("1", CHANNEL), state(5002))
    assert floor.bring() == []
    assert len(floor.fifo.messages) == 32
    floor.settle()
    assert {tuple(received(poster, name)) for name in ("early", *names)} == {("channel:x/1", 5002)}
