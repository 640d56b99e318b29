"""What a dashboard reads, and how long it takes, with few and with very many transactions on the same days."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from datetime import date, timedelta
from io import StringIO
from statistics import median
from uuid import uuid4

from boto3.dynamodb.types import TypeSerializer

from bench.figures import Figure, Section, at_most
from cairn.analytics.ranges import Range
from cairn.clock import now
from cairn.creators.analytics import Analytics
from cairn.creators.model import Creator
from cairn.creators.transactions import to_item
from cairn.readings.history import History
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from functions.api.analytics.dashboards import read
from testing.agency import AgencySite, Sale, agency_site, row_of
from testing.agency_load import write_rollups
from testing.item_sizes import item_size
from testing.meter import Usage, metered

SIZES = (1_000, 100_000, 1_000_000)
PAYERS = (100, 1_000, 5_000)
DAYS = 30
ROUNDS = 15
MOST = 1.1
CUT_ZONE = "Europe/Berlin"
PAGE_BYTES = 1_000_000
"""Of a query's page, as DynamoDB counts it."""
PROSE = (
    f"The dashboard of one creator over {DAYS} days, `GET /api/analytics/dashboard?timeRange=30d`: read units and "
    "calls are counted by the meter, and the time is the CPU time of the whole request in this process, MiniStack's "
    f"DynamoDB included, the median of {ROUNDS}. The rollups are written by the code that writes them in AWS. **In "
    "UTC** every bucket is made of whole days, one item each, however many transactions there were. **In another "
    "zone** every bucket cuts a day of UTC, so the sums of its quarters of an hour are read, too: such an item grows "
    "until each of its 96 quarters has each category, which is at some thousand transactions a day, and no further. "
    "**Distinct payers** cannot be added up: their items grow with those who pay, and are listed by themselves."
)


def measure() -> Section:
    with redirect_stdout(StringIO()), agency_site() as site, metered() as meter:
        creators = [site.creator(f"{size} transactions") for size in SIZES]
        paid = [site.creator(f"{payers} payers") for payers in PAYERS]
        for creator, size in zip(creators, SIZES, strict=True):
            write_rollups(site, creator, _days(), transactions=size)
        for creator, fans in zip(paid, PAYERS, strict=True):
            write_rollups(site, creator, _days(), transactions=SIZES[0], payers=fans)
        site.synced(*creators, *paid)

        def usages(of: Sequence[Creator], zone: str) -> list[Usage]:
            found = []
            for creator in of:
                with meter.measuring() as usage:
                    show(site, creator, zone)
                found.append(usage)
            return found

        whole, cut, payers = usages(creators, "UTC"), usages(creators, CUT_ZONE), usages(paid, "UTC")
    with redirect_stdout(StringIO()), agency_site() as site:
        creators = [site.creator(f"{size} transactions") for size in SIZES]
        for creator, size in zip(creators, SIZES, strict=True):
            write_rollups(site, creator, _days(), transactions=size)
        site.synced(*creators)
        quick, slow = seconds(site, creators, "UTC"), seconds(site, creators, CUT_ZONE)
        row_bytes = row_size(creators[0])
    names = "1 k, 100 k and 1 M"
    return Section(
        "Dashboards: reads with few and with many transactions",
        PROSE,
        (
            at_most("UTC: read units, 1 M ÷ 1 k", whole[-1].read_units / whole[0].read_units, MOST),
            at_most("UTC: read units, 100 k ÷ 1 k", whole[1].read_units / whole[0].read_units, MOST),
            at_most("UTC: calls, 1 M ÷ 1 k", whole[-1].total / whole[0].total, MOST),
            at_most("UTC: time, 1 M ÷ 1 k", quick[-1] / quick[0], MOST),
            at_most("UTC: time, 100 k ÷ 1 k", quick[1] / quick[0], MOST),
            Figure(f"UTC: read units at {names}", _list(one.read_units for one in whole)),
            Figure("UTC: calls of DynamoDB", f"{whole[0].total}, at most 8 at a time"),
            Figure(f"{CUT_ZONE}: read units at {names}", _list(one.read_units for one in cut)),
            Figure(f"{CUT_ZONE}: time, 100 k ÷ 1 k; 1 M ÷ 100 k", f"{slow[1] / slow[0]:.2f}; {slow[2] / slow[1]:.2f}"),
            Figure(
                f"read units for the payers, {', '.join(f'{count:,}' for count in PAYERS)} of whom pay each day",
                _list(one.read_units - whole[0].read_units for one in payers),
            ),
            Figure("a transaction's item", f"{row_bytes} bytes"),
            Figure(
                f"reading the rows for each request instead: read units at {names}",
                _list(size * row_bytes / 4096 / 2 for size in SIZES),
            ),
            Figure("the same: calls, one after the other", _list(-(-size * row_bytes // PAGE_BYTES) for size in SIZES)),
        ),
    )


def row_size(creator: Creator) -> int:
    """Bytes of a transaction's item."""
    write = TypeSerializer().serialize
    item = to_item(row_of(creator, Sale(now(), payer=str(uuid4()), payer_name="Somebody")))
    return item_size({name: write(value) for name, value in item.items()})


def show(site: AgencySite, creator: Creator, zone: str) -> None:
    """Read a dashboard one call after the other, as the meter needs it."""
    tables = {name: site.aws.table(f"{name.upper()}_TABLE") for name in ("stats", "history", "milestones")}
    analytics = Analytics(
        table=site.table,
        stats=Stats(tables["stats"]),
        history=History(tables["history"]),
        milestones=Milestones(tables["milestones"]),
        lanes=1,
    )
    first, last = _days()
    read(analytics, site.states, [creator], Range(first, last, zone), "day", now(), compare=False)


def seconds(site: AgencySite, creators: Sequence[Creator], zone: str, rounds: int = ROUNDS) -> list[float]:
    """CPU time of a request for each creator: medians of rounds in which they take turns."""
    found: list[list[float]] = [[] for _ in creators]
    for _ in range(rounds + 1):
        for number, creator in enumerate(creators):
            begun = time.process_time()
            answer = site.ask(modelId=creator.id, timeRange="30d", timeZone=zone)
            found[number].append(time.process_time() - begun)
            if answer.status != 200:
                raise RuntimeError(answer.text)
    return [median(times[1:]) for times in found]


def _days() -> tuple[date, date]:
    return now().date() - timedelta(days=DAYS - 1), now().date()


def _list(values: Iterable[float]) -> str:
    return ", ".join(f"{value:,.4g}" if value < 100 else f"{value:,.0f}" for value in values)
