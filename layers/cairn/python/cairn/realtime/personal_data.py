"""What rooms store of people: events of the last day, tickets, and who holds an open socket.

An event stays in its room's log, because numbers without a gap are what clients rely on; only the person is taken out.
A socket stays open, like one that was opened without a ticket.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr

from cairn.aws.dynamodb import Item
from cairn.aws.personal_data import PersonalItem, anonymised, deleted, scan
from cairn.identity.revocations import person_owner
from cairn.leaderboard.personal_data import is_user, shows_rep, shows_user, without_rep, without_user
from cairn.model import Subject
from cairn.realtime.membership import member_key
from cairn.rooms import channel_of, user_room

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class SessionItems:
    """Items of the sessions table."""

    def __init__(self, sessions: Table) -> None:
        self._table = sessions

    def of_user(self, user_id: str) -> Iterator[PersonalItem]:
        """The person's tickets, each for a minute."""
        for item in scan(self._table, Attr("holder.user_id").exists()):
            if is_user(item["holder"], user_id):
                yield deleted(self._table, item)


class ConnectionItems:
    """Items of the connections table, and of the table of tickets where that is another one."""

    def __init__(self, connections: Table, tickets: Table | None = None) -> None:
        self._table = connections
        self._tickets = tickets

    def of_rep(self, subject: Subject) -> Iterator[PersonalItem]:
        """The celebrations of the last day, and the last board if the rep stands on it."""
        return self._frames(partial(without_rep, subject=subject), partial(shows_rep, subject=subject))

    def of_user(self, user_id: str) -> Iterator[PersonalItem]:
        """The person's tickets and sockets, their own room, and the celebrations that name them."""
        room = user_room(user_id).casefold()
        for item in scan(self._table, Attr("pk").begins_with("log#user:") | Attr("pk").begins_with("room#user:")):
            if item["pk"].partition("#")[2].casefold() == room:
                yield deleted(self._table, item)
        for table in filter(None, [self._tickets]):
            for item in scan(table, Attr("holder.user_id").exists()):
                if is_user(item["holder"], user_id):
                    yield deleted(table, item)
        for item in scan(self._table, Attr("holder.user_id").exists()):
            if not is_user(item["holder"], user_id):
                continue
            if item["pk"].startswith("ticket#"):  # of version 0.1.0
                yield deleted(self._table, item)
                continue
            yield from self._memberships(item)
            public = {name for name in item.get("rooms", ()) if channel_of(name.partition(" ")[0])}
            yield anonymised(self._table, item, holder=None, rooms=public or None)
        owner = person_owner(user_id).casefold()
        for item in scan(self._table, Attr("pk").begins_with("holder#person:")):
            if item["owner"].casefold() == owner:
                yield deleted(self._table, item)
        yield from self._frames(partial(without_user, user_id=user_id), partial(shows_user, user_id=user_id))

    def _memberships(self, socket: Item) -> Iterator[PersonalItem]:
        """What a socket received because of its holder; it is removed before the socket forgets the rooms."""
        connection_id = socket["pk"].partition("#")[2]
        for room in sorted(socket.get("rooms", ())):
            if not channel_of(room.partition(" ")[0]):
                yield deleted(self._table, member_key(room, connection_id))

    def of_viewer(self, viewer_id: str) -> Iterator[PersonalItem]:
        """The sockets that watch a channel as this viewer."""
        for item in scan(self._table, Attr("pk").begins_with("socket#") & Attr("rooms").exists()):
            others = {name for name in item["rooms"] if viewer_id not in name.split(" ")[1:2]}
            if others != set(item["rooms"]):
                yield anonymised(self._table, item, rooms=others or None)

    def _frames(self, without: Callable[[Any], Any], shows: Callable[[Any], bool]) -> Iterator[PersonalItem]:
        for item in scan(self._table, Attr("frame").exists()):
            content = json.loads(item["frame"])
            data = content["data"]
            if item["sk"] == "state" and shows(data):
                yield deleted(self._table, item)  # the next change of the board brings a new one
            elif (changed := without(data)) is not data:
                frame = json.dumps(content | {"data": changed}, separators=(",", ":"))
                yield anonymised(self._table, item, frame=frame)
