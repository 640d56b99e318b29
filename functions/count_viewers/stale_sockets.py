"""Sockets that ended without our being told: API Gateway says of a close only once, and not always."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from cairn.aws.websocket_api import Poster, PostError
from cairn.errors import ForbiddenError
from cairn.observability import logger
from cairn.viewers.presence import Presence
from cairn.viewers.presence_slots import PresenceSlot

ASKED = 500
"""Sockets at a time, which is all of most channels'. A larger one's count changes, and who cannot be told is found."""
APART = timedelta(seconds=20)
LONGEST = timedelta(seconds=4)
"""Other channels of the batch wait: whoever was not asked by then is asked another time."""
_AT_ONCE = 32
_MOST_KNOWN = 1000


class StaleSockets:
    def __init__(self, presence: Presence, poster: Poster, *, longest: timedelta = LONGEST) -> None:
        self._presence = presence
        self._poster = poster
        self._longest = longest
        self._pruned: dict[str, datetime] = {}

    def prune(self, channel: str) -> None:
        """Take closed sockets for gone, of some that are chosen at random; not for APART after the last time."""
        now = self._presence.clock()
        if channel in self._pruned and now < self._pruned[channel] + APART:
            return
        if len(self._pruned) >= _MOST_KNOWN:
            self._pruned.clear()
        self._pruned[channel] = now
        for seat in self._poster.run(self._closed(self._presence.some_sockets(channel, ASKED))):
            if self._presence.clock() > now + self._longest:
                return
            with suppress(ForbiddenError):  # it has left by now, and the viewer has another tab
                self._presence.leave(seat)
            logger.info("socket forgotten", channel=channel, connection_id=seat.tab[1:])

    async def _closed(self, seats: list[PresenceSlot]) -> list[PresenceSlot]:
        places, gone = asyncio.Semaphore(_AT_ONCE), list[PresenceSlot]()

        async def ask(seat: PresenceSlot) -> None:
            async with places:
                try:
                    if not await self._poster.is_open(seat.tab[1:]):
                        gone.append(seat)
                except PostError as error:
                    logger.warning("socket not asked for", connection_id=seat.tab[1:], reason=str(error))

        with suppress(TimeoutError):
            async with asyncio.timeout(self._longest / timedelta(seconds=2)):
                await asyncio.gather(*map(ask, seats))
        return gone
