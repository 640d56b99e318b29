"""Every socket of a room receives every event, in order, whatever dies, is slow, is throttled or is redelivered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cairn.aws.websocket_api import GoneError, PostTimeoutError, ThrottledError
from cairn.clock import now
from cairn.messages import FetchBatch, RoomEvent, RoomShard
from cairn.realtime.event_log import RETENTION, EventLog, LoggedEvent
from cairn.realtime.membership import LARGE_ROOM
from testing.broadcast import ADA, BroadcastBench, event, large_room
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.websocket_api import FakePoster, always, times

TV, CHANNEL = "tv-display", "channel:x"


# -- posting


def test_an_event_reaches_every_socket_of_its_room_and_no_other(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.join("a", TV)
    floor.join("b", TV)
    floor.join("c", CHANNEL)
    floor.send(event("1"))
    assert floor.bring() == []
    assert poster.ids("a") == poster.ids("b") == ["tv-display/1"]
    assert poster.frames("a")[0]["data"] == "1"
    assert poster.frames("c") == []


def test_a_socket_receives_a_batch_in_order_whatever_the_room(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.join("a", TV, CHANNEL)
    floor.send(*(event(str(number), room) for number in range(5) for room in (TV, CHANNEL)))
    assert floor.bring() == []
    assert poster.ids("a") == [f"{room}/{number}" for number in range(1, 6) for room in (TV, CHANNEL)]


def test_a_room_without_sockets_logs_its_events(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.send(event("1"))
    assert floor.bring() == []
    assert poster.posts == []
    assert EventLog(floor.table).last(TV) == 1


def test_a_repeat_is_the_same_event_again_and_no_new_one(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.join("a", TV)
    for _ in range(2):
        floor.send(event("1"))
        floor.settle()
        floor.clock.sleep(301)  # the queue accepts the key again
    assert poster.ids("a") == ["tv-display/1", "tv-display/1"]


def test_a_repeat_of_an_expired_event_is_not_posted(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.send(event("1"))
    floor.settle()
    floor.clock.advance_to(now() + RETENTION)
    floor.join("a", TV)
    floor.send(event("1"), RoomShard(TV, 0, "tv-display/1", "t"))
    floor.settle()
    assert poster.posts == []


def test_posts_are_counted_and_traced(floor: BroadcastBench, logs: Written) -> None:
    floor.join("a", TV)
    floor.join("b", TV)
    floor.send(event("1"))
    floor.clock.sleep(0.25)
    floor.bring()
    (line,) = [line for line in logs.lines if line["message"] == "event broadcast"]
    assert (line["event_id"], line["sockets"], line["trace_id"]) == ("tv-display/1", 2, "trace-1")
    assert logs.metrics["FramesPosted"] == [2]
    assert logs.metrics["BroadcastDelay"] == [250]


# -- sockets that are closed or slow


def test_a_closed_socket_is_removed_from_all_its_rooms(
    floor: BroadcastBench, poster: FakePoster, logs: Written
) -> None:
    floor.join("gone", TV, CHANNEL, holder=ADA)
    floor.join("there", TV)
    poster.answers = {"gone": always(GoneError("HTTP 410"))}
    floor.send(event("1"), event("2"))
    assert floor.bring() == []
    assert poster.ids("there") == ["tv-display/1", "tv-display/2"]
    (remaining,) = [row for row in floor.table.scan()["Items"] if "gone" in row["pk"] + row["sk"]]
    assert remaining["closed"]
    assert floor.members(CHANNEL) == set()
    assert logs.metrics["SocketsGone"] == [1]


def test_a_socket_that_is_still_opening_is_not_removed(floor: BroadcastBench, poster: FakePoster) -> None:
    """It is in `everyone` from its $connect; API Gateway answers 410 until that is answered."""
    floor.sockets.open("new", ADA, now())
    poster.answers = {"new": times(1, GoneError("HTTP 410"))}
    floor.send(event("1", "everyone"))
    floor.settle()
    floor.send(event("2", "everyone"))
    floor.settle()
    assert poster.ids("new") == ["everyone/2"]


def test_a_slow_socket_is_closed_and_removed(floor: BroadcastBench, poster: FakePoster, logs: Written) -> None:
    floor.join("slow", TV)
    floor.join("quick", TV)
    poster.answers = {"slow": always(PostTimeoutError("1.5 s"))}
    floor.send(event("1"), event("2"))
    assert floor.bring() == []
    assert poster.closed == ["slow"]
    assert poster.ids("quick") == ["tv-display/1", "tv-display/2"]
    assert floor.members(TV) == {"quick"}
    assert logs.metrics["SocketsDropped"] == [1]


def test_a_throttled_room_is_retried_in_order_and_another_room_is_not(
    floor: BroadcastBench, poster: FakePoster
) -> None:
    floor.join("a", TV)
    floor.join("b", CHANNEL)
    poster.answers = {"a": always(ThrottledError("HTTP 429"))}
    floor.send(event("1"), event("2", CHANNEL), event("3"))
    assert len(floor.bring(seconds=6)) == 2
    assert poster.ids("b") == ["channel:x/1"]
    assert floor.bring() == []
    poster.answers = {}
    floor.settle()
    assert poster.ids("a") == ["tv-display/1", "tv-display/2"]
    assert poster.ids("b") == ["channel:x/1"]


# -- what cannot be posted


def test_what_can_never_be_posted_is_soon_a_dead_letter_and_holds_nobody_back(
    floor: BroadcastBench, poster: FakePoster
) -> None:
    floor.join("a", TV)
    floor.send(event("1"))
    floor.send_text("{")
    floor.send_text(FetchBatch("youtube", 0, (), "schedule", "t"))
    floor.send(event("2", data="x" * 131_072), event("3"))
    began = now()
    assert len(floor.bring()) == 3
    assert poster.ids("a") == ["tv-display/1", "tv-display/2"]
    floor.settle()
    assert now() == began
    assert len(floor.fifo.dead_letters) == 3
    assert {message.receives for message in floor.fifo.dead_letters} == {11}


# -- crashes


@pytest.mark.parametrize("calls", range(1, 18))
def test_wherever_a_sandbox_dies_every_socket_receives_everything_in_order(
    floor: BroadcastBench, poster: FakePoster, calls: int
) -> None:
    """After each call of DynamoDB, and after each post."""
    for name in "abc":
        floor.join(name, TV)
    floor.join("gone", TV)
    poster.answers = {"gone": always(GoneError("HTTP 410"))}
    floor.send(event("1"), event("2"), event("3"))
    died = floor.bring_and_die(calls)
    floor.settle()
    for name in "abc":
        ids = poster.ids(name)
        assert list(dict.fromkeys(ids)) == ["tv-display/1", "tv-display/2", "tv-display/3"]
        assert [one["data"] for one in poster.frames(name)[-3:]] == ["1", "2", "3"]
        assert len(ids) == 3 or died
    assert floor.members(TV) == {"a", "b", "c"}
    assert died == (calls < 17)
    assert floor.fifo.dead_letters == []


def test_a_table_that_fails_for_a_moment_holds_one_room_back_and_loses_nothing(
    floor: BroadcastBench, poster: FakePoster
) -> None:
    class Failing(EventLog):
        failures = 1

        def append(self, event: RoomEvent, now: datetime) -> LoggedEvent | None:
            if event.room == TV and self.failures:
                self.failures -= 1
                raise ClientError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems")
            return super().append(event, now)

    FUNCTIONS["broadcast"].dependencies.broadcaster._event_log = Failing(floor.table)
    floor.join("a", TV, CHANNEL)
    floor.send(event("1"), event("2"), event("3", CHANNEL))
    assert len(floor.bring()) == 2
    assert poster.ids("a") == ["channel:x/1"]
    floor.settle()
    assert [(one["id"], one["data"]) for one in poster.frames("a")[1:]] == [
        ("tv-display/1", "1"),
        ("tv-display/2", "2"),
    ]


def test_a_closed_socket_that_could_not_be_removed_is_found_again(floor: BroadcastBench, poster: FakePoster) -> None:
    floor.join("gone", TV)
    poster.answers = {"gone": always(GoneError("HTTP 410"))}
    floor.send(event("1"))

    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "DeleteItem")

    events: Any = FUNCTIONS["broadcast"].dependencies.broadcaster._sockets._table.meta.client.meta.events
    events.register("before-call.dynamodb.DeleteItem", fail)
    assert floor.bring() == []
    events.unregister("before-call.dynamodb.DeleteItem", fail)
    assert floor.members(TV) == {"gone"}
    floor.send(event("2"))
    floor.settle()
    assert floor.members(TV) == set()


# -- large rooms


def test_a_large_room_is_served_by_shards_and_each_socket_in_order(floor: BroadcastBench, poster: FakePoster) -> None:
    names = floor.crowd(TV, 2 * LARGE_ROOM + 1)
    poster.answers = {names[0]: always(GoneError("HTTP 410"))}
    floor.send(event("1"))
    assert floor.bring() == []
    assert poster.posts == []
    assert len(floor.fifo.messages) == 16
    floor.send(event("2"))
    floor.settle()
    for name in names[1:]:
        assert poster.ids(name) == ["tv-display/1", "tv-display/2"]
    assert poster.ids(names[0]) == []


def test_no_event_overtakes_another_when_a_room_becomes_small_again(floor: BroadcastBench, poster: FakePoster) -> None:
    names = large_room(floor)
    floor.send(event("1"))
    floor.bring()
    floor.sockets.remove(names[0], now(), TV)
    floor.send(event("2"))
    floor.settle()
    floor.clock.advance_to(now() + timedelta(hours=1))
    floor.send(event("3"))
    floor.bring()
    assert floor.fifo.messages == []
    assert poster.ids(names[1]) == ["tv-display/1", "tv-display/2", "tv-display/3"]


def test_a_shard_whose_sandbox_dies_is_retried(floor: BroadcastBench, poster: FakePoster) -> None:
    names = large_room(floor)
    floor.send(event("1"))
    floor.bring()
    assert floor.bring_and_die(20)
    floor.settle()
    assert {tuple(dict.fromkeys(poster.ids(name))) for name in names} == {("tv-display/1",)}


def test_a_sandbox_that_dies_between_the_shards_sends_them_again(floor: BroadcastBench, poster: FakePoster) -> None:
    names = large_room(floor)
    floor.send(event("1"), event("2"))
    for calls in range(1, 8):
        floor.bring_and_die(calls)
        floor.clock.sleep(121)
    floor.settle()
    assert {tuple(dict.fromkeys(poster.ids(name))) for name in names} == {("tv-display/1", "tv-display/2")}
