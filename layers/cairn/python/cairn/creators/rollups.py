"""Sums of a creator's transactions by day and month, who paid, and the creator's revenue: computed from the rows.

| pk | sk | attributes |
|---|---|---|
| `day#{creator}` | date of UTC | `sums`, `rows`, `digest` of all three items of the day, `version`, `updated_at` |
| `quarters#{creator}` | date of UTC | `sums` by quarter of an hour |
| `payers#{creator}` | date of UTC | `payers`: the quarters in which each paid, as JSON |
| `month#{creator}` | `2026-11` | `sums` of its days, `version` |
| `payer#{creator}` | the payer | `first_at`: when they first paid, in ms |

Nothing is added to a sum: it is made again, so late rows, refunds and repeats mend it. A writer reads the version
first, then what it sums, and writes on condition of that version: so it never replaces the sums of a writer that saw
more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.analytics.sums import (
    Sums,
    added,
    by_quarter,
    from_text,
    midnight,
    of_rows,
    quarter_of,
    quarters_to_text,
    to_text,
)
from cairn.aws.dynamodb import Item, get, query_all, rejected_item, transact
from cairn.clock import Clock, now, sleep, to_millis
from cairn.creators import keys
from cairn.creators.model import Transaction
from cairn.creators.transactions import Transactions
from cairn.errors import ContentionError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

ATTEMPTS = 8
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DaySums:
    """What a day's items say, as texts."""

    sums: str
    quarters: str
    payers: str
    rows: int

    @classmethod
    def of(cls, rows: Iterable[Transaction]) -> DaySums:
        counted = [row for row in rows if row.status == "counted"]
        paid: dict[str, set[int]] = {}
        for row in counted:
            if row.payer and row.gross > 0:
                paid.setdefault(row.payer, set()).add(quarter_of(row.at))
        payers = {payer: sorted(quarters) for payer, quarters in sorted(paid.items())}
        return cls(
            sums=to_text(of_rows(counted)),
            quarters=quarters_to_text(by_quarter(counted)),
            payers=json.dumps(payers, separators=(",", ":"), ensure_ascii=False),
            rows=len(counted),
        )

    @classmethod
    def none(cls) -> DaySums:
        return cls.of(())

    @property
    def digest(self) -> str:
        whole = json.dumps([self.sums, self.quarters, self.payers, self.rows])
        return hashlib.sha256(whole.encode()).hexdigest()[:24]


class Rollups:
    """`table` is the creators table."""

    def __init__(self, table: Table, transactions: Transactions, clock: Clock = now) -> None:
        self._table = table
        self._transactions = transactions
        self._clock = clock

    def roll_up_day(self, creator: str, day: date) -> bool:
        """Sum up a day of UTC. False when its items say so already. ContentionError when others were faster."""
        for attempt in range(ATTEMPTS):
            stored = get(self._table, {"pk": keys.day(creator), "sk": keys.of_day(day)}, consistent=True)
            found = self.day_from_rows(creator, day)
            if stored and stored.get("digest") == found.digest:
                return False
            if not stored and not found.rows:
                return False
            if self._store_day(creator, day, found, stored):
                return True
            sleep(0.02 * 2**attempt)
        raise ContentionError(f"too many concurrent sums of {day} of creator {creator}; try again")

    def day_from_rows(self, creator: str, day: date) -> DaySums:
        start = midnight(day)
        return DaySums.of(self._transactions.span(creator, start, start + _DAY))

    def days_from_rows(self, creator: str, first: date, last: date) -> dict[date, DaySums]:
        """The sums of those days that have a row, both ends included."""
        by_day: dict[date, list[Transaction]] = {}
        for row in self._transactions.span(creator, midnight(first), midnight(last) + _DAY):
            by_day.setdefault(row.at.astimezone(UTC).date(), []).append(row)
        return {day: DaySums.of(rows) for day, rows in by_day.items()}

    def stored_days(self, creator: str, first: date, last: date) -> dict[date, DaySums]:
        """What the items of those days say that have any (consistent reads); where one is missing, it says nothing."""
        days = Key("sk").between(keys.of_day(first), keys.of_day(last))
        whole, quarters, payers = (
            {item["sk"]: item for item in query_all(self._table, Key("pk").eq(pk) & days, ConsistentRead=True)}
            for pk in (keys.day(creator), keys.quarters(creator), keys.payers(creator))
        )
        return {
            date.fromisoformat(sk): DaySums(
                sums=whole.get(sk, {}).get("sums", ""),
                quarters=quarters.get(sk, {}).get("sums", ""),
                payers=payers.get(sk, {}).get("payers", ""),
                rows=int(whole.get(sk, {}).get("rows", 0)),
            )
            for sk in {*whole, *quarters, *payers}
        }

    def forget_digest(self, creator: str, day: date) -> None:
        """Have the day's items written again, whatever they say."""
        try:
            self._table.update_item(
                Key={"pk": keys.day(creator), "sk": keys.of_day(day)},
                UpdateExpression="REMOVE digest ADD version :one",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":one": 1},
            )
        except ClientError as error:
            rejected_item(error)

    def roll_up_month(self, creator: str, month: str) -> bool:
        """Sum up the days of a month such as `2026-11`. False when its item says so already."""
        key = {"pk": keys.month(creator), "sk": month}
        for attempt in range(ATTEMPTS):
            stored = get(self._table, key, consistent=True)
            sums = self.month_from_days(creator, month)
            if (stored["sums"] if stored else "{}") == sums:
                return False
            version, condition = _versioned(stored)
            try:
                self._table.put_item(Item={**key, "sums": sums, "version": version, **self._updated()}, **condition)
            except ClientError as error:
                rejected_item(error)
                sleep(0.02 * 2**attempt)
                continue
            return True
        raise ContentionError(f"too many concurrent sums of {month} of creator {creator}; try again")

    def is_month_of_its_days(self, creator: str, month: str) -> bool:
        stored = get(self._table, {"pk": keys.month(creator), "sk": month}, consistent=True)
        return (stored["sums"] if stored else "{}") == self.month_from_days(creator, month)

    def month_from_days(self, creator: str, month: str) -> str:
        where = Key("pk").eq(keys.day(creator)) & Key("sk").begins_with(f"{month}-")
        days = query_all(self._table, where, ConsistentRead=True)
        return to_text(added(*(from_text(day["sums"]) for day in days)))

    def total(self, creator: str) -> Sums:
        """The sums of all months (consistent read)."""
        months = query_all(self._table, Key("pk").eq(keys.month(creator)), ConsistentRead=True)
        return added(*(from_text(month["sums"]) for month in months))

    def note_payer(self, row: Transaction) -> None:
        """Keep when the payer of a changed row paid first."""
        if not row.payer or row.gross <= 0:
            return
        if row.status == "counted":
            self._paid_at(row.creator, row.payer, row.at)
        else:
            self._did_not_pay_at(row.creator, row.payer, row.at)

    def _paid_at(self, creator: str, payer: str, at: datetime) -> None:
        try:
            self._table.update_item(
                Key={"pk": keys.payer(creator), "sk": payer},
                UpdateExpression="SET first_at = :at",
                ConditionExpression="attribute_not_exists(first_at) OR first_at > :at",
                ExpressionAttributeValues={":at": to_millis(at)},
            )
        except ClientError as error:
            rejected_item(error)

    def _did_not_pay_at(self, creator: str, payer: str, at: datetime) -> None:
        """If it was their first payment, find the one that is. The day's items have been written before."""
        key = {"pk": keys.payer(creator), "sk": payer}
        stored = get(self._table, key, consistent=True)
        if not stored or int(stored["first_at"]) != to_millis(at):
            return
        first = self._first_payment(creator, payer, at)
        seen: dict[str, Any] = {
            "ConditionExpression": "first_at = :seen",
            "ExpressionAttributeValues": {":seen": stored["first_at"]},
        }
        try:
            if first is None:
                self._table.delete_item(Key=key, **seen)
            elif first != at:
                self._table.put_item(Item={**key, "first_at": to_millis(first)}, **seen)
        except ClientError as error:
            rejected_item(error)  # another writer has found out more

    def _first_payment(self, creator: str, payer: str, since: datetime) -> datetime | None:
        where = Key("pk").eq(keys.payers(creator)) & Key("sk").gte(keys.of_day(since.date()))
        for item in query_all(self._table, where, ConsistentRead=True):
            if payer in json.loads(item["payers"]):
                start = midnight(date.fromisoformat(item["sk"]))
                for row in self._transactions.span(creator, start, start + _DAY):
                    if (row.payer, row.status) == (payer, "counted") and row.gross > 0:
                        return row.at
        return None

    def _store_day(self, creator: str, day: date, found: DaySums, stored: Item | None) -> bool:
        version, condition = _versioned(stored)
        sk = keys.of_day(day)
        whole = {
            "pk": keys.day(creator),
            "sk": sk,
            "sums": found.sums,
            "rows": found.rows,
            "digest": found.digest,
            "version": version,
            **self._updated(),
        }
        others = [
            {"pk": keys.quarters(creator), "sk": sk, "sums": found.quarters, "version": version},
            {"pk": keys.payers(creator), "sk": sk, "payers": found.payers, "version": version},
        ]
        name = self._table.name
        return transact(
            self._table,
            [
                {"Put": {"TableName": name, "Item": whole, **condition}},
                *({"Put": {"TableName": name, "Item": item}} for item in others),
            ],
        )

    def _updated(self) -> dict[str, int]:
        return {"updated_at": to_millis(self._clock())}


def _versioned(stored: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
    """The next version, and the condition that it follows the one that was read."""
    if stored is None:
        return 1, {"ConditionExpression": "attribute_not_exists(pk)"}
    seen = int(stored["version"])
    return seen + 1, {"ConditionExpression": "version = :seen", "ExpressionAttributeValues": {":seen": seen}}
