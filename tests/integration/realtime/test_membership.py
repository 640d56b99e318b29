"""Memberships last as long as their sockets, and in a sharded room each socket stays in its shard."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from cairn.clock import now
from cairn.realtime.membership import (
    LARGE_ROOM,
    MAX_ROOMS,
    SHARDED_FOR,
    SHARDS,
    SOCKET_LIFETIME,
    Member,
    Socket,
    Sockets,
    TooManyRoomsError,
)
from cairn.realtime.tickets import Holder
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.interleaving import before_next_write
from testing.rooms import crowd, members, remaining_keys, sockets_of

ADA = Holder("ada", "Ada", frozenset({"leaderboard"}))
EVE = Holder("eve", "Eve", frozenset({"analytics"}))


@pytest.fixture
def sockets(aws: Cloud) -> Sockets:
    return sockets_of(aws)


def here(sockets: Sockets, connection_id: str) -> Socket:
    found = sockets.get(connection_id, now(), now())
    assert found
    return found


def watching(sockets: Sockets) -> tuple[int, int]:
    headcount = sockets._presence.slots.count("demo", 0, now(), now())
    return headcount.viewers, headcount.connections


def test_a_socket_keeps_its_holder(sockets: Sockets) -> None:
    opened = sockets.open("c", ADA, now())
    assert sockets.get("c", now(), now()) == opened
    assert opened.holder == ADA


def test_nothing_is_written_about_a_socket_without_a_ticket_that_joins_nothing(sockets: Sockets, aws: Cloud) -> None:
    opened = sockets.open("c", None, now())
    assert opened.holder is None
    assert sockets.get("c", now(), now()) == opened
    assert aws.table("CONNECTIONS_TABLE").scan()["Items"] == []


def test_a_holder_who_sees_the_board_is_in_everyone_from_the_start(sockets: Sockets) -> None:
    sockets.open("ada", ADA, now())
    sockets.open("grace", Holder("grace", "Grace", frozenset({"admin"})), now())
    sockets.open("eve", EVE, now())
    sockets.open("anybody", None, now())
    assert members(sockets, "everyone") == {"ada", "grace"}


def test_a_socket_that_joins_is_a_member_until_it_leaves(sockets: Sockets) -> None:
    socket = sockets.open("c", None, now())
    sockets.join(socket, "channel:a", now())
    sockets.join(socket, "channel:b", now())
    sockets.join(socket, "channel:a", now())
    assert members(sockets, "channel:a") == {"c"}
    sockets.leave(here(sockets, "c"), "channel:a")
    sockets.leave(here(sockets, "c"), "channel:never")
    assert members(sockets, "channel:a") == set()
    assert members(sockets, "channel:b") == {"c"}
    assert here(sockets, "c").rooms == {"channel:b"}


def test_a_socket_is_in_so_many_rooms_and_no_more(sockets: Sockets) -> None:
    socket = sockets.open("c", None, now())
    for number in range(MAX_ROOMS):
        sockets.join(socket, f"channel:{number}", now())
    with pytest.raises(TooManyRoomsError):
        sockets.join(socket, "channel:more", now())
    sockets.join(here(sockets, "c"), "channel:7", now())
    sockets.leave(here(sockets, "c"), "channel:7")
    sockets.join(here(sockets, "c"), "channel:more", now())
    assert members(sockets, "channel:more") == {"c"}


def test_nothing_is_left_of_a_removed_socket(sockets: Sockets, aws: Cloud) -> None:
    socket = sockets.open("c", ADA, now())
    sockets.join(socket, "tv-display", now())
    sockets.remove("c", now())
    sockets.remove("c", now())
    assert remaining_keys(aws) == []


def test_a_member_without_a_socket_is_removed_from_where_it_was_found(sockets: Sockets, aws: Cloud) -> None:
    crowd(aws, "tv-display", 1)
    (name,) = members(sockets, "tv-display")
    sockets.remove(name, now(), "tv-display")
    assert remaining_keys(aws) == []


def test_leaving_after_the_socket_was_removed_brings_nothing_back(sockets: Sockets, aws: Cloud) -> None:
    socket = sockets.open("c", ADA, now())
    sockets.remove("c", now())
    sockets.leave(socket, "everyone")
    assert remaining_keys(aws) == []


@pytest.mark.parametrize("holder", [None, ADA])
@pytest.mark.parametrize("room", ["channel:a", "user:ada"])
def test_a_socket_that_was_closed_cannot_join_any_more(
    sockets: Sockets, aws: Cloud, holder: Holder | None, room: str
) -> None:
    """API Gateway may deliver a socket's close before an earlier frame."""
    socket = sockets.open("c", holder, now())
    sockets.remove("c", now())
    assert sockets.get("c", now(), now()) is None
    with pytest.raises(TooManyRoomsError):
        sockets.join(socket, room, now())
    assert remaining_keys(aws) == []
    assert members(sockets, room) == set()


def test_a_socket_that_is_closed_while_it_joins_watches_nothing(sockets: Sockets, aws: Cloud) -> None:
    socket = sockets.open("c", None, now())
    events = sockets._presence.slots._table.meta.client.meta.events

    def closes(params: dict[str, Any], **_: Any) -> None:
        if "presence_table" in str(params["body"]):
            events.unregister("before-call.dynamodb.UpdateItem", closes)
            sockets_of(aws).remove("c", now())

    events.register("before-call.dynamodb.UpdateItem", closes)
    sockets.join(socket, "channel:a", now())
    assert members(sockets, "channel:a") == set()
    assert remaining_keys(aws) == []


@pytest.mark.parametrize("room", ["leaderboard", "channel:demo"])
def test_a_join_that_meets_the_removal_of_its_socket_leaves_nobody_in_the_room(
    sockets: Sockets, aws: Cloud, room: str
) -> None:
    socket = sockets.open("c", ADA, now())
    with before_next_write(sockets._table, lambda: sockets_of(aws).join(socket, room, now())):
        sockets.remove("c", now())
    assert members(sockets, room) == members(sockets, "everyone") == set()
    assert remaining_keys(aws) == []


def test_sockets_in_a_channels_room_are_its_viewers(sockets: Sockets) -> None:
    for name, viewer in (("a", "ada" * 8), ("b", "ada" * 8), ("c", None), ("d", None)):
        sockets.join(sockets.open(name, None, now()), "channel:demo", now(), viewer)
    assert members(sockets, "channel:demo") == {"a", "b", "c", "d"}
    assert watching(sockets) == (3, 4)
    sockets.remove("b", now())
    sockets.leave(here(sockets, "c"), "channel:demo")
    assert members(sockets, "channel:demo") == {"a", "d"}
    assert watching(sockets) == (2, 2)


def test_a_socket_that_joins_again_stays_the_viewer_it_was(sockets: Sockets) -> None:
    sockets.join(sockets.open("a", None, now()), "channel:demo", now(), "ada" * 8)
    sockets.join(here(sockets, "a"), "channel:demo", now(), "bob" * 8)
    assert watching(sockets) == (1, 1)


def test_a_socket_is_one_viewer_of_a_channel_however_many_joins_meet(sockets: Sockets) -> None:
    socket = sockets.open("a", None, now())
    sockets.join(socket, "channel:demo", now(), "ada" * 8)
    with pytest.raises(TooManyRoomsError, match="one viewer"):
        sockets.join(socket, "channel:demo", now(), "bob" * 8)
    assert watching(sockets) == (1, 1)
    sockets.leave(here(sockets, "a"), "channel:demo")
    assert watching(sockets) == (0, 0)


def test_a_stale_socket_that_was_found_in_its_slot_is_removed_from_there(sockets: Sockets, aws: Cloud) -> None:
    """Its item was deleted, and the rest of its removal failed."""
    sockets.join(sockets.open("a", None, now()), "channel:demo", now())
    (member,) = sockets.audience("channel:demo", now()) or []
    aws.table("CONNECTIONS_TABLE").delete_item(Key={"pk": "socket#a", "sk": "socket"})
    sockets.remove("a", now(), member.membership)
    assert watching(sockets) == (0, 0)


def test_a_channel_whose_viewers_are_spread_is_sharded(sockets: Sockets, aws: Cloud) -> None:
    state = {"pk": "demo", "sk": "count", "as_of": 1, "viewers": 0, "connections": 0, "changed_at": 1}
    grown = {"window_seconds": 60, "level": 2, "level_from": 0, "check_at": 0, "begun_at": 1, "next_at": 2}
    aws.table("PRESENCE_TABLE").put_item(Item=state | grown)
    for number in range(40):
        sockets.join(sockets.open(f"s{number}", None, now()), "channel:demo", now())
    assert sockets.audience("channel:demo", now()) is None
    shards = [[one.connection_id for one in sockets.shard("channel:demo", n, now())] for n in range(SHARDS)]
    assert Counter(name for shard in shards for name in shard) == Counter(f"s{number}" for number in range(40))


def test_a_socket_outlives_its_two_hours_by_little_though_the_table_still_has_it(
    sockets: Sockets, clock: ControlledClock
) -> None:
    socket = sockets.open("c", ADA, now())
    clock.sleep(7000)
    sockets.join(socket, "tv-display", now())
    clock.advance_to(socket.expires_at - timedelta(seconds=1))
    assert sockets.get("c", now(), now())
    assert members(sockets, "tv-display") == members(sockets, "everyone") == {"c"}
    clock.sleep(1)
    assert sockets.get("c", now(), now()) is None
    assert members(sockets, "tv-display") == members(sockets, "everyone") == set()
    assert timedelta(hours=2) < SOCKET_LIFETIME < timedelta(hours=2.5)


def test_a_member_is_in_the_room_since_it_first_joined(sockets: Sockets, clock: ControlledClock) -> None:
    socket, at = sockets.open("c", ADA, now()), now()
    sockets.join(socket, "tv-display", now())
    clock.sleep(30)
    sockets.join(socket, "tv-display", now())
    assert sockets.audience("tv-display", now()) == [Member("c", at, "tv-display")]


def test_a_large_room_is_sharded_and_each_socket_is_in_one_shard(sockets: Sockets, aws: Cloud) -> None:
    names = crowd(aws, "user:big", LARGE_ROOM)
    assert members(sockets, "user:big") == set(names)
    names += crowd(aws, "user:big", 501)
    assert sockets.audience("user:big", now()) is None
    shards = [[one.connection_id for one in sockets.shard("user:big", n, now())] for n in range(SHARDS)]
    assert Counter(name for shard in shards for name in shard) == Counter(names)
    assert all(shards)
    assert sockets.audience("user:big2", now()) == []


def test_a_room_stays_sharded_until_it_was_quiet(aws: Cloud, clock: ControlledClock) -> None:
    sockets = sockets_of(aws, large=20)
    crowd(aws, "user:big", 21)
    assert sockets.audience("user:big", now()) is None
    for member in [one for n in range(SHARDS) for one in sockets.shard("user:big", n, now())][:5]:
        sockets.remove(member.connection_id, now(), "user:big")
    for _ in range(3):
        clock.sleep(2400)
        assert sockets.audience("user:big", now()) is None
    clock.advance_to(now() + SHARDED_FOR)
    assert sockets.audience("user:big", now()) is not None
