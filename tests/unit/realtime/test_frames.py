"""Frames fit into API Gateway's messages, ids belong to their rooms, and only a room's name is accepted as one."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.realtime.frames import MAX_FRAME_BYTES, FrameTooLargeError, event_id, frame, number_of
from cairn.rooms import is_room

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_frame_has_an_id_an_event_a_room_an_instant_and_data() -> None:
    text = frame("tv-display/7", "achievement:celebration", "tv-display", NOON, {"name": "Ada"})
    assert json.loads(text) == {
        "id": "tv-display/7",
        "event": "achievement:celebration",
        "room": "tv-display",
        "at": "2026-11-20T12:00:00.000Z",
        "data": {"name": "Ada"},
    }


def test_a_celebration_says_when_it_expires_and_a_board_how_many_reps_it_has() -> None:
    text = frame("a/1", "e", "a", NOON, [], expires_at=NOON.replace(minute=10), more={"total": 100_000})
    assert json.loads(text)["expiresAt"] == "2026-11-20T12:10:00.000Z"
    assert json.loads(text)["total"] == 100_000


def test_a_frame_that_api_gateway_would_reject_is_rejected_here() -> None:
    room = MAX_FRAME_BYTES - len(frame("a/1", "e", "a", NOON, ""))
    assert len(frame("a/1", "e", "a", NOON, "x" * room)) == MAX_FRAME_BYTES
    with pytest.raises(FrameTooLargeError, match="e in a is 131073 bytes long, and the most are 131072"):
        frame("a/1", "e", "a", NOON, "x" * (room + 1))


@pytest.mark.parametrize("name", ["Ådå 🎉", "\ud800", "\u2028</script>", '"\\'])
def test_whatever_a_name_is_a_frame_can_be_sent_and_read(name: str) -> None:
    text = frame("a/1", "e", "a", NOON, name)
    assert len(text.encode()) == len(text)
    assert json.loads(text)["data"] == name


@pytest.mark.parametrize(
    "room",
    [
        "everyone",
        "tv-display",
        "leaderboard",
        "user:ada",
        "user:17",
        "user:Ädå",
        "channel:youtube:UC_x-1",
        "user:a:b/c#d",
    ],
)
def test_these_are_rooms(room: str) -> None:
    assert is_room(room)


@pytest.mark.parametrize(
    "room",
    [
        *("", "user:", "channel:", "lobby", "Everyone", "tv-display ", "everyone\n"),
        *("user:a b", "user:a\n", "user:\0", "user:\u2003", "user:" + "x" * 196),
    ],
)
def test_these_are_none(room: str) -> None:
    assert not is_room(room)


@given(st.sampled_from(["everyone", "user:a/b", "channel:youtube:UC"]), st.integers(0, 10**15 - 1))
def test_an_id_leads_back_to_its_number(room: str, number: int) -> None:
    assert number_of(room, event_id(room, number)) == number


@pytest.mark.parametrize("id_", ["", "7", "a", "a/", "a/x", "a/-1", "a/1.0", "a/٣", "b/7", "a/1/2", "a/" + "9" * 16])
def test_what_is_no_id_of_a_room_has_no_number(id_: str) -> None:
    assert number_of("a", id_) is None
