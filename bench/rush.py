"""A bulk of a thousand updates, from the request to the last celebration, in simulated time.

The real handlers run against tables in memory on a stopped clock. Each AWS call moves the clock by a typical latency in
a region, and whatever runs side by side in AWS (the API's threads, the lanes of a shard, the groups of a FIFO queue)
has a clock of its own. Calls are counted as they are; the seconds follow from the latencies below, and are no
measurement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zlib import crc32

import httpx
from boto3.dynamodb.types import TypeSerializer

from cairn.clock import now, to_millis
from cairn.identity.api_keys import ApiKeys
from cairn.realtime.tickets import Holder
from testing import api
from testing.account import Account, account
from testing.dynamodb import stored
from testing.event_sources import changes
from testing.rooms import sockets_of

_write = TypeSerializer().serialize
REPS = "/api/leaderboard/sales-reps"
BULK = 1_000
API_THREADS = 8
LANES = 10
BATCH = 100
POLL, DELIVERY = 0.25, 0.016
"""Seconds from a write to the stream's reader, and from a message to the queue's."""
LATENCIES = {
    "GetItem": 0.004,
    "BatchGetItem": 0.006,
    "Query": 0.006,
    "PutItem": 0.006,
    "UpdateItem": 0.006,
    "DeleteItem": 0.006,
    "TransactGetItems": 0.010,
    "TransactWriteItems": 0.020,
    "SendMessageBatch": 0.012,
    "ChangeMessageVisibility": 0.008,
    "@connections": 0.015,
}
"""Seconds, of which the function's own code takes about two milliseconds a call."""


@dataclass(frozen=True, slots=True)
class Rush:
    """Seconds after the request: the last update stored, the last record detected, the last celebration posted."""

    celebrations: int
    stored: float
    detected: float
    celebrated: float


@dataclass(frozen=True, slots=True)
class Drained:
    """How long detection takes for so many records of one shard, and its calls."""

    records: int
    calls: int
    seconds: float


@dataclass
class Lane:
    """Work that is done one after the other; `due` says when the next can begin."""

    due: Callable[[], datetime | None]
    work: Callable[[], None]
    free_at: datetime


@dataclass
class Floor:
    account: Account
    key: str
    frames: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object) -> Any:
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.key}"}
        answer = self.account.invoke("api", api.event(method, path, headers=headers, body=json.dumps(body)))
        if answer["statusCode"] >= 300:
            raise RuntimeError(answer["body"])
        return json.loads(answer["body"])

    def update(self, rep: int, **numbers: int) -> None:
        self.ask("POST", f"{REPS}/{rep}/update-stats", numbers)

    def hire(self, revenue: int) -> int:
        return int(self.ask("POST", REPS, {"name": "Ada Lovelace", "monthlyRevenue": revenue})["id"])


@contextmanager
def _floor() -> Iterator[Floor]:
    """A floor with a TV, whose calls take their time."""
    with account(lambda _: httpx.Response(404)) as made:
        made.sources.remove(made.history)
        floor = Floor(made, ApiKeys(made.cloud.table("KEYS_TABLE")).create("bench", ("leaderboard",), now()))
        sockets = sockets_of(made.cloud)
        sockets.join(sockets.open("tv", Holder("tv", "TV", frozenset()), now()), "tv-display", now())
        made.gateway.connected["tv"] = lambda frame: floor.frames.append((now(), frame or {}))
        yield floor


def rush(*, crossing: int) -> Rush:
    """A bulk in which every so many-th rep passes a threshold."""
    with _floor() as floor:
        made, crowd = floor.account, _crowd(floor)
        read, begun = len(changes()), now()
        passing = [number % crossing == 0 for number in range(BULK)]
        # The API's threads take one update after the other.
        written = [begun + crowd.update * (1 + number // API_THREADS) for number in range(BULK)]
        for number, (at, passes) in enumerate(zip(written, passing, strict=True)):
            _set(made, at)
            crowd.change(number, passes=passes)
        ended = _simulate(made, _detection(made, read, written, begun), begun)
        celebrated = [at for at, frame in floor.frames if frame["event"] == "achievement:celebration"]
    if len(celebrated) != sum(passing):
        raise RuntimeError(f"{len(celebrated)} celebrations of {sum(passing)}")
    ends = (written[-1], ended, max(celebrated))
    return Rush(len(celebrated), *((at - begun).total_seconds() for at in ends))


def backlog() -> Drained:
    """A thousand changes without a crossing that wait in one shard: until detection has done them all."""
    with _floor() as floor:
        made, crowd = floor.account, _crowd(floor)
        read, begun = len(changes()), now()
        for number in range(BULK):
            crowd.change(number, passes=False)
        made.wire.calls.clear()
        ended = _simulate(made, _detection(made, read, [begun] * BULK, begun), begun)
        calls = sum(call.startswith("detect_milestone") for call in made.wire.calls)
    return Drained(BULK, calls, (ended - begun).total_seconds() - POLL)


@dataclass(frozen=True)
class Crowd:
    """A thousand reps whose items are copies of those that the API made of one rep; so are their changes."""

    stats: Any
    first: int
    update: timedelta
    """How long one update takes."""
    passing: tuple[Any, Any]
    other: tuple[Any, Any]
    """The items of a rep in the two tables after an update that passes a threshold, and after another."""

    def put(self, number: int, items: tuple[Any, Any], *, streamed: bool = True) -> None:
        id_, (item, row) = self.first + number, items
        item = item | {"subject": f"rep:{id_}", "as_of": to_millis(now())}
        if streamed:
            self.stats.put_item(Item=item)
        else:
            stored("STATS_TABLE").put(_wire(item))
        stored("BOARD_TABLE").put(_wire(row | {"sk": id_, "as_of": to_millis(now())}))

    def change(self, number: int, *, passes: bool) -> None:
        self.put(number, self.passing if passes else self.other)


def _wire(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _write(value) for name, value in item.items()}


def _crowd(floor: Floor) -> Crowd:
    """The first three of the board are out of reach. From here on, calls take their time."""
    made = floor.account
    for revenue in (900_000, 800_000, 700_000):
        floor.hire(revenue)
    ada, grace = floor.hire(1_000), floor.hire(1_000)
    made.settle()
    stats, board = made.cloud.table("STATS_TABLE"), made.cloud.table("BOARD_TABLE")

    def items(rep: int) -> tuple[Any, Any]:
        key = {"pk": "board", "sk": rep}
        return stats.get_item(Key={"subject": f"rep:{rep}"})["Item"], board.get_item(Key=key)["Item"]

    before = items(ada)
    made.wire.choose = lambda _, name: made.clock.sleep(LATENCIES[name.rsplit(" ", 1)[1]])
    floor.update(ada, monthlyRevenue=10_500)
    begun = now()
    floor.update(grace, monthlyRevenue=2_500)
    crowd = Crowd(stats, grace + 1, now() - begun, items(ada), items(grace))
    for number in range(BULK):
        crowd.put(number, before, streamed=False)
    made.broadcast.messages.clear()
    floor.frames.clear()
    return crowd


def _detection(made: Account, read: int, written: Sequence[datetime], begun: datetime) -> list[Lane]:
    """A shard's records by lane; each lane takes what is there when it is free, a hundred at most."""
    waiting: list[list[tuple[datetime, dict[str, Any]]]] = [[] for _ in range(LANES)]
    for at, record in zip(written, changes()[read:], strict=True):
        lane = crc32(record["dynamodb"]["Keys"]["subject"]["S"].encode()) % LANES
        waiting[lane].append((at + timedelta(seconds=POLL), record))

    def work(own: list[tuple[datetime, dict[str, Any]]]) -> None:
        records = [record for at, record in own[:BATCH] if at <= now()]
        del own[: len(records)]
        answer = made.invoke("detect_milestone", {"Records": records})
        if answer["batchItemFailures"]:
            raise RuntimeError(f"detection failed: {answer}")

    def due(own: list[tuple[datetime, dict[str, Any]]]) -> datetime | None:
        return own[0][0] if own else None

    return [Lane(partial(due, own), partial(work, own), begun) for own in waiting]


def _group(made: Account, group: str, begun: datetime) -> Lane:
    """The messages of a group of the broadcast queue."""

    def due() -> datetime | None:
        own = [message.visible_at for message in made.broadcast.messages if message.group == group]
        return own[0] + timedelta(seconds=DELIVERY) if own else None

    def work() -> None:
        """Messages that are sent at a later instant of the simulation are not there yet."""
        queue = made.broadcast
        later = [message for message in queue.messages if message.group == group and message.visible_at > now()]
        queue.messages = [message for message in queue.messages if message not in later]
        queue.step(made.invoke, group)
        queue.messages += later

    return Lane(due, work, begun)


def _simulate(made: Account, lanes: list[Lane], begun: datetime) -> datetime:
    """Whatever can begin first begins first, until nothing is left; when the last of the `lanes` was done."""
    groups: dict[str, Lane] = {}
    while True:
        for group in {message.group for message in made.broadcast.messages} - groups.keys():
            groups[group] = _group(made, group, begun)
        found = [(due, lane) for lane in (*lanes, *groups.values()) if (due := lane.due())]
        starts = [(max(due, lane.free_at), number, lane) for number, (due, lane) in enumerate(found)]
        if not starts:
            return max(lane.free_at for lane in lanes)
        start, _, lane = min(starts, key=lambda one: one[:2])
        _set(made, start)
        lane.work()
        lane.free_at = now()


def _set(made: Account, instant: datetime) -> None:
    made.clock.set_back(now() - instant)
