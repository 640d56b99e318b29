"""Who is in which room is known as long as the socket lives, and where a room is told apart, each socket stays put."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest

from cairn.instants import now
from cairn.sockets import IN_PARTS, LARGE, LIFE, MOST_ROOMS, STRETCHES, Member, Sockets, TooManyRoomsError, stretch_of
from cairn.tickets import Holder
from tests.support.clock import ControlledClock
from tests.support.cloud import Cloud

ADA = Holder("ada", "Ada", frozenset({"leaderboard"}))
EVE = Holder("eve", "Eve", frozenset({"analytics"}))


@pytest.fixture
def sockets(aws: Cloud) -> Sockets:
    return Sockets(aws.table("CONNECTIONS_TABLE"))


def members(sockets: Sockets, room: str) -> set[str]:
    return {member.connection_id for member in sockets.audience(room, now()) or ()}


def crowd(aws: Cloud, room: str, size: int) -> list[str]:
    """So many sockets in a room, as joining leaves them."""
    names = [uuid4().hex for _ in range(size)]
    with aws.table("CONNECTIONS_TABLE").batch_writer() as batch:
        for name in names:
            key = {"pk": f"room#{room}", "sk": f"{stretch_of(name):x}#{name}"}
            batch.put_item(Item=key | {"since": 0, "expires_at": int(now().timestamp()) + 7200})
    return names


def test_a_socket_is_known_by_who_came_on_it(sockets: Sockets) -> None:
    opened = sockets.open("c", ADA, now())
    assert sockets.get("c", now()) == opened
    assert opened.holder == ADA
    assert sockets.open("d", None, now()).holder is None
    assert sockets.get("e", now()) is None


def test_whoever_sees_the_board_is_in_the_room_of_everyone_at_once(sockets: Sockets) -> None:
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
    sockets.leave("c", "channel:a")
    sockets.leave("c", "channel:never")
    assert members(sockets, "channel:a") == set()
    assert members(sockets, "channel:b") == {"c"}
    there = sockets.get("c", now())
    assert there
    assert there.rooms == {"channel:b"}


def test_a_socket_is_in_so_many_rooms_and_no_more(sockets: Sockets) -> None:
    socket = sockets.open("c", None, now())
    for number in range(MOST_ROOMS):
        sockets.join(socket, f"channel:{number}", now())
    with pytest.raises(TooManyRoomsError):
        sockets.join(socket, "channel:more", now())
    sockets.join(socket, "channel:7", now())
    sockets.leave("c", "channel:7")
    sockets.join(socket, "channel:more", now())
    assert members(sockets, "channel:more") == {"c"}


def test_of_a_socket_that_is_forgotten_nothing_is_left(sockets: Sockets, aws: Cloud) -> None:
    socket = sockets.open("c", ADA, now())
    sockets.join(socket, "tv-display", now())
    sockets.forget("c")
    sockets.forget("c")
    assert aws.table("CONNECTIONS_TABLE").scan()["Items"] == []


def test_a_row_that_lost_its_socket_is_forgotten_where_it_was_found(sockets: Sockets, aws: Cloud) -> None:
    crowd(aws, "tv-display", 1)
    sockets.forget(*members(sockets, "tv-display"), "tv-display")
    assert aws.table("CONNECTIONS_TABLE").scan()["Items"] == []


def test_leaving_after_the_socket_was_forgotten_brings_nothing_back(sockets: Sockets, aws: Cloud) -> None:
    sockets.open("c", None, now())
    sockets.forget("c")
    sockets.leave("c", "channel:a")
    assert aws.table("CONNECTIONS_TABLE").scan()["Items"] == []


def test_a_socket_that_was_forgotten_cannot_join(sockets: Sockets, aws: Cloud) -> None:
    socket = sockets.open("c", None, now())
    sockets.forget("c")
    with pytest.raises(TooManyRoomsError):
        sockets.join(socket, "channel:a", now())
    assert aws.table("CONNECTIONS_TABLE").scan()["Items"] == []


def test_a_socket_outlives_its_two_hours_by_little_though_the_table_still_has_it(
    sockets: Sockets, clock: ControlledClock
) -> None:
    socket = sockets.open("c", ADA, now())
    clock.sleep(7000)
    sockets.join(socket, "tv-display", now())
    clock.reach(socket.expires_at - timedelta(seconds=1))
    assert sockets.get("c", now())
    assert members(sockets, "tv-display") == members(sockets, "everyone") == {"c"}
    clock.sleep(1)
    assert sockets.get("c", now()) is None
    assert members(sockets, "tv-display") == members(sockets, "everyone") == set()
    assert timedelta(hours=2) < LIFE < timedelta(hours=2.5)


def test_a_member_is_in_the_room_since_it_first_joined(sockets: Sockets, clock: ControlledClock) -> None:
    socket, at = sockets.open("c", None, now()), now()
    sockets.join(socket, "channel:a", now())
    clock.sleep(30)
    sockets.join(socket, "channel:a", now())
    assert sockets.audience("channel:a", now()) == [Member("c", at)]


def test_a_large_room_is_told_in_parts_of_which_each_socket_is_in_one(sockets: Sockets, aws: Cloud) -> None:
    names = crowd(aws, "channel:big", LARGE)
    assert members(sockets, "channel:big") == set(names)
    names += crowd(aws, "channel:big", 501)
    assert sockets.audience("channel:big", now()) is None
    parts = [[one.connection_id for one in sockets.stretch("channel:big", n, now())] for n in range(STRETCHES)]
    assert Counter(name for part in parts for name in part) == Counter(names)
    assert all(parts)
    assert sockets.audience("channel:big2", now()) == []


def test_a_room_stays_in_parts_until_it_was_quiet(aws: Cloud, clock: ControlledClock) -> None:
    sockets = Sockets(aws.table("CONNECTIONS_TABLE"), large=20)
    crowd(aws, "channel:big", 21)
    assert sockets.audience("channel:big", now()) is None
    for member in [one for n in range(STRETCHES) for one in sockets.stretch("channel:big", n, now())][:5]:
        sockets.forget(member.connection_id, "channel:big")
    for _ in range(3):
        clock.sleep(2400)
        assert sockets.audience("channel:big", now()) is None
    clock.reach(now() + IN_PARTS)
    assert sockets.audience("channel:big", now()) is not None
