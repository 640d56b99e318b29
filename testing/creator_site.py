"""An agency's creators in an account whose event sources run by themselves, and an oracle of their sums."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from cairn.analytics.money import category_of
from cairn.analytics.sums import Amounts, Sums, added, from_text, quarters_from_text
from cairn.clock import iso, now
from cairn.creators import keys
from cairn.creators.agencies import Agencies
from cairn.creators.model import Creator, Earning, Transaction
from cairn.creators.platforms import CreatorPlatform
from cairn.creators.registry import Creators
from cairn.creators.revenue import revenue_of
from cairn.creators.rollups import DaySums, Rollups
from cairn.creators.runs import Runs
from cairn.creators.sync_state import SyncState, SyncStates
from cairn.creators.transactions import Transactions
from cairn.errors import PlatformUnavailableError
from cairn.messages import Message, SyncCreator
from cairn.model import Reading, new_trace_id
from cairn.readings.stats import Stats
from testing.account import Account, account
from testing.cloud import CDN_KEY, SECRETS
from testing.creator_platform import FakeCreatorPlatform
from testing.functions import FUNCTIONS

FAR = datetime(2000, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@dataclass
class CreatorSite:
    """`platform` is the truth; a sync, a webhook and the stream bring it here."""

    account: Account
    platform: FakeCreatorPlatform = field(default_factory=FakeCreatorPlatform)
    zone: str = "UTC"

    def creator(self, name: str = "Mia", currency: str | None = None) -> Creator:
        table = self.account.cloud.table("CREATORS_TABLE")
        agencies = Agencies(table).all()
        agency = (agencies[0] if agencies else Agencies(table).make("North", now())).agency
        return Creators(table).make(
            agency_id=agency.id,
            name=name,
            platform="fanvue",
            external_id=f"fv-{name}",
            now=now(),
            currency=currency,
        )

    # -- what starts something

    def sweep(self) -> None:
        self.account.syncs.put({"source": "schedule"})

    def ask(self, creator: Creator, source: str = "operator", *, deep: bool = True) -> None:
        self.send(SyncCreator(creator.id, source, "", deep=deep, at=now(), trace_id=new_trace_id()))
        self.wait(milliseconds=1)

    def send(self, message: Message) -> None:
        from cairn.aws import sqs

        sqs.queue(os.environ["CREATORS_QUEUE_URL"]).send([message])

    def push(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Deliver a webhook; the answer."""
        answer: dict[str, Any] = self.account.invoke("creator_webhook", signed(event))
        return answer

    def settle(self) -> None:
        self.account.settle()

    def synced(self, *creators: Creator) -> None:
        """Bring these up to date, and everything that follows from it."""
        for creator in creators:
            self.ask(creator)
        self.settle()

    def wait(self, **time: float) -> None:
        self.account.clock.sleep(timedelta(**time).total_seconds())

    # -- what there is then

    @property
    def transactions(self) -> Transactions:
        return Transactions(self._table)

    @property
    def rollups(self) -> Rollups:
        return Rollups(self._table, self.transactions)

    @property
    def runs(self) -> Runs:
        return Runs(self._table)

    def state(self, creator: Creator) -> SyncState:
        return SyncStates(self._table).get(creator.id)

    def rows(self, creator: Creator, *statuses: str) -> list[Transaction]:
        found = self.transactions.span(creator.id, FAR, now() + timedelta(days=400))
        return [row for row in found if row.status in (statuses or ("counted",))]

    def days(self, creator: Creator) -> dict[date, DaySums]:
        stored = self.rollups.stored_days(creator.id, date(2000, 1, 1), date(2100, 1, 1))
        return {day: one for day, one in stored.items() if one.rows}

    def reading(self, creator: Creator) -> Reading | None:
        return Stats(self.account.cloud.table("STATS_TABLE")).get(creator.subject)

    def revenue(self, creator: Creator) -> Any:
        reading = self.reading(creator)
        return reading.metrics.get("revenue") if reading else None

    def item(self, pk: str, sk: str) -> Any:
        return self._table.get_item(Key={"pk": pk, "sk": sk}).get("Item")

    @property
    def _table(self) -> Any:
        return self.account.cloud.table("CREATORS_TABLE")

    # -- the oracle

    def wrong(self, creator: Creator) -> list[str]:
        """How what is stored differs from what the platform lists; it has no unconfirmed payments."""
        truth = self.platform.earnings.get(creator.external_id, [])
        found: list[str] = []
        counted = Counter((iso(row.at), row.gross, row.net, row.payer) for row in self.rows(creator))
        listed: Counter[tuple[str, int, int | None, str | None]] = Counter(
            (iso(one.at), one.gross, one.net, one.payer) for one in truth
        )
        if counted != listed:
            found.append(f"rows: {dict(counted - listed)} too many, {dict(listed - counted)} missing")
        expected = sums_of(truth, creator)
        days = self.days(creator)
        found += [
            f"day {day}: {days[day].sums if day in days else None} instead of {expected.get(day)}"
            for day in {*expected, *days}
            if day not in days or from_text(days[day].sums) != expected.get(day)
        ]
        for day, stored in days.items():
            if added(*quarters_from_text(stored.quarters).values()) != from_text(stored.sums):
                found.append(f"quarters of {day}: {stored.quarters}")
        payers = {
            (one.at.date(), one.payer, (one.at - _midnight(one.at)) // QUARTER)
            for one in truth
            if one.payer and one.gross > 0
        }
        stored_payers = {
            (day, payer, quarter)
            for day, one in days.items()
            for payer, quarters in json.loads(one.payers).items()
            for quarter in quarters
        }
        if payers != stored_payers:
            found.append(f"payers: {payers ^ stored_payers}")
        for payer in {one.payer for one in truth if one.payer}:
            first = min((one.at for one in truth if one.payer == payer and one.gross > 0), default=None)
            item = self.item(keys.payer(creator.id), payer)
            if (item and int(item["first_at"])) != (first and int(first.timestamp() * 1000)):
                found.append(f"first payment of {payer}: {item} instead of {first}")
        total = added(*expected.values())
        if truth and self.revenue(creator) != revenue_of(creator, total)[0]:
            found.append(f"revenue: {self.revenue(creator)} instead of {revenue_of(creator, total)[0]}")
        return found


def sums_of(truth: list[Earning], creator: Creator) -> dict[date, Sums]:
    """By day of UTC, without the code that Cairn sums with."""
    found: dict[date, dict[str, dict[str, Amounts]]] = {}
    for one in truth:
        currency = one.currency or creator.currency or "USD"
        categories = found.setdefault(one.at.date(), {}).setdefault(currency, {})
        before = categories.get(category_of(one.source), Amounts())
        categories[category_of(one.source)] = Amounts(
            before.gross + one.gross, before.net + one.net, before.count + 1, before.pending
        )
    return dict(found)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def payment(creator: Creator, row: Earning, *, number: str | None = None, net: int | None = None) -> dict[str, Any]:
    """The webhook's event of a payment whose row the platform lists sooner or later."""
    return {
        "id": f"evt-{number or uuid4().hex}",
        "type": "creator.payment.succeeded",
        "timestamp": iso(row.at),
        "data": {
            "object": "payment",
            "id": f"FV-{number or uuid4().hex}",
            "gross": row.gross,
            "net": net,
            "currency": row.currency,
            "source": row.source,
            "paid_at": iso(row.at),
            "purchaser": {"uuid": row.payer},
            "creator": {"uuid": creator.external_id},
        },
    }


def signed(
    event: Mapping[str, Any] | bytes, *, at: datetime | None = None, secret: str | None = None
) -> dict[str, Any]:
    """A request to the webhook's Lambda URL, signed as Fanvue does."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    stamp = int((at or now()).timestamp())
    key = secret or SECRETS["CREATOR_SECRET"]["CREATOR_WEBHOOK_SECRET"]
    signature = hmac.new(key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "version": "2.0",
        "rawPath": "/hooks/creators/fanvue",
        "headers": {
            "content-type": "application/json",
            "x-cairn-front": CDN_KEY,
            "x-cairn-viewer": "203.0.113.7",
            "x-fanvue-signature": f"t={stamp},v0={signature}",
        },
        "requestContext": {"http": {"method": "POST", "path": "/hooks/creators/fanvue", "sourceIp": "10.0.0.1"}},
        "body": body.decode(),
        "isBase64Encoded": False,
    }


@contextmanager
def creator_site(**settings: Any) -> Iterator[CreatorSite]:
    """A fresh account; calls to the platform can fail as all others can."""
    with account(lambda _request: httpx.Response(500), **settings) as made:
        site = CreatorSite(made)
        FUNCTIONS.creator_platform = lambda creator: _Wired(site, site.platform.of(creator.external_id))
        FUNCTIONS.restart("sync_transactions")
        yield site


@dataclass
class _Wired:
    """The platform's calls go through the account's wire."""

    site: CreatorSite
    inner: CreatorPlatform

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.inner, name)

        def wired(*arguments: Any) -> Any:
            error = PlatformUnavailableError("fanvue", "injected")
            return self.site.account.wire.platform(f"platform {name}", lambda: call(*arguments), error)

        return wired
