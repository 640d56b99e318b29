"""What an update of a rep costs on a small floor and on a large one, and what it leads to; counted, not timed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import boto3

from bench.account import NOTHING, QUEUED, Account, Work, account
from bench.figures import Figure, Section, at_most
from bench.floor import fill, hire
from cairn.aws.sqs import Queue
from cairn.clock import now
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.messages import BoardChanged
from cairn.model import Number
from cairn.realtime.tickets import Holder
from testing.functions import FUNCTIONS
from testing.meter import item_size, read_blocks
from testing.rooms import sockets_of
from testing.websocket_api import FakePoster, in_place_of_api_gateway

SIZES = (10, 1_000, 100_000)
BUDGET = 1.5
LEADERS: tuple[Number, ...] = (170_000, 160_000, 150_000)
PAGE = 100
SOCKETS = 10
"""Open to the board, one of them a TV's."""
FRAME_BLOCK = 32 * 1024
"""API Gateway bills a message for each: https://aws.amazon.com/api-gateway/pricing/"""


@dataclass(frozen=True, slots=True)
class Update:
    """A rep whose monthly revenue changes."""

    what: str
    before: Number
    after: Number


UPDATES = (
    Update("a small raise", Decimal("20300.50"), Decimal("20450.75")),
    Update("over a threshold", 24_800, 25_300),
    Update("into the first three", 140_000, 155_000),
    Update("a correction down", 31_000, Decimal("29500.10")),
)
MILESTONES = 2
"""How many of them pass one."""
FIRST = Update("the first, which warms detection", 9_000, 10_500)


@dataclass(frozen=True, slots=True)
class Seen:
    """Means over the updates, on a floor of so many reps."""

    reps: int
    asked: Work
    """The API's."""
    detected: Work
    remembered: Work
    told: Work
    """The celebrations, without the refreshes."""
    naive: float
    """Read units of a consistent count of the rows above."""

    @property
    def whole(self) -> Work:
        return self.asked + self.detected + self.remembered


@dataclass(frozen=True, slots=True)
class FloorSpent:
    """What the costs of a sales floor are made of; of the largest floor, where it matters."""

    update: Seen
    refresh: Work
    frame: int
    """What API Gateway bills for one socket's refresh, in messages."""


def measure() -> tuple[Section, FloorSpent]:
    seen, pages = [], Work()
    refresh, frame = NOTHING, 0
    for reps in SIZES:
        with _floor(reps) as (made, poster, ids, scores):
            seen.append(_updates(made, ids, scores))
            if reps == SIZES[-1]:
                pages = made.call("GET", "/api/leaderboard", query={"limit": str(PAGE)})
            else:
                refresh, frame = _refresh(made, poster)
    return _section(seen, pages, refresh, frame), FloorSpent(seen[-1], refresh, frame)


@contextmanager
def _floor(reps: int) -> Iterator[tuple[Account, FakePoster, list[int], list[Number]]]:
    """So many reps, those who are to be updated hired first; sockets, one of them a TV's; everything told."""
    with in_place_of_api_gateway() as poster, account() as made:
        table = sockets_of(made.aws)
        holder = Holder("tv", "TV", frozenset({"leaderboard"}))
        opened = [table.open(f"socket-{number}", holder, now()) for number in range(SOCKETS)]
        table.join(opened[0], "tv-display", now())
        scores = [*LEADERS, *(update.before for update in (FIRST, *UPDATES))]
        ids = hire(made, scores)
        made.detect()
        _quieten(made)
        scores += fill(scores, reps - len(scores))
        yield made, poster, ids, scores


def _updates(made: Account, ids: Sequence[int], scores: list[Number]) -> Seen:
    row = boto3.client("dynamodb").get_item(
        TableName="leaderboard_table", Key={"pk": {"S": "board"}, "sk": {"S": f"rep#{ids[0]:015d}"}}
    )["Item"]
    asked = detected = remembered = told = NOTHING
    naive = 0
    for place, update in enumerate((FIRST, *UPDATES), len(LEADERS)):
        body = {"monthlyRevenue": str(update.after)}
        ask = made.call("POST", f"/api/leaderboard/sales-reps/{ids[place]}/update-stats", body)
        scores[place] = update.after
        above = sum(score > update.after for score in scores)
        if made.body["rep"]["rank"] != above + 1:
            raise RuntimeError(f"{update.what}: rank {made.body['rep']['rank']}, and {above} stand higher")
        detect, remember = made.detect(), made.remember()
        tell = _celebrations(made)
        _quieten(made)
        if update is FIRST:
            continue
        asked, detected, remembered, told = asked + ask, detected + detect, remembered + remember, told + tell
        naive += read_blocks(above * item_size(row))
    share = 1 / len(UPDATES)
    return Seen(len(scores), asked * share, detected * share, remembered * share, told * share, naive * share)


def _celebrations(made: Account) -> Work:
    """What is said in rooms; a board that is to be shown anew is left for `_refresh`."""

    work = NOTHING
    while records := made.aws.messages("BROADCAST_QUEUE_URL"):
        events = [record for record in records if '"room_event"' in record["body"]]
        work += made.run(FUNCTIONS["broadcast"], {"Records": events}) + QUEUED if events else NOTHING
        _take_away(made, records)
    return work


def _quieten(made: Account) -> None:
    """Nothing waits, and the board was never shown: the next change asks for a refresh, as one alone in its second."""
    while records := made.aws.messages("BROADCAST_QUEUE_URL"):
        _take_away(made, records)
    made.aws.table("CONNECTIONS_TABLE").delete_item(Key={"pk": "refreshes", "sk": "everyone"})


def _take_away(made: Account, records: Sequence[dict[str, Any]]) -> None:
    for record in records:
        made.aws.delete("BROADCAST_QUEUE_URL", record)


def _refresh(made: Account, poster: FakePoster) -> tuple[Work, int]:
    key = BoardRefresh(made.aws.table("CONNECTIONS_TABLE")).request("bench", now())
    Queue(boto3.client("sqs"), os.environ["BROADCAST_QUEUE_URL"]).send([BoardChanged(str(key), "bench")])
    work = made.tell()
    _, text = poster.posts[-1]
    return work, math.ceil(len(text) / FRAME_BLOCK)


def _section(seen: Sequence[Seen], page: Work, refresh: Work, frame: int) -> Section:
    few, many = seen[0], seen[-1]
    against = f"{many.reps:,} reps against {few.reps}"
    each = [
        row
        for one in seen
        for row in (
            Figure(f"an update, {one.reps:,} reps", _used(one.asked)),
            Figure(f"its detection and history, {one.reps:,} reps", _used(one.detected + one.remembered)),
        )
    ]
    kinds = ", ".join(update.what for update in UPDATES)
    naive = [Figure(f"counting who stands higher instead, {one.reps:,} reps", f"{one.naive:,.0f} RRU") for one in seen]
    return Section(
        "A rank",
        f"`POST …/update-stats` by a key that the API knows, and what the stream leads to; means over {kinds}. A rank "
        "is read from a tree of counters (docs/decisions.md): the same few, whatever the number of reps. Beside it, "
        "what a rank would read if the rows above were counted in the index.",
        (
            *each,
            at_most(f"AWS calls of both, {against}", many.whole.calls / few.whole.calls, BUDGET, unit="×"),
            at_most(f"reads of both, {against}", many.whole.read_units / few.whole.read_units, BUDGET, unit="×"),
            at_most(f"writes of both, {against}", many.whole.write_units / few.whole.write_units, BUDGET, unit="×"),
            *naive,
            Figure(f"`GET /api/leaderboard`, the first {PAGE} of {many.reps:,}", _used(page)),
            Figure(f"`leaderboard:refresh`, the first {PAGE} to {SOCKETS} sockets", _used(refresh)),
            Figure("its frame, in messages as API Gateway bills them", str(frame)),
        ),
    )


def _used(work: Work) -> str:
    return f"{work.calls:g} AWS calls, {work.read_units:g} RRU, {work.write_units:g} WRU"
