"""The cost of an update of a rep on small and large floors, and how long what follows takes; counted, not timed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import boto3

from bench import rush
from bench.account import NOTHING, QUEUED_IN_ORDER, Account, Work, metered_account
from bench.figures import Figure, Section, at_least, at_most
from bench.floor import fill, hire
from cairn.aws.sqs import Queue
from cairn.clock import now
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.messages import BoardChanged
from cairn.model import Number
from cairn.realtime.tickets import Holder
from testing.functions import FUNCTIONS
from testing.rooms import sockets_of
from testing.websocket_api import FakePoster, in_place_of_api_gateway

SIZES = (10, 2_000, 100_000)
USUAL = 2_000
"""Up to this size of a floor, the budgets hold."""
WRITE_BUDGET, READ_BUDGET, RECORDS_A_SECOND = 7, 16, 200
REQUEST = 1
"""The write units of the request to show the board, which a batch of the stream makes once."""
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
LAST = Update("the last of all", 100, 150)
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
    plain: Work
    """The first and the last of the updates, which pass no milestone: all that follows, their mean."""
    last: Work
    """An update of the rep whom everybody is ahead of."""

    @property
    def total(self) -> Work:
        return self.requested + self.detected + self.recorded


@dataclass(frozen=True, slots=True)
class FloorSpent:
    """The usage that the costs of a sales floor are computed from."""

    update: UpdateUsage
    """Of a floor for which the budgets hold."""
    largest: UpdateUsage
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
    spent = FloorSpent(_usual(usages), usages[-1], refresh, frame_bytes)
    figures = _rush_figures()
    return _section(usages, page, refresh, spent.frame, figures), spent


def _usual(usages: Sequence[UpdateUsage]) -> UpdateUsage:
    return next(usage for usage in usages if usage.reps == USUAL)


@contextmanager
def _floor(reps: int) -> Iterator[tuple[Account, FakePoster, list[int], list[Number]]]:
    """This many reps, those to update hired first; sockets, one of them a TV's; everything announced."""
    with in_place_of_api_gateway() as poster, metered_account() as account:
        table = sockets_of(account.aws)
        holder = Holder("tv", "TV", frozenset({"leaderboard"}))
        opened = [table.open(f"socket-{number}", holder, now()) for number in range(SOCKETS)]
        table.join(opened[0], "tv-display", now())
        scores = [*LEADERS, *(update.before for update in (FIRST, *UPDATES, LAST))]
        ids = hire(account, scores)
        account.detect()
        _discard_broadcasts(account)
        scores += fill(scores, reps - len(scores))
        yield account, poster, ids, scores


def _updates(account: Account, ids: Sequence[int], scores: list[Number]) -> UpdateUsage:
    requested = detected = recorded = broadcast = plain = last = NOTHING
    for position, update in enumerate((FIRST, *UPDATES, LAST), len(LEADERS)):
        body = {"monthlyRevenue": str(update.after)}
        request = account.call("POST", f"/api/leaderboard/sales-reps/{ids[position]}/update-stats", body)
        scores[position] = update.after
        above = sum(score > update.after for score in scores)
        if account.body["rep"]["rank"] != above + 1:
            raise RuntimeError(f"{update.name}: rank {account.body['rep']['rank']}, but {above} reps are higher")
        detection, history = account.detect(), account.record_history()
        celebration = _celebrations(account)
        _discard_broadcasts(account)
        if update is LAST:
            last = request + detection + history
        elif update is not FIRST:
            requested, detected = requested + request, detected + detection
            recorded, broadcast = recorded + history, broadcast + celebration
            if update in (UPDATES[0], UPDATES[-1]):
                plain += (request + detection + history) * 0.5
    share = 1 / len(UPDATES)
    return UpdateUsage(
        len(scores), requested * share, detected * share, recorded * share, broadcast * share, plain, last
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


def _section(
    usages: Sequence[UpdateUsage], page: Work, refresh: Work, frame: int, figures: Sequence[Figure]
) -> Section:
    usual = _usual(usages)
    each = [
        row
        for usage in usages
        for row in (
            Figure(f"an update, {usage.reps:,} reps", _used(usage.requested)),
            Figure(f"its detection and history, {usage.reps:,} reps", _used(usage.detected + usage.recorded)),
            Figure(f"both, of the last of {usage.reps:,} reps", _used(usage.last)),
        )
    ]
    kinds = ", ".join(update.name for update in UPDATES)
    floor = f"an update without a milestone, and what follows, {USUAL:,} reps"
    return Section(
        "A sales floor",
        f"`POST …/update-stats` with a cached key, and what follows from the stream; means over {kinds}. A rank is "
        "counted from an index of keys (docs/decisions.md), which costs more the more reps are ahead. Writes are "
        "without the request to show the board, one unit, which a batch of the stream makes once. The seconds are "
        "simulated: the real handlers, on a clock that each AWS call moves by a typical latency (`bench/rush.py`), and "
        "no time for their own code.",
        (
            *each,
            at_most(f"{floor}: writes", usual.plain.write_units - REQUEST, WRITE_BUDGET, unit="WRU"),
            at_most(f"{floor}: reads", usual.plain.read_units, READ_BUDGET, unit="RRU"),
            at_most("the same, of the last of all: reads", usual.last.read_units, READ_BUDGET, unit="RRU"),
            *figures,
            Figure(f"`GET /api/leaderboard`, the first {PAGE} of {SIZES[-1]:,}", _used(page)),
            Figure(f"`leaderboard:refresh`, the first {PAGE} to {SOCKETS} sockets", _used(refresh)),
            Figure("its frame, in messages as API Gateway bills them", str(frame)),
        ),
    )


def _rush_figures() -> list[Figure]:
    drained = rush.backlog()
    rows = [
        at_least(
            f"changes without a crossing that a shard's detection does in a second, {drained.records:,} waiting",
            drained.records / max(drained.seconds, 1),
            RECORDS_A_SECOND,
        ),
        Figure("its AWS calls for all of them", f"{drained.calls}, {drained.seconds:.2f} s of waiting"),
    ]
    for crossing in (10, 1):
        bulk = rush.rush(crossing=crossing)
        rows.append(
            Figure(
                f"a bulk of {rush.BULK:,} updates with {bulk.celebrations:,} celebrations: stored, detected, the last "
                "one posted",
                f"{bulk.stored:.1f}, {bulk.detected:.1f}, {bulk.celebrated:.1f} s",
            )
        )
    return rows


def _used(work: Work) -> str:
    return f"{work.calls:g} AWS calls, {work.read_units:g} RRU, {work.write_units:g} WRU"
