"""Sending to Telegram: one message after the other in leased slots, each noted before the next is begun.

The bot's limits (about 30 messages a second, 1 a second a chat, 20 a minute a group) are kept by time, not by counting.
Time is a grid of slots, counted from 1970, whose every fourth belongs to one of four lanes. A sender leases a lane for
as long as its part of an audience needs, so that several send side by side and none is late because Telegram is. A part
always takes the same lane, in the same order, for at least as long as a chat's own limit: two alerts keep that distance
in every chat.
https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cairn.clock import Clock, Sleep, sleep
from cairn.errors import NotYetError
from cairn.observability import logger
from cairn.telegram.bot import (
    Bot,
    ChatGoneError,
    ChatMigratedError,
    InDoubtError,
    MessageRejectedError,
    RateLimitedError,
    UnavailableError,
)
from cairn.telegram.deliveries import Deliveries, Progress
from cairn.telegram.send_slots import BOT, SendSlots
from cairn.telegram.subscribers import Subscribers

CHAT_SECONDS = 1.0
GROUP_SECONDS = 3.0
SHORT_HOLD_SECONDS = 5
"""A longer hold is not waited for: the message goes back to the queue until it is over."""
LEASE = timedelta(seconds=75)
"""Longer than the function may run, so that a part whose sender died is free again well before SQS brings it back."""
PATIENCE = timedelta(seconds=15)
"""How far ahead a slot may lie; further off, the message goes back to the queue until then."""
LANES = 4
"""Four times 34 ms: as long as Telegram may take to answer, and a note to be written, before a lane loses a slot."""
LATEST_SECONDS = 0.018
"""How late a message may leave; at 29.25 a second, 26 ms of lateness make thirty-one in some second."""
TRIES = 3
MOST_FAILURES = 3


class UnfinishedError(Exception):
    """Some recipients are left: the message must come again."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A subscription by its key, which never changes, and the chat it is told at, which may move."""

    key: str
    chat_id: str
    subscribed: bool = True
    """Told for being subscribed, hence once, though the chat had subscribed under its old id and under its new one."""


@dataclass(slots=True)
class PartProgress:
    """One part in the hands of one sender: what it has noted, and what it has yet to note."""

    delivery: str
    number: int
    owner: str
    delivered: set[str]
    failed: set[str]
    in_doubt: set[str]
    unnoted_delivered: list[str] = field(default_factory=list)
    unnoted_failed: list[str] = field(default_factory=list)


class Sender:
    """`progress_every` 1 notes each message before the next, so that a killed sender repeats one at most."""

    def __init__(
        self,
        *,
        bot: Bot,
        deliveries: Deliveries,
        slots: SendSlots,
        subscribers: Subscribers,
        messages_per_second: float,
        progress_every: int,
        clock: Clock,
        sleep: Sleep = sleep,
    ) -> None:
        self._bot = bot
        self._deliveries = deliveries
        self._slots = slots
        self._subscribers = subscribers
        self._interval = 1 / messages_per_second
        self._progress_every = progress_every
        self._clock = clock
        self._sleep = sleep

    def deliver(
        self,
        delivery: str,
        number: int,
        *,
        owner: str,
        text: str,
        recipients: Sequence[Recipient],
        distance: float,
        left: Callable[[], float],
    ) -> Progress | None:
        """Tell those of a part who have not been told; None when the part was finished before.

        `distance` is how many seconds must lie between two messages to one of these chats; `left`, how many remain.

        NotYetError when the bot is held or somebody else is at it, UnfinishedError when time or Telegram gave out:
        what was done is noted, and the next try goes on from there.
        """
        before = self._deliveries.acquire(delivery, number, owner, self._clock(), LEASE)
        if before is None:
            return None
        part = PartProgress(delivery, number, owner, set(before.delivered), set(before.failed), set(before.in_doubt))
        try:
            waiting = [one for one in recipients if one.key not in before.done]
            self._send_all(part, text, waiting, distance, left)
        except Exception:
            self._note(part)
            self._deliveries.release(delivery, number, owner)
            raise
        self._note(part)
        return Progress(frozenset(part.delivered), frozenset(part.failed))

    def _send_all(
        self, part: PartProgress, text: str, waiting: list[Recipient], distance: float, left: Callable[[], float]
    ) -> None:
        unanswered: list[Recipient] = []
        while waiting:
            slots = self._lease(part.number % LANES, len(waiting), distance)
            distance = 0.0  # it is kept by the first stretch; another is for those who are left
            for slot in slots:
                if left() <= 0:
                    raise UnfinishedError(f"out of time with {len(waiting)} recipients left")
                if not self._reach(slot):
                    continue
                try:
                    if not self._send(part, waiting[0], text):
                        unanswered.append(waiting[0])
                except RateLimitedError as error:
                    self._hold(error, left)
                    break
                del waiting[0]
                if len(unanswered) >= MOST_FAILURES:
                    raise UnfinishedError(f"Telegram does not answer; {len(unanswered) + len(waiting)} recipients left")
                if not waiting:
                    break
        if unanswered:
            raise UnfinishedError(f"Telegram did not answer for {len(unanswered)} recipients")

    def _lease(self, lane: int, messages: int, distance: float) -> range:
        """The lane's slots for these messages, counted from 1970."""
        length = timedelta(seconds=max(messages * LANES * self._interval, distance))
        start = self._slots.lease(f"{BOT}#{lane}", self._clock(), length, PATIENCE).timestamp()
        first = math.ceil(start / self._interval)
        first += (lane - first) % LANES
        return range(first, first + messages * LANES, LANES)

    def _reach(self, slot: int) -> bool:
        """Wait for a slot; False when it has gone by. To send late would be to send in somebody else's second."""
        due = slot * self._interval
        if (now := self._now()) < due:
            self._sleep(due - now)
        return self._now() - due <= LATEST_SECONDS

    def _hold(self, error: RateLimitedError, left: Callable[[], float]) -> None:
        now = self._clock()
        until = now + timedelta(seconds=error.seconds)
        for lane in range(LANES):
            self._slots.hold(f"{BOT}#{lane}", now, until)
        logger.warning("Telegram holds the bot", seconds=error.seconds)
        if error.seconds > min(SHORT_HOLD_SECONDS, left()):
            raise NotYetError("Telegram holds the bot", until)
        self._sleep(error.seconds)

    def _send(self, part: PartProgress, recipient: Recipient, text: str) -> bool:
        """Try one recipient; False when Telegram did not answer. RateLimitedError passes."""
        chat_id = recipient.chat_id
        for attempt in range(TRIES):
            try:
                self._bot.send_message(chat_id, text)
            except ChatMigratedError as error:
                chat_id = error.chat_id
                moved = self._subscribers.migrate(recipient.chat_id, chat_id)
                logger.info("chat migrated", chat_id=recipient.chat_id, to=chat_id)
                if not moved and recipient.subscribed and self._subscribers.get(chat_id):
                    return True  # the chat is a recipient under its new id already, and told as that
            except ChatGoneError as error:
                self._settle(part, recipient, delivered=False)
                self._subscribers.remove(chat_id)  # after it is noted: who is gone unnoted is missing from the tally
                logger.warning("unsubscribed: unreachable", chat_id=chat_id, reason=str(error))
                return True
            except MessageRejectedError as error:
                self._settle(part, recipient, delivered=False)
                logger.error("not delivered: refused", chat_id=chat_id, reason=str(error))
                return True
            except InDoubtError as error:
                return self._doubt(part, recipient, error)
            except UnavailableError as error:
                logger.warning("Telegram did not answer", chat_id=chat_id, reason=str(error), attempt=attempt + 1)
                self._sleep(random.uniform(0.1, 0.3) * 2**attempt)  # noqa: S311 - spreads retries, guards nothing
            else:
                self._settle(part, recipient, delivered=True)
                logger.info("delivered", chat_id=chat_id, delivery=part.delivery)
                return True
        return False

    def _doubt(self, part: PartProgress, recipient: Recipient, error: InDoubtError) -> bool:
        """Sent without an answer: once, it comes again later; twice, it is given up rather than sent a third time."""
        if recipient.key in part.in_doubt:
            self._settle(part, recipient, delivered=False)
            logger.error("given up: sent twice without an answer", chat_id=recipient.chat_id, reason=str(error))
            return True
        part.in_doubt.add(recipient.key)
        self._deliveries.record_progress(part.delivery, part.number, part.owner, in_doubt=[recipient.key])
        logger.warning("sent without an answer", chat_id=recipient.chat_id, reason=str(error))
        return False

    def _settle(self, part: PartProgress, recipient: Recipient, *, delivered: bool) -> None:
        (part.delivered if delivered else part.failed).add(recipient.key)
        (part.unnoted_delivered if delivered else part.unnoted_failed).append(recipient.key)
        if len(part.unnoted_delivered) + len(part.unnoted_failed) >= self._progress_every:
            self._note(part)

    def _note(self, part: PartProgress) -> None:
        if part.unnoted_delivered or part.unnoted_failed:
            self._deliveries.record_progress(
                part.delivery, part.number, part.owner, part.unnoted_delivered, part.unnoted_failed
            )
            part.unnoted_delivered, part.unnoted_failed = [], []

    def _now(self) -> float:
        return self._clock().timestamp()
