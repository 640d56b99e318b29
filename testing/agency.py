"""An agency whose creators earn money: transactions, with the rollups that belong to them, and audiences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from cairn.analytics.money import category_of
from cairn.clock import iso, now, to_millis
from cairn.codec import from_json
from cairn.creators import keys
from cairn.creators.agencies import Agencies
from cairn.creators.model import Creator, Status, Transaction
from cairn.creators.registry import Creators
from cairn.creators.rollups import Rollups
from cairn.creators.sync_state import SyncStates
from cairn.creators.transactions import Transactions, to_item
from cairn.model import Reading, new_trace_id
from cairn.readings.history import History
from cairn.readings.stats import Stats
from testing.adversarial_dynamodb import catch_up
from testing.api import Answer, Api
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import Cloud, cloud

_numbers = count(1)


@dataclass(frozen=True)
class Sale:
    """A booking, of which a test says what matters to it; amounts are in minor units."""

    at: datetime
    gross: int = 1000
    net: int | None = 800
    currency: str = "USD"
    source: str = "tip"
    payer: str | None = "fan-1"
    status: Status = "counted"
    payer_name: str | None = None
    reverses: str | None = None


@dataclass
class AgencySite:
    aws: Cloud
    api: Api
    clock: ControlledClock
    agency_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.agency_id = self.agency()

    @property
    def table(self) -> Any:
        return self.aws.table("CREATORS_TABLE")

    @property
    def states(self) -> SyncStates:
        return SyncStates(self.table)

    def agency(self, name: str = "Agency") -> str:
        """A new agency; its id."""
        made = Agencies(self.table).make(name, now())
        catch_up()
        return made.agency.id

    def creator(self, name: str = "Mia", *, agency: str | None = None, currency: str | None = None) -> Creator:
        """A new creator, of this site's agency by default."""
        made = Creators(self.table).make(
            agency_id=agency or self.agency_id,
            name=name,
            platform="fanvue",
            external_id=uuid4().hex,
            now=now(),
            currency=currency,
        )
        catch_up()
        return made

    def books(self, creator: Creator, *sales: Sale) -> list[Transaction]:
        """Store transactions, and the rollups that belong to them."""
        rows = [row_of(creator, sale) for sale in sales]
        with self.table.batch_writer() as batch:
            for row in rows:
                batch.put_item(to_item(row) | {"updated_at": to_millis(now())})
        self.roll_up(creator, rows)
        return rows

    def roll_up(self, creator: Creator, rows: Iterable[Transaction]) -> None:
        """What `roll_up_transactions` writes after a change of these rows."""
        rollups = Rollups(self.table, Transactions(self.table))
        days = {row.at.astimezone(UTC).date() for row in rows}
        for day in sorted(days):
            rollups.roll_up_day(creator.id, day)
        for month in sorted({day.isoformat()[:7] for day in days}):
            rollups.roll_up_month(creator.id, month)
        for row in rows:
            rollups.note_payer(row)
        catch_up()

    def synced(self, *creators: Creator, at: datetime | None = None) -> None:
        """Let a sync of transactions and a fetch of audiences have succeeded."""
        at = at or now()
        for creator in creators:
            assert self.states.begin(creator.id, "test", at, timedelta(minutes=2))
            assert self.states.succeeded(creator.id, "test", at=at, until=at)
            self.states.first_synced(creator.id, at)
            self.states.audience(creator.id, at, "")
        catch_up()

    def flow(self, creator: Creator, day: date, new: int, ended: int) -> None:
        self.table.put_item(Item={"pk": keys.flow(creator.id), "sk": keys.of_day(day), "new": new, "ended": ended})
        catch_up()

    def audience(self, creator: Creator, days: Mapping[date, Mapping[str, int]], **present: int) -> None:
        """What days ended with, and what is known now."""
        for day, counts in days.items():
            at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12)
            History(self.aws.table("HISTORY_TABLE")).close_day(_reading(creator, counts, at), day)
        if present:
            Stats(self.aws.table("STATS_TABLE")).record(_reading(creator, present, now()))
        catch_up()

    def ask(self, path: str = "dashboard", **query: Any) -> Answer:
        """An answer of the API, of this site's agency unless the query says something else."""
        asked = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        if not asked.keys() & {"agencyId", "modelId"}:
            asked["agencyId"] = self.agency_id
        return self.api("GET", f"/api/analytics/{path}", query=asked, scopes=("analytics",))

    def dashboard(self, **query: Any) -> Any:
        answer = self.ask(**query)
        assert answer.status == 200, answer.text
        return from_json(answer.text)


def _reading(creator: Creator, counts: Mapping[str, int], at: datetime) -> Reading:
    return Reading(creator.subject, creator.name, dict(counts), at, "fanvue", new_trace_id())


def row_of(creator: Creator, sale: Sale) -> Transaction:
    """The transaction of a sale, which is not stored yet."""
    return Transaction(
        creator=creator.id,
        key=f"{iso(sale.at)}#{next(_numbers):024x}#0000",
        at=sale.at,
        gross=sale.gross,
        net=sale.net,
        currency=sale.currency,
        category=category_of(sale.source),
        source=sale.source,
        payer=sale.payer,
        payer_name=sale.payer_name,
        origin="pull",
        trace_id=new_trace_id(),
        status=sale.status,
        reverses=sale.reverses,
    )


@contextmanager
def agency_site() -> Iterator[AgencySite]:
    """A fresh account with an agency."""
    with controlled_clock() as clock, cloud(httpx.MockTransport(lambda _: httpx.Response(404))) as aws:
        yield AgencySite(aws, Api(aws), clock)
