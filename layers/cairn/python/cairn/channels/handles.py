"""Keeps handles and addresses up to date: a name that a channel gave up may be another channel's by now."""

from __future__ import annotations

from zlib import crc32

from cairn.channels.platforms import ChannelCounts, Platform, Profile, ShowsProfiles
from cairn.channels.registry import Channel, Channels
from cairn.clock import Clock, now
from cairn.errors import PlatformPausedError
from cairn.observability import logger

ONE_IN = 53
"""How many counts of a channel there are to a call for its handle. A prime: no schedule leaves a channel out."""


class Handles:
    def __init__(self, channels: Channels, clock: Clock = now) -> None:
        self._channels = channels
        self._clock = clock

    def update(self, platform: Platform, channel: Channel, counts: ChannelCounts) -> None:
        """Store the handle and the address that a channel has now, if they changed.

        Where the counts do not say, the platform is asked with one count in 53, at another minute for each channel: 2 %
        more calls, and nothing to remember. PlatformPausedError when the platform asks to wait.
        """
        if counts.handle:
            self._record(channel, counts.handle, channel.page)
        elif isinstance(platform, ShowsProfiles) and self._is_due(channel) and (profile := _profile(platform, channel)):
            self._record(channel, profile.handle, profile.page)

    def _is_due(self, channel: Channel) -> bool:
        minute = int(self._clock().timestamp()) // 60
        return (minute + crc32(channel.native_id.encode())) % ONE_IN == 0

    def _record(self, channel: Channel, handle: str, page: str | None) -> None:
        if (handle, page) != (channel.handle, channel.page) and self._channels.record_handle(channel, handle, page):
            logger.info(
                "channel's handle changed", subject=str(channel.subject), old=channel.handle, new=handle, page=page
            )


def _profile(platform: ShowsProfiles, channel: Channel) -> Profile | None:
    """The channel's profile; None on any failure, which must not cost the count that was stored already."""
    try:
        return platform.profile(channel)
    except PlatformPausedError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it was, the handle is asked for again
        logger.warning("channel's handle could not be checked", subject=str(channel.subject), reason=repr(error))
        return None
