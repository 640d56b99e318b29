"""Reps: a subject whose values others send, and whose rank, tier and goal are decided here.

A rep is one item of the stats table. A change of it is one conditional put, so that the stream has the very images that
the rules are asked about here; the board follows from it, and is brought into line by whoever comes first.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from zoneinfo import ZoneInfo

from cairn.clock import Clock, iso, sleep
from cairn.codec import number
from cairn.errors import ContentionError, NotFoundError
from cairn.leaderboard.boards import SCORE, Boards, Row, row_of, same_row
from cairn.model import Details, Milestone, Number, Reading, Subject, new_trace_id
from cairn.readings.stats import Stats
from cairn.rules import Rule, Transition, crossings
from cairn.rules.bonus_tier import BonusTier
from cairn.rules.rank import step

KIND = "rep"
MONTHLY = ("monthly_revenue", "monthly_signups", "goal_progress", "monthly_growth", "bonus_tier", "podium")
YEARLY = ("yearly_revenue", "yearly_signups", "yearly_growth")
GOAL = "monthly_revenue_goal"
RETIRED = "retired_at"
TRIES = 16
HIGHEST = Decimal(10**9)
"""Per cent, beyond which the progress of a tiny goal is not counted."""
_HUNDREDTH = Decimal("0.01")
_MOMENT = timedelta(milliseconds=1)
_ZEROS: Mapping[str, Number] = dict.fromkeys((*MONTHLY, *YEARLY, "all_time_revenue"), 0)


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """What came of an update: the rep, where they stand, what they passed, and by how many ranks they rose."""

    rep: Reading
    rank: int
    milestones: tuple[Milestone, ...]
    rank_change: int


class Reps:
    def __init__(self, *, stats: Stats, boards: Boards, rules: Sequence[Rule], time_zone: str, clock: Clock) -> None:
        self._stats = stats
        self._boards = boards
        self._rules = [rule for rule in rules if rule.kind == KIND]
        self._tier = next(rule for rule in rules if isinstance(rule, BonusTier))
        self._zone = ZoneInfo(time_zone)
        self._clock = clock

    @property
    def month(self) -> str:
        """The running month, where the operator lives."""
        return self._month(self._clock())

    # -- what is asked of a rep

    def get(self, rep_id: int) -> tuple[Reading, int]:
        """A rep and their rank now; NotFoundError for none, or one who has retired."""
        stored = _working(self._stats.get(_subject(rep_id)), rep_id)
        rep = self._in_month_of(stored, self._clock())
        (higher,) = self._boards.count_higher([_score(rep)])
        return rep, higher + 1 - (_score(stored) > _score(rep))

    def create(self, name: str, described: Details, goal: Number | None, values: Mapping[str, Number]) -> UpdateResult:
        """A new rep with an id that nobody has had; what is not among the values is zero."""
        subject = _subject(self._boards.new_id())
        metrics = _followed({**_ZEROS, **values, **({GOAL: goal} if goal is not None else {})}, values)
        bare = Reading(subject, name, metrics, self._clock(), "api", new_trace_id(), details=described)
        first = self._decided(bare, bare.as_of, bare.source, bare.trace_id)
        self._stats.update(subject, lambda _: first)
        return self._settled(None, first)

    def update_details(
        self, rep_id: int, *, name: str | None, described: Details, cleared: Sequence[str], goal: Number | None
    ) -> UpdateResult:
        """Change what is said of a rep, and the goal; `cleared` names what is said no more."""

        def change(rep: Reading) -> Reading:
            kept = {key: value for key, value in {**rep.details, **described}.items() if key not in cleared}
            metrics = {key: value for key, value in rep.metrics.items() if key not in cleared}
            if goal is not None and goal != metrics.get(GOAL):
                metrics = _followed({**metrics, GOAL: goal}, {})
            return replace(rep, name=name or rep.name, details=kept, metrics=metrics)

        return self._change(rep_id, "api", change)

    def update(self, rep_id: int, values: Mapping[str, Number], source: str = "api") -> UpdateResult:
        """New values of a rep; those that are not named stay. The goal's progress follows the revenue unless given."""

        def change(rep: Reading) -> Reading:
            metrics = {**rep.metrics, **values}
            return replace(rep, metrics=_followed(metrics, values) if SCORE in values else metrics)

        return self._change(rep_id, source, change)

    def retire(self, rep_id: int) -> None:
        """Take a rep off the board; what they passed, and the boards of past months, stay."""
        at = iso(self._clock())
        self._change(rep_id, "api", lambda rep: replace(rep, details={**rep.details, RETIRED: at}))

    # -- what follows from it

    def reconcile(self, old: Reading | None, new: Reading) -> None:
        """Do what whoever changed a rep may have died before, or did not know of: what is decided here, the row on the
        board, and the step of the podium. A month that was over with this change is kept as it really ended."""
        rep = self._stats.get(new.subject)
        if rep and self._mended(rep) is not rep:
            _, rep = self._stats.update(new.subject, lambda stored: self._mended(stored or new))
        if rep:
            self._stand(rep, None)
        if old and RETIRED not in old.details and self._month(old.as_of) < self._month(new.as_of):
            self._boards.archive(row_of(old, self._month(old.as_of)))

    def roll_over(self, subject: Subject) -> None:
        """Begin the month at zero, unless it has begun; the board of the month before keeps what it ended with."""

        def turn(rep: Reading | None) -> Reading:
            if rep is None:
                raise NotFoundError(f"there is nothing of {subject} to turn")
            at = self._after(rep)
            fresh = self._in_month_of(rep, at)
            return rep if fresh is rep else self._decided(fresh, at, "turn", new_trace_id())

        _, rep = self._stats.update(subject, turn)
        self._stand(rep, None)

    def not_rolled_over(self) -> Iterator[Subject]:
        """The reps for whom the month has not begun."""
        return self._boards.outside_month(self.month)

    def _mended(self, rep: Reading) -> Reading:
        """A rep with all that belongs to one, where somebody else wrote the item; else the very same."""
        at = rep.as_of + _MOMENT
        whole = self._in_month_of(rep, at)
        mended = self._decided(replace(whole, metrics={**_ZEROS, **whole.metrics}), at, rep.source, rep.trace_id)
        return rep if (mended.metrics, mended.peaks) == (rep.metrics, rep.peaks) else mended

    def _change(self, rep_id: int, source: str, change: Callable[[Reading], Reading]) -> UpdateResult:
        trace_id = new_trace_id()

        def changed(stored: Reading | None) -> Reading:
            rep = _working(stored, rep_id)
            at = self._after(rep)
            return self._decided(change(self._in_month_of(rep, at)), at, source, trace_id)

        return self._settled(*self._stats.update(_subject(rep_id), changed))

    def _settled(self, old: Reading | None, new: Reading) -> UpdateResult:
        before = _score(self._in_month_of(old, new.as_of)) if old else None
        rank, rank_before, (seen, noted) = self._stand(new, before)
        if seen is noted and noted.trace_id == new.trace_id:  # the stream was quicker, and noted it for this update
            seen = new
        pairs = [(old, new), *([(seen, noted)] if noted is not seen else [])]
        milestones = tuple(
            crossing.milestone(image, crossing.previous, image.as_of)
            for one, image in pairs
            for crossing in crossings(one, image, self._rules)
            if crossing.transition is Transition.CROSSED
        )
        rep = noted if noted.trace_id == new.trace_id else new
        return UpdateResult(rep, rank, milestones, rank_before - rank)

    def _stand(self, rep: Reading, before: Number | None) -> tuple[int, int, tuple[Reading, Reading]]:
        """A rep's rank, the one that a score `before` would have, and the images around a step on or off the podium."""
        placed = self._place(rep)
        score = _score(rep)
        scores = [score, score if before is None else before]
        own = placed.score if placed else score
        rank, rank_before = (
            higher + 1 - (own > one) for one, higher in zip(scores, self._boards.count_higher(scores), strict=True)
        )
        height = step(rank) if placed and score > 0 else 0
        if height == rep.metrics.get("podium", 0):
            return rank, rank_before, (rep, rep)

        def note(stored: Reading | None) -> Reading:
            current = stored or rep
            at = self._after(current)
            months = {self._month(instant) for instant in (rep.as_of, current.as_of, at)}  # one that is over is left
            if _score(current) != score or len(months) > 1 or current.metrics.get("podium", 0) == height:
                return current
            stepped = replace(current, metrics={**current.metrics, "podium": height})
            return self._decided(stepped, at, rep.source, rep.trace_id)

        seen, noted = self._stats.update(rep.subject, note)
        return rank, rank_before, (seen or noted, noted)

    def _place(self, rep: Reading) -> Row | None:
        """The rep's row as it stands on the board, no older than this reading."""
        for attempt in range(TRIES):
            row = self._boards.row(rep.subject)
            if row is None:  # new, or retired meanwhile
                rep = self._stats.get(rep.subject) or rep
            if row and row.as_of > rep.as_of:
                return row
            wanted = None if RETIRED in rep.details else row_of(rep, self._month(rep.as_of))
            if same_row(row, wanted) or self._boards.replace_row(row, wanted):
                return wanted
            sleep(random.uniform(0, min(0.5, 0.01 * 2**attempt)))  # noqa: S311 - spreads retries, guards nothing
        raise ContentionError(f"{rep.subject} is being changed by too many at once; try again")

    def _decided(self, rep: Reading, at: datetime, source: str, trace_id: str) -> Reading:
        """A reading with what is decided here: the tier, and the highest values of the month."""
        metrics = {**rep.metrics, "bonus_tier": self._tier.tier_of(rep)}
        watched = {rule.metric for rule in self._rules} & metrics.keys()
        peaks = {metric: max(metrics[metric], rep.peaks.get(metric, 0)) for metric in sorted(watched)}
        return replace(rep, metrics=metrics, peaks=peaks, as_of=at, source=source, trace_id=trace_id)

    def _in_month_of(self, rep: Reading, at: datetime) -> Reading:
        """A rep as the month of `at` finds them: at zero, when their values are of an earlier one."""
        if self._month(rep.as_of) == self._month(at):
            return rep
        over = MONTHLY if self._month(rep.as_of)[:4] == self._month(at)[:4] else (*MONTHLY, *YEARLY)
        return replace(rep, metrics={**rep.metrics, **dict.fromkeys(over, 0)}, peaks={})

    def _month(self, at: datetime) -> str:
        return at.astimezone(self._zone).strftime("%Y-%m")

    def _after(self, rep: Reading) -> datetime:
        """Now, and later than the reading."""
        return max(self._clock(), rep.as_of + _MOMENT)


def _subject(rep_id: int) -> Subject:
    return Subject(KIND, str(rep_id))


def _working(rep: Reading | None, rep_id: int) -> Reading:
    if rep is None or RETIRED in rep.details:
        raise NotFoundError(f"there is no sales rep {rep_id}")
    return rep


def _score(rep: Reading) -> Number:
    return rep.metrics.get(SCORE, 0)


def _followed(metrics: dict[str, Number], given: Mapping[str, Number]) -> dict[str, Number]:
    """With the goal's progress as the revenue has it, unless it was given; rounded down, lest 100 come too early."""
    goal = metrics.get(GOAL)
    if not goal or "goal_progress" in given:
        return metrics
    progress = Decimal(metrics.get(SCORE, 0)) * 100 / goal
    return {**metrics, "goal_progress": number(min(progress, HIGHEST).quantize(_HUNDREDTH, ROUND_DOWN))}
