"""The last viewer count of each channel, one item a channel in the presence table; and when the next may begin.

| pk | sk | holds | TTL |
|---|---|---|---|
| `{channel}` | `count` | the last count; which began last, and when; what lasted; level, next count and check | 1 day |

The level says over how many partition keys the viewers are spread. It rises one step at a time. A join uses a new level
only `LEVEL_DELAY` after it was written, when every Lambda knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, rejected_item
from cairn.clock import from_millis, iso, to_millis
from cairn.errors import NotYetError
from cairn.viewers.sustained import NOTHING, Sustained, Trial

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

RETENTION = timedelta(days=1)
CACHE_TTL = timedelta(milliseconds=500)
"""How long a Lambda uses what it has read."""
LEVEL_DELAY = timedelta(seconds=3)
"""How long after it was written a new level is used."""
_MAX_CACHED = 1000


@dataclass(frozen=True, slots=True)
class ViewerCount:
    """A channel's viewers at `as_of`; `changed_at` is when a count first gave these numbers.

    A viewer who disconnected without notice is included for up to `window` seconds.
    """

    channel: str
    viewers: int
    connections: int
    as_of: datetime
    changed_at: datetime
    window: int


@dataclass(frozen=True, slots=True)
class CountState:
    """The stored state of a channel's counting."""

    count: ViewerCount | None
    level: int
    level_from: datetime
    check_at: datetime | None
    next_at: datetime
    """When the next count may begin."""
    sustained: Sustained = NOTHING
    unfinished: bool = False
    """A count began after the last one: its function may have died, or may still store its result."""

    def level_at(self, now: datetime) -> int:
        """The level at which new viewers join."""
        return self.level if now >= self.level_from or self.level == 0 else self.level - 1


class CountRefusedError(NotYetError):
    """The next count has to wait, or was made; `state` is what is stored."""

    def __init__(self, state: CountState, channel: str) -> None:
        super().__init__(f"{channel} was just counted: the next count waits", state.next_at)
        self.state = state


class ViewerCounts:
    """`table` is the presence table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._recent: dict[str, tuple[datetime, CountState | None]] = {}

    def get(self, channel: str, now: datetime) -> CountState | None:
        """None if the channel was never counted, or not for a day."""
        return self._read(channel, now, consistent=True)

    def recent(self, channel: str, now: datetime) -> CountState | None:
        """The same, at most CACHE_TTL old."""
        read_at, state = self._recent.get(channel, (None, None))
        if read_at is None or not read_at <= now < read_at + CACHE_TTL:
            state = self._read(channel, now, consistent=False)
        return state

    def _read(self, channel: str, now: datetime, *, consistent: bool) -> CountState | None:
        item = get(self._table, _key(channel), consistent=consistent)
        state = _to_state(item) if item else None
        self._remember(channel, now, state)
        return state

    def known(self, channel: str) -> CountState | None:
        """What this Lambda read or stored last, however old: what it says of the last count is true or out of date."""
        _, state = self._recent.get(channel, (None, None))
        return state

    def acquire(
        self,
        channel: str,
        key: str,
        now: datetime,
        interval: timedelta,
        *,
        changed: bool = False,
        unless_since: datetime | None = None,
    ) -> CountState | None:
        """Acquire the next count; returns the state before it. The same `key` may acquire the same count again.

        CountRefusedError if the last count began less than an interval ago. If viewers `changed`, that is no obstacle
        unless the last count that found a change is younger than an interval, or another count is in progress. Also if
        a count of `unless_since` or later is stored.
        """
        condition = "(attribute_not_exists(next_at) OR next_at <= :now OR begun_by = :key)"
        values: Item = {
            ":key": key,
            ":now": to_millis(now),
            ":next": to_millis(now + interval),
            ":expires": int((now + RETENTION).timestamp()),
        }
        if changed:
            condition = f"({condition} OR (changed_at <= :quiet AND as_of >= begun_at))"
            values[":quiet"] = to_millis(now - interval)
        if unless_since:
            condition += " AND (attribute_not_exists(as_of) OR as_of < :since)"
            values[":since"] = to_millis(unless_since)
        try:
            answer: Any = self._table.update_item(
                Key=_key(channel),
                UpdateExpression="SET begun_by = :key, begun_at = :now, next_at = :next, expires_at = :expires",
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            state = _to_state(rejected_item(error) or {})
            self._remember(channel, now, state)
            raise CountRefusedError(state, channel) from None
        before = answer.get("Attributes")
        return _to_state(before) if before else None

    def store(self, state: CountState, count: ViewerCount, now: datetime) -> None:
        """Store a count, unless a later one is stored, or one with a higher level."""
        item: Item = {
            ":viewers": count.viewers,
            ":connections": count.connections,
            ":as_of": to_millis(count.as_of),
            ":changed_at": to_millis(count.changed_at),
            ":window_seconds": count.window,
            ":level": state.level,
            ":level_from": to_millis(state.level_from),
            ":check_at": to_millis(state.check_at) if state.check_at else 0,
            ":sustained": state.sustained.viewers,
            ":trials": [[to_millis(trial.since), trial.viewers] for trial in state.sustained.trials],
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
            self._remember(count.channel, now, state)

    def _remember(self, channel: str, now: datetime, state: CountState | None) -> None:
        if len(self._recent) >= _MAX_CACHED:
            self._recent.clear()
        self._recent[channel] = (now, state)


def count_json(count: ViewerCount) -> dict[str, Any]:
    """A count as JSON, for answers and events."""
    return {
        "channelId": count.channel,
        "viewers": count.viewers,
        "connections": count.connections,
        "asOf": iso(count.as_of),
        "window": count.window,
    }


def _key(channel: str) -> Item:
    return {"pk": channel, "sk": "count"}


def _to_state(item: Item) -> CountState:
    next_at = from_millis(int(item["next_at"]))
    if "as_of" not in item:  # the first count has begun, and is not finished
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
    trials = tuple(Trial(from_millis(int(since)), int(viewers)) for since, viewers in item.get("trials", ()))
    return CountState(
        count=count,
        level=int(item["level"]),
        level_from=from_millis(int(item["level_from"])),
        check_at=check_at,
        next_at=next_at,
        sustained=Sustained(int(item.get("sustained", 0)), trials),
        unfinished=int(item.get("begun_at", 0)) > int(item["as_of"]),
    )
