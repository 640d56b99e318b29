"""What rules share whose periods only a user's habits know: the user's own days, or a feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from cairn.model import Number, Reading
from cairn.zones import Zones


@dataclass(frozen=True, slots=True)
class OwnPeriods:
    """A rule without thresholds of its own: `occasions` finds everything in the reading's state."""

    name: str
    kind: str
    metric: str
    baseline: Literal["silent", "announce"] = "announce"

    @property
    def judged_by(self) -> str:
        return self.metric

    def period(self, instant: datetime) -> str | None:  # noqa: ARG002 - only a reading knows its periods
        return None

    def passed(self, reading: Reading) -> Sequence[Number] | None:  # noqa: ARG002 - of one metric, nobody can tell
        return None

    def next_threshold(self, reading: Reading) -> Number | None:  # noqa: ARG002 - there is no ladder
        return None

    def configured(self, *, thresholds: Sequence[int] | None, zones: Zones) -> Self:  # noqa: ARG002 - see `period`
        if thresholds:
            raise ValueError(f"the rule {self.name!r} accepts no thresholds")
        return self
