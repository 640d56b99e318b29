"""A product that sends what its users do, and the operator's key that manages them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from cairn.clock import iso
from testing.api import Answer, Api
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.product import Product


@dataclass
class ManagedProduct:
    aws: Cloud
    api: Api
    clock: ControlledClock
    product: Product = field(init=False)

    def __post_init__(self) -> None:
        self.product = Product(self.aws)

    def put(self, user_id: str, **fields: Any) -> Answer:
        return self.api("PUT", f"/api/users/{user_id}", fields)

    def user(self, user_id: str) -> Any:
        return self.api("GET", f"/api/users/{user_id}", scopes=("analytics",)).json

    def does(
        self, user_id: str, what: str = "reply", count: int = 1, *, at: datetime | None = None, day: date | None = None
    ) -> Any:
        """The answer to a usage event that has to be accepted."""
        when = {"at": iso(at)} if at else {"date": day.isoformat()} if day else {}
        return self.product.tracked(user_id, what, count=count, **when)

    def record(self, changes: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        """Bring records of the stream to the history, the new ones if none are given; returns them."""
        records = self.aws.changes() if changes is None else changes
        if records:
            assert FUNCTIONS["record_history"]({"Records": records}, Context()) == {"batchItemFailures": []}
        return records

    def pass_days(self, days: float) -> None:
        self.clock.sleep(days * 86_400)

    def days(self, user_id: str, **query: str) -> dict[str, Any]:
        """What a user did by local day, without the days on which nothing is known."""
        answer = self.api("GET", f"/api/users/{user_id}/usage", query=query, scopes=("analytics",))
        assert answer.status == 200, answer.text
        return {one["date"]: one for one in answer.json["items"] if one["counted"] or one["frozen"]}
