"""The cost of an update of a rep on small and large floors, and of what follows it; counted, not timed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import boto3

from bench.account import NOTHING, QUEUED_IN_ORDER, Account, Work, metered_account
from bench.figures import Figure, Section, at_most
from bench.floor import fill, hire
from cairn.aws.sqs import Queue
from cairn.clock import now
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.messages import BoardChanged
from cairn.model import Number
from cairn.realtime.tickets import Holder
from testing.functions import FUNCTIONS
from testing.item_sizes import item_size, read_blocks
from testing.rooms import sockets_of
from testing.websocket_api import FakePoster, in_place_of_api_gateway

SIZES = (10, 1_000, 100_000)
BUDGET = 1.5
LEADERS: tuple[Number, ...] = (170_000, 160_000, 150_000)
PAGE = 100
SOCKETS = 10
"""The open sockets that receive the board; one of them is a TV's."""
FRAME_BLOCK = 32 * 1024
"""API Gateway bills one message for each: https://aws.amazon.com/api-gateway/pricing/"""


@dataclass(frozen=True, slots=True)
class Update:
    """A rep whose monthly revenue changes."""

    name: str
    before: Number
    after: Number


UPDATES = (
    Update("a small raise", Decimal("20300.50"), Decimal("20450.75")),
    Update("over a threshold", 24_800, 25_300),
    Update("into the first three", 140_000, 155_000),
    Update("a correction down", 31_000, Decimal("29500.10")),
)
MILESTONES = 2
"""How many of the updates pass a milestone."""
FIRST = Update("the first, which warms detection", 9_000, 10_500)


@dataclass(frozen=True, slots=True)
class UpdateUsage:
    """Means over the updates, on a floor of this many reps."""

    reps: int
    requested: Work
    """The API's usage."""
    detected: Work
    recorded: Work
    broadcast: Work
    """The celebrations, without the board refreshes."""
    naive: float
    """Read units of a consistent count of the higher rows."""

    @property
    def total(self) -> Work:
        return self.requested + self.detected + self.recorded


@dataclass(frozen=True, slots=True)
class FloorSpent:
    """The usage that the costs of a sales floor are computed from; of the largest floor, if the size matters."""

    update: UpdateUsage
    refresh: Work
    frame_bytes: int
    """Of one socket's refresh."""

    @property
    def frame(self) -> int:
        """The messages that API Gateway bills for one socket's refresh."""
        return math.ceil(self.frame_bytes / FRAME_BLOCK)


def measure() -> tuple[Section, FloorSpent]:
    usages, page = [], Work()
    refresh, frame_bytes = NOTHING, 0
    for reps in SIZES:
        with _floor(reps) as (account, poster, ids, scores):
            usages.append(_updates(account, ids, scores))
            if reps == SIZES[-1]:
                page = account.call("GET", "/api/leaderboard", query={"limit": str(PAGE)})
            else:
                refresh, frame_bytes = _refresh(account, poster)
    spent = FloorSpent(usages[-1], refresh, frame_bytes)
    return _section(usages, page, refresh, spent.frame), spent


@contextmanager
def _floor(reps: int) -> Iterator[tuple[Account, FakePoster, list[int], list[Number]]]:
    """This many reps, those to update hired first; sockets, one of them a TV's; everything announced."""
    with in_place_of_api_gateway() as poster, metered_account() as account:
        table = sockets_of(account.aws)
        holder = Holder("tv", "TV", frozenset({"leaderboard"}))
        opened = [table.open(f"socket-{number}", holder, now()) for number in range(SOCKETS)]
        table.join(opened[0], "tv-display", now())
        scores = [*LEADERS, *(update.before for update in (FIRST, *UPDATES))]
        ids = hire(account, scores)
        account.detect()
        _discard_broadcasts(account)
        scores += fill(scores, reps - len(scores))
        yield account, poster, ids, scores


def _updates(account: Account, ids: Sequence[int], scores: list[Number]) -> UpdateUsage:
    row = boto3.client("dynamodb").get_item(
        TableName="leaderboard_table", Key={"pk": {"S": "board"}, "sk": {"S": f"rep#{ids[0]:015d}"}}
    )["Item"]
    requested = detected = recorded = broadcast = NOTHING
    naive = 0
    for position, update in enumerate((FIRST, *UPDATES), len(LEADERS)):
        body = {"monthlyRevenue": str(update.after)}
        request = account.call("POST", f"/api/leaderboard/sales-reps/{ids[position]}/update-stats", body)
        scores[position] = update.after
        above = sum(score > update.after for score in scores)
        if account.body["rep"]["rank"] != above + 1:
            raise RuntimeError(f"{update.name}: rank {account.body['rep']['rank']}, but {above} reps are higher")
        detection, history = account.detect(), account.record_history()
        celebration = _celebrations(account)
        _discard_broadcasts(account)
        if update is FIRST:
            continue
        requested, detected = requested + request, detected + detection
        recorded, broadcast = recorded + history, broadcast + celebration
        naive += read_blocks(above * item_size(row))
    share = 1 / len(UPDATES)
    return UpdateUsage(
        len(scores), requested * share, detected * share, recorded * share, broadcast * share, naive * share
    )


def _celebrations(account: Account) -> Work:
    """Broadcast the events of rooms; board refreshes are measured by `_refresh`."""
    work = NOTHING
    while records := account.aws.messages("BROADCAST_QUEUE_URL"):
        events = [record for record in records if '"room_event"' in record["body"]]
        work += account.run(FUNCTIONS["broadcast"], {"Records": events}) + QUEUED_IN_ORDER if events else NOTHING
        _delete(account, records)
    return work


def _discard_broadcasts(account: Account) -> None:
    """Discard what is queued and the last refresh, so that the next change requests one, as if alone in its second."""
    while records := account.aws.messages("BROADCAST_QUEUE_URL"):
        _delete(account, records)
    account.aws.table("CONNECTIONS_TABLE").delete_item(Key={"pk": "refreshes", "sk": "everyone"})


def _delete(account: Account, records: Sequence[dict[str, Any]]) -> None:
    for record in records:
        account.aws.delete("BROADCAST_QUEUE_URL", record)


def _refresh(account: Account, poster: FakePoster) -> tuple[Work, int]:
    key = BoardRefresh(account.aws.table("CONNECTIONS_TABLE")).request("bench", now())
    Queue(boto3.client("sqs"), os.environ["BROADCAST_QUEUE_URL"]).send([BoardChanged(str(key), "bench")])
    work = account.broadcast()
    _, text = poster.posts[-1]
    return work, len(text.encode())


def _section(usages: Sequence[UpdateUsage], page: Work, refresh: Work, frame: int) -> Section:
    few, many = usages[0], usages[-1]
    sizes = f"{many.reps:,} reps compared with {few.reps}"
    each = [
        row
        for usage in usages
        for row in (
            Figure(f"an update, {usage.reps:,} reps", _used(usage.requested)),
            Figure(f"its detection and history, {usage.reps:,} reps", _used(usage.detected + usage.recorded)),
        )
    ]
    kinds = ", ".join(update.name for update in UPDATES)
    naive = [
        Figure(f"counting the higher reps instead, {usage.reps:,} reps", f"{usage.naive:,.0f} RRU") for usage in usages
    ]
    return Section(
        "A rank",
        f"`POST …/update-stats` with a cached key, and what follows from the stream; means over {kinds}. A rank is "
        "read from a tree of counters (docs/decisions.md): the same few reads, whatever the number of reps. For "
        "comparison: the reads of a rank if the higher rows were counted in the index.",
        (
            *each,
            at_most(f"AWS calls of both, {sizes}", many.total.calls / few.total.calls, BUDGET, unit="×"),
            at_most(f"reads of both, {sizes}", many.total.read_units / few.total.read_units, BUDGET, unit="×"),
            at_most(f"writes of both, {sizes}", many.total.write_units / few.total.write_units, BUDGET, unit="×"),
            *naive,
            Figure(f"`GET /api/leaderboard`, the first {PAGE} of {many.reps:,}", _used(page)),
            Figure(f"`leaderboard:refresh`, the first {PAGE} to {SOCKETS} sockets", _used(refresh)),
            Figure("its frame, in messages as API Gateway bills them", str(frame)),
        ),
    )


def _used(work: Work) -> str:
    return f"{work.calls:g} AWS calls, {work.read_units:g} RRU, {work.write_units:g} WRU"
