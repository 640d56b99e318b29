"""A leaderboard to test: reps through the API by their ids, and a stream that is delivered on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from cairn import messages
from cairn.clock import from_iso
from cairn.leaderboard.boards import Boards
from cairn.messages import REVERTED, BoardChanged, RoomEvent
from testing.adversarial_dynamodb import catch_up
from testing.api import Answer, Api
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import MOVED, Cloud, Context, cloud
from testing.dynamodb import stored
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms

BOARD = "/api/leaderboard"
REPS = f"{BOARD}/sales-reps"
BULK = f"{BOARD}/bulk-update"
USED_TABLES = ("STATS_TABLE", "LEADERBOARD_TABLE", "BOARD_TABLE", "MILESTONES_TABLE", "CONNECTIONS_TABLE")


class Floor:
    """Starts without reps; `empty` removes them."""

    def __init__(self, aws: Cloud, api: Api, clock: ControlledClock) -> None:
        self.aws, self.api, self.clock = aws, api, clock

    def empty(self) -> None:
        self.clock.reset()
        for variable in USED_TABLES:
            stored(variable).clear()
        stored("BOARD_TABLE").put(MOVED)
        self.said()

    # -- through the API

    def hire(self, name: str = "Ada", /, **body: object) -> int:
        answer = self.api("POST", REPS, {"name": name, **body})
        assert answer.status == 201, answer.text
        return int(answer.json["id"])

    def try_update(self, rep: int, stats: object) -> Answer:
        return self.api("POST", f"{REPS}/{rep}/update-stats", stats)

    def update(self, rep: int, /, **stats: object) -> Any:
        answer = self.try_update(rep, stats)
        assert answer.status == 200, answer.text
        return answer.json

    def bulk(self, *updates: object, seconds: float = 30.0) -> Any:
        answer = self.api("POST", BULK, {"updates": updates}, seconds=seconds)
        assert answer.status == 200, answer.text
        return answer.json

    def rep(self, rep: int) -> Any:
        answer = self.api("GET", f"{REPS}/{rep}")
        assert answer.status == 200, answer.text
        return answer.json

    def board(self, **query: object) -> Any:
        answer = self.api("GET", BOARD, query=query)
        assert answer.status == 200, answer.text
        return answer.json

    def ranks(self) -> dict[int, int]:
        return {rep["id"]: rep["rank"] for rep in self.board()["items"]}

    # -- functions

    def stream(self) -> None:
        """Deliver changes to the detection until there are no more."""
        while changes := self.aws.changes():
            assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == {"batchItemFailures": []}

    def roll_over(self, seconds: float = 60.0) -> Any:
        """As the schedule does, when every index has what was written."""
        catch_up()
        return FUNCTIONS["month_rollover"]({"source": "schedule"}, Context(seconds))

    def said(self) -> list[messages.Message]:
        """Receive all messages from the broadcast queue."""
        return self.aws.drain("BROADCAST_QUEUE_URL")

    def celebrations(self) -> list[tuple[str, str, Any]]:
        """Room, event and milestone of the celebrations on the queue."""
        events = [one for one in self.said() if isinstance(one, RoomEvent) and one.event != REVERTED]
        return [(one.room, one.event, json.loads(one.data)["milestone"]) for one in events]

    def refreshes(self) -> list[BoardChanged]:
        return [one for one in self.said() if isinstance(one, BoardChanged)]

    # -- stored state

    def count(self, variable: str) -> int:
        return int(self.aws.table(variable).scan()["Count"])

    def in_line(self) -> bool:
        """Whether the count matches the rows."""
        items = self.aws.table("BOARD_TABLE").scan()["Items"]
        counted = [int(item["reps"]) for item in items if item["pk"] == "count"]
        return sum(counted) == len([item for item in items if item["pk"] == "board" and "score" in item])


def boards_of(aws: Cloud) -> Boards:
    return Boards(aws.table("BOARD_TABLE"), aws.table("LEADERBOARD_TABLE"))


def at(text: str) -> datetime:
    return from_iso(text)


@contextmanager
def sales_floor(clock: ControlledClock | None = None) -> Iterator[Floor]:
    """A fresh account without reps."""
    if clock is None:
        with controlled_clock() as made, sales_floor(made) as floor:
            yield floor
        return
    with cloud(FakePlatforms().transport()) as aws:
        yield Floor(aws, Api(aws), clock)
