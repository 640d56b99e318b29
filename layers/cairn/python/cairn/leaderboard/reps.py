"""Reps: subjects whose values clients send, and whose rank, bonus tier and goal progress are computed here.

A rep is one item of the stats table. Each change is one conditional put, so the stream carries exactly the images on
which the rules are evaluated here. The board is derived from the item, and any function that finds it stale repairs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from cairn.clock import Clock, iso
from cairn.codec import number
from cairn.errors import BadInputError, ConflictError, NotFoundError
from cairn.leaderboard.boards import Boards
from cairn.leaderboard.rows import SCORE, Row, row_of, same_row
from cairn.model import Details, Milestone, Number, Reading, Subject, new_trace_id
from cairn.readings.detection import Change
from cairn.readings.stats import MAX_AHEAD, Stats
from cairn.rules import Transition, crossings
from cairn.rules.bonus_tier import BonusTier
from cairn.rules.rank import PODIUM_SIZE, podium_step
from cairn.workspace.rule_book import RuleSet

KIND = "rep"
MONTHLY = ("monthly_revenue", "monthly_signups", "goal_progress", "bonus_tier", "podium")
YEARLY = ("yearly_revenue", "yearly_signups")
MONTHLY_GROWTH, YEARLY_GROWTH = ("monthly_growth",), ("yearly_growth",)
"""What is unknown until it is sent: a new rep, and a new month, have no growth, and not one of 0 %."""
GOAL = "monthly_revenue_goal"
RETIRED = "retired_at"
ERASED = "erased_at"
FORMER_REP = "Former rep"
"""The name of every rep whose personal data was erased."""
MAX_GOAL_PROGRESS = Decimal(10**9)
"""Per cent, at which the progress towards a tiny goal is capped."""
CLOCK_SKEW = timedelta(minutes=5)
"""How far the clock of a client may be ahead."""
_HUNDREDTH = Decimal("0.01")
_MILLISECOND = timedelta(milliseconds=1)
_ZEROS: Mapping[str, Number] = dict.fromkeys((*MONTHLY, *YEARLY, "all_time_revenue"), 0)


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """The result of an update: the rep, their rank, the milestones they reached, and by how many ranks they rose."""

    rep: Reading
    rank: int
    milestones: tuple[Milestone, ...]
    rank_change: int


class Reps:
    def __init__(self, *, stats: Stats, boards: Boards, rules: RuleSet, clock: Clock) -> None:
        self._stats = stats
        self._boards = boards
        self._rules = [rule for rule in rules.rules if rule.kind == KIND]
        self._tier = next(rule for rule in rules.rules if isinstance(rule, BonusTier))
        self._rules_version = rules.version
        self._zones = rules.zones
        self._clock = clock

    @property
    def month(self) -> str:
        """The current month in the operator's time zone."""
        return self._month(self._clock())

    # -- reading and changing

    def get(self, rep_id: int) -> tuple[Reading, int]:
        """A rep and their current rank; NotFoundError if there is no such rep, or they have retired."""
        stored = _active(self._stats.get(_subject(rep_id)), rep_id)
        rep = self._in_month_of(stored, self._clock())
        higher = self._boards.count_higher(_score(rep))
        return rep, higher + 1 - (_score(stored) > _score(rep))

    def create(
        self, id_: int, name: str, details: Details, goal: Number | None, values: Mapping[str, Number]
    ) -> UpdateResult:
        """Add a rep under an id that none has had; values that are not given are zero."""
        subject = _subject(id_)
        metrics = _with_goal_progress({**_ZEROS, **values, **({GOAL: goal} if goal is not None else {})}, values)
        entered = Reading(subject, name, metrics, self._clock(), "api", new_trace_id(), details=details)
        first = self._with_computed(entered, entered.as_of, entered.source, entered.trace_id)
        self._stats.update(subject, lambda _: first)
        return self._result(None, first)

    def update_details(
        self, rep_id: int, *, name: str | None, details: Details, cleared: Sequence[str], goal: Number | None
    ) -> UpdateResult:
        """Change a rep's name, details and goal; `cleared` names the details, or the goal, to remove."""

        def change(rep: Reading) -> Reading:
            kept = {key: value for key, value in {**rep.details, **details}.items() if key not in cleared}
            metrics = {key: value for key, value in rep.metrics.items() if key not in cleared}
            if goal is not None and goal != metrics.get(GOAL):
                metrics = _with_goal_progress({**metrics, GOAL: goal}, {})
            return replace(rep, name=name or rep.name, details=kept, metrics=metrics)

        return self._change(rep_id, "api", change)

    def update(
        self, rep_id: int, values: Mapping[str, Number], *, as_of: datetime | None = None, source: str = "api"
    ) -> UpdateResult:
        """Set some values of a rep; the others stay. The goal progress follows the revenue unless it is given.

        `as_of` is when the values were true, now by default; it decides to which month they belong. BadInputError if it
        is in the future. ConflictError if newer values are stored, or if its month is over for this rep.
        """
        if as_of and as_of > self._clock() + CLOCK_SKEW:
            raise BadInputError(f"asOf: {iso(as_of)} is in the future")

        def change(rep: Reading) -> Reading:
            metrics = {**rep.metrics, **values}
            return replace(rep, metrics=_with_goal_progress(metrics, values) if SCORE in values else metrics)

        return self._change(rep_id, source, change, as_of=as_of, measured=True)

    def retire(self, rep_id: int) -> None:
        """Take a rep off the board. Their milestones and the boards of past months stay."""
        at = iso(self._clock())
        self._change(rep_id, "api", lambda rep: replace(rep, details={**rep.details, RETIRED: at}))

    # -- erasing

    def erase(self, subject: Subject) -> None:
        """Replace a rep's item by one without personal data, and take them off the board. A repeat changes nothing.

        The item stays, so that no late update or stream record brings the rep back.
        """

        def tombstone(stored: Reading | None) -> Reading:
            if stored and ERASED in stored.details:
                return stored
            at = self._after(stored) if stored else self._clock()
            retired_at = stored.details.get(RETIRED, iso(at)) if stored else iso(at)
            empty = Reading(
                subject, FORMER_REP, _ZEROS, at, "erasure", "", details={RETIRED: retired_at, ERASED: iso(at)}
            )
            return self._with_computed(empty, at, "erasure", new_trace_id())

        _, rep = self._stats.update(subject, tombstone)
        self._repair_row(rep)

    def unlink(self, subject: Subject) -> None:
        """Forget the name with which a rep, also a retired one, signs in. A repeat changes nothing."""

        def change(stored: Reading | None) -> Reading:
            if stored is None:
                raise NotFoundError(f"there is no {subject}")
            if "user_id" not in stored.details:
                return stored
            at = self._after(stored)
            kept = {name: value for name, value in stored.details.items() if name != "user_id"}
            current = replace(self._in_month_of(stored, at), details=kept)
            return self._with_computed(current, at, "erasure", new_trace_id())

        _, rep = self._stats.update(subject, change)
        self._repair_row(rep)

    # -- repairing and rolling over

    def reconcile(self, changes: Sequence[Change]) -> None:
        """Complete changes: the computed values, the rows on the board, the steps of the podium, each rep's last.

        The function that made a change may have died before it did so, or may belong to another program. If a new
        month began with it, the old month's board gets the values with which it really ended. When nothing is missing,
        this is two calls for a batch of the stream.
        """
        for old, new in ((change.old, change.new) for change in changes):
            if old and RETIRED not in old.details and self._month(old.as_of) < self._month(new.as_of):
                stored = self._stats.get(new.subject)
                if stored is None or ERASED not in stored.details:
                    self._boards.archive(row_of(old, self._month(old.as_of)))
        last = {change.stored.subject: change.stored for change in changes}
        rows = self._boards.rows(list(last))
        completed = [self._completed(new, rows.get(subject)) for subject, new in last.items()]
        current = [found for found in completed if found]
        best = self._boards.best(PODIUM_SIZE) if current else []
        for rep, row in current:
            self._step(rep, row, sum(score > _score(rep) for score in best) - (row.score > _score(rep)))

    def roll_over(self, subject: Subject) -> None:
        """Start the month at zero, unless it has started; the board of the month before keeps its final values."""

        def start_month(rep: Reading | None) -> Reading:
            if rep is None:
                raise NotFoundError(f"{subject} has no reading to roll over")
            at = self._after(rep)
            reset = self._in_month_of(rep, at)
            return rep if reset is rep else self._with_computed(reset, at, "turn", new_trace_id())

        _, rep = self._stats.update(subject, start_month)
        self._step_by_count(rep, self._repair_row(rep))

    def not_rolled_over(self) -> Iterator[Subject]:
        """The reps for whom the month has not started."""
        return self._boards.outside_month(self.month)

    def _completed(self, new: Reading, row: Row | None) -> tuple[Reading, Row] | None:
        """A rep with the row that they have now; None if a later change completes them, or if they have left."""
        if row and self._is_newer(row, new):
            return None
        rep = new
        if row is None or ERASED in new.details or self._repaired(new) is not new:
            stored = self._stats.get(new.subject)
            if stored and ERASED not in stored.details and self._repaired(stored) is not stored:
                _, stored = self._stats.update(new.subject, lambda stored: self._repaired(stored or new))
            if stored is None:
                return None
            rep = stored
        wanted = self._wanted(rep)
        row = row if same_row(row, wanted) else self._boards.store(wanted)
        return None if row is None or row.left else (rep, row)

    def _is_newer(self, row: Row, rep: Reading) -> bool:
        return rep.as_of < row.as_of <= self._clock() + MAX_AHEAD

    def _wanted(self, rep: Reading) -> Row:
        return row_of(rep, self._month(rep.as_of), left=RETIRED in rep.details)

    def _repaired(self, rep: Reading) -> Reading:
        """The rep, completed if another program wrote the item; the same object if nothing is missing or wrong."""
        ahead = rep.as_of > self._clock() + MAX_AHEAD
        at = self._after(rep) if ahead else rep.as_of + _MILLISECOND
        current = self._in_month_of(rep, at)
        complete = replace(current, metrics={**_ZEROS, **current.metrics})
        repaired = self._with_computed(complete, at, rep.source, rep.trace_id)
        return rep if not ahead and (repaired.metrics, repaired.peaks) == (rep.metrics, rep.peaks) else repaired

    def _change(
        self,
        rep_id: int,
        source: str,
        change: Callable[[Reading], Reading],
        *,
        as_of: datetime | None = None,
        measured: bool = False,
    ) -> UpdateResult:
        trace_id = new_trace_id()

        def changed(stored: Reading | None) -> Reading:
            rep = _active(stored, rep_id)
            at = self._stored_at(rep, as_of) if as_of else self._after(rep)
            new = self._with_computed(change(self._in_month_of(rep, at)), at, source, trace_id)
            return replace(new, measured_at=as_of or at) if measured else new

        return self._result(*self._stats.update(_subject(rep_id), changed))

    def _result(self, old: Reading | None, new: Reading) -> UpdateResult:
        """The row first, then the rank among the rows: of twenty who sell at the same time, one is the best."""
        wanted, score = self._wanted(new), _score(new)
        unchanged = old and same_row(self._wanted(old), wanted)
        row = self._repair_row(new) if unchanged else self._boards.store(wanted)
        rank, (unstepped, stepped) = self._step_by_count(new, row)
        before = _score(self._in_month_of(old, new.as_of)) if old else score
        rank_before = rank + self._ranks_between(score, before, row)
        if unstepped is stepped and stepped.trace_id == new.trace_id:  # the stream's consumer stored this step first
            unstepped = new
        pairs = [(old, new), *([(unstepped, stepped)] if stepped is not unstepped else [])]
        milestones = tuple(
            crossing.milestone(image, crossing.previous, image.as_of, image.revisions.get(crossing.rule.name, 0))
            for previous, image in pairs
            for crossing in crossings(previous, image, self._rules)
            if crossing.transition is Transition.CROSSED
        )
        rep = stepped if stepped.trace_id == new.trace_id else new
        return UpdateResult(rep, rank, milestones, rank_before - rank)

    def _repair_row(self, rep: Reading) -> Row:
        """The rep's row as of this reading or later; it is read first, and stored only if it shows something else."""
        row, wanted = self._boards.row(rep.subject), self._wanted(rep)
        return row if row and (self._is_newer(row, rep) or same_row(row, wanted)) else self._boards.store(wanted)

    def _ranks_between(self, score: Number, before: Number, row: Row) -> int:
        """By how many ranks the rep was lower with the score `before`; negative if it was higher."""
        low, high = sorted((score, before))
        others = self._boards.count_higher(low, high) - (low < row.score <= high) if low < high else 0
        return others if before < score else -others

    def _step_by_count(self, rep: Reading, row: Row) -> tuple[int, tuple[Reading, Reading]]:
        """The rep's rank, counted; and the images before and after a step on or off the podium."""
        higher = self._boards.count_higher(_score(rep)) - (row.score > _score(rep))
        return higher + 1, self._step(rep, row, higher)

    def _step(self, rep: Reading, row: Row, higher: int) -> tuple[Reading, Reading]:
        """Store the podium's step that follows from how many are higher.

        Returns the images before and after the step: the same object twice if there was none.
        """
        score = _score(rep)
        podium = podium_step(higher + 1) if not row.left and score > 0 else 0
        if podium == rep.metrics.get("podium", 0):
            return rep, rep

        def take_step(stored: Reading | None) -> Reading:
            current = stored or rep
            at = self._after(current)
            months = {self._month(instant) for instant in (rep.as_of, current.as_of, at)}  # ended ones stay as they are
            if _score(current) != score or len(months) > 1 or current.metrics.get("podium", 0) == podium:
                return current
            changed = replace(current, metrics={**current.metrics, "podium": podium})
            return self._with_computed(changed, at, rep.source, rep.trace_id)

        unstepped, stepped = self._stats.update(rep.subject, take_step, known=rep)
        return unstepped or stepped, stepped

    def _with_computed(self, rep: Reading, at: datetime, source: str, trace_id: str) -> Reading:
        """The reading with its computed values: the bonus tier, and the highest values of the month."""
        metrics = {**rep.metrics, "bonus_tier": self._tier.tier_of(rep)}
        watched = {rule.metric for rule in self._rules} & metrics.keys()
        peaks = {metric: max(metrics[metric], rep.peaks.get(metric, 0)) for metric in sorted(watched)}
        return replace(
            rep,
            metrics=metrics,
            peaks=peaks,
            as_of=at,
            source=source,
            trace_id=trace_id,
            rules_version=self._rules_version,
        )

    def _in_month_of(self, rep: Reading, at: datetime) -> Reading:
        """The rep in the month of `at`: the values of an earlier month, and of an earlier year, are reset to zero."""
        if self._month(rep.as_of) >= self._month(at):  # later only in a reading that is dated in the future
            return rep
        ended: tuple[str, ...] = MONTHLY
        unknown: tuple[str, ...] = MONTHLY_GROWTH
        if self._month(rep.as_of)[:4] != self._month(at)[:4]:
            ended, unknown = (*MONTHLY, *YEARLY), (*MONTHLY_GROWTH, *YEARLY_GROWTH)
        kept = {metric: value for metric, value in rep.metrics.items() if metric not in unknown}
        return replace(rep, metrics={**kept, **dict.fromkeys(ended, 0)}, peaks={}, revisions={})

    def _month(self, at: datetime) -> str:
        return self._zones.month(at)

    def _stored_at(self, rep: Reading, as_of: datetime) -> datetime:
        """When to store values that were true at `as_of`: now, or in the month that has not ended for this rep."""
        month, current = self._month(as_of), self._month(rep.as_of)
        if month >= self._month(self._clock()):
            at = max(self._after(rep), as_of)
        elif month == current:
            at = max(as_of, rep.as_of + _MILLISECOND)
        else:
            raise ConflictError(f"asOf: {month} is over for this sales rep, and its board is final")
        if rep.measured_at and as_of < rep.measured_at:
            raise ConflictError(f"asOf: newer numbers are stored, of {iso(rep.measured_at)}")
        return at

    def _after(self, rep: Reading) -> datetime:
        """The current time, or just after the reading if that is later; but not in a future that it wrongly claims."""
        present = self._clock()
        return present if rep.as_of > present + MAX_AHEAD else max(present, rep.as_of + _MILLISECOND)


def _subject(rep_id: int) -> Subject:
    return Subject(KIND, str(rep_id))


def _active(rep: Reading | None, rep_id: int) -> Reading:
    if rep is None or RETIRED in rep.details:
        raise NotFoundError(f"there is no sales rep {rep_id}")
    return rep


def _score(rep: Reading) -> Number:
    return rep.metrics.get(SCORE, 0)


def _with_goal_progress(metrics: dict[str, Number], given: Mapping[str, Number]) -> dict[str, Number]:
    """With the goal progress computed from the revenue unless given; rounded down, so that 100 is not reached early."""
    goal = metrics.get(GOAL)
    if not goal or "goal_progress" in given:
        return metrics
    progress = Decimal(metrics.get(SCORE, 0)) * 100 / goal
    return {**metrics, "goal_progress": number(min(progress, MAX_GOAL_PROGRESS).quantize(_HUNDREDTH, ROUND_DOWN))}
