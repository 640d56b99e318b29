"""The bot's pace: a grid of send slots in lanes, and the holds that Telegram asks for.

The bot's limits (about 30 messages a second, 1 a second a chat, 20 a minute a group) are kept by time, not by counting.
Time is a grid of send slots, numbered from 1970; every fourth belongs to the same one of four lanes. A sender leases a
lane for as long as its part of an audience needs, so that several send in parallel and none is late because Telegram
is slow. A part always uses the same lane, in the same order, for at least as long as a chat's own limit: so two alerts
keep that interval in every chat.
https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta

from cairn.clock import Clock, Sleep, sleep
from cairn.errors import NotYetError
from cairn.observability import logger
from cairn.telegram.send_slots import BOT, SendSlots

CHAT_SECONDS = 1.0
GROUP_SECONDS = 3.0
SHORT_HOLD_SECONDS = 5
"""During a longer hold the sender does not wait: the message goes back to the queue until the hold ends."""
MAX_WAIT = timedelta(seconds=15)
"""How far ahead a send slot may be; if it is further, the message goes back to the queue until then."""
LONGEST_SLEEP_SECONDS = 30.0
"""A send slot is never further away, unless the clock has been set back."""
LANES = 4
"""Four times 34 ms: the time for Telegram's answer and a write of the progress before a lane misses a send slot."""
MAX_LATENESS_SECONDS = 0.018
"""How late a message may be sent; at 29.25 a second, 26 ms of lateness can put thirty-one into one second."""


class Pace:
    def __init__(
        self, *, send_slots: SendSlots, messages_per_second: float, clock: Clock, sleep: Sleep = sleep
    ) -> None:
        self._send_slots = send_slots
        self._slot_seconds = 1 / messages_per_second
        self.clock = clock
        self.sleep = sleep

    def lease(self, lane: int, messages: int, spacing: float) -> range:
        """Lease the lane's send slots for these messages, numbered from 1970."""
        length = timedelta(seconds=max(messages * LANES * self._slot_seconds, spacing))
        start = self._send_slots.lease(f"{BOT}#{lane}", self.clock(), length, MAX_WAIT).timestamp()
        first = math.ceil(start / self._slot_seconds)
        first += (lane - first) % LANES
        return range(first, first + messages * LANES, LANES)

    def wait_for(self, send_slot: int) -> bool:
        """Wait for a send slot; False when it was missed, because sending late could exceed another second's limit."""
        due = send_slot * self._slot_seconds
        wait = due - self.clock().timestamp()
        if wait > LONGEST_SLEEP_SECONDS:
            return False
        if wait > 0:
            self.sleep(wait)
        return self.clock().timestamp() - due <= MAX_LATENESS_SECONDS

    def hold_the_bot(self, seconds: int, seconds_left: Callable[[], float]) -> None:
        """Hold all lanes; waits for a short hold, NotYetError for a longer one."""
        now = self.clock()
        until = now + timedelta(seconds=seconds)
        for lane in range(LANES):
            self._send_slots.hold(f"{BOT}#{lane}", now, until)
        logger.warning("Telegram holds the bot", seconds=seconds)
        self.wait_until(until, "Telegram holds the bot", seconds_left)

    def wait_until(self, until: datetime, reason: str, seconds_left: Callable[[], float]) -> None:
        """Wait for the end of a short hold; NotYetError for a longer one, or when there is no time for it."""
        wait = (until - self.clock()).total_seconds()
        if wait > min(SHORT_HOLD_SECONDS, seconds_left()):
            raise NotYetError(reason, until)
        self.sleep(max(0.0, wait))

    def is_second_refusal(self, chat_id: str) -> bool:
        """Whether Telegram has just asked to wait for two chats, so that the bot itself is held."""
        return self._send_slots.is_second_refusal(chat_id, self.clock())
