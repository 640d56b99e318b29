"""Posting to many sockets beside each other: each has its own line of frames, and waits for no other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cairn.aws.websocket_api import GoneError, Poster, PostError, PostRejectedError, PostTimeoutError, ThrottledError
from cairn.observability import logger

AT_ONCE = 64
"""Posts under way: at 10 ms each, 6,400 a second, of the 10,000 requests that an account's APIs share."""
LONGEST_PAUSE_SECONDS = 1.0
FULL_SECONDS = 2.0
FEW = 10
"""When nobody has taken a post for FULL_SECONDS, others having taken theirs, so few as are left have full buffers."""


@dataclass(frozen=True, slots=True)
class Post:
    """One frame in a socket's line; `message` says which message it comes of."""

    message: int
    text: str


@dataclass(slots=True)
class PostingOutcome:
    """What became of it."""

    posted: Counter[int] = field(default_factory=Counter)
    """How many took each message."""
    gone: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    """Too slow, and closed: their clients come back, and ask for what they missed."""
    unfinished: set[int] = field(default_factory=set)
    """Messages that somebody has yet to be told."""


@dataclass(slots=True)
class _Run:
    """What the lines of one fan-out share."""

    deadline: float
    taken_at: float
    open: int
    outcome: PostingOutcome = field(default_factory=PostingOutcome)


class Fanout:
    def __init__(self, poster: Poster, *, at_once: int = AT_ONCE) -> None:
        self._poster = poster
        self._places = asyncio.Semaphore(at_once)

    async def post_all(self, lines: Mapping[str, Sequence[Post]], seconds: float) -> PostingOutcome:
        """Post every line, in order, within so many seconds."""
        now = asyncio.get_running_loop().time()
        run = _Run(deadline=now + seconds, taken_at=now, open=len(lines))
        await asyncio.gather(*(self._line(connection_id, line, run) for connection_id, line in lines.items()))
        return run.outcome

    async def _line(self, connection_id: str, line: Sequence[Post], run: _Run) -> None:
        done = 0
        try:
            for done, post in enumerate(line):
                if not await self._post(connection_id, post.text, run):
                    run.outcome.unfinished.update(left.message for left in line[done:])
                    return
                run.outcome.posted[post.message] += 1
        except GoneError:
            run.outcome.gone.add(connection_id)
        except PostTimeoutError as error:
            if await self._closed(connection_id):
                logger.warning("socket dropped", connection_id=connection_id, reason=str(error))
                run.outcome.dropped.add(connection_id)
            else:  # its client does not know that it has to come back
                run.outcome.unfinished.update(left.message for left in line[done:])
        finally:
            run.open -= 1

    async def _post(self, connection_id: str, text: str, run: _Run) -> bool:
        """Post one frame, again while there is time; False when there is none. GoneError and PostTimeoutError pass."""
        clock = asyncio.get_running_loop().time
        pause = 0.05
        while clock() < run.deadline:
            try:
                async with self._places:
                    await self._poster.post(connection_id, text)
            except ThrottledError as error:
                if run.open <= FEW and run.outcome.posted and clock() - run.taken_at >= FULL_SECONDS:
                    raise PostTimeoutError(f"refused while others were told: {error}") from None
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing
                pause = min(LONGEST_PAUSE_SECONDS, 2 * pause)
            except PostRejectedError as error:
                logger.error("post refused", connection_id=connection_id, reason=str(error))
                return False
            else:
                run.taken_at = clock()
                return True
        return False

    async def _closed(self, connection_id: str) -> bool:
        """Close a socket; False when it may still be open, and so has yet to be told."""
        try:
            async with self._places:
                await self._poster.disconnect(connection_id)
        except (ThrottledError, PostTimeoutError):
            return False
        except PostError as error:
            logger.error("socket not closed", connection_id=connection_id, reason=str(error))
        return True
