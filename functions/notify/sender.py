"""Sends to Telegram: one message after the other in leased send slots, each recorded before the next is sent.

The bot's limits (about 30 messages a second, 1 a second a chat, 20 a minute a group) are kept by time, not by counting.
Time is a grid of send slots, numbered from 1970; every fourth belongs to the same one of four lanes. A sender leases a
lane for as long as its part of an audience needs, so that several send in parallel and none is late because Telegram
is slow. A part always uses the same lane, in the same order, for at least as long as a chat's own limit: so two alerts
keep that interval in every chat.
https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cairn.clock import Clock, Sleep, sleep
from cairn.errors import NotYetError, UnfinishedError
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
"""During a longer hold the sender does not wait: the message goes back to the queue until the hold ends."""
LEASE = timedelta(seconds=75)
"""Longer than the function may run; a part whose sender died is free again well before SQS redelivers it."""
MAX_WAIT = timedelta(seconds=15)
"""How far ahead a send slot may be; if it is further, the message goes back to the queue until then."""
LANES = 4
"""Four times 34 ms: the time for Telegram's answer and a write of the progress before a lane misses a send slot."""
MAX_LATENESS_SECONDS = 0.018
"""How late a message may be sent; at 29.25 a second, 26 ms of lateness can put thirty-one into one second."""
ATTEMPTS = 3
MAX_UNANSWERED = 3
"""Recipients without an answer after which Telegram is considered down."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A subscription's key, which never changes, and the chat to notify, which may migrate."""

    key: str
    chat_id: str
    subscribed: bool = True
    """A subscribed chat is notified once, even if it has subscribed under its old id and under its new one."""


@dataclass(slots=True)
class PartProgress:
    """One sender's progress with one part: what happened, and which of it is not yet recorded."""

    delivery: str
    number: int
    owner: str
    delivered: set[str]
    failed: set[str]
    in_doubt: set[str]
    unrecorded_delivered: list[str] = field(default_factory=list)
    unrecorded_failed: list[str] = field(default_factory=list)


class Sender:
    """`progress_every` 1 records each message before the next, so that a killed sender repeats one at most."""

    def __init__(
        self,
        *,
        bot: Bot,
        deliveries: Deliveries,
        send_slots: SendSlots,
        subscribers: Subscribers,
        messages_per_second: float,
        progress_every: int,
        clock: Clock,
        sleep: Sleep = sleep,
    ) -> None:
        self._bot = bot
        self._deliveries = deliveries
        self._send_slots = send_slots
        self._subscribers = subscribers
        self._slot_seconds = 1 / messages_per_second
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
        spacing: float,
        seconds_left: Callable[[], float],
    ) -> Progress | None:
        """Notify the remaining recipients of a part; None when the part is already finished.

        `spacing` is the minimum number of seconds between two messages to one of these chats; `seconds_left` is the
        time that remains.

        NotYetError when the bot is held or another sender has the part, UnfinishedError when time ran out or Telegram
        did not answer: the progress is recorded, and the next attempt continues from there.
        """
        before = self._deliveries.acquire(delivery, number, owner, self._clock(), LEASE)
        if before is None:
            return None
        part = PartProgress(delivery, number, owner, set(before.delivered), set(before.failed), set(before.in_doubt))
        try:
            waiting = [recipient for recipient in recipients if recipient.key not in before.done]
            self._send_all(part, text, waiting, spacing, seconds_left)
        except Exception:
            self._flush(part)
            self._deliveries.release(delivery, number, owner)
            raise
        self._flush(part)
        return Progress(frozenset(part.delivered), frozenset(part.failed))

    def _send_all(
        self, part: PartProgress, text: str, waiting: list[Recipient], spacing: float, seconds_left: Callable[[], float]
    ) -> None:
        unanswered: list[Recipient] = []
        while waiting:
            send_slots = self._lease(part.number % LANES, len(waiting), spacing)
            spacing = 0.0  # the first lease keeps it; another one is for the remaining recipients
            for send_slot in send_slots:
                if seconds_left() <= 0:
                    raise UnfinishedError(f"out of time with {len(waiting)} recipients left")
                if not self._wait_for(send_slot):
                    continue
                try:
                    if not self._send(part, waiting[0], text):
                        unanswered.append(waiting[0])
                except RateLimitedError as error:
                    self._hold(error, seconds_left)
                    break
                del waiting[0]
                if len(unanswered) >= MAX_UNANSWERED:
                    raise UnfinishedError(f"Telegram does not answer; {len(unanswered) + len(waiting)} recipients left")
                if not waiting:
                    break
        if unanswered:
            raise UnfinishedError(f"Telegram did not answer for {len(unanswered)} recipients")

    def _lease(self, lane: int, messages: int, spacing: float) -> range:
        """Lease the lane's send slots for these messages, numbered from 1970."""
        length = timedelta(seconds=max(messages * LANES * self._slot_seconds, spacing))
        start = self._send_slots.lease(f"{BOT}#{lane}", self._clock(), length, MAX_WAIT).timestamp()
        first = math.ceil(start / self._slot_seconds)
        first += (lane - first) % LANES
        return range(first, first + messages * LANES, LANES)

    def _wait_for(self, send_slot: int) -> bool:
        """Wait for a send slot; False when it was missed, because sending late could exceed another second's limit."""
        due = send_slot * self._slot_seconds
        if (now := self._now()) < due:
            self._sleep(due - now)
        return self._now() - due <= MAX_LATENESS_SECONDS

    def _hold(self, error: RateLimitedError, seconds_left: Callable[[], float]) -> None:
        now = self._clock()
        until = now + timedelta(seconds=error.seconds)
        for lane in range(LANES):
            self._send_slots.hold(f"{BOT}#{lane}", now, until)
        logger.warning("Telegram holds the bot", seconds=error.seconds)
        if error.seconds > min(SHORT_HOLD_SECONDS, seconds_left()):
            raise NotYetError("Telegram holds the bot", until)
        self._sleep(error.seconds)

    def _send(self, part: PartProgress, recipient: Recipient, text: str) -> bool:
        """Try one recipient; False when Telegram did not answer. RateLimitedError is raised to the caller."""
        chat_id = recipient.chat_id
        for attempt in range(ATTEMPTS):
            try:
                self._bot.send_message(chat_id, text)
            except ChatMigratedError as error:
                chat_id = error.chat_id
                migrated = self._subscribers.migrate(recipient.chat_id, chat_id)
                logger.info("chat migrated", chat_id=recipient.chat_id, to=chat_id)
                if not migrated and recipient.subscribed and self._subscribers.get(chat_id):
                    return True  # the chat is also a recipient under its new id, and is notified there
            except ChatGoneError as error:
                self._settle(part, recipient, delivered=False)
                self._subscribers.remove(chat_id)  # after recording: otherwise the chat could be missing from the tally
                logger.warning("unsubscribed: unreachable", chat_id=chat_id, reason=str(error))
                return True
            except MessageRejectedError as error:
                self._settle(part, recipient, delivered=False)
                logger.error("not delivered: Telegram rejected the message", chat_id=chat_id, reason=str(error))
                return True
            except InDoubtError as error:
                return self._record_in_doubt(part, recipient, error)
            except UnavailableError as error:
                logger.warning("Telegram did not answer", chat_id=chat_id, reason=str(error), attempt=attempt + 1)
                self._sleep(random.uniform(0.1, 0.3) * 2**attempt)  # noqa: S311 - spreads retries, guards nothing
            else:
                self._settle(part, recipient, delivered=True)
                logger.info("delivered", chat_id=chat_id, delivery=part.delivery)
                return True
        return False

    def _record_in_doubt(self, part: PartProgress, recipient: Recipient, error: InDoubtError) -> bool:
        """A message was sent without an answer: retry it later once; after the second time, give up."""
        if recipient.key in part.in_doubt:
            self._settle(part, recipient, delivered=False)
            logger.error("gave up: sent twice without an answer", chat_id=recipient.chat_id, reason=str(error))
            return True
        part.in_doubt.add(recipient.key)
        self._deliveries.record_progress(part.delivery, part.number, part.owner, in_doubt=[recipient.key])
        logger.warning("sent without an answer, will be retried", chat_id=recipient.chat_id, reason=str(error))
        return False

    def _settle(self, part: PartProgress, recipient: Recipient, *, delivered: bool) -> None:
        (part.delivered if delivered else part.failed).add(recipient.key)
        (part.unrecorded_delivered if delivered else part.unrecorded_failed).append(recipient.key)
        if len(part.unrecorded_delivered) + len(part.unrecorded_failed) >= self._progress_every:
            self._flush(part)

    def _flush(self, part: PartProgress) -> None:
        if part.unrecorded_delivered or part.unrecorded_failed:
            self._deliveries.record_progress(
                part.delivery, part.number, part.owner, part.unrecorded_delivered, part.unrecorded_failed
            )
            part.unrecorded_delivered, part.unrecorded_failed = [], []

    def _now(self) -> float:
        return self._clock().timestamp()
