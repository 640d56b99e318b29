"""The one source of time and of waiting in the sandbox, so that tests can set it and need not sleep."""

import asyncio
import time


class Clock:
    """The machine's clock; tests give one they move by hand."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def now_ms(self) -> int:
        return int(self.now() * 1000)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
