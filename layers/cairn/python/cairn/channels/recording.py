"""Fetches the counts of one call to a platform, and stores what changed: readings, and the channels' health issues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cairn.channels.handles import Handles
from cairn.channels.health import Health
from cairn.channels.platforms import CountsUnavailable, Platform
from cairn.channels.plausibility import Plausibility, watched
from cairn.channels.registry import Channel, Channels
from cairn.clock import Clock, now
from cairn.errors import PlatformPausedError
from cairn.model import Number, Reading
from cairn.observability import MetricUnit, logger, metrics
from cairn.readings.stats import Stats


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcome of a fetch, in numbers of channels."""

    stored: int = 0
    unchanged: int = 0
    troubled: int = 0
    queued: int = 0
    failed: int = 0

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            self.stored + other.stored,
            self.unchanged + other.unchanged,
            self.troubled + other.troubled,
            self.queued + other.queued,
            self.failed + other.failed,
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a call's channels: those whose stored state is up to date now, and the errors of single ones.

    A count that is held back counts as unchanged, and is not found.
    """

    summary: Summary
    found: tuple[Channel, ...]
    errors: tuple[Exception, ...]


class Recording:
    def __init__(
        self,
        *,
        channels: Channels,
        stats: Stats,
        rules_version: int,
        plausibility: Plausibility | None = None,
        clock: Clock = now,
    ) -> None:
        self._health = Health(channels, plausibility or Plausibility(), clock)
        self._handles = Handles(channels, clock)
        self._stats = stats
        self._rules_version = rules_version
        self._clock = clock

    def fetch(self, platform: Platform, group: Sequence[Channel], source: str, trace_id: str) -> Recorded:
        """Fetch a group of channels with one call and store what it answered. Raises as `Platform.fetch` does."""
        as_of = self._clock()
        results = platform.fetch(group)
        stored = self._stats.get_many([channel.subject for channel in group])
        summary, found, errors = Summary(), list[Channel](), list[Exception]()
        for channel in group:
            before = stored.get(channel.subject)
            try:
                result = results[channel.native_id]
                if isinstance(result, CountsUnavailable):
                    self._health.unavailable(channel, before, result)
                    summary += Summary(troubled=1)
                elif not self._health.believes(channel, before, result):
                    summary += Summary(unchanged=1)
                    continue
                else:
                    reading = Reading(
                        channel.subject,
                        channel.name,
                        result.metrics,
                        as_of,
                        source,
                        trace_id,
                        result.precision,
                        peaks=_peaks(result.metrics, before),
                        rules_version=self._rules_version,
                    )
                    summary += self._store(reading, before)
                    self._handles.update(platform, channel, result)
                found.append(channel)
            except PlatformPausedError:
                raise
            except Exception as error:  # noqa: BLE001 - the caller raises it after the other channels are stored
                logger.error("channel could not be stored", subject=str(channel.subject), exc_info=error)
                errors.append(error)
                summary += Summary(failed=1)
        return Recorded(summary, tuple(found), tuple(errors))

    def _store(self, reading: Reading, stored: Reading | None) -> Summary:
        if _same(reading, stored):
            metrics.add_metric("ReadingsUnchanged", MetricUnit.Count, 1)
            return Summary(unchanged=1)
        if not self._stats.record(reading):
            logger.info("a newer reading is stored already", subject=str(reading.subject))
            return Summary(unchanged=1)
        metrics.add_metric("ReadingsStored", MetricUnit.Count, 1)
        logger.info("reading stored", subject=str(reading.subject), metrics=dict(reading.metrics))
        return Summary(stored=1)


def _peaks(counted: Mapping[str, Number], before: Reading | None) -> dict[str, Number]:
    """The highest counts of those that lead to milestones; a hidden count keeps its own."""
    highest = {**watched(before.metrics), **before.peaks} if before else {}
    return {**highest, **{metric: max(value, highest.get(metric, 0)) for metric, value in watched(counted).items()}}


def _same(reading: Reading, stored: Reading | None) -> bool:
    return stored is not None and (
        (stored.metrics, stored.precision, stored.name) == (reading.metrics, reading.precision, reading.name)
    )
