"""Sockets identify their holder by a ticket, join the rooms that they may, and are replayed what they missed."""

from __future__ import annotations

import json

import pytest

from cairn.aws.websocket_api import GoneError, PostTimeoutError, ThrottledError
from cairn.clock import now
from cairn.messages import RoomEvent
from cairn.realtime.event_log import RETENTION, EventLog
from cairn.realtime.membership import SOCKET_LIFETIME, shard_of
from cairn.realtime.tickets import Holder, Tickets
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.functions import beside_the_functions
from testing.logs import Written
from testing.rooms import members, remaining_keys, sockets_of
from testing.websocket_api import FakePoster, always, times
from testing.websocket_client import Client

PEOPLE = {
    "ada": Holder("ada", "Ada", frozenset({"leaderboard"})),
    "grace": Holder("grace", "Grace", frozenset({"admin"})),
    "eve": Holder("eve", "Eve", frozenset({"analytics"})),
    "key": Holder(None, "the TV's key", frozenset({"leaderboard"})),
}


@pytest.fixture
def account(poster: FakePoster, aws: Cloud) -> Cloud:
    return aws


@pytest.fixture
def event_log(account: Cloud) -> EventLog:
    return EventLog(account.table("CONNECTIONS_TABLE"))


def ticket(account: Cloud, name: str) -> str:
    return Tickets(account.table("SESSIONS_TABLE")).issue(PEOPLE[name], now())


def connected(account: Cloud, name: str | None = None) -> Client:
    client = Client(f"c-{name}")
    assert client.connect(ticket(account, name) if name else None) == 200
    return client


def append(event_log: EventLog, room: str, *keys: str) -> None:
    for key in keys:
        assert event_log.append(RoomEvent(room, "e", key, json.dumps(key), now(), None, "t"), now())


# -- connecting


def test_anybody_may_connect(account: Cloud) -> None:
    assert Client("c").connect() == 200


def test_a_ticket_lets_in_once(account: Cloud) -> None:
    sent = ticket(account, "ada")
    assert Client("c").connect(sent) == 200
    assert Client("d").connect(sent) == 401
    assert members(sockets_of(account), "everyone") == {"c"}


def test_an_old_ticket_is_rejected(account: Cloud, clock: ControlledClock) -> None:
    sent = ticket(account, "ada")
    clock.sleep(60)
    assert Client("c").connect(sent) == 401


@pytest.mark.parametrize("sent", ["", "made up", "x" * 5000])
def test_a_ticket_that_was_never_issued_is_rejected_and_not_ignored(account: Cloud, sent: str, logs: Written) -> None:
    assert Client("c").connect(sent) == 401
    assert account.table("CONNECTIONS_TABLE").scan()["Items"] == []
    assert [line["connection_id"] for line in logs.lines if line["message"] == "ticket rejected"] == ["c"]
    (line,) = logs.audit
    assert (line["action"], line["actor"]["kind"], line["outcome"]) == ("open socket", "anonymous", "refused")
    assert line["from"] == Client("c").address


def test_a_room_that_is_refused_is_in_the_audit_trail(account: Cloud, logs: Written) -> None:
    client = connected(account, "ada")
    assert client.join("user:grace")["code"] == "forbidden"
    assert client.join("user:ada").get("code") is None
    (line,) = logs.audit
    assert (line["action"], line["actor"]["id"], line["targets"]) == ("join room", "ada", ["room:user:grace"])
    assert (line["outcome"], line["from"]) == ("refused", client.address)


def test_nothing_is_posted_while_a_socket_opens(account: Cloud, poster: FakePoster) -> None:
    connected(account, "ada")
    assert poster.posts == []


def test_a_holder_who_may_see_the_board_is_shown_it_from_the_start(account: Cloud) -> None:
    for name in ("ada", "grace", "eve", None):
        connected(account, name)
    assert members(sockets_of(account), "everyone") == {"c-ada", "c-grace"}


def test_a_socket_that_closes_is_removed(account: Cloud) -> None:
    client = connected(account, "ada")
    client.join("tv-display")
    client.disconnect()
    client.disconnect()
    assert remaining_keys(account) == []


# -- who may join which room


@pytest.mark.parametrize(
    ("who", "room"),
    [
        *((who, room) for who in ("ada", "grace") for room in ("everyone", "tv-display", "leaderboard")),
        *((who, f"user:{who}") for who in PEOPLE if who != "key"),
        ("key", "tv-display"),
        *((who, "creators") for who in ("eve", "grace")),
        *((who, "channel:youtube:UC") for who in (*PEOPLE, None)),
    ],
)
def test_these_rooms_are_open(account: Cloud, who: str | None, room: str) -> None:
    client = connected(account, who)
    answer = client.join(room)
    assert answer == {"recovered": False, "last": None} | ({"count": None} if room.startswith("channel:") else {})
    assert client.connection_id in members(sockets_of(account), room)


@pytest.mark.parametrize(
    ("who", "room"),
    [
        *((who, room) for who in ("eve", None) for room in ("everyone", "tv-display", "leaderboard")),
        *((who, "user:ada") for who in ("eve", "grace", None)),
        *((who, "creators") for who in ("ada", "key", None)),
        ("ada", "user:Ada"),
        ("ada", "user:ada2"),
        (None, "user:None"),
        ("key", "user:key"),
        ("key", "user:None"),
    ],
)
def test_these_rooms_are_not(
    account: Cloud, who: str | None, room: str, event_log: EventLog, poster: FakePoster
) -> None:
    append(event_log, room, "secret")
    client = connected(account, who)
    answer = client.send(action="join", room=room, after=f"{room}/0")
    assert answer["event"] == "error"
    assert answer["room"] == room
    assert answer["data"] == {"code": "forbidden", "message": "you may not join this room", "room": room}
    assert poster.posts == []
    assert client.connection_id not in members(sockets_of(account), room)


def test_a_socket_is_in_twenty_rooms_at_most(account: Cloud) -> None:
    client = connected(account)
    for number in range(20):
        assert "code" not in client.join(f"channel:{number}")
    assert client.join("channel:more")["code"] == "too_many_rooms"
    assert client.send(action="leave", room="channel:7")["event"] == "left"
    assert "code" not in client.join("channel:more")


def test_a_socket_that_left_receives_nothing_more(account: Cloud) -> None:
    client = connected(account, "ada")
    client.join("tv-display")
    client.send(action="leave", room="tv-display")
    client.send(action="leave", room="everyone")
    assert members(sockets_of(account), "tv-display") == members(sockets_of(account), "everyone") == set()


# -- frames


def test_a_ping_is_answered(account: Cloud) -> None:
    answer = connected(account).send(action="ping")
    assert answer == {"id": None, "event": "pong", "room": None, "at": "2026-11-20T12:00:00.000Z", "data": {}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "null",
        "5",
        "{}",
        "[" * 100_000,
        "1" * 5000,
        "YmFzZTY0",
        '{"action": "shout"}',
        '{"action": ["join"]}',
        '{"action": "join"}',
        '{"action": "join", "room": 5}',
        '{"action": "join", "room": "lobby"}',
        '{"action": "join", "room": "tv-display\\u0000"}',
        json.dumps({"action": "join", "room": "channel:" + "x" * 200}),
        '{"action": "leave", "room": "lobby"}',
        '{"action": "join", "room": "channel:a", "after": 5}',
        '{"action": "join", "room": "channel:a", "after": ""}',
        '{"action": "join", "room": "channel:a", "after": "channel:b/5"}',
        '{"action": "join", "room": "channel:a", "after": "channel:a/x"}',
        '{"action": "join", "room": "channel:a#b"}',
        '{"action": "join", "room": "channel:a", "viewer": "alice"}',
        '{"action": "join", "room": "channel:a", "viewer": 5}',
    ],
)
def test_what_cannot_be_understood_is_answered_and_changes_nothing(account: Cloud, text: str) -> None:
    answer = connected(account).send_text(text)
    assert answer
    assert answer["event"] == "error"
    assert answer["data"]["code"] == "bad_request"
    assert members(sockets_of(account), "channel:a") == set()


def test_a_socket_past_its_lifetime_is_closed(account: Cloud, clock: ControlledClock, poster: FakePoster) -> None:
    client = connected(account, "ada")
    clock.advance_to(now() + SOCKET_LIFETIME)
    assert client.send_text('{"action": "join", "room": "tv-display"}') is None
    assert poster.closed == ["c-ada"]
    assert remaining_keys(account) == []


# -- replay


def test_a_join_without_after_begins_with_the_next_event(
    account: Cloud, event_log: EventLog, poster: FakePoster
) -> None:
    append(event_log, "tv-display", "a", "b")
    client = connected(account, "ada")
    assert client.join("tv-display") == {"recovered": False, "last": "tv-display/2"}
    assert poster.posts == []


def test_a_client_that_comes_back_is_replayed_the_events_since_in_order(
    account: Cloud, event_log: EventLog, poster: FakePoster
) -> None:
    append(event_log, "tv-display", *"abcdefghijklm")
    client = connected(account, "ada")
    assert client.join("tv-display", "tv-display/9") == {"recovered": True, "last": "tv-display/13"}
    assert poster.ids("c-ada") == ["tv-display/10", "tv-display/11", "tv-display/12", "tv-display/13"]
    assert [one["data"] for one in poster.frames("c-ada")] == ["j", "k", "l", "m"]


def test_a_client_that_missed_nothing_is_answered_so(account: Cloud, event_log: EventLog, poster: FakePoster) -> None:
    append(event_log, "tv-display", "a")
    assert connected(account, "ada").join("tv-display", "tv-display/1") == {"recovered": True, "last": "tv-display/1"}
    assert poster.posts == []


def test_a_client_that_was_away_too_long_is_answered_so_and_replayed_the_rest(
    account: Cloud, event_log: EventLog, poster: FakePoster, clock: ControlledClock
) -> None:
    append(event_log, "tv-display", "a", "b", "c")
    clock.advance_to(now() + RETENTION)
    append(event_log, "tv-display", "d")
    client = connected(account, "ada")
    assert client.join("tv-display", "tv-display/1") == {"recovered": False, "last": "tv-display/4"}
    assert poster.ids("c-ada") == ["tv-display/4"]


def test_everyone_has_a_state_and_no_replay(account: Cloud, poster: FakePoster) -> None:
    client = connected(account, "ada")
    assert client.join("everyone", "everyone/1795176000000") == {"recovered": False, "last": None}
    assert poster.posts == []


def test_an_event_that_is_broadcast_while_a_socket_joins_is_posted_or_replayed(
    account: Cloud, event_log: EventLog, poster: FakePoster
) -> None:
    """Appended between two posts of the replay: its broadcast finds the socket in the room."""
    append(event_log, "tv-display", "a", "b")
    found: list[set[str]] = []

    def meanwhile() -> None:
        if not found:
            with beside_the_functions():
                append(event_log, "tv-display", "c")
                found.append(members(sockets_of(account), "tv-display"))

    poster.before = meanwhile
    connected(account, "ada").join("tv-display", "tv-display/0")
    assert found == [{"c-ada"}]


def test_a_replay_is_not_disturbed_by_a_throttle(account: Cloud, event_log: EventLog, poster: FakePoster) -> None:
    append(event_log, "tv-display", "a", "b")
    poster.answers = {"c-ada": times(2, ThrottledError("HTTP 429"))}
    assert connected(account, "ada").join("tv-display", "tv-display/0")["recovered"]
    assert poster.ids("c-ada") == ["tv-display/1", "tv-display/2"]


@pytest.mark.parametrize("error", [PostTimeoutError("1.5 s"), ThrottledError("HTTP 429")])
def test_a_socket_that_does_not_accept_its_replay_is_closed_so_that_it_reconnects(
    account: Cloud, event_log: EventLog, poster: FakePoster, error: Exception
) -> None:
    append(event_log, "tv-display", "a")
    poster.answers = {"c-ada": always(error)}
    client = connected(account, "ada")
    assert client.send_text('{"action": "join", "room": "tv-display", "after": "tv-display/0"}') is None
    assert poster.closed == ["c-ada"]
    assert members(sockets_of(account), "tv-display") == set()


def test_a_socket_that_closes_during_its_replay_is_removed(
    account: Cloud, event_log: EventLog, poster: FakePoster
) -> None:
    append(event_log, "tv-display", "a")
    poster.answers = {"c-ada": always(GoneError("HTTP 410"))}
    client = connected(account, "ada")
    assert client.send_text('{"action": "join", "room": "tv-display", "after": "tv-display/0"}') is None
    assert poster.closed == []
    assert members(sockets_of(account), "everyone") == members(sockets_of(account), "tv-display") == set()


def test_a_socket_of_the_first_release_that_joins_its_channel_again_gets_a_slot(account: Cloud) -> None:
    """Its membership was the room itself, in the room's partition; it is replaced."""
    client = Client("c-old")
    table, expires = account.table("CONNECTIONS_TABLE"), int(now().timestamp()) + 7200
    table.put_item(Item={"pk": "socket#c-old", "sk": "socket", "rooms": {"channel:demo"}, "expires_at": expires})
    member = {"pk": "room#channel:demo", "sk": f"{shard_of('c-old'):x}#c-old"}
    table.put_item(Item=member | {"since": 1, "expires_at": expires})
    for _ in range(2):
        assert "code" not in client.join("channel:demo", viewer="v" * 22)
        (membership,) = table.get_item(Key={"pk": "socket#c-old", "sk": "socket"})["Item"]["rooms"]
        assert membership == f"channel:demo {'v' * 22} 0"
        assert members(sockets_of(account), "channel:demo") == {"c-old"}
        assert "Item" not in table.get_item(Key=member)
    client.disconnect()
    assert remaining_keys(account) == []
