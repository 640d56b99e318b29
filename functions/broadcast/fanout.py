"""Posts to many sockets concurrently: each has its own queue of frames, and waits for no other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cairn.aws.websocket_api import GoneError, Poster, PostError, PostRejectedError, PostTimeoutError, ThrottledError
from cairn.observability import logger

MAX_CONCURRENT_POSTS = 64
"""Concurrent posts: at 10 ms each, 6,400 a second, of the 10,000 requests that an account's APIs share."""
MAX_PAUSE_SECONDS = 1.0
FULL_SECONDS = 2.0
FEW = 10
"""If at most so many are left, and accept nothing for FULL_SECONDS after others accepted, their buffers are full."""


@dataclass(frozen=True, slots=True)
class Post:
    """One frame in a socket's queue; `message` is the number of the message that it is for."""

    message: int
    text: str


@dataclass(slots=True)
class PostingOutcome:
    """What became of the posts."""

    posted: Counter[int] = field(default_factory=Counter)
    """How many sockets accepted each message."""
    gone: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    """Too slow, and therefore closed: their clients reconnect and request what they missed."""
    unfinished: set[int] = field(default_factory=set)
    """Messages that some socket has not received."""


@dataclass(slots=True)
class _Run:
    """What the queues of one fan-out share."""

    deadline: float
    accepted_at: float
    open: int
    outcome: PostingOutcome = field(default_factory=PostingOutcome)


class Fanout:
    def __init__(self, poster: Poster, *, at_once: int = MAX_CONCURRENT_POSTS) -> None:
        self._poster = poster
        self._concurrency = asyncio.Semaphore(at_once)

    async def post_all(self, queues: Mapping[str, Sequence[Post]], seconds: float) -> PostingOutcome:
        """Post every queue, in order, within so many seconds."""
        now = asyncio.get_running_loop().time()
        run = _Run(deadline=now + seconds, accepted_at=now, open=len(queues))
        await asyncio.gather(*(self._post_queue(connection_id, queue, run) for connection_id, queue in queues.items()))
        return run.outcome

    async def _post_queue(self, connection_id: str, queue: Sequence[Post], run: _Run) -> None:
        done = 0
        try:
            for done, post in enumerate(queue):
                if not await self._post(connection_id, post.text, run):
                    run.outcome.unfinished.update(unsent.message for unsent in queue[done:])
                    return
                run.outcome.posted[post.message] += 1
        except GoneError:
            run.outcome.gone.add(connection_id)
        except PostTimeoutError as error:
            if await self._close(connection_id):
                logger.warning("slow socket closed", connection_id=connection_id, reason=str(error))
                run.outcome.dropped.add(connection_id)
            else:  # still open, so its client will not reconnect
                run.outcome.unfinished.update(unsent.message for unsent in queue[done:])
        finally:
            run.open -= 1

    async def _post(self, connection_id: str, text: str, run: _Run) -> bool:
        """Post one frame, with retries while there is time; False if it fails. GoneError and PostTimeoutError pass."""
        clock = asyncio.get_running_loop().time
        pause = 0.05
        while clock() < run.deadline:
            try:
                async with self._concurrency:
                    await self._poster.post(connection_id, text)
            except ThrottledError as error:
                if run.open <= FEW and run.outcome.posted and clock() - run.accepted_at >= FULL_SECONDS:
                    raise PostTimeoutError(f"throttled while other sockets accepted posts: {error}") from None
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing
                pause = min(MAX_PAUSE_SECONDS, 2 * pause)
            except PostRejectedError as error:
                logger.error("post rejected", connection_id=connection_id, reason=str(error))
                return False
            else:
                run.accepted_at = clock()
                return True
        return False

    async def _close(self, connection_id: str) -> bool:
        """Close a socket; False if it may still be open, and so must still receive its frames."""
        try:
            async with self._concurrency:
                await self._poster.disconnect(connection_id)
        except (ThrottledError, PostTimeoutError):
            return False
        except PostError as error:
            logger.error("socket could not be closed", connection_id=connection_id, reason=str(error))
        return True
