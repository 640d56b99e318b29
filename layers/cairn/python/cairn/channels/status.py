"""The status of channels: stored values, their freshness, and the last and the next milestone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from cairn.channels.registry import Channel, Channels
from cairn.clock import Clock
from cairn.model import Number, Passed, Reading
from cairn.readings.freshness import is_stale, last_seen
from cairn.readings.milestones import HighWaterMark, Milestones
from cairn.readings.stats import Stats
from cairn.rules import ALL_TIME, Rule

METRIC = "subscribers"


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """A channel and its current values. `as_of` is when these values were last seen to be true.

    `last_at` is None if the channel had passed `last` before Cairn looked.
    """

    channel: Channel
    reading: Reading | None
    as_of: datetime | None
    stale: bool
    last: Passed | None
    last_at: datetime | None
    next_threshold: Passed | None

    def value(self, metric: str) -> Number | None:
        """A metric's value; None when it is unknown."""
        return self.reading.metrics.get(metric) if self.reading else None


class ChannelStatuses:
    def __init__(
        self,
        *,
        channels: Channels,
        stats: Stats,
        milestones: Milestones,
        rules: Sequence[Rule],
        stale_after: timedelta,
        clock: Clock,
    ) -> None:
        self._channels = channels
        self._stats = stats
        self._milestones = milestones
        self._rule = next(rule for rule in rules if rule.kind == "channel" and rule.metric == METRIC)
        self._stale_after = stale_after
        self._clock = clock

    def of(self, channels: Sequence[Channel], *, consistent: bool = False) -> list[ChannelStatus]:
        """The status of these channels, in their order; with `consistent` also what was fetched a moment ago.

        Reads grow with the channels, never with their readings.
        """
        subjects = [channel.subject for channel in channels]
        readings = self._stats.get_many(subjects, consistent=consistent)
        marks = self._milestones.high_water_marks(subjects, self._rule.name, ALL_TIME)
        last_found: dict[str, datetime | None] = {}
        by_id = sorted(channels, key=lambda channel: channel.id)
        for platform, group in groupby(by_id, key=lambda channel: channel.platform):
            of_platform = list(group)
            checks = self._channels.checks(platform, of_platform, consistent=consistent)
            last_found |= {channel.id: checks.last_found(channel) for channel in of_platform}
        statuses = []
        for channel in channels:
            reading, mark = readings.get(channel.subject), marks.get(channel.subject)
            as_of = last_seen(reading, last_found[channel.id]) if reading else None
            reached = mark if mark and mark.threshold else None
            next_threshold = self._next(reading, reached) if reading else None
            statuses.append(
                ChannelStatus(
                    channel=channel,
                    reading=reading,
                    as_of=as_of,
                    stale=is_stale(as_of, self._clock(), self._stale_after),
                    last=self._passed(reached.threshold) if reached else None,
                    last_at=reached.achieved_at if reached and not reached.silent else None,
                    next_threshold=self._passed(next_threshold) if next_threshold is not None else None,
                )
            )
        return statuses

    def _next(self, reading: Reading, mark: HighWaterMark | None) -> Number | None:
        """The next threshold to be announced: above the mark too, since what was passed is not announced again."""
        value = reading.metrics.get(METRIC)
        if value is not None and mark and mark.threshold > value:
            reading = replace(reading, metrics={**reading.metrics, METRIC: mark.threshold})
        return self._rule.next_threshold(reading)

    def _passed(self, threshold: Number) -> Passed:
        return Passed(threshold, self._rule.label(threshold))
