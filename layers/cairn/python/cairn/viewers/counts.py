"""How many watch a channel, as last counted: one item a channel in the presence table, and who may count next.

| pk | sk | holds | TTL |
|---|---|---|---|
| `{channel}` | `count` | the last count; who began one last, when, and when the next may; level, next check | 1 day |

The level says over how many partition keys the viewers are spread. It rises a step at a time, and whoever sits down
uses the new one a while after it was written, so that everybody knows of it by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, rejected_item
from cairn.clock import from_millis, iso, to_millis
from cairn.errors import NotYetError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KEPT = timedelta(days=1)
RECENT = timedelta(milliseconds=500)
"""How long a Lambda goes by what it read."""
SPREAD = timedelta(seconds=3)
"""After how long a new level is used."""
_MOST_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class ViewerCount:
    """A channel's viewers at `as_of`; `changed_at` is when a count first gave these numbers.

    `window` is how many seconds somebody who ended without a word may still be in it.
    """

    channel: str
    viewers: int
    connections: int
    as_of: datetime
    changed_at: datetime
    window: int


@dataclass(frozen=True, slots=True)
class CountState:
    """What is known of a channel's counting."""

    count: ViewerCount | None
    level: int
    level_from: datetime
    check_at: datetime | None
    next_at: datetime
    """When the next count may begin."""
    unfinished: bool = False
    """A count was begun after the last one: whoever makes it may have died, or may yet store what it found."""

    def level_at(self, now: datetime) -> int:
        """The level at which to sit down."""
        return self.level if now >= self.level_from or self.level == 0 else self.level - 1


class ViewerCounts:
    """`table` is the presence table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._recent: dict[str, tuple[datetime, CountState | None]] = {}

    def get(self, channel: str, now: datetime) -> CountState | None:
        """None while nobody has watched the channel, and for a day after."""
        return self._read(channel, now, consistent=True)

    def recent(self, channel: str, now: datetime) -> CountState | None:
        """The same as at most RECENT ago."""
        read_at, known = self._recent.get(channel, (None, None))
        if read_at is None or not read_at <= now < read_at + RECENT:
            known = self._read(channel, now, consistent=False)
        return known

    def _read(self, channel: str, now: datetime, *, consistent: bool) -> CountState | None:
        item = get(self._table, _key(channel), consistent=consistent)
        known = _known(item) if item else None
        self._remember(channel, now, known)
        return known

    def acquire(
        self, channel: str, key: str, now: datetime, interval: timedelta, *, changed: bool = False
    ) -> CountState | None:
        """Take the turn to count; what was known before. Whoever has the same `key` has the same turn.

        NotYetError when the last turn began less than an interval ago; or, for a count of what `changed`, when the last
        that found a change did, or another is being made.
        """
        free = "attribute_not_exists(next_at) OR next_at <= :now OR begun_by = :key"
        quiet = {":quiet": to_millis(now - interval)} if changed else {}
        try:
            answer: Any = self._table.update_item(
                Key=_key(channel),
                UpdateExpression="SET begun_by = :key, begun_at = :now, next_at = :next, expires_at = :expires",
                ConditionExpression=f"{free} OR (changed_at <= :quiet AND as_of >= begun_at)" if changed else free,
                ExpressionAttributeValues={
                    ":key": key,
                    ":now": to_millis(now),
                    ":next": to_millis(now + interval),
                    ":expires": int((now + KEPT).timestamp()),
                    **quiet,
                },
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            there = rejected_item(error) or {}
            raise NotYetError(f"{channel} was just counted", from_millis(int(there["next_at"]))) from None
        before = answer.get("Attributes")
        return _known(before) if before else None

    def store(self, known: CountState, count: ViewerCount, now: datetime) -> None:
        """Keep a count, unless a later one is kept already, or one after which the viewers are spread further."""
        item = {
            ":viewers": count.viewers,
            ":connections": count.connections,
            ":as_of": to_millis(count.as_of),
            ":changed_at": to_millis(count.changed_at),
            ":window_seconds": count.window,
            ":level": known.level,
            ":level_from": to_millis(known.level_from),
            ":check_at": to_millis(known.check_at) if known.check_at else 0,
        }
        try:
            self._table.update_item(
                Key=_key(count.channel),
                UpdateExpression="SET " + ", ".join(f"#{name[1:]} = {name}" for name in item),
                ConditionExpression="attribute_not_exists(as_of) OR (as_of < :as_of AND #level <= :level)",
                ExpressionAttributeNames={f"#{name[1:]}": name[1:] for name in item},
                ExpressionAttributeValues=item,
            )
        except ClientError as error:
            rejected_item(error)
            self._recent.pop(count.channel, None)
        else:
            self._remember(count.channel, now, known)

    def _remember(self, channel: str, now: datetime, known: CountState | None) -> None:
        if len(self._recent) >= _MOST_KNOWN:
            self._recent.clear()
        self._recent[channel] = (now, known)


def count_json(count: ViewerCount) -> dict[str, Any]:
    """A count as it is answered and told."""
    return {
        "channelId": count.channel,
        "viewers": count.viewers,
        "connections": count.connections,
        "asOf": iso(count.as_of),
        "window": count.window,
    }


def _key(channel: str) -> Item:
    return {"pk": channel, "sk": "count"}


def _known(item: Item) -> CountState:
    next_at = from_millis(int(item["next_at"]))
    if "as_of" not in item:  # begun for the first time, and not finished
        return CountState(None, 0, from_millis(0), None, next_at, unfinished=True)
    count = ViewerCount(
        channel=item["pk"],
        viewers=int(item["viewers"]),
        connections=int(item["connections"]),
        as_of=from_millis(int(item["as_of"])),
        changed_at=from_millis(int(item["changed_at"])),
        window=int(item["window_seconds"]),
    )
    check_at = from_millis(int(item["check_at"])) if item["check_at"] else None
    unfinished = int(item.get("begun_at", 0)) > int(item["as_of"])
    return CountState(count, int(item["level"]), from_millis(int(item["level_from"])), check_at, next_at, unfinished)
