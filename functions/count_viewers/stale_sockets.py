"""Removes sockets that closed without notice: API Gateway reports a close only once, and not always."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from cairn.aws.websocket_api import Poster, PostError
from cairn.errors import ForbiddenError
from cairn.observability import logger
from cairn.viewers.presence import Presence
from cairn.viewers.presence_slots import PresenceSlot

SAMPLE_SIZE = 500
"""Sockets to probe at a time, all of most channels'. A larger channel's count changes, and its broadcast finds them."""
INTERVAL = timedelta(seconds=20)
MAX_DURATION = timedelta(seconds=4)
"""Other channels of the batch wait: a socket that was not probed by then is probed another time."""
_MAX_CONCURRENT = 32
_MAX_REMEMBERED = 1000


class StaleSockets:
    def __init__(self, presence: Presence, poster: Poster, *, max_duration: timedelta = MAX_DURATION) -> None:
        self._presence = presence
        self._poster = poster
        self._max_duration = max_duration
        self._pruned: dict[str, datetime] = {}

    def prune(self, channel: str) -> None:
        """Probe a random sample of sockets and remove the closed ones, unless that was done in the last INTERVAL."""
        now = self._presence.clock()
        if channel in self._pruned and now < self._pruned[channel] + INTERVAL:
            return
        if len(self._pruned) >= _MAX_REMEMBERED:
            self._pruned.clear()
        self._pruned[channel] = now
        for slot in self._poster.run(self._closed(self._presence.some_sockets(channel, SAMPLE_SIZE))):
            if self._presence.clock() > now + self._max_duration:
                return
            with suppress(ForbiddenError):  # it left meanwhile, and the viewer has another tab
                self._presence.leave(slot)
            logger.info("closed socket removed", channel=channel, connection_id=slot.tab[1:])

    async def _closed(self, slots: list[PresenceSlot]) -> list[PresenceSlot]:
        concurrency, closed = asyncio.Semaphore(_MAX_CONCURRENT), list[PresenceSlot]()

        async def probe(slot: PresenceSlot) -> None:
            async with concurrency:
                try:
                    if not await self._poster.is_open(slot.tab[1:]):
                        closed.append(slot)
                except PostError as error:
                    logger.warning("socket could not be probed", connection_id=slot.tab[1:], reason=str(error))

        with suppress(TimeoutError):
            async with asyncio.timeout(self._max_duration / timedelta(seconds=2)):
                await asyncio.gather(*map(probe, slots))
        return closed
