"""Syncs that somebody asked for: one at a time, what became of each creator, and when all were done.

| pk | sk | attributes |
|---|---|---|
| `runs` | id | `started_at`, `creators`: how many, `creator`: the only one, if one was asked for; expires |
| `runs` | `current` | `run`: the id of the last one, `started_at` |
| `run#{id}` | creator | `result`, `finished_at`, `code`, `message`, `name`; expires |

Nothing is counted: how far a run is, is what its creators' items say, so a repeat changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, query_all, readable, rejected_item, transact
from cairn.clock import Clock, from_millis, now, to_millis
from cairn.creators import keys
from cairn.creators.model import Creator

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

Result = Literal["done", "failed", "skipped"]
CURRENT = "current"
KEPT = timedelta(days=7)
LONGEST = timedelta(minutes=30)
"""A run that is not done after so long is over: the next request begins another one."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of a creator in a run."""

    creator: str
    name: str
    result: Result
    finished_at: datetime
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A sync that somebody asked for. `creator` is the only one it is of, or None: of all."""

    id: str
    started_at: datetime
    creators: int
    creator: str | None = None
    synced: tuple[Synced, ...] = ()
    counts: Mapping[Result, int] = field(default_factory=dict)

    @property
    def finished_at(self) -> datetime | None:
        """When its last creator was done; None while it runs."""
        if len(self.synced) < self.creators:
            return None
        return max((one.finished_at for one in self.synced), default=self.started_at)

    def is_running(self, now: datetime) -> bool:
        return self.finished_at is None and now - self.started_at < LONGEST


class Runs:
    """`table` is the creators table."""

    def __init__(self, table: Table, clock: Clock = now) -> None:
        self._table = table
        self._clock = clock

    def current(self) -> Run | None:
        """The last one that was started (consistent read)."""
        item = get(self._table, {"pk": keys.RUNS, "sk": CURRENT}, consistent=True)
        return self.get(item["run"]) if item else None

    def get(self, run_id: str) -> Run | None:
        if run_id == CURRENT or not run_id:
            return None
        item = get(self._table, {"pk": keys.RUNS, "sk": run_id}, consistent=True)
        if not item or int(item["expires_at"]) <= self._clock().timestamp():
            return None
        results = query_all(self._table, Key("pk").eq(keys.run(run_id)), ConsistentRead=True)
        synced = tuple(readable(_to_synced, results))
        return Run(
            id=item["sk"],
            started_at=from_millis(int(item["started_at"])),
            creators=int(item["creators"]),
            creator=item.get("creator"),
            synced=synced,
            counts={
                result: sum(one.result == result for one in synced)
                for result in cast("tuple[Result, ...]", ("done", "failed", "skipped"))
            },
        )

    def start(self, run_id: str, *, creators: int, creator: str | None = None) -> tuple[Run, bool]:
        """Start a run, or join the one that is running, which is then the first of the pair, with True.

        A run of one creator is joined by a request for the same one; a request for others begins another run.
        """
        at = self._clock()
        seen = get(self._table, {"pk": keys.RUNS, "sk": CURRENT}, consistent=True)
        running = self.get(seen["run"]) if seen else None
        if running and running.is_running(at) and running.creator in (None, creator):
            return running, True
        item = {
            "pk": keys.RUNS,
            "sk": run_id,
            "started_at": to_millis(at),
            "creators": creators,
            "expires_at": self._expires_at(),
            **({"creator": creator} if creator else {}),
        }
        current: Item = {"pk": keys.RUNS, "sk": CURRENT, "run": run_id, "started_at": to_millis(at)}
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if seen:
            condition = {
                "ConditionExpression": "#run = :seen",
                "ExpressionAttributeNames": {"#run": "run"},
                "ExpressionAttributeValues": {":seen": seen["run"]},
            }
        name = self._table.name
        puts = [{"Put": {"TableName": name, "Item": item}}, {"Put": {"TableName": name, "Item": current, **condition}}]
        if not transact(self._table, puts):  # somebody else started one at the same moment
            return self.start(run_id, creators=creators, creator=creator)
        return Run(run_id, at, creators, creator), False

    def expect(self, run_id: str, creators: int) -> None:
        """How many creators the run is of after all: some may have retired since it was asked for, or come."""
        try:
            self._table.update_item(
                Key={"pk": keys.RUNS, "sk": run_id},
                UpdateExpression="SET creators = :creators",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":creators": creators},
            )
        except ClientError as error:
            rejected_item(error)

    def note(self, run_id: str, creator: Creator, result: Result, *, code: str = "", message: str = "") -> None:
        """Note what became of a creator; the first to say so is right."""
        try:
            self._table.put_item(
                Item={
                    "pk": keys.run(run_id),
                    "sk": creator.id,
                    "name": creator.name,
                    "result": result,
                    "finished_at": to_millis(self._clock()),
                    "code": code,
                    "message": message,
                    "expires_at": self._expires_at(),
                },
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            rejected_item(error)

    def _expires_at(self) -> int:
        return int((self._clock() + KEPT).timestamp())


def _to_synced(item: Item) -> Synced:
    return Synced(
        creator=item["sk"],
        name=item["name"],
        result=item["result"],
        finished_at=from_millis(int(item["finished_at"])),
        code=item["code"],
        message=item["message"],
    )
