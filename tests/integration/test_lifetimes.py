"""How long what expires is kept: as long as something may still ask for it, and no longer.

The times are those of the tables in the adapters' documentation, written out: a test that imports one pins nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cairn.clock import now
from cairn.identity.revocations import Credential, Revocations
from cairn.messages import RoomEvent, RoomState
from cairn.realtime.event_log import EventLog, current_state
from cairn.realtime.tickets import Holder, Tickets
from cairn.viewers.counts import ViewerCounts
from cairn.viewers.join_limits import JoinLimits
from testing.cloud import Cloud
from testing.rooms import crowd, sockets_of
from testing.websocket_client import Client

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ADA = Holder("ada", "Ada", frozenset({"leaderboard"}), Credential("person:ada", "session", 1))
SOCKET = 2 * HOUR + 10 * MINUTE
"""API Gateway closes a socket after two hours, and does not always report it."""


def kept(aws: Cloud, table: str) -> dict[str, timedelta | None]:
    """For how long each item is kept from now on, by its sort key; None for one that does not expire."""
    return {str(item["sk"]): _lifetime(item) for item in aws.table(table).scan()["Items"]}


def _lifetime(item: dict[str, Any]) -> timedelta | None:
    return timedelta(seconds=int(item["expires_at"]) - int(now().timestamp())) if "expires_at" in item else None


def test_a_socket_and_its_memberships_are_kept_as_long_as_it_can_be_open(aws: Cloud) -> None:
    sockets = sockets_of(aws)
    sockets.join(sockets.open("c", ADA, now()), "tv-display", now())
    sockets.join(sockets.open("d", None, now()), "tv-display", now())
    items = aws.table("CONNECTIONS_TABLE").scan()["Items"]
    assert {item["pk"].partition("#")[0] for item in items} == {"socket", "room", "holder"}
    assert {_lifetime(item) for item in items} == {SOCKET}


def test_a_closed_socket_is_known_for_ten_minutes_in_which_earlier_frames_may_come(aws: Cloud) -> None:
    sockets_of(aws).remove("c", now())
    assert kept(aws, "CONNECTIONS_TABLE") == {"socket": 10 * MINUTE}


def test_a_large_room_stays_sharded_for_an_hour(aws: Cloud) -> None:
    crowd(aws, "user:big", 3)
    assert sockets_of(aws, large=2).audience("user:big", now()) is None
    assert kept(aws, "CONNECTIONS_TABLE")["#parts"] == HOUR


@pytest.mark.parametrize(("room", "head"), [("tv-display", None), ("channel:demo", 30 * DAY)])
def test_an_event_is_replayed_for_a_day_and_its_message_recognised_as_long_as_it_may_be_repeated(
    aws: Cloud, room: str, head: timedelta | None
) -> None:
    """Four days in its queue, fourteen as a dead letter, and two to spare."""
    log = EventLog(aws.table("CONNECTIONS_TABLE"))
    log.append(RoomEvent(room, "e", "key", "{}", now(), None, "t"), now())
    log.suppress("another", now())
    assert kept(aws, "CONNECTIONS_TABLE") == {
        "event#000000000000001": DAY,
        "said#key": 20 * DAY,
        "said#another": 20 * DAY,
        "head": head,
    }


def test_the_state_of_a_made_up_channels_room_is_kept_for_a_day(aws: Cloud) -> None:
    EventLog(aws.table("CONNECTIONS_TABLE")).store_state(
        current_state(RoomState("channel:made-up", "e", "key", "{}", now(), "t"))
    )
    assert kept(aws, "CONNECTIONS_TABLE") == {"state": DAY}


def test_a_ticket_is_kept_for_the_minute_in_which_it_is_good(aws: Cloud) -> None:
    Tickets(aws.table("SESSIONS_TABLE")).issue(ADA, now())
    (lifetime,) = kept(aws, "SESSIONS_TABLE").values()
    assert lifetime
    assert MINUTE <= lifetime <= MINUTE + 2 * SECOND


@pytest.mark.parametrize(
    ("revoke", "lifetime"),
    [
        (lambda revocations: revocations.revoke_person("ada", now(), now()), 2 * HOUR),
        (lambda revocations: revocations.revoke_key("key", now()), 2 * HOUR),
        (lambda revocations: revocations.revoke_session("session", now()), 91 * DAY),
    ],
    ids=["an id token lasts an hour", "a ticket a minute", "a refresh token 90 days"],
)
def test_what_was_revoked_is_known_until_it_would_have_expired(aws: Cloud, revoke: Any, lifetime: timedelta) -> None:
    revoke(Revocations(aws.table("SESSIONS_TABLE")))
    assert kept(aws, "SESSIONS_TABLE") == {"revoked": lifetime}


def test_a_viewer_a_count_and_the_joins_of_an_address_are_forgotten(aws: Cloud) -> None:
    Client("c").join("channel:demo")
    ViewerCounts(aws.table("PRESENCE_TABLE")).acquire("demo", "key", now(), 2 * SECOND)
    limits = JoinLimits(aws.table("PRESENCE_TABLE"), 200)
    for _ in range(5):
        limits.allow("203.0.113.9", now())
    found = kept(aws, "PRESENCE_TABLE")
    assert found.pop("count") == DAY
    assert found.pop(now().strftime("%Y-%m-%dT%H:%M:00.000Z")) == 3 * MINUTE
    assert list(found.values()) == [3 * HOUR]
