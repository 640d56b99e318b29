"""The platforms' published limits, and sliding windows to enforce them."""

import math
from collections import defaultdict, deque
from dataclasses import dataclass

from local.sandbox.clock import Clock


@dataclass
class Limits:
    """Each platform's limits; the control API can lower them, so that tests reach them easily."""

    youtube_units_a_day: int = 10_000
    instagram_calls_an_hour: int = 200
    telegram_messages_a_second: int = 30
    telegram_private_messages_a_second: int = 1
    telegram_group_messages_a_minute: int = 20
    fanvue_calls_a_minute: int = 200


class SlidingWindow:
    """The times of events within the last `seconds`."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._times: deque[float] = deque()

    def add(self) -> None:
        self._times.append(self._clock.now())

    def __len__(self) -> int:
        now = self._clock.now()
        while self._times and now - self._times[0] >= self._seconds:
            self._times.popleft()
        return len(self._times)

    def wait(self, limit: int) -> float:
        """Seconds until `limit` allows another event; 0 when it does now."""
        if len(self) < limit:
            return 0.0
        oldest = self._times[len(self._times) - max(1, limit)]
        return self._seconds - (self._clock.now() - oldest)


class SendLimits:
    """Telegram's limits on a bot's messages. Exceeding one blocks the whole bot for as long as the response says.

    30 messages in any second over all chats, one a second to a private chat, 20 in any minute to a group, supergroup or
    channel; only accepted messages count. https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
    """

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._held_until = 0.0
        self._bot = SlidingWindow(clock, 1)
        self._private: defaultdict[int, SlidingWindow] = defaultdict(lambda: SlidingWindow(clock, 1))
        self._group: defaultdict[int, SlidingWindow] = defaultdict(lambda: SlidingWindow(clock, 60))

    def hold(self, seconds: float) -> None:
        self._held_until = max(self._held_until, self._clock.now() + seconds)

    def release(self) -> None:
        self._held_until = 0.0

    def held_for(self) -> int:
        """For how many seconds the bot is blocked, rounded up; 0 when it is not."""
        return math.ceil(max(0.0, self._held_until - self._clock.now()))

    def claim(self, chat_id: int, *, private: bool) -> int:
        """Count a message to `chat_id` and return 0, or block the bot and return for how many seconds."""
        chat = (self._private if private else self._group)[chat_id]
        chat_limit = (
            self._limits.telegram_private_messages_a_second
            if private
            else self._limits.telegram_group_messages_a_minute
        )
        wait = max(self._bot.wait(self._limits.telegram_messages_a_second), chat.wait(chat_limit))
        if wait > 0:
            self.hold(math.ceil(wait))
            return self.held_for()
        self._bot.add()
        chat.add()
        return 0
