"""The sandbox's only source of time and sleep, so that tests can control both."""

import asyncio
import time


class Clock:
    """The system's clock; tests pass one that they control."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def now_ms(self) -> int:
        return int(self.now() * 1000)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
