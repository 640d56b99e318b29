"""A sales floor with reps and sockets, and what must hold when everything has settled."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cairn.aws.sqs import NotSentError
from cairn.clock import from_iso, now
from cairn.codec import to_milestone
from cairn.errors import CairnError
from cairn.identity.api_keys import ApiKeys
from cairn.leaderboard.representation import json_number
from cairn.messages import REVERTED
from cairn.model import Reading
from cairn.readings.stats import to_reading
from cairn.rooms import TV_DISPLAY
from testing import api
from testing.account import Account, account
from testing.fault_injection import Failure, SandboxDied
from testing.functions import InvocationFailedError
from testing.reverting import revert
from testing.rooms import sockets_of
from tests.crash.channels.platforms import Platforms
from tests.crash.channels.way import items, silence
from tests.crash.explorer import Verdict
from tests.crash.leaderboard.visitors import Visitor

REPS = "/api/leaderboard/sales-reps"
METRICS = {"monthlyRevenue": "monthly_revenue", "monthlySignups": "monthly_signups", "goalProgress": "goal_progress"}


@dataclass(frozen=True)
class Earned:
    """A milestone that a rep deserves, and the badges that they first earn with it."""

    rep: int
    rule: str
    threshold: int
    also_passed: tuple[int, ...] = ()
    badges: tuple[str, ...] = ()
    month: str = "2026-11"
    revision: int = 0
    reverted: bool = False

    @property
    def id(self) -> str:
        id_ = f"rep:{self.rep}/{self.rule}/{self.month}/{self.threshold}"
        return f"{id_}/r{self.revision}" if self.revision else id_

    @property
    def events(self) -> list[str]:
        """The keys of its events in a room."""
        return [self.id, *([f"{self.id}/reverted"] if self.reverted else [])]


@dataclass
class FloorWay:
    account: Account
    key: str
    visitors: list[Visitor] = field(default_factory=list)
    earned: list[Earned] = field(default_factory=list)
    """Before the part that is tested; `verdict` is given the rest."""
    answered: list[str] = field(default_factory=list)
    """The milestones in the API's answers to updates."""
    wrong: list[str] = field(default_factory=list)

    # -- what people do

    def hire(self, name: str, *, user: str | None = None, goal: int | None = None, **numbers: int) -> int:
        body = {"name": name, "userId": user, "monthlyRevenueGoal": goal, **numbers}
        sent = {key: value for key, value in body.items() if value is not None}
        answer = self.ask("POST", REPS, sent)
        assert answer
        self.account.settle()
        return int(answer["id"])

    def visit(self, name: str, *rooms: str) -> Visitor:
        """Somebody who connects now and stays."""
        visitor = Visitor(self.account, name, *rooms, board=self.board)
        self.visitors.append(visitor)
        self.account.sources.append(visitor)
        self.account.settle()
        assert visitor.connected
        return visitor

    def update(self, rep: int, **numbers: int) -> bool:
        """Send new numbers, once; returns whether they were stored (all or none), whatever was answered."""
        self.account.clock.sleep(1)
        before = self.reps()[rep]
        answer = self.ask("POST", f"{REPS}/{rep}/update-stats", numbers)
        after = self.reps()[rep]
        stored = {name: after.metrics[METRICS[name]] for name in numbers} == numbers
        if answer:
            self.answered += [one["id"] for one in answer["milestones"]]
        expected = {**before.metrics, **({METRICS[name]: number for name, number in numbers.items()} if stored else {})}
        computed = {"bonus_tier", "podium", "goal_progress"} if stored else {"podium"}
        changed = {key for key, value in after.metrics.items() if value != expected.get(key)} - computed
        new_month = after.as_of.month != before.as_of.month
        if (changed and not new_month) or (answer and not stored):
            self.wrong.append(f"{numbers} of {rep} left {after}, answered: {bool(answer)}")
        return stored

    def update_and_die(self, rep: int, **numbers: int) -> None:
        """Send new numbers that are stored, and die then: neither the board nor the stream has them yet."""
        self.account.wire.choose = lambda _number, name: Failure.DIES_AFTER if name == "api: dynamodb PutItem" else None
        assert self.update(rep, **numbers)
        self.account.wire.choose = lambda _number, _name: None

    def revert(self, milestone_id: str) -> bool:
        """An operator reverts a milestone; returns whether they were told that it is done."""
        with self.account.wire.invocation("operator", 600):
            try:
                revert(milestone_id)
            except (SandboxDied, ClientError, BotoCoreError, CairnError, NotSentError):
                return False
        return True

    def retire(self, rep: int) -> bool:
        """Retire a rep; returns whether that was stored, whatever was answered."""
        answer = self.ask("DELETE", f"{REPS}/{rep}")
        retired = "retired_at" in self.reps()[rep].details
        if answer and not retired:
            self.wrong.append(f"{rep} did not retire, as was answered")
        return retired

    def begin_month(self, instant: str) -> None:
        """Let time pass; the schedule has not fired yet."""
        self.account.clock.advance_to(from_iso(instant))

    def tick(self) -> None:
        """The schedule of the month's first hours fires, five minutes later, before anything else that is due."""
        self.account.clock.sleep(300)
        self.account.rollover.put({"source": "schedule"})
        self.account.rollover.step(self.account.invoke)
        self.account.settle()

    def give_up(self) -> None:
        """Detection fails at every try, for hours, until its records are given up."""
        self.account.wire.choose = lambda _number, name: (
            Failure.FAILS_BEFORE if name.startswith("detect_milestone") else None
        )
        self.account.settle()
        self.account.wire.choose = lambda _number, _name: None
        assert self.account.detection.discarded
        self.account.detection.discarded.clear()

    def check(self) -> None:
        """The schedule of the check fires, two hours later."""
        self.account.clock.sleep(7_200)
        self.account.check.put({"source": "schedule"})
        self.account.settle()

    def check_alone(self) -> None:
        """A check, and nothing that follows from it."""
        self.account.invoke("check_milestones", {"source": "schedule"})

    def broadcast(self) -> None:
        """Deliver what is due on the broadcast queue."""
        self.account.broadcast.step(self.account.invoke)

    def mark_sharded(self, room: str) -> None:
        """As if the room had been large half an hour ago."""
        sockets_of(self.account.cloud)._mark_sharded(room, now())

    def ask(self, method: str, path: str, body: object = api.ABSENT) -> Any:
        """What the API answers; None if that is an error, or if it dies."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.key}"}
        text = None if body is api.ABSENT else json.dumps(body)
        try:
            answer = self.account.invoke("api", api.event(method, path, headers=headers, body=text))
        except InvocationFailedError:
            return None
        assert answer["statusCode"] < 300 or answer["statusCode"] >= 500, answer
        return json.loads(answer.get("body") or '{"done": true}') if answer["statusCode"] < 300 else None

    # -- what is stored

    def reps(self) -> dict[int, Reading]:
        return {int(one.subject.id): one for one in map(to_reading, items("STATS_TABLE"))}

    def board(self) -> list[dict[str, Any]]:
        """The board as it follows from the reps' items."""
        reps = [rep for rep in self.reps().values() if "retired_at" not in rep.details]
        scores = [rep.metrics["monthly_revenue"] for rep in reps]
        rows = [
            {
                "id": int(rep.subject.id),
                "name": rep.name,
                "rank": 1 + sum(score > rep.metrics["monthly_revenue"] for score in scores),
                "currentBonusTier": rep.metrics["bonus_tier"],
                **{name: json_number(rep.metrics[metric]) for name, metric in METRICS.items()},
            }
            for rep in reps
        ]
        return sorted(rows, key=_rank)

    def kept(self, month: str) -> dict[int, dict[str, Any]]:
        """The board that a month ended with."""
        return {int(item["sk"]): item for item in items("BOARD_TABLE") if item["pk"] == f"board#{month}"}

    def verdict(self, *deserved: Earned) -> Verdict:
        """Compare the floor with what is deserved: rooms, badges, board and sockets."""
        expected = {one.id: one for one in (*self.earned, *deserved)}
        recorded = self._recorded()
        lost = [f"{id_} is not in the history" for id_ in expected.keys() - recorded.keys()]
        lost += [f"{id_} was answered, and is not in the history" for id_ in set(self.answered) - recorded.keys()]
        wrong = [*self.wrong, *(f"{id_} should not be in the history" for id_ in recorded.keys() - expected.keys())]
        for id_ in recorded.keys() & expected.keys():
            (milestone, *more) = recorded[id_]
            if more:
                wrong.append(f"{id_} is in the history {1 + len(more)} times")
            if ("reverted_at" in milestone) != expected[id_].reverted:
                wrong.append(f"{id_} reverted: {not expected[id_].reverted}")
            if (also := tuple(one["threshold"] for one in milestone["also_passed"])) != expected[id_].also_passed:
                wrong.append(f"{id_} also passed {also}")
        wrong += self._marks(expected) + self._badges(expected, recorded) + self._ranks() + self._in_flight()
        repeated = 0
        for room in {TV_DISPLAY, *(room for visitor in self.visitors for room in visitor.rooms)}:
            log = self._log(room, expected, wrong)
            for visitor in self.visitors:
                if room in visitor.rooms and visitor.connected:
                    repeated = max(repeated, self._repeats(visitor, room, log, lost, wrong))
        wrong += self._shown()
        return Verdict(tuple(lost), tuple(wrong), repeated)

    def _recorded(self) -> dict[str, list[dict[str, Any]]]:
        recorded: dict[str, list[dict[str, Any]]] = {}
        for item in items("MILESTONES_TABLE"):
            if item["sk"].startswith("milestone#"):
                recorded.setdefault(to_milestone(item).id, []).append(item)
        return recorded

    def _marks(self, expected: Mapping[str, Earned]) -> list[str]:
        """Each high-water mark is at the highest of its milestones, and all of it was announced."""
        heights: dict[tuple[str, str], int] = {}
        for one in expected.values():
            key = f"rep:{one.rep}", f"mark#{one.rule}#{one.month}"
            heights[key] = max(0 if one.reverted else one.threshold, heights.get(key, 0))
        marks = {(one["pk"], one["sk"]): one for one in items("MILESTONES_TABLE") if one["sk"].startswith("mark#")}
        found = {key: (one["height"], one["told"]) for key, one in marks.items()}
        return [
            f"mark {key} is at {found.get(key)}, not {heights.get(key)}"
            for key in heights.keys() | found.keys()
            if found.get(key) != (heights.get(key, 0), heights.get(key, 0))
        ]

    def _badges(self, expected: Mapping[str, Earned], recorded: Mapping[str, list[dict[str, Any]]]) -> list[str]:
        """Exactly those that were earned, each since its milestone."""
        deserved = {
            (f"rep:{one.rep}", badge): recorded[one.id][0]["achieved_at"]
            for one in expected.values()
            if one.id in recorded and not one.reverted
            for badge in one.badges
        }
        awarded = {
            (item["pk"], name[1:]): badge["at"]
            for item in items("MILESTONES_TABLE")
            if item["sk"] == "badges"
            for name, badge in item.items()
            if name.startswith("#")
        }
        return [] if awarded == deserved else [f"badges are {awarded}, not {deserved}"]

    def _ranks(self) -> list[str]:
        """Rows match the reps' items, and the count the rows."""
        table = items("BOARD_TABLE")
        rows = {int(row["sk"]): row for row in table if row["pk"] == "board" and "score" in row}
        active = {id_: rep for id_, rep in self.reps().items() if "retired_at" not in rep.details}
        wrong = [f"{id_} has a row that they should not have" for id_ in rows.keys() - active.keys()]
        for id_, rep in active.items():
            metrics = {name: value for name, value in rep.metrics.items() if name != "podium"}
            wanted: dict[str, Any] = {"name": rep.name, "metrics": metrics, "details": dict(rep.details)}
            wanted |= {"score": metrics["monthly_revenue"], "period": rep.as_of.strftime("%Y-%m")}
            found = rows.get(id_, {})
            if {name: found.get(name) for name in wanted} != wanted:
                wrong.append(f"the row of {id_} is {found}, not {wanted}")
        counted = sum(int(item["reps"]) for item in table if item["pk"] == "count")
        return wrong if counted == len(rows) else [*wrong, f"{counted} reps are counted, not {len(rows)}"]

    def _log(self, room: str, expected: Mapping[str, Earned], wrong: list[str]) -> dict[int, Any]:
        """The frames of a room by number; each milestone of its people must be one of them, and nothing else."""
        found = {item["sk"]: item for item in items("CONNECTIONS_TABLE") if item["pk"] == f"log#{room}"}
        events = {int(sk[6:]): json.loads(item["frame"]) for sk, item in found.items() if sk.startswith("event#")}
        last = int(found.get("head", {}).get("last_number", 0))
        if sorted(events) != list(range(1, last + 1)):
            wrong.append(f"the log of {room} has {sorted(events)}, and its head says {last}")
        owners = {id_: str(rep.details.get("user_id")) for id_, rep in self.reps().items()}
        theirs = [one for one in expected.values() if room in (TV_DISPLAY, f"user:{owners[one.rep]}")]
        due = [key for one in theirs for key in one.events]
        logged = {number: _event_key(frame) for number, frame in events.items()}
        if sorted(logged.values()) != sorted(due):
            wrong.append(f"the log of {room} has {logged}, not {due}")
        keys = {sk[5:]: int(item["number"]) for sk, item in found.items() if sk.startswith("said#")}
        if keys != {id_: number for number, id_ in logged.items()}:
            wrong.append(f"the log of {room} has the keys {keys} for {logged}")
        return events

    def _repeats(self, visitor: Visitor, room: str, log: dict[int, Any], lost: list[str], wrong: list[str]) -> int:
        """How many repeats of some event a visitor received."""
        received = visitor.received(room)
        numbers = Counter(number for number, _ in received)
        due = [number for number in log if number > visitor.began[room]]
        lost += [f"{visitor.name} did not receive {room}/{number}" for number in due if number not in numbers]
        wrong += [f"{visitor.name} received {frame}" for number, frame in received if log.get(number) != frame]
        if list(numbers) != sorted(numbers) and len(visitor.connections) == 1:
            wrong.append(f"{visitor.name} received {room} in the order {list(numbers)}")
        return max(numbers.values(), default=1) - 1

    def _shown(self) -> list[str]:
        """Everybody sees the current board, and is in their rooms."""
        board = self.board()
        wrong = []
        members = {(item["pk"], item["sk"].partition("#")[2]) for item in items("CONNECTIONS_TABLE")}
        for visitor in self.visitors:
            if visitor.connected:
                shown = [{name: row[name] for name in board[0]} for row in visitor.shown]
                if sorted(shown, key=_rank) != board:
                    wrong.append(f"{visitor.name} is shown {shown}, not {board}")
                wrong += [
                    f"{visitor.name} is connected, and not in {room} any more"
                    for room in ("everyone", *visitor.rooms)
                    if (f"room#{room}", visitor.connections[-1]) not in members
                ]
        return wrong

    def _in_flight(self) -> list[str]:
        wrong = [f"{name}: {found}" for name, found in self.account.left_behind().items()]
        wrong += [f"{source} is not empty" for source in self.account.sources if source.due()]
        wrong += [f"no message serves {item}" for item in items("CONNECTIONS_TABLE") if "pending" in item]
        return wrong


def _event_key(frame: Mapping[str, Any]) -> str:
    milestone = frame["data"]["milestone"]
    return f"{milestone}/reverted" if frame["event"] == REVERTED else str(milestone["id"])


def _rank(row: Mapping[str, Any]) -> tuple[int, int]:
    return row["rank"], row["id"]


@contextmanager
def sales_floor(**settings: Any) -> Iterator[FloorWay]:
    """A fresh account without reps and sockets."""
    with silence(), account(Platforms().answer, **settings) as made:
        made.sources.remove(made.history)  # it has its failures at every call in test_every_call
        key = ApiKeys(made.cloud.table("KEYS_TABLE")).create("crash", ("leaderboard",), now())
        yield FloorWay(made, key)
