"""Channels' health issues: recorded once, cleared by the next good counts; and jumps, held back until confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from cairn.channels.platforms import ChannelCounts, CountsUnavailable
from cairn.channels.plausibility import CONFIRMED_AFTER, Plausibility, watched
from cairn.channels.registry import HIDDEN, IMPLAUSIBLE, Channel, Channels
from cairn.clock import Clock
from cairn.model import Number, Reading
from cairn.observability import logger


class Health:
    def __init__(self, channels: Channels, plausibility: Plausibility, clock: Clock) -> None:
        self._channels = channels
        self._plausibility = plausibility
        self._clock = clock

    def unavailable(self, channel: Channel, stored: Reading | None, reason: CountsUnavailable) -> None:
        """Record why a channel has no counts."""
        self._record(channel, reason.code, reason.message, _known(channel, stored))

    def believes(self, channel: Channel, stored: Reading | None, counts: ChannelCounts) -> bool:
        """Whether these counts may be stored: not an implausible jump, until a second reading confirms it.

        What is held back is part of the channel's item, so every function that fetches knows of it. A crash between the
        confirmation and the stored reading costs time only: the jump is held back once more.
        """
        known, issue = _known(channel, stored), channel.health_issue
        jump = self._plausibility.implausible(known, counts.metrics)
        if jump and not self._is_confirmed(channel, stored, known, jump):
            return False
        if "subscribers" not in counts.metrics:
            self._record(channel, HIDDEN, f"{channel.platform} hides this channel's subscriber count", known)
        elif issue and not jump:
            self._channels.clear_health_issue(channel)
            logger.info("channel's health issue cleared", subject=str(channel.subject), code=issue.code)
        return True

    def _is_confirmed(
        self, channel: Channel, stored: Reading | None, known: Mapping[str, Number], jump: Mapping[str, Number]
    ) -> bool:
        """Whether the same jump was held back long enough ago; else it is held back now, or waits on."""
        now, issue = self._clock(), channel.health_issue
        held = issue if issue and issue.code == IMPLAUSIBLE else None
        believed_since = bool(held and stored and stored.as_of > held.since)
        if held and held.since <= now and not believed_since and self._plausibility.agree(held.held, jump):
            if now - held.since < CONFIRMED_AFTER:
                return False
            if self._channels.clear_health_issue(channel, held):  # of several fetches, one uses it up
                logger.info("implausible count is confirmed", subject=str(channel.subject), metrics=dict(jump))
                return True
        message = f"{channel.platform} says {_text(jump)} after {_text(known)}; a second reading has to confirm it"
        if self._channels.record_health_issue(
            channel, IMPLAUSIBLE, message, now, known=known, held=jump, replacing=held
        ):
            logger.warning("channel has a health issue", subject=str(channel.subject), code=IMPLAUSIBLE, reason=message)
        return False

    def _record(self, channel: Channel, code: str, message: str, known: Mapping[str, Number]) -> None:
        if channel.health_issue and channel.health_issue.code == code:
            return
        if self._channels.record_health_issue(channel, code, message, self._clock(), known=known):
            logger.warning("channel has a health issue", subject=str(channel.subject), code=code, reason=message)


def _known(channel: Channel, stored: Reading | None) -> dict[str, Number]:
    """The last counts that were believed: a count that is hidden for a while is kept with the channel's issue."""
    before = channel.health_issue.known if channel.health_issue else {}
    return {**before, **watched(stored.metrics if stored else {})}


def _text(counts: Mapping[str, Number]) -> str:
    return ", ".join(f"{value:,} {metric}" for metric, value in counts.items())
