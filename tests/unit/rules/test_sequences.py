"""Any sequence of readings – late, repeated, falling, jumping, hidden, across periods – against a naive oracle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cairn.model import Number, Reading
from cairn.rules import Transition, crossings
from cairn.rules.ladder import FOLLOWER_STEPS, Ladder
from cairn.zones import Zones
from testing.readings import channel_reading
from tests.unit.rules.oracle import Celebration, Oracle, Seen

START = datetime(2026, 11, 29, tzinfo=UTC)
# Etc/GMT-9 is nine hours ahead of UTC: POSIX counts westward.
ZONES = {0: Zones.of("UTC"), 9: Zones.of("Etc/GMT-9"), -5: Zones.of("Etc/GMT+5")}
STEPS = tuple(map(int, FOLLOWER_STEPS))

values = st.one_of(
    st.none(), st.integers(0, 700), st.sampled_from([0, 99, 100, 101, 249, 250, 499, 500, 1000, 2500, 10_000])
)
steps = st.integers(-3 * 3600, 40 * 3600)
readings = st.lists(st.tuples(steps, values), max_size=25)
rules = st.builds(
    lambda restarts, baseline, offset: (
        Ladder(
            "subscribers",
            "channel",
            "subscribers",
            STEPS,
            baseline,
            restarts,
            ZONES[offset],
        ),
        offset,
    ),
    st.sampled_from(["all-time", "month", "day"]),
    st.sampled_from(["silent", "announce"]),
    st.sampled_from(sorted(ZONES)),
)

HIDDEN_IN_A_NEW_PERIOD: list[tuple[int, int | None]] = [(0, 50), (24 * 3600, 0), (0, None), (0, 100)]


@dataclass
class Marks:
    """The conditions of Milestones.claim on a dict: raise the high-water mark, or answer an event as before."""

    held: dict[tuple[str, str], tuple[Number, Number, str, bool]] = field(default_factory=dict)

    def claim(self, rule: str, period: str, threshold: Number, event: str, transition: Transition) -> Number | None:
        """The high-water mark before, when the crossing is to be announced."""
        stored = self.held.get((rule, period))
        if stored is None and transition is Transition.REAPPEARED:
            transition = Transition.BASELINE
        if stored is None or stored[0] < threshold:
            silent = transition is Transition.BASELINE
            before = stored[0] if stored else 0
            self.held[rule, period] = (threshold, before, event, silent)
            return None if silent else before
        return stored[1] if stored[2] == event and not stored[3] else None


@dataclass
class Pure:
    """Storing and detection without AWS: only newer readings are stored, and each change is processed at least once."""

    rule: Ladder
    marks: Marks = field(default_factory=Marks)
    stored: Reading | None = None

    def read(self, seen: Seen, repeats: int = 1) -> Celebration | None:
        reading = channel_reading(seen.value, seen.at)
        if self.stored and reading.as_of < self.stored.as_of:
            return None
        old, self.stored = self.stored, reading
        event = uuid4().hex
        answers = [self._detect(old, reading, event) for _ in range(repeats)]
        assert all(answer == answers[0] for answer in answers), "a repeat of an event is answered as the first time"
        return answers[0]

    def _detect(self, old: Reading | None, new: Reading, event: str) -> Celebration | None:
        for crossing in crossings(old, new, [self.rule]):
            before = self.marks.claim(self.rule.name, crossing.period, crossing.threshold, event, crossing.transition)
            if before is not None:
                also = tuple(int(step) for step in crossing.passed[:-1] if step > before)
                return Celebration(crossing.period, int(crossing.threshold), also)
        return None


def oracle(rule: Ladder, offset: int) -> Oracle:
    return Oracle(rule.thresholds, rule.baseline == "silent", rule.restarts, offset)


def sequence(moves: list[tuple[int, int | None]]) -> list[Seen]:
    """Readings whose instants are mostly, but not always, in order."""
    at, found = START, []
    for seconds, value in moves:
        at += timedelta(seconds=seconds)
        found.append(Seen(at, value))
    return found


@settings(max_examples=400, deadline=None)
@given(rules, readings, st.integers(1, 3))
@example((Ladder("subscribers", "channel", "subscribers", (100,), "silent", "day"), 0), HIDDEN_IN_A_NEW_PERIOD, 1)
def test_any_sequence_is_celebrated_as_the_oracle_says(
    given_rule: tuple[Ladder, int], moves: list[tuple[int, int | None]], repeats: int
) -> None:
    pure, expected = Pure(given_rule[0]), oracle(*given_rule)
    for seen in sequence(moves):
        assert pure.read(seen, repeats) == expected.read(seen), seen


@settings(max_examples=200, deadline=None)
@given(rules, readings)
def test_each_threshold_is_in_at_most_one_celebration_of_a_period(
    given_rule: tuple[Ladder, int], moves: list[tuple[int, int | None]]
) -> None:
    pure = Pure(given_rule[0])
    announced = [celebration for seen in sequence(moves) if (celebration := pure.read(seen))]
    times = Counter((one.period, step) for one in announced for step in (one.threshold, *one.also))
    assert set(times.values()) <= {1}


@settings(max_examples=200, deadline=None)
@given(rules, readings)
def test_a_high_water_mark_never_falls(given_rule: tuple[Ladder, int], moves: list[tuple[int, int | None]]) -> None:
    pure, highest = Pure(given_rule[0]), dict[tuple[str, str], Number]()
    for seen in sequence(moves):
        pure.read(seen)
        for key, (threshold, *_) in pure.marks.held.items():
            assert threshold >= highest.get(key, 0)
            highest[key] = threshold


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=10, unique=True).map(sorted))
def test_a_count_that_only_rises_has_each_threshold_above_its_first_celebrated_once(counts: list[int]) -> None:
    pure = Pure(Ladder("subscribers", "channel", "subscribers", tuple(map(int, FOLLOWER_STEPS))))
    announced = [
        celebration
        for hours, count in enumerate(counts)
        if (celebration := pure.read(Seen(START + timedelta(hours=hours), count)))
    ]
    steps = [step for one in announced for step in (*one.also, one.threshold)]
    assert steps == [step for step in FOLLOWER_STEPS if counts[0] < step <= counts[-1]]


@given(st.integers(0, 10**12))
def test_the_first_reading_of_a_silent_rule_says_nothing_and_of_another_counts_from_zero(count: int) -> None:
    def first(baseline: Literal["silent", "announce"]) -> Celebration | None:
        rule = Ladder("subscribers", "channel", "subscribers", tuple(map(int, FOLLOWER_STEPS)), baseline)
        return Pure(rule).read(Seen(START, count))

    assert first("silent") is None
    celebration = first("announce")
    stands_at = [step for step in FOLLOWER_STEPS if step <= count]
    assert ([*celebration.also, celebration.threshold] if celebration else []) == stands_at


def test_a_hidden_count_that_comes_back_higher_is_announced_and_one_never_seen_before_is_not() -> None:
    rule = Ladder("subscribers", "channel", "subscribers", (100, 250))
    pure, hidden_first = Pure(rule), Pure(rule)
    assert [pure.read(Seen(START + timedelta(hours=hour), value)) for hour, value in enumerate([90, None, 260])] == [
        None,
        None,
        Celebration("all-time", 250, (100,)),
    ]
    assert [
        hidden_first.read(Seen(START + timedelta(hours=hour), value)) for hour, value in enumerate([None, 260])
    ] == [
        None,
        None,
    ]
