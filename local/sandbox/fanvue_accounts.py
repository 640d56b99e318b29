"""Fanvue's creators: their earnings, audiences and growth.

What a sale is follows from the creator and the number of the sale alone. A creator who sells every few seconds has, at
any instant, the sales that were due by then, however often somebody asked meanwhile.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from local.sandbox.clock import Clock

DAY = 86_400
REWARDS = ("referral", "affiliate", "giveaway")
"""The sources that no fan pays for: the row has no user."""
_SOURCES = (
    *("message",) * 9,
    *("tip",) * 4,
    *("subscription",) * 3,
    *("renewal",) * 3,
    *("post",) * 2,
    *("referral", "mediaLink"),
)
_FANS = ("Ada", "Bela", "Chidi", "Dora", "Emre", "Fay", "Goran", "Hana", "Ivo", "Jun", "Kira", "Lars", "Mona", "Nils")


@dataclass(frozen=True)
class Fan:
    uuid: str
    handle: str
    name: str

    @classmethod
    def named(cls, name: str) -> "Fan":
        """The same fan for a name each time."""
        return cls(str(uuid5(NAMESPACE_URL, f"fanvue:fan:{name}")), name.casefold().replace(" ", "_"), name)

    def shown(self) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            "handle": self.handle,
            "displayName": self.name,
            "nickname": None,
            "isTopSpender": False,
        }


@dataclass
class Row:
    """A booking; `at` and `listed_at`, from which on the list shows it, in seconds since the epoch."""

    at: float
    gross: int
    net: int
    currency: str | None
    source: str
    fan: Fan | None
    order: str
    number: int
    listed_at: float
    reverses: str | None = None
    raw: dict[str, Any] = field(default_factory=dict)
    """Fields that the list shows instead of the true ones, for odd answers."""

    def shown(self) -> dict[str, Any]:
        fields = {
            "date": iso(self.at),
            "gross": self.gross,
            "net": self.net,
            "currency": self.currency,
            "source": self.source,
            "transactionOrderId": self.order,
            "transactionOrderStatus": "pendingBalance",
            "user": self.fan.shown() if self.fan else None,
        }
        return fields | ({"reversedTransactionOrderId": self.reverses} if self.reverses else {}) | self.raw


@dataclass
class Account:
    """A creator. The counts are those of the lists; sales that are due add to them."""

    uuid: str
    name: str
    handle: str
    currency: str | None = "USD"
    subscribers: int = 0
    followers: int = 0
    chats: int = 0
    posts: int = 0
    sales_every: float = 0
    """Seconds from one sale to the next; 0: none but those that are added."""
    next_sale: float = 0
    sold: int = 0
    rows: list[Row] = field(default_factory=list)
    flows: defaultdict[date, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """New and ended subscriptions by day of UTC."""

    def catch_up(self, now: float) -> list[Row]:
        """Make the sales that are due by now; those that are new."""
        made = []
        while self.sales_every and self.next_sale <= now:
            made.append(self._sell(self.next_sale))
            self.next_sale += self.sales_every
        return made

    def add(
        self,
        at: float,
        gross: int,
        *,
        net: int | None = None,
        currency: str | None = None,
        source: str = "tip",
        fan: Fan | None = None,
        listed_at: float | None = None,
        reverses: str | None = None,
        raw: dict[str, Any] | None = None,
    ) -> Row:
        number = len(self.rows)
        row = Row(
            at=at,
            gross=gross,
            net=round(gross * 0.8) if net is None else net,
            currency=self.currency if currency is None else currency or None,
            source=source,
            fan=fan,
            order=str(uuid5(NAMESPACE_URL, f"{self.uuid}:order:{number}")),
            number=number,
            listed_at=at if listed_at is None else listed_at,
            reverses=reverses,
            raw=raw or {},
        )
        self.rows.append(row)
        return row

    def add_history(self, now: float, days: int) -> None:
        """Some sales of each of these days before today, and of today up to now."""
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        for back in range(days, -1, -1):
            begins = today - back * DAY
            for number in range(2 + digest(f"{self.uuid}:{back}") % 7):
                at = begins + digest(f"{self.uuid}:{back}:{number}") % DAY
                if at < now:
                    self._sell(at)

    def _sell(self, at: float) -> Row:
        """The next sale; each thirtieth gives an earlier one back."""
        self.sold += 1
        chance = digest(f"{self.uuid}:sale:{self.sold}")
        if self.sold % 30 == 0:
            reversed_row = self.rows[-5]
            kind = "refund" if reversed_row.gross > 0 else "giveaway"
            gross = -abs(reversed_row.gross)
            return self.add(at, gross, source=kind, fan=reversed_row.fan, reverses=reversed_row.order)
        source = _SOURCES[chance % len(_SOURCES)]
        fan = None if source in REWARDS else Fan.named(_FANS[chance // 64 % len(_FANS)])
        self.chats += self.sold % 3 == 0
        self.followers += self.sold % 2
        self.posts += self.sold % 12 == 0
        day = datetime.fromtimestamp(at, UTC).date()
        if source == "subscription":
            self.subscribers += 1
            self.flows[day][0] += 1
        elif self.sold % 25 == 0 and self.subscribers:
            self.subscribers -= 1
            self.flows[day][1] += 1
        return self.add(at, 300 + chance // 4096 % 48 * 100, source=source, fan=fan)

    def listed(self, now: float, since: float, until: float, sources: Iterable[str]) -> list[Row]:
        """The rows of a time that the list shows now, newest first."""
        wanted = frozenset(sources)
        found = [
            row
            for row in self.rows
            if since <= row.at < until and row.listed_at <= now and (not wanted or row.source in wanted)
        ]
        return sorted(found, key=lambda row: (row.at, row.number), reverse=True)

    def find(self, order: str) -> Row | None:
        return next((row for row in self.rows if row.order == order), None)

    def totals(self, now: float) -> dict[str, dict[str, int]]:
        """The truth: the sums of what is listed now, by currency."""
        sums: dict[str, dict[str, int]] = {}
        for row in self.rows:
            if row.listed_at <= now:
                total = sums.setdefault(row.currency or "null", {"gross": 0, "net": 0, "count": 0})
                total["gross"] += row.gross
                total["net"] += row.net
                total["count"] += 1
        return sums

    def days(self, first: date, last: date) -> list[dict[str, Any]]:
        """New and ended subscriptions of these days, and their net sum from the first one on."""
        total, days = 0, []
        for back in range((last - first).days + 1):
            day = first + timedelta(days=back)
            new, ended = self.flows.get(day, (0, 0))
            total += new - ended
            counts = {"newSubscribersCount": new, "cancelledSubscribersCount": ended}
            days.append({"date": f"{day}T00:00:00.000Z", "total": total, **counts})
        return days


class Accounts:
    """All creators, by uuid, each as it is by now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accounts: dict[str, Account] = {}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def find(self, uuid: str) -> Account | None:
        return self._accounts.get(uuid)

    def put(self, uuid: str, name: str | None = None, handle: str | None = None) -> Account:
        account = self._accounts.get(uuid)
        if account is None:
            name = name or f"Creator {len(self._accounts) + 1}"
            account = Account(uuid, name, handle or name.casefold().replace(" ", "_"))
            self._accounts[uuid] = account
        account.name, account.handle = name or account.name, handle or account.handle
        return account

    def remove(self, uuid: str) -> None:
        self._accounts.pop(uuid, None)

    def grow(self, account: Account, every: float) -> None:
        account.catch_up(self._clock.now())
        account.sales_every, account.next_sale = every, self._clock.now() + every

    def clear(self) -> None:
        self._accounts.clear()


def uuid_of(name: str) -> str:
    """A creator's uuid, the same for a name each time."""
    return str(uuid5(NAMESPACE_URL, f"fanvue:creator:{name}"))


def digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(round(seconds, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
