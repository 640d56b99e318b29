"""Limits how many join in a minute: one item a network and minute in the presence table.

| pk | sk | holds | TTL |
|---|---|---|---|
| `address#{digest}` | the minute | how many joins the Lambdas have reported | 3 min |

A join counts for its address, which for IPv6 is its /64, for its /56 and its /48, and for all joins together. One that
opens a channel, which nobody was watching and the operator did not name, counts for that as well: each such channel is
counted, and leaves a reading.

Few addresses join or open channels often, so a Lambda does not report an address's first ones. Each Lambda may
therefore admit that many beyond the cap, and of a wider network or of all a twentieth or a hundredth of the cap. The
first one beyond it that is reported is rejected by the table's answer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from cairn.cdn import networks
from cairn.clock import iso
from cairn.errors import TooManyJoinsError
from cairn.workspace.document import DEFAULTS, Workspace

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MINUTE = timedelta(minutes=1)
RETENTION = timedelta(minutes=3)
UNREPORTED_JOINS = 3
"""The first joins of an address in a minute, which a Lambda does not report."""
MAX_ADDRESSES = 10_000
"""How many a Lambda remembers. Beyond that it forgets the one that joined least recently."""


@dataclass(frozen=True, slots=True)
class JoinCaps:
    """Joins a minute, besides those from an address: from an IPv6 /56 and an IPv6 /48, and in all.

    And how many of them may open a channel: from an IPv4 address or an IPv6 /48, and in all.
    """

    wide: tuple[int, ...] = (DEFAULTS.viewer_joins_per_minute_56, DEFAULTS.viewer_joins_per_minute_48)
    total: int = DEFAULTS.viewer_joins_per_minute_total
    channels: int = DEFAULTS.viewer_channels_per_minute
    channels_total: int = DEFAULTS.viewer_channels_per_minute_total

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        return cls(
            wide=(workspace.viewer_joins_per_minute_56, workspace.viewer_joins_per_minute_48),
            total=workspace.viewer_joins_per_minute_total,
            channels=workspace.viewer_channels_per_minute,
            channels_total=workspace.viewer_channels_per_minute_total,
        )


@dataclass(slots=True)
class _Joins:
    unreported: int = 0
    reported: int = 0
    """As the table last answered, which includes other Lambdas'."""
    full: bool = False


class JoinLimits:
    """`table` is the presence table, `most` how many joins an address has in a minute."""

    def __init__(self, table: Table, most: int, caps: JoinCaps | None = None) -> None:
        self._table = table
        self._most = most
        self._caps = caps or JoinCaps()
        self._minute: datetime | None = None
        self._joins: dict[str, _Joins] = {}
        self._totals: dict[str, _Joins] = {}
        self._opened: set[str] = set()

    def allow(self, address: str, now: datetime, *, opens: str | None = None) -> None:
        """Admit one join; TooManyJoinsError beyond a cap. A Lambda that knows a cap is reached does not ask again.

        `opens` is the channel, if nobody is watching it yet. An address's first UNREPORTED_JOINS write nothing, each
        of the others writes one unit, and every few joins of a wider network or of all write another.
        """
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._joins, self._totals, self._opened = minute, {}, {}, set()
        narrowest, *wider = networks(address)
        first = self._remembered(narrowest)
        free = 0 if first.reported else min(UNREPORTED_JOINS, self._most)
        self._take(first, narrowest, self._most, free, "from one address")
        for network, most in zip(wider, self._caps.wide, strict=False):
            self._take(self._remembered(network), network, most, most // 20, "from one network")
        self._take(self._total("all"), "all", self._caps.total, self._caps.total // 100, "in all")
        if opens is not None and opens not in self._opened:
            self._open((narrowest, *wider)[-1])
            self._opened.add(opens)

    def _open(self, widest: str) -> None:
        name, caps, what = f"channels {widest}", self._caps, "that open a channel"
        self._take(self._remembered(name), name, caps.channels, UNREPORTED_JOINS, f"from one address {what}")
        most = caps.channels_total
        self._take(self._total("channels"), "channels", most, most // 100, f"in all {what}")

    def _take(self, joins: _Joins, name: str, most: int, free: int, where: str) -> None:
        assert self._minute
        if not joins.full:
            joins.unreported += 1
            if joins.unreported <= free and joins.reported + joins.unreported <= most:
                return
            joins.reported = self._add(name, self._minute, joins.unreported)
            joins.full, joins.unreported = joins.reported > most, 0
        if joins.full:
            raise TooManyJoinsError(self._minute + MINUTE, where)

    def _remembered(self, name: str) -> _Joins:
        joins = self._joins.pop(name, None)
        if joins is None:
            if len(self._joins) >= MAX_ADDRESSES:
                del self._joins[next(iter(self._joins))]
            joins = _Joins()
        self._joins[name] = joins  # the last is the one that is forgotten last
        return joins

    def _total(self, name: str) -> _Joins:
        return self._totals.setdefault(name, _Joins())

    def _add(self, name: str, minute: datetime, joins: int) -> int:
        answer: Any = self._table.update_item(
            Key={"pk": f"address#{hashlib.sha256(name.encode()).hexdigest()}", "sk": iso(minute)},
            UpdateExpression="ADD joins :joins SET expires_at = :expires",
            ExpressionAttributeValues={":joins": joins, ":expires": int((minute + RETENTION).timestamp())},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["joins"])
