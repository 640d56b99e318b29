"""Turns platforms' counts into stored readings: for a scheduled sweep, a queued batch, or one channel on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

from cairn.aws.dynamodb import chunks
from cairn.aws.sqs import Queue
from cairn.channels.platforms import ChannelCounts, CountsUnavailable, Platform
from cairn.channels.registry import HIDDEN, Channel, Channels
from cairn.clock import Clock, Sleep, now, sleep
from cairn.errors import BadInputError, NotFoundError, PlatformPausedError, PlatformUnavailableError
from cairn.messages import FetchBatch
from cairn.model import Reading, new_trace_id
from cairn.observability import MetricUnit, fetch_error, logger, metrics
from cairn.readings.stats import Stats

BATCH_SIZE = 50
"""Channels a message: one call to YouTube, or fifty to Telegram or Instagram."""
INLINE_BATCHES = 3
"""Batches that a sweep fetches itself; the rest goes on the queue, where batches run in parallel."""
LEASE = timedelta(seconds=20)
"""Longer than a platform's whole time budget, so that a lease outlives its fetch, but not by much."""
MAX_CONSECUTIVE_FAILURES = 3
"""Failed calls in a row after which a platform is considered down."""

SecondsLeft = Callable[[], float]
"""The time left to start work; what has not started by then goes back on the queue."""


class Directory(Protocol):
    """The platforms of this deployment (`cairn.channels.platforms.Platforms`)."""

    @property
    def names(self) -> list[str]: ...
    def get(self, name: str) -> Platform | None: ...


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


class Fetching:
    def __init__(
        self,
        *,
        channels: Channels,
        stats: Stats,
        platforms: Directory,
        queue: Queue,
        clock: Clock = now,
        sleep: Sleep = sleep,
    ) -> None:
        self._channels = channels
        self._stats = stats
        self._platforms = platforms
        self._queue = queue
        self._clock = clock
        self._sleep = sleep

    def track(self, platform_name: str, handle: str, name: str | None) -> tuple[Channel, bool]:
        """Track the channel that a handle names and fetch its first reading; True when it is newly tracked.

        NotFoundError when the platform has no such channel; PlatformPausedError or PlatformUnavailableError when it
        cannot answer.
        """
        platform = self._require_platform(platform_name)
        profile = platform.resolve(handle)
        if profile is None:
            raise NotFoundError(f"{platform_name} has no channel {handle!r}")
        channel = Channel(
            platform=platform_name,
            native_id=profile.native_id,
            handle=profile.handle,
            name=name or profile.name,
            added_at=self._clock(),
            page=profile.page,
        )
        existing = self._channels.add(channel)
        if existing:
            return existing, False
        self.refresh(channel, source="api", requested_at=channel.added_at)
        return channel, True

    def sweep(self, names: Sequence[str], source: str, seconds_left: SecondsLeft) -> Summary:
        """Fetch every channel of these platforms: the first batches here, the others through the queue."""
        batches = [
            FetchBatch(name, number * BATCH_SIZE, tuple(channel.id for channel in batch), source, new_trace_id())
            for name in names
            for number, batch in enumerate(chunks(self._channels.all(name), BATCH_SIZE))
        ]
        inline, queued = batches[:INLINE_BATCHES], batches[INLINE_BATCHES:]
        self._queue.send(queued)
        summary = Summary(queued=sum(len(batch.channel_ids) for batch in queued))
        errors = []
        for batch in inline:
            try:
                summary += self.fetch_batch(batch, seconds_left)
            except Exception as error:  # noqa: BLE001 - one batch's error is raised after the others have run
                logger.error(
                    "batch could not be fetched", platform=batch.platform, trace_id=batch.trace_id, exc_info=error
                )
                errors.append(error)
        if errors:
            raise errors[0]
        return summary

    def fetch_batch(self, batch: FetchBatch, seconds_left: SecondsLeft) -> Summary:
        """Fetch a batch of one platform's channels. A platform that pauses or keeps failing ends only its batch."""
        started_at = self._clock()
        channels = sorted(self._channels.get_many(batch.channel_ids), key=lambda channel: channel.native_id)
        with logger.append_context_keys(trace_id=batch.trace_id, platform=batch.platform, source=batch.source):
            platform = self._available_platform(batch.platform)
            if platform is None or not channels:
                return Summary(failed=len(channels))
            summary, found, failures = Summary(), [], 0
            groups = list(chunks(channels, platform.group_size))
            for position, group in enumerate(groups):
                if seconds_left() <= 0:
                    remaining = tuple(channel.id for later in groups[position:] for channel in later)
                    done = sum(map(len, groups[:position]))
                    self._queue.send([replace(batch, number=batch.number + done, channel_ids=remaining)])
                    summary += Summary(queued=len(remaining))
                    break
                try:
                    outcome = self._fetch_group(platform, group, batch.source, batch.trace_id)
                except PlatformPausedError as error:
                    self._record_pause(error)
                    summary += Summary(failed=sum(map(len, groups[position:])))
                    break
                except PlatformUnavailableError as error:
                    self._log_failure(error)
                    failures += 1
                    summary += Summary(failed=len(group))
                    if failures == MAX_CONSECUTIVE_FAILURES:
                        summary += Summary(failed=sum(map(len, groups[position + 1 :])))
                        break
                    continue
                failures = 0
                found += [channel.native_id for channel in group]
                summary += outcome
            if ranges := _id_ranges([channel.native_id for channel in channels], found):
                complete = len(found) == len(channels)
                self._channels.record_checked(batch.platform, batch.number, ranges, started_at, complete=complete)
            logger.info("batch fetched", summary=summary)
            return summary

    def refresh(self, channel: Channel, *, source: str, requested_at: datetime) -> None:
        """Fetch one channel now, unless another fetch of it has started since `requested_at` or is still under way.

        Concurrent requests thus cause one call. A platform that is paused or fails is recorded and logged, and the
        stored reading stays as it is.
        """
        owner = uuid4().hex
        if not self._channels.acquire_fetch(channel, owner, requested_at, self._clock(), LEASE):
            self._wait_for(channel, self._clock() + LEASE)
            return
        found_at = None
        try:
            found_at = self._fetch_one(channel, source)
        finally:
            self._channels.release_fetch(channel, owner, found_at)

    def _wait_for(self, channel: Channel, deadline: datetime) -> None:
        while (until := self._channels.leased_until(channel)) and self._clock() < min(until, deadline):
            self._sleep(0.1)

    def _fetch_one(self, channel: Channel, source: str) -> datetime | None:
        started_at, trace_id = self._clock(), new_trace_id()
        with logger.append_context_keys(trace_id=trace_id, platform=channel.platform, source=source):
            platform = self._available_platform(channel.platform)
            if platform is None:
                return None
            try:
                outcome = self._fetch_group(platform, [channel], source, trace_id)
            except PlatformPausedError as error:
                self._record_pause(error)
                return None
            except PlatformUnavailableError as error:
                self._log_failure(error)
                return None
            return None if outcome.troubled else started_at

    def _fetch_group(self, platform: Platform, group: Sequence[Channel], source: str, trace_id: str) -> Summary:
        as_of = self._clock()
        results = platform.fetch(group)
        stored = self._stats.get_many([channel.subject for channel in group])
        summary = Summary()
        for channel in group:
            result = results[channel.native_id]
            if isinstance(result, CountsUnavailable):
                self._record_health_issue(channel, result.code, result.message)
                summary += Summary(troubled=1)
                continue
            self._update_health(channel, result)
            reading = Reading(
                channel.subject, channel.name, result.metrics, as_of, source, trace_id, precision=result.precision
            )
            if _same(reading, stored.get(channel.subject)):
                metrics.add_metric("ReadingsUnchanged", MetricUnit.Count, 1)
                summary += Summary(unchanged=1)
            elif self._stats.record(reading):
                metrics.add_metric("ReadingsStored", MetricUnit.Count, 1)
                logger.info("reading stored", subject=str(channel.subject), metrics=dict(result.metrics))
                summary += Summary(stored=1)
            else:
                logger.info("a newer reading is stored already", subject=str(channel.subject))
                summary += Summary(unchanged=1)
        return summary

    def _update_health(self, channel: Channel, counts: ChannelCounts) -> None:
        if "subscribers" not in counts.metrics:
            self._record_health_issue(channel, HIDDEN, f"{channel.platform} hides this channel's subscriber count")
        elif channel.health_issue:
            self._channels.clear_health_issue(channel)
            logger.info("channel's health issue cleared", subject=str(channel.subject))

    def _record_health_issue(self, channel: Channel, code: str, message: str) -> None:
        if (not channel.health_issue or channel.health_issue.code != code) and self._channels.record_health_issue(
            channel, code, message, self._clock()
        ):
            logger.warning("channel has a health issue", subject=str(channel.subject), code=code, reason=message)

    def _available_platform(self, name: str) -> Platform | None:
        """The platform; None when it has no keys or asked us to wait, which is logged."""
        platform = self._platforms.get(name)
        if platform is None:
            logger.warning("platform has no keys")
            return None
        if pause := self._channels.paused(name, self._clock()):
            logger.info("platform is paused", reason=pause.reason, until=pause.until.isoformat())
            return None
        return platform

    def _require_platform(self, name: str) -> Platform:
        if name not in self._platforms.names:
            raise BadInputError(f"platform: one of {', '.join(self._platforms.names)}")
        platform = self._platforms.get(name)
        if platform is None:
            raise BadInputError(f"platform: {name} has no keys yet; see docs/operations.md, Keys of the platforms")
        if pause := self._channels.paused(name, self._clock()):
            raise PlatformPausedError(name, pause.reason, pause.until)
        return platform

    def _record_pause(self, error: PlatformPausedError) -> None:
        self._channels.pause(error.platform, error.reason, error.until)
        fetch_error(error.platform)
        logger.warning("platform asks to wait", reason=error.reason, until=error.until.isoformat())

    def _log_failure(self, error: PlatformUnavailableError) -> None:
        fetch_error(error.platform)
        logger.error("platform does not answer", reason=error.reason)


def _same(reading: Reading, stored: Reading | None) -> bool:
    return stored is not None and (
        (stored.metrics, stored.precision, stored.name) == (reading.metrics, reading.precision, reading.name)
    )


def _id_ranges(all_ids: Sequence[str], found: Sequence[str]) -> list[tuple[str, str]]:
    """The found ids as (first, last) of ranges without a gap among all ids; both arguments in ascending order."""
    found_ids, ranges, current = set(found), list[tuple[str, str]](), list[str]()
    for native_id in [*all_ids, ""]:
        if native_id in found_ids:
            current.append(native_id)
        elif current:
            ranges.append((current[0], current[-1]))
            current = []
    return ranges
