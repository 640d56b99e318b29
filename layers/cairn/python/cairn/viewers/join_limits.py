"""How often an address may join in a minute: one item an address and minute in the presence table.

| pk | sk | holds | TTL |
|---|---|---|---|
| `address#{digest}` | the minute | how many joins the Lambdas have told of | 3 min |

Hardly anybody joins often, so a Lambda keeps an address's first joins to itself. Each Lambda may thus let as many more
in, and one beyond the cap that the table's answer stops.
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
KEPT = timedelta(minutes=3)
UNTOLD = 3
"""Joins of an address in a minute that a Lambda tells nobody of."""
MOST_ADDRESSES = 10_000
"""Those a Lambda remembers; beyond, it forgets who came first, and they begin with untold joins again."""


@dataclass(slots=True)
class _Seen:
    untold: int = 0
    told: bool = False
    full: bool = False


class JoinLimits:
    """`table` is the presence table, `most` how many joins an address has in a minute."""

    def __init__(self, table: Table, most: int) -> None:
        self._table = table
        self._most = most
        self._minute: datetime | None = None
        self._seen: dict[str, _Seen] = {}

    def allow(self, address: str, now: datetime) -> None:
        """One more join. TooManyJoinsError beyond the cap; a Lambda that has learnt so asks nobody again.

        Nothing is written for the first UNTOLD, and one unit for each of the others.
        """
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute, self._seen = minute, {}
        name = _block(address)
        seen = self._seen.get(name)
        if seen is None:
            if len(self._seen) >= MOST_ADDRESSES:
                del self._seen[next(iter(self._seen))]
            seen = self._seen[name] = _Seen()
        if not seen.full:
            seen.untold += 1
            if not seen.told and seen.untold <= min(UNTOLD, self._most):
                return
            seen.full = self._add(name, minute, seen.untold) > self._most
            seen.untold, seen.told = 0, True
        if seen.full:
            raise TooManyJoinsError(minute + MINUTE)

    def _add(self, name: str, minute: datetime, joins: int) -> int:
        answer: Any = self._table.update_item(
            Key={"pk": f"address#{hashlib.sha256(name.encode()).hexdigest()}", "sk": iso(minute)},
            UpdateExpression="ADD joins :joins SET expires_at = :expires",
            ExpressionAttributeValues={":joins": joins, ":expires": int((minute + KEPT).timestamp())},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["joins"])


def _block(address: str) -> str:
    """What counts as one address: of IPv6 a network of 64 bits, which is the least that a household is given."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), 64), strict=False))
