"""Who is watching, in the presence table: one item a viewer, however many tabs and by whatever means.

| pk | sk | holds | TTL |
|---|---|---|---|
| `{channel}#{level}.{shard}` | viewer id | the viewer's tabs, and until when each is taken to be there | 3 h |

A tab is an open socket (`s` and its connection id), there until the socket must have ended; or one that sends
heartbeats (`h` and what its token is known by), there until its time-out. A channel's viewers lie in one partition at
level 0, in four more at level 1, in sixteen more at level 2 …; a viewer stays where they first sat down, and a second
tab sits down beside the first.

A count reads every item and is sent few. It asks only for those of which it is not plain that they are one tab that
stays: `over_at` is when the only tab is over, or earlier. All others are one viewer and one connection each, and
DynamoDB says how many items it passed over (`ScannedCount`). So nothing relies on expired items being deleted.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Other.html#Query.Count
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, rejected_item
from cairn.clock import from_millis, to_millis
from cairn.errors import ForbiddenError, NotFoundError, TooManyTabsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MOST_TABS = 20
KEPT = timedelta(hours=3)
"""Longer than any tab is taken to be there, so that no item is deleted under one that still is."""
SWEPT = 200
"""Dead items that a count removes tabs of at most; the next one goes on, and the TTL behind it."""
_THREADS = 8
_CHANNEL = re.compile(r"[A-Za-z0-9._~:@-]{1,100}")
_VIEWER = re.compile(r"[A-Za-z0-9_-]{22,64}")


def is_channel_id(text: str) -> bool:
    """Whether there can be a channel of that id; `.` and `..` no address could name."""
    return _CHANNEL.fullmatch(text) is not None and text not in (".", "..")


def is_viewer_id(text: str) -> bool:
    """Whether it is long enough that nobody guesses it: 128 bits in base64, or a UUID."""
    return _VIEWER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class PresenceSlot:
    """Where a tab of a viewer is kept."""

    channel: str
    viewer_id: str
    tab: str
    level: int


@dataclass(frozen=True, slots=True)
class ExpiredTabs:
    """Tabs of an item that are `over`; the item is seen with those of `tabs` in all, and says `over_at`."""

    key: Item
    over_at: int
    tabs: dict[str, int]
    expired: frozenset[str]


@dataclass(frozen=True, slots=True)
class Headcount:
    """Who is there. `next_over` is when the first tab that seems to be late is over; None when none is."""

    viewers: int
    connections: int
    next_expiry: datetime | None
    expired: tuple[ExpiredTabs, ...]


class PresenceSlots:
    """`table` is the presence table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, channel: str, viewer_id: str, levels: range) -> int | None:
        """The level at which a viewer sits already."""
        keys = ((level, _key(PresenceSlot(channel, viewer_id, "", level))) for level in levels)
        return next((level for level, key in keys if get(self._table, key, consistent=True)), None)

    def enter(self, seat: PresenceSlot, until: datetime, now: datetime) -> None:
        """The tab is there until then; again, it only stays longer. One write.

        TooManyTabsError when the viewer has MOST_TABS of them.
        """
        try:
            self._enter(seat, until, now)
        except ClientError as error:
            item = rejected_item(error) or {}
        else:
            return
        dead = _dead(item, now)
        if dead is None:
            raise TooManyTabsError(f"a viewer has at most {MOST_TABS} tabs at once") from None
        self._remove(dead)
        try:
            self._enter(seat, until, now)
        except ClientError as error:
            rejected_item(error)
            raise TooManyTabsError(f"a viewer has at most {MOST_TABS} tabs at once") from None

    def _enter(self, seat: PresenceSlot, until: datetime, now: datetime) -> None:
        self._table.update_item(
            Key=_key(seat),
            UpdateExpression="ADD tabs :tab SET #tab = :until, over_at = :until, expires_at = :expires",
            ConditionExpression="attribute_not_exists(tabs) OR size(tabs) < :most OR contains(tabs, :name)",
            ExpressionAttributeNames={"#tab": seat.tab},
            ExpressionAttributeValues={
                ":tab": {seat.tab},
                ":name": seat.tab,
                ":most": MOST_TABS,
                ":until": to_millis(until),
                ":expires": int((now + KEPT).timestamp()),
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    def keep_alive(self, seat: PresenceSlot, until: datetime, now: datetime) -> bool:
        """The tab is there until then. True when it was taken to be gone already. One write.

        NotFoundError when no such viewer is there; ForbiddenError when the tab is none of theirs.
        """
        try:
            answer = self._table.update_item(
                Key=_key(seat),
                UpdateExpression="SET #tab = :until, over_at = :until, expires_at = :expires",
                ConditionExpression="contains(tabs, :name)",
                ExpressionAttributeNames={"#tab": seat.tab},
                ExpressionAttributeValues={
                    ":name": seat.tab,
                    ":until": to_millis(until),
                    ":expires": int((now + KEPT).timestamp()),
                },
                ReturnValues="UPDATED_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if rejected_item(error) is None:
                raise NotFoundError("no such viewer is watching the channel (any more): join again") from None
            raise ForbiddenError("the token is not of this viewer") from None
        before = answer.get("Attributes", {})
        return seat.tab in before and int(str(before[seat.tab])) <= to_millis(now)

    def leave(self, seat: PresenceSlot) -> bool:
        """The tab is gone; False when it was already. One write for a viewer's only tab, two where there are others.

        ForbiddenError when the viewer is there and the tab is none of theirs.
        """
        try:
            self._table.delete_item(
                Key=_key(seat),
                ConditionExpression="tabs = :only",
                ExpressionAttributeValues={":only": {seat.tab}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            there = rejected_item(error)
        else:
            return True
        if there is None:
            return False
        tabs, mine = _tabs(there), frozenset({seat.tab})
        if seat.tab not in tabs:
            raise ForbiddenError("the token is not of this viewer")
        unchanged = self._part(_key(seat), mine, _first_over(tabs, mine), "tabs = :seen", {":seen": set(tabs)})
        return unchanged or self._part(_key(seat), mine, 0, "contains(tabs, :tab)", {":tab": seat.tab})

    def count(self, channel: str, level: int, now: datetime, soon: datetime) -> Headcount:
        """Everybody who is there now. Read consistently: whoever came before is in it."""
        parts = self._each(lambda pk: self._count(pk, now, soon), _partitions(channel, level))
        return Headcount(
            viewers=sum(part.viewers for part in parts),
            connections=sum(part.connections for part in parts),
            next_expiry=min((part.next_expiry for part in parts if part.next_expiry), default=None),
            expired=tuple(one for part in parts for one in part.expired),
        )

    def _count(self, pk: str, now: datetime, soon: datetime) -> Headcount:
        plain = connections = viewers = 0
        lasting: list[int] = []
        dead: list[ExpiredTabs] = []
        unclear = {
            "FilterExpression": "over_at <= :soon OR size(tabs) > :one",
            "ExpressionAttributeValues": {":pk": pk, ":soon": to_millis(soon), ":one": 1},
        }
        for answer in self._pages(**unclear):
            plain += answer["ScannedCount"] - len(answer["Items"])
            for item in answer["Items"]:
                there = [until for until in _tabs(item).values() if until > to_millis(now)]
                connections += len(there)
                viewers += bool(there)
                lasting += there
                if over := _dead(item, now):
                    dead.append(over)
        late = [until for until in lasting if until <= to_millis(soon)]
        return Headcount(plain + viewers, plain + connections, from_millis(min(late)) if late else None, tuple(dead))

    def prune(self, dead: Sequence[ExpiredTabs]) -> int:
        """Remove what is over, unless it came back; how much."""
        return sum(self._each(self._remove, dead[:SWEPT]))

    def sockets(
        self, channel: str, level: int, now: datetime, part: tuple[int, int]
    ) -> Iterator[tuple[PresenceSlot, datetime]]:
        """The seats of open sockets and until when they are, of one part of several; a seat is always in the same."""
        number, parts = part
        for pk in _partitions(channel, level)[number::parts]:
            for answer in self._pages(ExpressionAttributeValues={":pk": pk}):
                for item in answer["Items"]:
                    for tab, until in _tabs(item).items():
                        if tab.startswith("s") and until > to_millis(now):
                            yield PresenceSlot(channel, item["sk"], tab, _level(pk)), from_millis(until)

    def _pages(self, **options: Any) -> Iterator[dict[str, Any]]:
        client = self._table.meta.client  # unlike the table's own methods, for any thread
        query = {"TableName": self._table.name, "KeyConditionExpression": "pk = :pk", "ConsistentRead": True, **options}
        while True:
            answer: Any = client.query(**query)
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _each(self, work: Any, things: Sequence[Any]) -> list[Any]:
        """The work's results, of a few at a time where there are many."""
        if len(things) < 2:
            return list(map(work, things))
        with ThreadPoolExecutor(_THREADS) as threads:
            return list(threads.map(work, things))

    def _remove(self, dead: ExpiredTabs) -> bool:
        """Remove what is over of an item, unless the item changed since it was seen; whether it was done."""
        if dead.expired != dead.tabs.keys():
            rest = _first_over(dead.tabs, dead.expired)
            return self._part(dead.key, dead.expired, rest, "over_at = :seen", {":seen": dead.over_at})
        values: Item = {":seen": dead.over_at}
        unchanged = "over_at = :seen AND attribute_not_exists(tabs)"
        if dead.tabs:
            unchanged, values[":tabs"] = "over_at = :seen AND tabs = :tabs", set(dead.tabs)
        return self._done("delete_item", dead.key, ConditionExpression=unchanged, ExpressionAttributeValues=values)

    def _part(self, key: Item, tabs: frozenset[str], rest: int, condition: str, values: Item) -> bool:
        """Remove some of a viewer's tabs, of which the `rest` is there until then, or longer."""
        names = {f"#tab{number}": tab for number, tab in enumerate(sorted(tabs))}
        return self._done(
            "update_item",
            key,
            UpdateExpression=f"DELETE tabs :over REMOVE {', '.join(names)} SET over_at = :rest",
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={**values, ":over": set(tabs), ":rest": rest},
        )

    def _done(self, operation: str, key: Item, **options: Any) -> bool:
        client: Any = self._table.meta.client
        try:
            getattr(client, operation)(TableName=self._table.name, Key=key, **options)
        except ClientError as error:
            rejected_item(error)
            return False
        return True


def partitions(level: int) -> int:
    """Over how many partition keys a channel's viewers are spread: 1, 5, 21, 85 …"""
    return sum(4**lower for lower in range(level + 1))


def _partitions(channel: str, level: int) -> list[str]:
    return [f"{channel}#{lower}.{shard}" for lower in range(level + 1) for shard in range(4**lower)]


def _key(seat: PresenceSlot) -> Item:
    shard = int.from_bytes(hashlib.sha256(seat.viewer_id.encode()).digest()[:4]) % 4**seat.level
    return {"pk": f"{seat.channel}#{seat.level}.{shard}", "sk": seat.viewer_id}


def _level(pk: str) -> int:
    return int(pk.rpartition("#")[2].partition(".")[0])


def _tabs(item: Item) -> dict[str, int]:
    """Until when each tab is there."""
    return {tab: int(item[tab]) for tab in item.get("tabs", ())}


def _first_over(tabs: dict[str, int], without: frozenset[str]) -> int:
    """When the first of the others is over, or longer: heartbeats only prolong."""
    return min((until for tab, until in tabs.items() if tab not in without), default=0)


def _dead(item: Item, now: datetime) -> ExpiredTabs | None:
    """What of an item is over; None when nothing is."""
    tabs = _tabs(item)
    over = frozenset(tab for tab, until in tabs.items() if until <= to_millis(now))
    if tabs and not over:
        return None
    return ExpiredTabs({"pk": item["pk"], "sk": item["sk"]}, int(item["over_at"]), tabs, over)
