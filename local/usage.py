"""The demo's product: a small SaaS whose users reply, and which tells Cairn of it as any product would."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from local.demo import checked, client
from local.settings import Settings, StartError

_FIRST_AFTER_SECONDS = 18.0
_LIVELY_SECONDS = 300.0
_PAUSES = (6.0, 25.0)
"""Seconds between two events: at first, and later."""
_SEED = 13
_ROWS_OF_A_REQUEST = 1_000


@dataclass(frozen=True, slots=True)
class Customer:
    """A user of the product, with a past of so many days in which so many replies were written."""

    id: str
    name: str
    time_zone: str
    goal: int | None = None
    days: int = 0
    replies: int = 0

    @property
    def profile(self) -> dict[str, Any]:
        """What `PUT /api/users` takes."""
        return {
            "id": self.id,
            "name": self.name,
            "email": f"{self.id}@example.com",
            "timeZone": self.time_zone,
            "dailyGoal": self.goal,
            "attributes": {"plan": "pro" if self.days else "trial"},
        }


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a user does."""

    customer: Customer
    type: str
    count: int = 1
    feature: str | None = None


MARA = Customer("mara", "Mara Jensen", "Europe/Copenhagen", 3, 300, 97)
KENJI = Customer("kenji", "Kenji Mori", "Asia/Tokyo", 5, 160, 480)
LUCIA = Customer("lucia", "Lucia Ferrari", "America/Sao_Paulo", None, 40, 46)
AROHA = Customer("aroha", "Aroha Ngata", "Pacific/Auckland", 2, 330, 940)
SAM = Customer("sam", "Sam Whitfield", "America/Los_Angeles", 1)
NOOR = Customer("noor", "Noor Haddad", "Asia/Dubai", 4)
CUSTOMERS = (MARA, KENJI, LUCIA, AROHA, SAM, NOOR)

# What they do first: each is a milestone, and most are an e-mail of the CRM.
_FIRST_ACTS = (
    Act(SAM, "reply"),  # the first reply, and today's goal
    Act(MARA, "reply", 3),  # 100 replies, and today's goal
    Act(KENJI, "meme"),  # the first meme, and so the first use of memes
    Act(SAM, "feature", feature="write_like_me"),
    Act(NOOR, "reply", 12),  # one milestone, of 10 replies, which also passes the first; and today's goal
    Act(LUCIA, "feature", feature="research"),
    Act(LUCIA, "reply", 4),  # 50 replies
    Act(AROHA, "reply", 2),  # today's goal
)
_TYPES = ("reply", "reply", "reply", "reply", "meme", "suggestion", "like", "retweet")


@dataclass(slots=True)
class Product:
    """Reports what its users do, one event at a time, each with an id of its own."""

    settings: Settings
    admin_key: str
    transport: httpx.BaseTransport | None = None
    clock: Callable[[], float] = time.monotonic
    today: Callable[[], date] = lambda: datetime.now(UTC).date()
    kind: str = "usage"
    _next: float = float("inf")
    _lively_until: float = 0.0
    _acts: int = 0
    _event: dict[str, Any] | None = None
    _rng: random.Random = field(default_factory=lambda: random.Random(_SEED))  # noqa: S311 - simulation, no secret
    _run: str = field(default_factory=lambda: uuid4().hex[:8])
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def launch(self) -> str:
        """Tell Cairn who the users are, and import what they did before, in silence; a summary line."""
        rows = [row for customer in CUSTOMERS for row in past(customer, self.today(), self._rng)]
        with client(self.settings, self.admin_key, self.transport) as api:
            users = checked(api.put("/api/users", json={"users": [customer.profile for customer in CUSTOMERS]})).json()
            require(users["results"])
            for start in range(0, len(rows), _ROWS_OF_A_REQUEST):
                body = {"rows": rows[start : start + _ROWS_OF_A_REQUEST]}
                require(checked(api.post("/api/usage/import", json=body)).json()["results"])
        started = self.clock()
        self._next, self._lively_until = started + _FIRST_AFTER_SECONDS, started + _LIVELY_SECONDS
        return f"product: {len(CUSTOMERS)} users with {len(rows)} days behind them, simulated replies"

    def next_action(self) -> str | None:
        """What is done next, when it is due."""
        if self.clock() < self._next:
            return None
        if self._event is None:
            act = self._next_act()
            self._event = event_of(act, f"demo-{self._run}-{next(self._numbers)}")
            return words_of(act)
        return "sends its last event again"

    def act(self) -> None:
        """Report it. What got no answer is sent again, and its id keeps it from counting twice."""
        self._next = self.clock() + _PAUSES[self.clock() >= self._lively_until]
        if self._event is None:
            return
        with client(self.settings, self.admin_key, self.transport) as api:
            answer = api.post("/api/usage/track", json=self._event)
        if not answer.is_server_error:
            self._event = None

    def _next_act(self) -> Act:
        self._acts += 1
        if self._acts <= len(_FIRST_ACTS):
            return _FIRST_ACTS[self._acts - 1]
        return Act(self._rng.choice(CUSTOMERS), self._rng.choice(_TYPES), self._rng.choice((1, 1, 1, 2)))


def require(results: list[dict[str, Any]]) -> None:
    """StartError with the first error among the results of a bulk request."""
    for result in results:
        if error := result.get("error"):
            raise StartError(f"Setting up the demo's users failed: {error}")


def past(customer: Customer, today: date, rng: random.Random) -> list[dict[str, Any]]:
    """The rows of an import: the customer's replies spread over the days before today, more of them lately."""
    if not customer.days:
        return []
    replies = [0] * customer.days
    for _ in range(customer.replies):
        replies[int(customer.days * rng.random() ** 1.4)] += 1
    return [
        {
            "userId": customer.id,
            "date": str(today - timedelta(days=ago)),
            "replies": number,
            "memes": 0,
            "suggestions": number // 3,
        }
        for ago, number in enumerate(replies, start=3)
        if number
    ]


def event_of(act: Act, id_: str) -> dict[str, Any]:
    """The body of `POST /api/usage/track`."""
    body = {"userId": act.customer.id, "type": act.type, "count": act.count, "id": id_}
    return body | ({"feature": act.feature} if act.feature else {})


def words_of(act: Act) -> str:
    """For people: `Mara Jensen: 3 replies`."""
    if act.feature:
        return f"{act.customer.name}: uses {act.feature}"
    noun = act.type if act.count == 1 else {"reply": "replies"}.get(act.type, f"{act.type}s")
    return f"{act.customer.name}: {act.count} {noun}"
