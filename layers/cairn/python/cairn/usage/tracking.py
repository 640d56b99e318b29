"""Counts what a product's users do: one read and one write for all events of a user that come together.

With an id, the write is a transaction that also stores the id; without one, it is a plain put.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from cairn.clock import Clock
from cairn.errors import BadInputError, CairnError, ContentionError
from cairn.model import Reading, new_trace_id
from cairn.observability import logger
from cairn.readings.along import MAX_ALONG, Action, AlongError
from cairn.readings.stats import Stats
from cairn.rules import Transition, crossings
from cairn.usage.counting import Announced, Fold, NothingToStoreError, Outcome, Refused, Tracked
from cairn.usage.event_ids import EventIds, StoredId, to_stored_id
from cairn.usage.events import UsageEvent
from cairn.usage.reading import changing, subject_of

if TYPE_CHECKING:
    from cairn.workspace.rule_book import RuleSet

AT_ONCE = 10
"""Users that a batch works on at a time: as many connections as botocore keeps open."""
SOURCE = "usage"
SECONDS_FOR_A_USER = 12.0
"""How long the events of one user may take, with all retries: later than that, none is begun."""


class NotStoredError(CairnError):
    """AWS failed, or the time was up. Nothing was counted, and the id is free: the caller may send it again."""

    status = 503


RETRYABLE = (NotStoredError, ContentionError)
"""What a caller may send again as it is."""


def _no_limit() -> float:
    return float("inf")


class Tracking:
    """A user who begins with an event has the time zone of the settings."""

    def __init__(self, *, stats: Stats, ids: EventIds, rules: RuleSet, clock: Clock) -> None:
        self._stats = stats
        self._ids = ids
        self._rules = rules
        self._clock = clock

    def track(self, caller: str, event: UsageEvent) -> Tracked:
        """Count an event; `caller` is the id of an API key, to which the event's id belongs.

        BadInputError; ConflictError for an erased user, and for an id of another event; RETRYABLE errors.
        """
        (outcome,) = self._at_any_rate(caller, [event], _no_limit)
        if isinstance(outcome, Refused):
            raise outcome.error
        return outcome

    def track_many(
        self, caller: str, events: Sequence[UsageEvent], seconds_left: Callable[[], float] = _no_limit
    ) -> list[Outcome]:
        """What comes of each event, in their order. A failure of AWS, too, concerns only the events of its user."""
        outcomes: dict[int, Outcome] = {}

        def count(numbers: Sequence[int]) -> None:
            of_user = [events[number] for number in numbers]
            outcomes.update(zip(numbers, self._at_any_rate(caller, of_user, seconds_left), strict=True))

        for groups in _rounds(events):
            if len(groups) == 1:
                count(groups[0])
            else:
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    list(pool.map(count, groups))
        return [outcomes[number] for number in range(len(events))]

    def _at_any_rate(
        self, caller: str, events: Sequence[UsageEvent], seconds_left: Callable[[], float]
    ) -> list[Outcome]:
        """The outcomes of a user's events, whatever happens."""
        outcomes: list[Outcome] = []
        known: Reading | None = None
        error: CairnError
        try:
            for chunk in _chunks(events):
                if seconds_left() < SECONDS_FOR_A_USER:
                    raise NotStoredError("not_stored: the time was up; send it again")
                of_chunk, known = self._together(caller, chunk, known)
                outcomes += of_chunk
        except CairnError as refused:
            error = refused
        except (ClientError, BotoCoreError) as failed:
            logger.warning("table did not answer", error=str(failed))
            error = NotStoredError("not_stored: the tables did not answer; send it again")
        except Exception as failed:  # noqa: BLE001 - one user's events must not spoil all others'
            logger.exception("usage failed", exc_info=failed)
            error = NotStoredError("not_stored: internal error, which has been logged; send it again")
        else:
            return outcomes
        retry = isinstance(error, RETRYABLE)
        if retry:
            subject, number = str(subject_of(events[0].user_id)), len(events) - len(outcomes)
            logger.warning("usage not stored", subject=subject, events=number, reason=str(error))
        return outcomes + [Refused(event, error, retry) for event in events[len(outcomes) :]]

    def _together(
        self, caller: str, events: Sequence[UsageEvent], known: Reading | None
    ) -> tuple[list[Outcome], Reading | None]:
        """Count events of one user, of which at most MAX_ALONG have an id, in one write; also what is stored then."""
        taken: dict[int, StoredId] = {}
        while True:
            fold = Fold(events, taken)
            change = changing(
                events[0].user_id,
                fold.change,
                zone=self._rules.zones.at(self._clock()),
                clock=self._clock,
                source=SOURCE,
                rules_version=self._rules.version,
                trace_id=new_trace_id(),
            )
            along = partial(self._claims, caller, fold)
            try:
                old, new = self._stats.update(subject_of(events[0].user_id), change, known=known, along=along)
            except NothingToStoreError:
                return self._recognised(caller, fold), known
            except AlongError as error:
                found = {fold.with_id[index]: to_stored_id(item) for index, item in error.stored.items() if item}
                if not found:
                    raise
                taken, known = taken | found, error.read
            else:
                return self._with_milestones(self._recognised(caller, fold), fold.stored, old, new), new

    def _claims(self, caller: str, fold: Fold, new: Reading) -> list[Action]:
        return [
            self._ids.claim(caller, event_id, fold.stored_id(number), new.trace_id, fold.now)
            for number in fold.with_id
            if (event_id := fold.events[number].id) is not None
        ]

    def _recognised(self, caller: str, fold: Fold) -> list[Outcome]:
        """The outcomes; of what cannot be counted now, some was counted when it came the first time."""
        doubtful = [
            (number, event_id)
            for number, outcome in enumerate(fold.outcomes)
            if isinstance(outcome, Refused) and isinstance(outcome.error, BadInputError)
            if (event_id := outcome.event.id) is not None
        ]
        stored = self._ids.find(caller, {event_id for _, event_id in doubtful}, fold.now) if doubtful else {}
        for number, event_id in doubtful:
            if event_id in stored and stored[event_id].digest == fold.events[number].digest:
                fold.outcomes[number] = fold.repeated(number, stored[event_id])
        return fold.outcomes

    def _with_milestones(
        self, outcomes: list[Outcome], stored: Sequence[int], old: Reading | None, new: Reading
    ) -> list[Outcome]:
        """The outcomes, the last of them that was counted with the milestones that the stream will announce."""
        last = outcomes[stored[-1]]
        if isinstance(last, Tracked):
            outcomes[stored[-1]] = replace(last, milestones=tuple(self._announced(old, new)))
        logger.info("usage counted", subject=str(new.subject), events=len(stored), trace_id=new.trace_id)
        return outcomes

    def _announced(self, old: Reading | None, new: Reading) -> Iterator[Announced]:
        for crossing in crossings(old, new, self._rules.rules):
            if crossing.transition is Transition.CROSSED:
                revision = new.revisions.get(crossing.rule.name, 0)
                milestone = crossing.milestone(new, crossing.previous, new.as_of, revision)
                yield Announced(milestone, crossing.rule.wording(milestone).type, is_first=not crossing.previous)


def _rounds(events: Sequence[UsageEvent]) -> Iterator[list[list[int]]]:
    """The numbers of the events by user, in rounds: in none of them do two users have an event of the same id."""
    left = list(range(len(events)))
    while left:
        groups: dict[str, list[int]] = {}
        owners: dict[str, str] = {}
        later: set[str] = set()
        for number in left:
            event = events[number]
            if event.user_id not in later and (
                event.id is None or owners.setdefault(event.id, event.user_id) == event.user_id
            ):
                groups.setdefault(event.user_id, []).append(number)
            else:
                later.add(event.user_id)  # the user's events stay in their order
        done = {number for numbers in groups.values() for number in numbers}
        left = [number for number in left if number not in done]
        yield list(groups.values())


def _chunks(events: Sequence[UsageEvent]) -> Iterator[Sequence[UsageEvent]]:
    """Consecutive events, of which at most MAX_ALONG have an id."""
    start = with_id = 0
    for number, event in enumerate(events):
        with_id += event.id is not None
        if with_id > MAX_ALONG:
            yield events[start:number]
            start, with_id = number, 1
    yield events[start:]
