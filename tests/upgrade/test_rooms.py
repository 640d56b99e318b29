"""Sockets and rooms across an upgrade: events keep their numbers, and old sockets stay where they are."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from tests.upgrade.fixtures import Fixture, detect, logged, plain, put_all
from tests.upgrade.site import Site

SOON = timedelta(minutes=2)
TV = "tv-display"
WALLS = ("ada", "wall1", "wall2")
"""Who is in the TV's room."""


def test_what_was_passed_is_celebrated_once_in_each_room(upgraded: Site, fixture: Fixture) -> None:
    """A milestone whose events are on the queue is detected again: the queue drops what it has."""
    before = {room: logged(upgraded, room) for room in (TV, "user:ada", "user:bob")}
    put_all(upgraded, fixture.messages("waiting", "room_event"))
    detect(upgraded, fixture.files["stream_records"]["waiting"])
    upgraded.run(upgraded.now + SOON)
    due = sorted(fixture.files["announced"]["due"]["reps"])
    new = _new(upgraded, TV, before[TV])
    assert sorted(new.values()) == due
    assert list(new) == list(range(max(before[TV]) + 1, max(before[TV]) + 1 + len(new)))
    for name in WALLS:
        assert _heard(upgraded, name, TV) == [f"{TV}/{number}" for number in new], name
    for user, rep in (("ada", "rep:1/"), ("bob", "rep:2/")):
        room = f"user:{user}"
        assert sorted(_new(upgraded, room, before[room]).values()) == [one for one in due if one.startswith(rep)]
        assert len(_heard(upgraded, user, room)) == len(_new(upgraded, room, before[room]))


def test_a_celebration_that_is_detected_again_has_the_key_that_its_message_has(
    upgraded: Site, fixture: Fixture
) -> None:
    """Both in the group of its room, so that the queue keeps their order."""
    detect(upgraded, fixture.files["stream_records"]["waiting"])
    sent = [(one["group"], one["deduplication"]) for one in upgraded.waiting("broadcast")]
    for one in fixture.messages("waiting", "room_event"):
        assert (one["group"], one["deduplication"]) in sent


def test_an_event_that_is_delivered_again_keeps_its_number(upgraded: Site, fixture: Fixture) -> None:
    before = logged(upgraded, TV)
    put_all(upgraded, fixture.messages("delivered", "room_event"))
    upgraded.run(upgraded.now + SOON)
    assert logged(upgraded, TV) == before
    assert upgraded.waiting("broadcast") == []
    for name, room in ((WALLS[0], TV), (WALLS[1], TV), ("bob", "user:bob")):
        heard = _heard(upgraded, name, room)
        assert heard
        assert set(heard) <= set(fixture.files["announced"]["sockets"][name])


def test_a_shard_of_an_event_reaches_the_sockets_in_it(upgraded: Site, fixture: Fixture) -> None:
    parts = [one for one in fixture.messages("delivered", "room_part") if json.loads(one["body"])["room"] == TV]
    put_all(upgraded, parts)
    upgraded.run(upgraded.now + SOON)
    (event_id,) = {json.loads(one["body"])["event_id"] for one in parts}
    for name in WALLS:
        assert _heard(upgraded, name, TV) == [event_id]


def test_a_refresh_that_was_on_its_way_is_shown(upgraded: Site, fixture: Fixture) -> None:
    """Without another change that would ask for one."""
    put_all(upgraded, fixture.messages("waiting", "board_changed"))
    upgraded.run(upgraded.now + SOON)
    for name in WALLS:
        assert len([frame for frame in upgraded.frames[name] if frame["event"] == "leaderboard:refresh"]) == 1


def test_the_board_is_shown_to_everyone_who_may_see_it(upgraded: Site, fixture: Fixture) -> None:
    """A refresh was on its way, and the change after it has yet to be detected."""
    put_all(upgraded, fixture.messages("waiting", "board_changed"))
    detect(upgraded, fixture.files["stream_records"]["waiting"])
    upgraded.run(upgraded.now + SOON)
    board = upgraded.api("GET", "/api/leaderboard", key=fixture.clients["keys"]["screen"]).json
    for name in WALLS:
        shown = [frame for frame in upgraded.frames[name] if frame["event"] == "leaderboard:refresh"]
        ids = [int(frame["id"].partition("/")[2]) for frame in shown]
        assert ids == sorted(ids)
        assert [(rep["id"], rep["rank"]) for rep in shown[-1]["data"]] == [
            (rep["id"], rep["rank"]) for rep in board["items"]
        ]
    assert not [frame for frame in upgraded.frames.get("bob", []) if frame["event"] == "leaderboard:refresh"]


def test_a_refresh_that_was_asked_for_and_never_sent_is_made_up_for(upgraded: Site, fixture: Fixture) -> None:
    """Its message is lost; the request is nobody's any more, and the next change makes one of its own."""
    upgraded.advance_to(upgraded.now + timedelta(seconds=1))
    detect(upgraded, fixture.files["stream_records"]["waiting"])
    upgraded.run(upgraded.now + SOON)
    assert [frame for frame in upgraded.frames["wall1"] if frame["event"] == "leaderboard:refresh"]


def test_a_socket_replays_what_it_missed(upgraded: Site, fixture: Fixture) -> None:
    for replay in fixture.files["replays"]:
        upgraded.frames.clear()
        answer = upgraded.send("wall1", **replay["asked"])
        assert replay["answer"].items() <= answer["data"].items()
        assert [frame["id"] for frame in upgraded.frames.get("wall1", [])] == replay["ids"]
        kept = logged(upgraded, TV)
        assert all(frame == kept[int(frame["id"].partition("/")[2])] for frame in upgraded.frames.get("wall1", []))


def test_a_client_that_comes_back_goes_on_after_the_last_event_it_had(upgraded: Site, fixture: Fixture) -> None:
    """With the events that were on their way."""
    put_all(upgraded, fixture.messages("waiting", "room_event"))
    upgraded.disconnect("wall1")
    upgraded.run(upgraded.now + SOON)
    ticket = upgraded.api("POST", "/api/ws-ticket", key=fixture.clients["keys"]["screen"]).json["ticket"]
    assert upgraded.connect("wall1-again", ticket) == 200
    last = max(int(one.partition("/")[2]) for one in _ids(fixture, "wall1", TV))
    answer = upgraded.send("wall1-again", action="join", room=TV, after=f"{TV}/{last}")
    assert answer["data"]["recovered"] is True
    assert _heard(upgraded, "wall1-again", TV) == [f"{TV}/{last + 1}"]


def test_old_sockets_leave_every_room_when_they_close(upgraded: Site, fixture: Fixture) -> None:
    for name, socket in fixture.clients["sockets"].items():
        if socket["open"]:
            upgraded.disconnect(name)
    assert [item["sk"] for item in plain(upgraded, "CONNECTIONS_TABLE") if _is_member(item)] == []
    tabs = {tab for item in plain(upgraded, "PRESENCE_TABLE") for tab in item.get("tabs", ())}
    assert {tab for tab in tabs if tab.startswith("s")} == {"sghost"}


def test_an_old_socket_leaves_a_room_that_it_asks_to_leave(upgraded: Site, fixture: Fixture) -> None:
    for name, socket in fixture.clients["sockets"].items():
        for room in socket["rooms"] if socket["open"] else ():
            answer = upgraded.send(name, action="leave", room=room)
            assert (answer["event"], answer["room"]) == ("left", room)
    rooms = {item["pk"] for item in plain(upgraded, "CONNECTIONS_TABLE") if _is_member(item)}
    assert rooms == {"room#everyone"}


def test_a_closed_socket_stays_closed(upgraded: Site) -> None:
    """A join that was sent before it closed is not worked on."""
    upgraded.hold_open("closed", upgraded.now - timedelta(minutes=4))
    assert upgraded.send("closed", action="join", room="channel:demo") is None


def test_a_stranger_that_never_joined_may_join_now(upgraded: Site) -> None:
    assert upgraded.send("silent", action="join", room="channel:demo")["event"] == "joined"
    assert upgraded.send("left", action="join", room="channel:demo")["event"] == "joined"


def test_a_socket_may_do_what_it_might_before(upgraded: Site) -> None:
    assert upgraded.send("ada", action="join", room="leaderboard")["event"] == "joined"
    assert upgraded.send("bob", action="join", room="leaderboard")["data"]["code"] == "forbidden"
    assert upgraded.send("bob", action="join", room="user:ada")["data"]["code"] == "forbidden"
    assert upgraded.send("anna", action="join", room=TV)["data"]["code"] == "forbidden"


def test_a_ticket_lets_in_once(upgraded: Site, fixture: Fixture) -> None:
    """One that 0.1.0 gave out in the last minute lets nobody in: its table is one that too many could write."""
    (ticket,) = fixture.clients["tickets"]
    if not fixture.is_present:
        assert upgraded.connect("first", ticket) == 401
        return
    assert upgraded.connect("first", ticket) == 200
    assert upgraded.send("first", action="join", room="user:ada")["event"] == "joined"
    assert upgraded.connect("second", ticket) == 401


def _new(site: Site, room: str, before: dict[int, Any]) -> dict[int, str]:
    """The milestones that were logged since, by number."""
    return {
        number: frame["data"]["milestone"]["id"]
        for number, frame in sorted(logged(site, room).items())
        if number not in before
    }


def _heard(site: Site, name: str, room: str) -> list[str]:
    return [frame["id"] for frame in site.frames.get(name, []) if frame["room"] == room and frame["id"]]


def _ids(fixture: Fixture, name: str, room: str) -> list[str]:
    ids: list[str] = fixture.files["announced"]["sockets"][name]
    return [one for one in ids if one.startswith(f"{room}/")]


def _is_member(item: dict[str, Any]) -> bool:
    return bool(item["pk"].startswith("room#")) and item["sk"] != "#parts"
