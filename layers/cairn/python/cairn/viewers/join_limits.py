"""Limits how often an address may join in a minute: one item an address and minute in the presence table.

| pk | sk | holds | TTL |
|---|---|---|---|
| `address#{digest}` | the minute | how many joins the Lambdas have reported | 3 min |

Few addresses join often, so a Lambda does not report an address's first joins. Each Lambda may therefore admit that
many beyond the cap. The first one beyond it that is reported is rejected by the table's answer.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cairn.clock import iso
from cairn.errors import TooManyJoinsError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MINUTE = timedelta(minutes=1)
RETENTION = timedelta(minutes=3)
UNREPORTED_JOINS = 3
"""The first joins of an address in a minute, which a Lambda does not report."""
MAX_ADDRESSES = 10_000
"""How many a Lambda remembers. Beyond that it forgets the oldest one, whose next joins are unreported again."""


@dataclass(slots=True)
class _Joins:
    unreported: int = 0
    reported: bool = False
    full: bool = False


class JoinLimits:
    """`table` is the presence table, `most` how many joins an address has in a minute."""

    def __init__(self, table: Table, most: int) -> None:
        self._table = table
        self._most = most
        self._minute: datetime | None = None
        self._joins: dict[str, _Joins] = {}

    def allow(self, address: str, now: datetime) -> None:
        """Admit one join; TooManyJoinsError beyond the cap. A Lambda that knows the cap is reached does not ask again.

        The first UNREPORTED_JOINS write nothing; each of the others writes one unit.
        """
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._joins = minute, {}
        name = _normalized(address)
        joins = self._joins.get(name)
        if joins is None:
            if len(self._joins) >= MAX_ADDRESSES:
                del self._joins[next(iter(self._joins))]
            joins = self._joins[name] = _Joins()
        if not joins.full:
            joins.unreported += 1
            if not joins.reported and joins.unreported <= min(UNREPORTED_JOINS, self._most):
                return
            joins.full = self._add(name, minute, joins.unreported) > self._most
            joins.unreported, joins.reported = 0, True
        if joins.full:
            raise TooManyJoinsError(minute + MINUTE)

    def _add(self, name: str, minute: datetime, joins: int) -> int:
        answer: Any = self._table.update_item(
            Key={"pk": f"address#{hashlib.sha256(name.encode()).hexdigest()}", "sk": iso(minute)},
            UpdateExpression="ADD joins :joins SET expires_at = :expires",
            ExpressionAttributeValues={":joins": joins, ":expires": int((minute + RETENTION).timestamp())},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["joins"])


def _normalized(address: str) -> str:
    """What counts as one address: for IPv6 a network of 64 bits, the smallest that a household is assigned."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))
