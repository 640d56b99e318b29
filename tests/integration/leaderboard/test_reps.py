"""An update's answer and the stream's announcements are the same, and ranks are those of everybody sorted.

Driven by hypothesis on moto's tables, against an oracle that keeps every rep's month and computes the slow way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from cairn.aws import dynamodb
from cairn.errors import NotFoundError
from cairn.leaderboard.boards import Boards
from cairn.leaderboard.reps import Reps, UpdateResult
from cairn.model import Milestone, Number
from cairn.readings.detection import Change, Detection
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.rules import catalogue
from testing.cloud import MOVED, cloud
from testing.dynamodb import stored
from testing.platforms import FakePlatforms
from testing.records import stream_record
from testing.workspace import rule_book, rule_set

LADDERS = {
    "revenue": ("monthly_revenue", (10_000, 25_000, 50_000, 75_000, 100_000)),
    "signups": ("monthly_signups", (10, 15, 20, 25, 30, 35, 40)),
    "bonus_tier": ("monthly_signups", (15, 20, 25, 30, 35, 40)),
    "goal": ("goal_progress", (100,)),
}
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
revenues = st.sampled_from([0, 9_999, 10_000, 26_000, Decimal("26000.01"), 51_000, 120_000]) | st.integers(0, 120_000)
signups = st.integers(0, 45)
progress = st.sampled_from([0, 99, Decimal("99.99"), 100, 140])


@dataclass
class Seen:
    """A rep as the oracle remembers them: this month's values, and how high each rule has been."""

    month: str
    values: dict[str, Number] = field(default_factory=lambda: {"monthly_revenue": 0, "monthly_signups": 0})
    highest: dict[str, int] = field(default_factory=dict)

    def in_month(self, month: str) -> Seen:
        return self if self.month == month else Seen(month)


class Announced:
    """In place of the stream's announcer: what it was given."""

    def __init__(self) -> None:
        self.milestones: list[Milestone] = []

    def celebrate(self, milestone: Milestone) -> None:
        self.milestones.append(milestone)

    def announce(self, milestone: Milestone) -> None:
        pass

    def changed(self, changes: Sequence[Change]) -> None:
        pass

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:
        pass


class Watched(Stats):
    """The stats table, which keeps the records that its stream would deliver."""

    def __init__(self, table: Any) -> None:
        super().__init__(table)
        self.records: list[dict[str, Any]] = []

    def update(self, subject: Any, change: Any, *, known: Any = None, along: Any = None) -> Any:
        old, new = super().update(subject, change, known=known, along=along)
        if new is not old:
            self.records.append(stream_record(new, old))
        return old, new


Tables = tuple[Boards, Watched, Milestones]


class World:
    """Reps, the stream of their changes, and an oracle that remembers what they sold."""

    def __init__(self, boards: Boards, stats: Watched, milestones: Milestones) -> None:
        for name in ("STATS_TABLE", "MILESTONES_TABLE"):
            stored(name).clear()
        stored("BOARD_TABLE").clear()
        stored("BOARD_TABLE").put(MOVED)
        stats.records.clear()
        self.boards, self.stats, self.heard = boards, stats, Announced()
        self.now, rules = START, catalogue()
        self.reps = Reps(stats=stats, boards=boards, rules=rule_set(*rules), clock=lambda: self.now)
        self.detection = Detection(milestones, {"rep": self.heard}, rule_book(*rules))
        self.seen: dict[int, Seen] = {}
        self.hired: list[int] = []
        self.answered: list[Milestone] = []

    def hire(self) -> None:
        outcome = self.reps.create(len(self.hired) + 1, "Ada", {}, None, {})
        rep = int(outcome.rep.subject.id)
        self.hired.append(rep)
        self.seen[rep] = Seen(self.month)
        assert outcome.milestones == ()
        assert outcome.rank == self.rank(rep)

    def sell(self, which: int, values: dict[str, Number]) -> None:
        rep = self.hired[which % len(self.hired)]
        if rep not in self.seen:
            with pytest.raises(NotFoundError):
                self.reps.update(rep, values)
            return
        self.seen[rep] = self.seen[rep].in_month(self.month)
        before = self.rank(rep)
        self.seen[rep].values |= values
        outcome = self.reps.update(rep, values)
        assert outcome.rank == self.rank(rep)
        assert outcome.rank_change == before - outcome.rank
        assert sorted(_answered(outcome)) == sorted(self.deserved(rep, outcome.rank))
        self.answered += outcome.milestones

    def retire(self, which: int) -> None:
        rep = self.hired[which % len(self.hired)]
        if self.seen.pop(rep, None):
            self.reps.retire(rep)

    def time_passes(self, days: int, *, roll_over: bool) -> None:
        """Into another month perhaps, whose rollover may come later, or not at all."""
        self.now += timedelta(days=days)
        if roll_over:
            for subject in list(self.reps.not_rolled_over()):
                self.reps.roll_over(subject)
            assert list(self.reps.not_rolled_over()) == []
            self.seen = {rep: seen.in_month(self.month) for rep, seen in self.seen.items()}

    def deliver_the_stream(self, *, again: bool) -> None:
        for record in self.stats.records:
            self.detection.process(record)
            if again:
                self.detection.process(record)
        self.stats.records.clear()
        assert [_shown(one) for one in self.heard.milestones] == [_shown(one) for one in self.answered]

    def check_the_board(self) -> None:
        page = self.boards.page(None, 100)
        assert page.total == len(self.seen)
        assert [one.rank for one in page.rows] == sorted(self.rank(rep) for rep in self.seen)
        assert {int(one.row.subject.id): one.rank for one in page.rows} == {rep: self.rank(rep) for rep in self.seen}

    @property
    def month(self) -> str:
        return self.now.strftime("%Y-%m")

    def rank(self, rep: int) -> int:
        return 1 + sum(
            one.values["monthly_revenue"] > self.seen[rep].values["monthly_revenue"] for one in self.seen.values()
        )

    def deserved(self, rep: int, rank: int) -> list[tuple[str, int, tuple[int, ...]]]:
        """What a rep's values deserve now that they have not earned in the month yet."""
        seen, found = self.seen[rep], []
        reached = {name: _reached(steps, seen.values.get(metric)) for name, (metric, steps) in LADDERS.items()}
        reached["rank"] = [step for step in (1, 2, 3) if step <= 4 - rank and seen.values["monthly_revenue"] > 0]
        for name, steps in reached.items():
            fresh = [step for step in steps if step > seen.highest.get(name, 0)]
            if fresh:
                found.append((name, fresh[-1], tuple(fresh[:-1])))
                seen.highest[name] = fresh[-1]
        return found


def _reached(steps: tuple[int, ...], value: Number | None) -> list[int]:
    return [step for step in steps if value is not None and step <= value]


def _answered(outcome: UpdateResult) -> list[tuple[str, int, tuple[int, ...]]]:
    return [
        (one.rule, int(one.threshold), tuple(int(also.threshold) for also in one.also_passed))
        for one in outcome.milestones
    ]


def _shown(milestone: Milestone) -> tuple[object, ...]:
    return milestone.id, milestone.value, milestone.also_passed, milestone.achieved_at, milestone.trace_id


which_rep = st.integers(0, 9)
some = st.fixed_dictionaries(
    {}, optional={"monthly_revenue": revenues, "monthly_signups": signups, "goal_progress": progress}
)
earned = st.fixed_dictionaries({"monthly_revenue": revenues})
a_step = st.tuples(
    st.sampled_from([*["sell"] * 6, "hire", "retire", "time passes", "the stream comes"]),
    which_rep,
    some | earned,
    st.sampled_from([0, 1, 11, 45]),
    st.booleans(),
)


@pytest.fixture(scope="module")
def tables() -> Iterator[Tables]:
    with cloud(FakePlatforms().transport()):
        table = dynamodb.resource().Table
        boards = Boards(table("board_table"), table("leaderboard_table"))
        yield boards, Watched(table("stats_table")), Milestones(table("milestones_table"))


@settings(
    max_examples=12,
    deadline=None,
    phases=(Phase.reuse, Phase.generate),  # a dozen steps are short enough; to shorten them takes minutes
)
@given(script=st.lists(a_step, min_size=8, max_size=16))
def test_what_an_update_answers_is_what_the_stream_announces(tables: Tables, script: list[Any]) -> None:
    world = World(*tables)
    for _ in range(3):
        world.hire()
    for name, which, values, days, flag in script:
        match name:
            case "sell":
                world.sell(which, values)
            case "hire":
                world.hire()
            case "retire":
                world.retire(which)
            case "time passes":
                world.time_passes(days, roll_over=flag)
            case "the stream comes":
                world.deliver_the_stream(again=flag)
                world.check_the_board()
    world.deliver_the_stream(again=False)
    world.check_the_board()
