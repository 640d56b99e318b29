"""Who is watching, in the presence table: one item a viewer, however many tabs they have and however these connect.

| pk | sk | holds | TTL |
|---|---|---|---|
| `{channel}#{level}.{shard}` | viewer id | the viewer's tabs, and when each expires | 3 h |

`net` is a tag of the network that the viewer last joined from (networks.py); items of 0.1.0 have none.

A tab is an open socket (`s` and its connection id), which expires when the socket must have ended; or a page that
sends heartbeats (`h` and the hash of its token), which expires at its timeout. A channel's viewers are in one partition
at level 0, in four more at level 1, in sixteen more at level 2, and so on. A viewer stays at the level of their first
join, and further tabs go into the same item.

A count reads every item, but receives few. Its filter lets through only the items that may be anything other than one
tab that stays: those with several tabs, and those whose `over_at` is near or past. `over_at` is when the only tab
expires, or earlier. Every other item is one viewer and one connection, and DynamoDB reports how many items it read in
all (`ScannedCount`). So no count relies on expired items being deleted.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Other.html#Query.Count
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
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

MAX_TABS = 20
RETENTION = timedelta(hours=3)
"""Longer than any tab lasts, so that no item is deleted while a tab of it is present."""
MAX_PRUNED = 200
"""Items that a count prunes at most; the next count goes on, and the TTL deletes what is left."""
_THREADS = 8
_CHANNEL = re.compile(r"[A-Za-z0-9._~:@-]{1,100}")
_VIEWER = re.compile(r"[A-Za-z0-9_-]{22,64}")


def is_channel_id(text: str) -> bool:
    """Whether a channel can have this id; not `.` or `..`, which no URL path can end with."""
    return _CHANNEL.fullmatch(text) is not None and text not in (".", "..")


def is_viewer_id(text: str) -> bool:
    """Whether the id is too long to be guessed: 128 bits in base64, or a UUID."""
    return _VIEWER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class PresenceSlot:
    """Where a viewer's tab is stored."""

    channel: str
    viewer_id: str
    tab: str
    level: int


@dataclass(frozen=True, slots=True)
class ExpiredTabs:
    """The `expired` ones of an item's `tabs`; a removal requires that `over_at` is still as it was read here."""

    key: Item
    over_at: int
    tabs: dict[str, int]
    expired: frozenset[str]


@dataclass(frozen=True, slots=True)
class Headcount:
    """Who is present. `next_expiry` is when the first tab that seems late expires; None if none is late.

    `received` are the network tags of those viewers whom the count did not merely see counted by DynamoDB.
    """

    viewers: int
    connections: int
    next_expiry: datetime | None
    expired: tuple[ExpiredTabs, ...]
    received: Counter[str]


class PresenceSlots:
    """`table` is the presence table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, channel: str, viewer_id: str, levels: range) -> int | None:
        """The level at which a viewer is present already."""
        keys = ((level, _key(PresenceSlot(channel, viewer_id, "", level))) for level in levels)
        return next((level for level, key in keys if get(self._table, key, consistent=True)), None)

    def enter(self, slot: PresenceSlot, until: datetime, now: datetime, network: str = "") -> None:
        """The tab is present until then; a repeat only prolongs it. One write. `network` is the tag of its address.

        TooManyTabsError if the viewer has MAX_TABS tabs.
        """
        try:
            self._enter(slot, until, now, network)
        except ClientError as error:
            item = rejected_item(error) or {}
        else:
            return
        expired = _expired_tabs(item, now)
        if expired is None:
            raise TooManyTabsError(f"a viewer may have at most {MAX_TABS} tabs at the same time") from None
        self._remove_expired(expired)
        try:
            self._enter(slot, until, now, network)
        except ClientError as error:
            rejected_item(error)
            raise TooManyTabsError(f"a viewer may have at most {MAX_TABS} tabs at the same time") from None

    def _enter(self, slot: PresenceSlot, until: datetime, now: datetime, network: str) -> None:
        self._table.update_item(
            Key=_key(slot),
            UpdateExpression="ADD tabs :tab SET #tab = :until, over_at = :until, expires_at = :expires"
            + (", net = :net" if network else ""),
            ConditionExpression="attribute_not_exists(tabs) OR size(tabs) < :most OR contains(tabs, :name)",
            ExpressionAttributeNames={"#tab": slot.tab},
            ExpressionAttributeValues={
                ":tab": {slot.tab},
                ":name": slot.tab,
                ":most": MAX_TABS,
                ":until": to_millis(until),
                ":expires": int((now + RETENTION).timestamp()),
                **({":net": network} if network else {}),
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    def keep_alive(self, slot: PresenceSlot, until: datetime, now: datetime) -> bool:
        """The tab is present until then. True if it had expired. One write.

        NotFoundError if the viewer is not present; ForbiddenError if the tab is not theirs.
        """
        try:
            answer = self._table.update_item(
                Key=_key(slot),
                UpdateExpression="SET #tab = :until, over_at = :until, expires_at = :expires",
                ConditionExpression="contains(tabs, :name)",
                ExpressionAttributeNames={"#tab": slot.tab},
                ExpressionAttributeValues={
                    ":name": slot.tab,
                    ":until": to_millis(until),
                    ":expires": int((now + RETENTION).timestamp()),
                },
                ReturnValues="UPDATED_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if rejected_item(error) is None:
                raise NotFoundError("the viewer is not watching the channel (any more): join again") from None
            raise ForbiddenError("the token does not belong to this viewer") from None
        before = answer.get("Attributes", {})
        return slot.tab in before and int(str(before[slot.tab])) <= to_millis(now)

    def leave(self, slot: PresenceSlot) -> bool:
        """Remove the tab; False if it is gone already. One write for a viewer's only tab, two if there are others.

        ForbiddenError if the viewer is present and the tab is not theirs.
        """
        try:
            self._table.delete_item(
                Key=_key(slot),
                ConditionExpression="tabs = :only",
                ExpressionAttributeValues={":only": {slot.tab}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            item = rejected_item(error)
        else:
            return True
        if item is None:
            return False
        tabs, own = _tabs(item), frozenset({slot.tab})
        if slot.tab not in tabs:
            raise ForbiddenError("the token does not belong to this viewer")
        removed = self._remove(_key(slot), own, _first_expiry(tabs, own), "tabs = :seen", {":seen": set(tabs)})
        return removed or self._remove(_key(slot), own, 0, "contains(tabs, :tab)", {":tab": slot.tab})

    def count(self, channel: str, level: int, now: datetime, horizon: datetime) -> Headcount:
        """Count who is present now, with all who joined before; a tab that expires by `horizon` is late."""
        counts = self._each(lambda pk: self._count(pk, now, horizon), _partitions(channel, level))
        return Headcount(
            viewers=sum(count.viewers for count in counts),
            connections=sum(count.connections for count in counts),
            next_expiry=min((count.next_expiry for count in counts if count.next_expiry), default=None),
            expired=tuple(tabs for count in counts for tabs in count.expired),
            received=_added([count.received for count in counts]),
        )

    def networks(
        self, channel: str, level: int, horizon: datetime, between: tuple[str, str] | None = None
    ) -> Counter[str]:
        """The network tags of all other viewers, whom the count did not receive; or only those between two tags."""
        query: dict[str, Any] = {
            "FilterExpression": "over_at > :horizon AND size(tabs) = :one",
            "ProjectionExpression": "net",
        }
        values: Item = {":horizon": to_millis(horizon), ":one": 1}
        if between:
            query["FilterExpression"] += " AND net BETWEEN :first AND :last"
            values |= {":first": between[0], ":last": between[1]}

        def tags(pk: str) -> Counter[str]:
            pages = self._pages(**query, ExpressionAttributeValues=values | {":pk": pk})
            return Counter(str(item.get("net", "")) for answer in pages for item in answer["Items"])

        return _added(self._each(tags, _partitions(channel, level)))

    def _count(self, pk: str, now: datetime, horizon: datetime) -> Headcount:
        filtered = connections = viewers = 0
        expiries: list[int] = []
        expired: list[ExpiredTabs] = []
        received: Counter[str] = Counter()
        query = {
            "FilterExpression": "over_at <= :horizon OR size(tabs) > :one",
            "ExpressionAttributeValues": {":pk": pk, ":horizon": to_millis(horizon), ":one": 1},
        }
        for answer in self._pages(**query):
            filtered += answer["ScannedCount"] - len(answer["Items"])
            for item in answer["Items"]:
                present = [until for until in _tabs(item).values() if until > to_millis(now)]
                connections += len(present)
                viewers += bool(present)
                expiries += present
                if present:
                    received[str(item.get("net", ""))] += 1
                if tabs := _expired_tabs(item, now):
                    expired.append(tabs)
        late = [until for until in expiries if until <= to_millis(horizon)]
        next_expiry = from_millis(min(late)) if late else None
        return Headcount(filtered + viewers, filtered + connections, next_expiry, tuple(expired), received)

    def prune(self, expired: Sequence[ExpiredTabs]) -> int:
        """Remove expired tabs, unless they came back; returns from how many items."""
        return sum(self._each(self._remove_expired, expired[:MAX_PRUNED]))

    def sockets(
        self, channel: str, level: int, now: datetime, shard: tuple[int, int]
    ) -> Iterator[tuple[PresenceSlot, datetime]]:
        """The slots of open sockets in one shard of several, and when each expires. A slot stays in its shard."""
        number, shards = shard
        for pk in _partitions(channel, level)[number::shards]:
            for answer in self._pages(ExpressionAttributeValues={":pk": pk}):
                for item in answer["Items"]:
                    for tab, until in _tabs(item).items():
                        if tab.startswith("s") and until > to_millis(now):
                            yield PresenceSlot(channel, item["sk"], tab, _level(pk)), from_millis(until)

    def _pages(self, **options: Any) -> Iterator[dict[str, Any]]:
        client = self._table.meta.client  # thread-safe, unlike the table's own methods
        query = {"TableName": self._table.name, "KeyConditionExpression": "pk = :pk", "ConsistentRead": True, **options}
        while True:
            answer: Any = client.query(**query)
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _each(self, work: Any, things: Sequence[Any]) -> list[Any]:
        """The results of `work`, done by several threads if there are several things."""
        if len(things) < 2:
            return list(map(work, things))
        with ThreadPoolExecutor(_THREADS) as threads:
            return list(threads.map(work, things))

    def _remove_expired(self, found: ExpiredTabs) -> bool:
        """Remove the expired tabs of an item, unless it changed since it was read; returns whether it did not."""
        if found.expired != found.tabs.keys():
            over_at = _first_expiry(found.tabs, found.expired)
            return self._remove(found.key, found.expired, over_at, "over_at = :seen", {":seen": found.over_at})
        values: Item = {":seen": found.over_at}
        unchanged = "over_at = :seen AND attribute_not_exists(tabs)"
        if found.tabs:
            unchanged, values[":tabs"] = "over_at = :seen AND tabs = :tabs", set(found.tabs)
        return self._write_if("delete_item", found.key, ConditionExpression=unchanged, ExpressionAttributeValues=values)

    def _remove(self, key: Item, tabs: frozenset[str], over_at: int, condition: str, values: Item) -> bool:
        """Remove some of a viewer's tabs. `over_at` is when the first of the others expires, or earlier."""
        names = {f"#tab{number}": tab for number, tab in enumerate(sorted(tabs))}
        return self._write_if(
            "update_item",
            key,
            UpdateExpression=f"DELETE tabs :expired REMOVE {', '.join(names)} SET over_at = :over_at",
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={**values, ":expired": set(tabs), ":over_at": over_at},
        )

    def _write_if(self, operation: str, key: Item, **options: Any) -> bool:
        """Write under a condition; returns whether it held."""
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


def _key(slot: PresenceSlot) -> Item:
    shard = int.from_bytes(hashlib.sha256(slot.viewer_id.encode()).digest()[:4]) % 4**slot.level
    return {"pk": f"{slot.channel}#{slot.level}.{shard}", "sk": slot.viewer_id}


def _added(counters: Sequence[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _level(pk: str) -> int:
    return int(pk.rpartition("#")[2].partition(".")[0])


def _tabs(item: Item) -> dict[str, int]:
    """When each tab expires."""
    return {tab: int(item[tab]) for tab in item.get("tabs", ())}


def _first_expiry(tabs: dict[str, int], without: frozenset[str]) -> int:
    """When the first of the other tabs expires; heartbeats can only prolong that."""
    return min((until for tab, until in tabs.items() if tab not in without), default=0)


def _expired_tabs(item: Item, now: datetime) -> ExpiredTabs | None:
    """The expired tabs of an item; None if there are none, and it has others."""
    tabs = _tabs(item)
    expired = frozenset(tab for tab, until in tabs.items() if until <= to_millis(now))
    if tabs and not expired:
        return None
    return ExpiredTabs({"pk": item["pk"], "sk": item["sk"]}, int(item["over_at"]), tabs, expired)
