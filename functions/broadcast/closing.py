"""Closes the sockets of sessions that have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from cairn.aws.dynamodb import chunks
from cairn.aws.websocket_api import Poster, PostError, PostRejectedError
from cairn.clock import Clock
from cairn.errors import UnfinishedError
from cairn.identity.revocations import Credential
from cairn.messages import SignedOut
from cairn.observability import logger
from cairn.realtime.frames import frame
from cairn.realtime.membership import Sockets
from cairn.realtime.sign_out import SIGNED_OUT

AT_ONCE = 50


class SocketCloser:
    def __init__(self, sockets: Sockets, poster: Poster, clock: Clock) -> None:
        self._sockets = sockets
        self._poster = poster
        self._clock = clock

    def close(self, message: SignedOut, seconds_left: Callable[[], float]) -> None:
        """Close the sockets that a sign-out concerns; UnfinishedError when some may still be open.

        Each is removed from its rooms first, so that it hears nothing more even if it cannot be closed yet. It leaves
        its owner's list last, so that a retry finds it.
        """
        owned = self._sockets.owned(message.owner, self._clock())
        concerned = [connection_id for connection_id, credential in owned if _ends(message, credential)]
        closed = 0
        for some in chunks(concerned, AT_ONCE):
            if seconds_left() <= 0:
                break
            for connection_id in some:
                self._sockets.silence(connection_id, self._clock())
            for connection_id in self._poster.run(self._close_all(some)):
                self._sockets.unlist(message.owner, connection_id)
                closed += 1
        logger.info("sockets closed: signed out", owner=message.owner, sockets=closed, of=len(concerned))
        if closed < len(concerned):
            raise UnfinishedError(f"{len(concerned) - closed} sockets of {message.owner} may still be open")

    async def _close_all(self, connection_ids: Sequence[str]) -> list[str]:
        """Those that are closed now."""
        closed = await asyncio.gather(*map(self._close, connection_ids))
        return [connection_id for connection_id, done in zip(connection_ids, closed, strict=True) if done]

    async def _close(self, connection_id: str) -> bool:
        with suppress(PostError):  # without the frame, the client notices that the socket is closed
            await self._poster.post(connection_id, frame(None, SIGNED_OUT, None, self._clock(), {}))
        try:
            await self._poster.disconnect(connection_id)
        except PostRejectedError as error:
            logger.error("socket could not be closed", connection_id=connection_id, reason=str(error))
        except PostError:
            return False
        return True


def _ends(message: SignedOut, credential: Credential) -> bool:
    if message.session is not None:
        return credential.session == message.session
    if message.kept is not None and credential.session == message.kept:
        return False
    return message.until is None or credential.issued_at is None or credential.issued_at <= message.until
