"""The demo's sales floor: a dozen reps, and sales that cross thresholds at first."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.demo import checked, client
from local.settings import Settings

_FIRST_AFTER_SECONDS = 15.0
_LIVELY_SECONDS = 300.0
_PAUSES = (7.0, 40.0)
"""Seconds between two sales: at first, and later."""
_SEED = 17

# Name, team, avatar, user name, goal, revenue and sign-ups, early in a month, before any milestone. The best are
# first, so that creating them changes nobody's rank.
_FLOOR: tuple[tuple[str, str, str, str | None, int, int, int], ...] = (
    ("Ada Okafor", "North", "🦊", "ada", 16_000, 9_400, 9),
    ("Bruno Castell", "South", "🐻", None, 13_000, 9_100, 8),
    ("Chiara Lindqvist", "North", "🦉", None, 10_000, 8_700, 7),
    ("Daniel Osei", "West", "🐺", None, 15_000, 8_200, 9),
    ("Emiko Tanaka", "East", "🐼", None, 12_000, 7_600, 6),
    ("Farid Haddad", "South", "🦁", None, 14_000, 7_100, 8),
    ("Greta Novak", "West", "🐝", None, 12_000, 6_400, 5),
    ("Hugo Marchetti", "East", "🐯", None, 11_000, 5_900, 7),
    ("Ines Duarte", "South", "🐬", None, 10_000, 5_200, 4),
    ("Jonas Weber", "North", "🐧", None, 12_000, 4_300, 6),
    ("Kalinda Rao", "East", "🦜", None, 9_000, 3_600, 3),
    ("Luca Bianchi", "West", "🐢", None, 8_000, 2_900, 2),
)
# The first sales: rep, amount and sign-ups. Each crosses a threshold.
_FIRST_SALES: tuple[tuple[int, int, int], ...] = (
    (0, 1_350, 1),  # $10,000 and 10 sign-ups
    (1, 4_100, 2),  # $10,000, 10 sign-ups, the goal, and first on the board
    (2, 1_600, 0),  # $10,000 and the goal
    (3, 950, 1),  # 10 sign-ups
    (4, 17_900, 2),  # $25,000, which also passes $10,000; the goal, and first on the board
    (5, 3_300, 2),  # $10,000 and 10 sign-ups
)
_MONTHS_THIS_YEAR = 10
_MONTHS_BEFORE = 24


@dataclass(frozen=True, slots=True)
class Sale:
    rep_id: int
    name: str
    amount: int
    signups: int


@dataclass(slots=True)
class Salesperson:
    """Makes a sale now and then, and reports it to the API as a sales system would."""

    settings: Settings
    admin_key: str
    transport: httpx.BaseTransport | None = None
    clock: Callable[[], float] = time.monotonic
    kind: str = "sale"
    _reps: list[tuple[int, str]] = field(default_factory=list)
    _next: float = 0.0
    _sales: int = 0
    _lively_until: float = 0.0
    _rng: random.Random = field(default_factory=lambda: random.Random(_SEED))  # noqa: S311 - simulation, no secret
    _sale: Sale | None = None

    def hire(self) -> str:
        """Create the reps; a summary line."""
        with client(self.settings, self.admin_key, self.transport) as api:
            made = [checked(api.post("/api/leaderboard/sales-reps", json=body)).json() for body in new_reps()]
        self._reps = [(rep["id"], rep["name"]) for rep in made]
        started = self.clock()
        self._next, self._lively_until = started + _FIRST_AFTER_SECONDS, started + _LIVELY_SECONDS
        return f"sales floor: {len(self._reps)} reps, simulated sales"

    def next_action(self) -> str | None:
        """The next sale, when it is due."""
        if not self._reps or self.clock() < self._next:
            return None
        self._sale = self._next_sale()
        signups = f" and {count} sign-up{'s' if count > 1 else ''}" if (count := self._sale.signups) else ""
        return f"{self._sale.name}: ${self._sale.amount:,}{signups}"

    def act(self) -> None:
        """Report the announced sale, added to the rep's current numbers; a retired rep's sale is dropped."""
        sale, self._sale = self._sale, None
        lively = self.clock() < self._lively_until
        self._next = self.clock() + _PAUSES[not lively]
        self._sales += 1
        if sale is None:
            return
        rep = f"/api/leaderboard/sales-reps/{sale.rep_id}"
        with client(self.settings, self.admin_key, self.transport) as api:
            answer = api.get(rep)
            if answer.status_code == httpx.codes.NOT_FOUND:
                self._reps.remove((sale.rep_id, sale.name))
            elif answer.is_success:
                api.post(f"{rep}/update-stats", json=updated_stats(answer.json(), sale.amount, sale.signups))

    def _next_sale(self) -> Sale:
        if self._sales < len(_FIRST_SALES) and len(self._reps) == len(_FLOOR):
            number, amount, signups = _FIRST_SALES[self._sales]
            return Sale(*self._reps[number], amount, signups)
        amount = self._rng.randrange(300, 4_800, 50)
        return Sale(*self._rng.choice(self._reps), amount, self._rng.choice((0, 0, 1, 2)))


def new_reps() -> Sequence[dict[str, Any]]:
    """The reps as request bodies of the API."""
    return [
        {
            "name": name,
            "team": team,
            "avatar": avatar,
            **({"userId": user} if user else {}),
            "monthlyRevenueGoal": goal,
            "monthlyRevenue": revenue,
            "yearlyRevenue": revenue + _MONTHS_THIS_YEAR * goal,
            "allTimeRevenue": revenue + (_MONTHS_THIS_YEAR + _MONTHS_BEFORE) * goal,
            "monthlySignups": signups,
            "yearlySignups": signups + _MONTHS_THIS_YEAR * (signups + 2),
            "monthlyGrowth": round(20 * revenue / goal, 1),
            "yearlyGrowth": round(goal / 1_000, 1),
        }
        for name, team, avatar, user, goal, revenue, signups in _FLOOR
    ]


def updated_stats(rep: dict[str, Any], amount: int, signups: int) -> dict[str, Any]:
    """The rep's numbers after a sale, as a request body."""
    changed = {name: round(rep[name] + amount, 2) for name in ("monthlyRevenue", "yearlyRevenue", "allTimeRevenue")}
    return changed | {name: rep[name] + signups for name in ("monthlySignups", "yearlySignups")}
