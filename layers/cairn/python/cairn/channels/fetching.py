"""Turns platforms' counts into stored readings: for a scheduled sweep, a queued batch, or one channel on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

from cairn.aws.dynamodb import chunks
from cairn.aws.sqs import Queue
from cairn.channels.fetch_order import FetchOrder
from cairn.channels.platforms import Platform
from cairn.channels.recording import Recording, Summary
from cairn.channels.registry import Channel, Channels
from cairn.clock import Clock, Sleep, now, sleep
from cairn.errors import (
    BadInputError,
    KeyRejectedError,
    NotFoundError,
    PlatformPausedError,
    PlatformUnavailableError,
)
from cairn.messages import FetchBatch
from cairn.model import new_trace_id
from cairn.observability import fetch_error, logger

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


class Fetching:
    def __init__(
        self,
        *,
        channels: Channels,
        recording: Recording,
        order: FetchOrder,
        platforms: Directory,
        queue: Queue,
        clock: Clock = now,
        sleep: Sleep = sleep,
    ) -> None:
        self._channels = channels
        self._recording = recording
        self._order = order
        self._platforms = platforms
        self._queue = queue
        self._clock = clock
        self._sleep = sleep

    def track(self, platform_name: str, handle: str, name: str | None) -> tuple[Channel, bool]:
        """Track the channel that a handle names and fetch its first reading; True when it is newly tracked.

        A channel that is tracked already, and has another handle or address now, gets these and keeps everything else.
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
            if (existing.handle, existing.page) != (channel.handle, channel.page):
                self._channels.record_handle(existing, channel.handle, channel.page)
                renamed = replace(existing, handle=channel.handle, page=channel.page)
                self.refresh(renamed, source="api", requested_at=channel.added_at)
            return existing, False
        self.refresh(channel, source="api", requested_at=channel.added_at)
        return channel, True

    def sweep(self, names: Sequence[str], source: str, seconds_left: SecondsLeft) -> Summary:
        """Fetch every channel of these platforms: the first batches here, the others through the queue."""
        batches, summary, errors = list[FetchBatch](), Summary(), list[Exception]()
        for name in names:
            try:
                batches += self._batches(name, source)
            except Exception as error:  # noqa: BLE001 - raised after the other platforms have been fetched
                logger.error("platform could not be fetched", platform=name, exc_info=error)
                errors.append(error)
        inline, queued = batches[:INLINE_BATCHES], batches[INLINE_BATCHES:]
        self._queue.send(queued)
        summary += Summary(queued=sum(len(batch.channel_ids) for batch in queued))
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

    def _batches(self, name: str, source: str) -> list[FetchBatch]:
        """A platform's channels in batches; the first to be asked are those that the sweep before did not get to."""
        batches = [
            FetchBatch(name, number * BATCH_SIZE, tuple(channel.id for channel in batch), source, new_trace_id())
            for number, batch in enumerate(chunks(self._channels.all(name), BATCH_SIZE))
        ]
        return self._order.arrange(name, batches) if batches else []

    def fetch_batch(self, batch: FetchBatch, seconds_left: SecondsLeft) -> Summary:
        """Fetch a batch of one platform's channels, in the order of the message.

        What concerns one channel stops no other. A platform that pauses, rejects the key or keeps failing ends only its
        batch; the next sweep begins with the channels that were not asked. An unexpected error is raised at the end.
        """
        started_at = self._clock()
        tracked = {channel.id: channel for channel in self._channels.get_many(batch.channel_ids)}
        channels = [tracked[channel_id] for channel_id in batch.channel_ids if channel_id in tracked]
        with logger.append_context_keys(trace_id=batch.trace_id, platform=batch.platform, source=batch.source):
            platform = self._available_platform(batch.platform)
            if platform is None or not channels:
                return Summary(failed=len(channels))
            summary, found, errors = self._fetch_groups(platform, batch, channels, seconds_left)
            ids = sorted(channel.native_id for channel in channels)
            if ranges := _id_ranges(ids, found):
                complete = len(found) == len(channels)
                self._channels.record_checked(batch.platform, batch.number, ranges, started_at, complete=complete)
            logger.info("batch fetched", summary=summary)
            if errors:
                raise errors[0]
            return summary

    def _fetch_groups(
        self, platform: Platform, batch: FetchBatch, channels: Sequence[Channel], seconds_left: SecondsLeft
    ) -> tuple[Summary, list[str], list[Exception]]:
        """The outcome of a batch, the native ids that were found, and unexpected errors."""
        summary, found, errors, failures, paused = Summary(), list[str](), list[Exception](), 0, False
        pending = list(chunks(channels, platform.group_size))
        while pending and failures < MAX_CONSECUTIVE_FAILURES:
            if seconds_left() <= 0:
                summary += self._requeue(batch, len(channels), pending)
                pending = []
                break
            # Three failures in a row may be three bad channels side by side: the third call is for the last channel.
            position = -1 if failures == MAX_CONSECUTIVE_FAILURES - 1 else 0
            group = pending[position]
            try:
                recorded = self._recording.fetch(platform, group, batch.source, batch.trace_id)
            except PlatformPausedError as error:
                self._record_pause(error)
                order = [channel.id for channel in channels]
                self._order.refused_at(batch.platform, _whole(batch.number), order, group[0].id)
                paused = True
                break
            except PlatformUnavailableError as error:
                self._log_failure(error, group)
                failures = MAX_CONSECUTIVE_FAILURES if isinstance(error, KeyRejectedError) else failures + 1
                summary += Summary(failed=len(group))
            except Exception as error:  # noqa: BLE001 - raised after the other channels have been fetched
                logger.error("channels could not be fetched", channels=[one.id for one in group], exc_info=error)
                failures += 1
                summary += Summary(failed=len(group))
                errors.append(error)
            else:
                failures = 0
                summary += recorded.summary
                found += [channel.native_id for channel in recorded.found]
                errors += recorded.errors
            del pending[position]
        if pending and not paused:
            self._order.begin_with(batch.platform, _whole(batch.number), pending[0][0].id)
        if not paused:
            self._report(batch.platform, summary, down=failures >= MAX_CONSECUTIVE_FAILURES)
        return summary + Summary(failed=_size(pending)), found, errors

    def _requeue(self, batch: FetchBatch, size: int, pending: Sequence[Sequence[Channel]]) -> Summary:
        """Send what there was no time for as a batch of its own."""
        remaining = tuple(channel.id for group in pending for channel in group)
        number = batch.number + size - len(remaining)
        self._queue.send([replace(batch, number=number, channel_ids=remaining)])
        return Summary(queued=len(remaining))

    def _report(self, platform: str, summary: Summary, *, down: bool) -> None:
        """Count a fetch error when a platform is down, or counts none of a batch's channels.

        One channel that fails among others is no fault of the platform, and must not raise its alarm for ever.
        """
        counted = summary.stored + summary.unchanged
        if not counted and summary.troubled > 1:
            logger.error("platform counts none of the channels: check its key and permissions", summary=summary)
            fetch_error(platform)
        elif down or (summary.failed and not counted):
            fetch_error(platform)

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
                recorded = self._recording.fetch(platform, [channel], source, trace_id)
            except PlatformPausedError as error:
                self._record_pause(error)
                return None
            except PlatformUnavailableError as error:
                fetch_error(error.platform)
                self._log_failure(error, [channel])
                return None
            if recorded.errors:
                raise recorded.errors[0]
            return started_at if recorded.found and not recorded.summary.troubled else None

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

    def _log_failure(self, error: PlatformUnavailableError, group: Sequence[Channel]) -> None:
        logger.error("platform does not answer", reason=error.reason, channels=[channel.id for channel in group])


def _whole(number: int) -> int:
    """The number of the whole batch to which a part of it belongs."""
    return number - number % BATCH_SIZE


def _size(groups: Sequence[Sequence[Channel]]) -> int:
    return sum(map(len, groups))


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
