"""A ladder: ascending round numbers, each passed once in a period."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Self

from cairn.model import Milestone, Number, Reading
from cairn.rules import ALL_TIME, Occasion, Wording
from cairn.zones import UTC_ONLY, Zones

FOLLOWER_STEPS = (
    *(100, 250, 500),
    *(1_000, 2_500, 5_000),
    *(10_000, 25_000, 50_000, 75_000),
    *(100_000, 250_000, 500_000, 750_000),
    *(step * 10**exponent for exponent in range(6, 11) for step in (1, 2.5, 5, 7.5)),
)

_PERIOD_FORMATS = {"all-time": None, "month": "%Y-%m", "day": "%Y-%m-%d"}


@dataclass(frozen=True, slots=True)
class Ladder:
    """Thresholds of one metric of one kind of subject. ValueError unless they are positive and ascending."""

    name: str
    kind: str
    metric: str
    thresholds: tuple[int, ...]
    baseline: Literal["silent", "announce"] = "silent"
    restarts: Literal["all-time", "month", "day"] = "all-time"
    zones: Zones = UTC_ONLY

    def __post_init__(self) -> None:
        ascending = all(low < high for low, high in zip(self.thresholds, self.thresholds[1:], strict=False))
        if not self.thresholds or self.thresholds[0] <= 0 or not ascending:
            raise ValueError(f"the ladder {self.name!r} must be positive and ascending: {list(self.thresholds)}")

    @property
    def judged_by(self) -> str:
        return self.metric

    def period(self, instant: datetime) -> str | None:
        date_format = _PERIOD_FORMATS[self.restarts]
        return ALL_TIME if date_format is None else self.zones.local(instant).strftime(date_format)

    def occasions(self, reading: Reading) -> Sequence[Occasion]:
        period = self.period(reading.as_of)
        assert period is not None
        return (Occasion(period, self.passed(reading), reading.metrics.get(self.metric)),)

    def passed(self, reading: Reading) -> Sequence[Number] | None:
        value = reading.metrics.get(self.metric)
        return None if value is None else self.thresholds[: bisect_right(self.thresholds, value)]

    def next_threshold(self, reading: Reading) -> Number | None:
        value = reading.metrics.get(self.metric)
        if value is None:
            return None
        index = bisect_right(self.thresholds, value)
        return self.thresholds[index] if index < len(self.thresholds) else None

    def label(self, threshold: Number) -> str:
        return short(threshold)

    def wording(self, milestone: Milestone) -> Wording:
        title = f"{milestone.label} {self.metric}"
        return Wording(self.name, title, f"Passed {title}.", milestone.label, "🎉", "bg-primary")

    def configured(self, *, thresholds: Sequence[int] | None, zones: Zones) -> Self:
        return replace(self, thresholds=tuple(thresholds or self.thresholds), zones=zones)


def short(number: Number) -> str:
    """A number in short form, without rounding: 950, 10K, 2.5M, 1.25B."""
    suffixes = ((10**9, "B"), (10**6, "M"), (10**3, "K"))
    for size, suffix in suffixes:
        if number >= size:
            whole, rest = divmod(int(number), size)
            digits = f"{rest:0{len(str(size)) - 1}d}".rstrip("0")
            return f"{whole}.{digits}{suffix}" if digits else f"{whole}{suffix}"
    return str(number)


RULES = [Ladder("subscribers", "channel", "subscribers", tuple(int(step) for step in FOLLOWER_STEPS))]
