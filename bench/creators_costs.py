"""Calls, capacity units and dollars of a month of creators: syncs, audiences, sales, rollups, and an open dashboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, timedelta
from io import StringIO
from uuid import uuid4

from bench.costs.table import Bill, lines, shown, sums, table
from bench.dashboards import CUT_ZONE, row_size, show
from bench.figures import Figure, Section
from cairn.clock import now
from cairn.creators.model import Creator, Transaction
from cairn.creators.reconciling import Link
from cairn.creators.revenue import Revenue
from cairn.creators.rollups import Rollups
from cairn.creators.sync_state import Drift
from cairn.creators.transactions import Transactions
from cairn.model import Reading, new_trace_id
from cairn.readings.history import History
from cairn.readings.stats import Stats
from testing import prices
from testing.agency import AgencySite, Sale, agency_site, row_of
from testing.meter import Usage, metered
from testing.prices import Charges

CREATORS = (3, 100, 1_000)
DAYS = 30
SYNCS, AUDIENCES, VIEWS = 96 * DAYS, 288 * DAYS, 720 * DAYS
SALES = 50
"""A creator's, in a day."""
MB = 512
API_MB = 1024
SYNC_SECONDS, AUDIENCE_SECONDS, WEBHOOK_SECONDS, ROLL_UP_SECONDS = 1.5, 2.5, 0.1, 0.15
VIEW_SECONDS, VIEW_SECONDS_OF_A_CREATOR = 0.05, 0.012
VIEW_BYTES, VIEW_BYTES_OF_A_CREATOR = 12_000, 250
LOG_BYTES = 750
DETECTION_SECONDS, BATCH = 0.1, 10
PROSE = (
    f"A month of {DAYS} days, of creators with {SALES} sales a day each, from as many fans. Transactions are synced "
    "every 15 minutes and audiences every 5; each payment is told by the platform's webhook first and listed later, so "
    "its day is summed up twice; one page of all creators is open day and night and asks every two minutes. Units are "
    "counted by the meter where the code of the functions calls DynamoDB. Assumed are the seconds of a Lambda, most of "
    f"which wait for the platform: a sync {SYNC_SECONDS} s, an audience {AUDIENCE_SECONDS} s, a webhook "
    f"{WEBHOOK_SECONDS} s, a roll-up {ROLL_UP_SECONDS} s, a view {VIEW_SECONDS} s and "
    f"{1000 * VIEW_SECONDS_OF_A_CREATOR:.0f} ms for each creator; and that both readers of the stats table's stream "
    f"get {BATCH} changes at a time. A page of 1,000 creators at once therefore takes seconds; one of an agency or of "
    "a creator does not. Dollars are those of AWS's price list, without free allowances. Milestones and alarms come on "
    "top."
)


def measure() -> Section:
    used, views, row = _measured()
    bills = [_bill(creators, used, views["UTC"]) for creators in CREATORS]
    per_view = [creators * SALES * DAYS * row / 4096 / 2 for creators in CREATORS]
    naive = [prices.dollars({prices.READ_UNIT: VIEWS * units}) for units in per_view]
    kept = [prices.dollars({prices.READ_UNIT: VIEWS * creators * views["UTC"].read_units}) for creators in CREATORS]
    zone = [prices.dollars({prices.READ_UNIT: VIEWS * creators * views[CUT_ZONE].read_units}) for creators in CREATORS]
    head = ("a month", *(f"{creators:,} creators" for creators in CREATORS))
    return Section(
        "Creators: what a month costs",
        PROSE,
        (
            *(
                Figure(name, f"{one.write_units:g} WRU, {one.read_units:g} RRU, {one.total} calls")
                for name, one in used.items()
            ),
            Figure(
                "a creator in a view of 30 days in UTC", f"{views['UTC'].read_units:g} RRU, {views['UTC'].total} calls"
            ),
            Figure(
                f"a creator in a view of 30 days in {CUT_ZONE}",
                f"{views[CUT_ZONE].read_units:g} RRU, {views[CUT_ZONE].total} calls",
            ),
        ),
        "\n".join(
            (
                table(head, [*lines(bills), sums("sum", bills)]),
                "",
                table(
                    ("reads of the open page, dollars a month", *head[1:]),
                    [
                        ("from rollups, in UTC", *map(shown, kept)),
                        (f"from rollups, in {CUT_ZONE}", *map(shown, zone)),
                        ("from the rows, for each request", *map(shown, naive)),
                    ],
                ),
            )
        ),
    )


def _bill(creators: int, used: Mapping[str, Usage], view: Usage) -> Bill:
    """What each part of a month costs."""

    def of(times: float, usage: Usage, seconds: float, messages: float = 0) -> Charges:
        return prices.total(
            {price: times * amount for price, amount in usage.charges.items()},
            {prices.SQS_REQUEST: times * messages},
            prices.lambda_charges(times, seconds, MB),
            prices.log_charges(times * LOG_BYTES),
        )

    sales = creators * SALES * DAYS
    seconds = VIEW_SECONDS + creators * VIEW_SECONDS_OF_A_CREATOR
    return {
        "syncs of transactions": of(creators * SYNCS, used["a sync without news"], SYNC_SECONDS, 3),
        "audiences": prices.total(
            of(creators * AUDIENCES, used["an audience that changed"], AUDIENCE_SECONDS, 3),
            prices.lambda_charges(2 * creators * AUDIENCES / BATCH, DETECTION_SECONDS, MB),
        ),
        "webhooks and rows": prices.total(
            of(sales, used["a payment that a webhook tells"], WEBHOOK_SECONDS),
            of(sales, used["its row in the platform's list"], 0),
        ),
        "roll-ups": of(2 * sales, used["a roll-up of its day"], ROLL_UP_SECONDS),
        "the open page": prices.total(
            {prices.READ_UNIT: VIEWS * creators * view.read_units},
            prices.lambda_charges(VIEWS, seconds, API_MB),
            prices.cdn_charges(VIEWS, VIEW_BYTES + creators * VIEW_BYTES_OF_A_CREATOR, 1),
            prices.log_charges(VIEWS * LOG_BYTES),
        ),
    }


def _measured() -> tuple[dict[str, Usage], dict[str, Usage], int]:
    """The usage of each kind of work, of a creator in a view, and the bytes of a transaction."""
    with redirect_stdout(StringIO()), agency_site() as site, metered() as meter:
        mia = site.creator()
        sales = [
            Sale(
                now() - timedelta(days=day, minutes=1 + 28 * number),
                payer=str(uuid4()),
                source=("tip", "message", "subscription", "post", "renewal")[number % 5],
            )
            for day in range(DAYS)
            for number in range(SALES)
        ]
        site.books(mia, *sales)
        site.synced(mia)
        site.audience(
            mia,
            {
                now().date() - timedelta(days=day): {"subscribers": 100, "followers": 1_000}
                for day in range(1, DAYS + 1)
            },
        )
        for day in range(DAYS):
            site.flow(mia, now().date() - timedelta(days=day), 3, 1)
        payment = replace(row_of(mia, Sale(now(), payer=str(uuid4()))), origin="push", push="p-1")
        row = row_of(mia, Sale(now() + timedelta(seconds=1), payer=payment.payer))
        work: dict[str, Callable[[], object]] = {
            "a sync without news": lambda: _sync(site, mia),
            "an audience that changed": lambda: _audience(site, mia),
            "a payment that a webhook tells": lambda: _transactions(site).add_payment(payment, ("fanvue", "e-1")),
            "a roll-up of its day": lambda: _roll_up(site, mia, payment),
            "its row in the platform's list": lambda: _transactions(site).link(Link(row, payment, is_new=True)),
        }
        used = {}
        for name, do in work.items():
            with meter.measuring() as usage:
                do()
            used[name] = usage
        views = {}
        for zone in ("UTC", CUT_ZONE):
            with meter.measuring() as usage:
                show(site, mia, zone)
            views[zone] = usage
        return used, views, row_size(mia)


def _transactions(site: AgencySite) -> Transactions:
    return Transactions(site.table)


def _sync(site: AgencySite, creator: Creator) -> None:
    """What a sync does that finds no new row: the last hour is compared."""
    assert site.states.begin(creator.id, "bench", now(), timedelta(minutes=2))
    _transactions(site).open_payments(creator.id)
    list(_transactions(site).span(creator.id, now() - timedelta(hours=1), now()))
    assert site.states.succeeded(creator.id, "bench", at=now(), until=now(), drift=Drift())


def _audience(site: AgencySite, creator: Creator) -> None:
    """A changed count: the reading, its place in the history, and how fresh it is."""
    counts = {"subscribers": 101, "followers": 1_001, "messages": 50, "posts": 20}
    reading = Reading(creator.subject, creator.name, counts, now(), "fanvue", new_trace_id())
    assert Stats(site.aws.table("STATS_TABLE")).record(reading)
    History(site.aws.table("HISTORY_TABLE")).add(reading)
    site.states.audience(creator.id, now(), "2;1")


def _roll_up(site: AgencySite, creator: Creator, row: Transaction) -> None:
    """After a change of a row: its day, its month, who paid first, and the creator's revenue."""
    rollups = Rollups(site.table, _transactions(site))
    day = row.at.astimezone(UTC).date()
    assert rollups.roll_up_day(creator.id, day)
    rollups.note_payer(row)
    rollups.roll_up_month(creator.id, day.isoformat()[:7])
    stats = Stats(site.aws.table("STATS_TABLE"))
    Revenue(stats=stats, rollups=rollups, rules_version=0).store(creator, silent=False, trace_id=row.trace_id)
