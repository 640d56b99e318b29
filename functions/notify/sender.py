"""Sends to Telegram: one message after the other in leased send slots, each recorded before the next is sent."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from cairn.errors import NotYetError, UnfinishedError
from cairn.observability import logger
from cairn.telegram.bot import (
    Bot,
    BotRefusedError,
    ChatMigratedError,
    InDoubtError,
    RateLimitedError,
    RefusedError,
    UnavailableError,
)
from cairn.telegram.deliveries import NOTHING, Deliveries, Progress
from functions.notify.audience import Audience, Recipient
from functions.notify.pace import LANES, SHORT_HOLD_SECONDS, Pace
from functions.notify.part import Part

LEASE = timedelta(seconds=75)
"""Longer than the function may run; a part whose sender died is free again well before SQS redelivers it."""
ATTEMPTS = 3
MAX_IN_A_ROW = 3
"""Recipients in a row who were not notified, after which Telegram is considered down."""


class Sender:
    """`progress_every` 1 records each message before the next, so that a killed sender repeats one at most."""

    def __init__(
        self, *, bot: Bot, deliveries: Deliveries, audience: Audience, pace: Pace, progress_every: int
    ) -> None:
        self._bot = bot
        self._deliveries = deliveries
        self._audience = audience
        self._pace = pace
        self._progress_every = progress_every

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
        patient: bool = True,
        opened: bool = False,
    ) -> Progress | None:
        """Notify the remaining recipients of a part; None when the part is already finished.

        An `opened` part is leased to this owner already, and nobody of it was notified.
        `spacing` is the minimum number of seconds between two messages to one of these chats; `seconds_left` is the
        time that remains. A `patient` sender does not believe Telegram that it can reach nobody, and tries again.

        NotYetError when the bot or the last chats are held, or another sender has the part; UnfinishedError when time
        ran out or recipients were tried in vain: the progress is recorded, and the next attempt continues from there.
        """
        before: Progress | None = NOTHING
        if not opened:
            before = self._deliveries.acquire(delivery, number, owner, self._pace.clock(), LEASE)
        if before is None:
            return None
        part = Part(
            self._deliveries,
            delivery,
            number,
            owner,
            before,
            progress_every=self._progress_every,
            patient=patient,
        )
        try:
            stop = self._attempt(part, text, recipients, spacing, seconds_left)
            part.conclude(self._audience)
            if left := part.remaining(recipients):
                raise stop or UnfinishedError(f"{len(left)} recipients could not be notified")
        except Exception:
            part.flush()
            part.release()
            raise
        finally:
            part.log(len(part.remaining(recipients)))
        return part.progress()

    def _attempt(
        self,
        part: Part,
        text: str,
        recipients: Sequence[Recipient],
        spacing: float,
        seconds_left: Callable[[], float],
    ) -> NotYetError | UnfinishedError | None:
        """Send to each recipient once, and return what stopped the attempt."""
        try:
            self._send_all(part, text, part.remaining(recipients), spacing, seconds_left)
        except (NotYetError, UnfinishedError) as error:
            return error
        return None

    def _send_all(
        self, part: Part, text: str, waiting: list[Recipient], spacing: float, seconds_left: Callable[[], float]
    ) -> None:
        held = {one.key: one.held_until for one in waiting if one.held_until}
        in_a_row = 0
        while waiting:
            ready = self._ready(part, waiting, held, seconds_left)
            if not ready:
                return
            send_slots = self._pace.lease(part.number % LANES, len(ready), spacing)
            spacing = 0.0  # the first lease keeps it; another one is for the remaining recipients
            for send_slot in send_slots:
                if seconds_left() <= 0:
                    raise UnfinishedError(f"out of time with {len(waiting)} recipients left")
                if not self._pace.wait_for(send_slot):
                    continue
                recipient = ready[0]
                try:
                    notified = self._send(part, recipient, text, seconds_left)
                except RateLimitedError as error:
                    if self._pace.is_second_refusal(recipient.chat_id):
                        self._pace.hold_the_bot(error.seconds, seconds_left)
                        break
                    held[recipient.key] = self._hold(recipient, error)
                else:
                    waiting.remove(recipient)
                    if notified:
                        in_a_row = 0
                    elif not (part.works and part.tries(recipient)):
                        in_a_row += 1
                    if in_a_row >= MAX_IN_A_ROW:
                        raise UnfinishedError(f"{in_a_row} recipients in a row could not be notified")
                del ready[0]
                if not ready:
                    break

    def _ready(
        self, part: Part, waiting: list[Recipient], held: dict[str, datetime], seconds_left: Callable[[], float]
    ) -> list[Recipient]:
        """Who may be sent to now; waits for the first when that is soon.

        Empty when only held chats are left after others were tried in vain, NotYetError when nobody was.
        """
        now = self._pace.clock()
        ready = [one for one in waiting if held.get(one.key, now) <= now]
        if not ready and not part.in_vain:
            self._pace.wait_until(min(held[one.key] for one in waiting), "Telegram holds a chat", seconds_left)
            return self._ready(part, waiting, held, seconds_left)
        return ready

    def _hold(self, recipient: Recipient, error: RateLimitedError) -> datetime:
        """Let this chat wait, and no other."""
        until = self._pace.clock() + timedelta(seconds=max(1, error.seconds))
        logger.warning("Telegram holds a chat", chat_id=recipient.chat_id, seconds=error.seconds)
        if error.seconds > SHORT_HOLD_SECONDS:
            self._audience.hold(recipient, until)
        return until

    def _send(self, part: Part, recipient: Recipient, text: str, seconds_left: Callable[[], float]) -> bool:
        """Try one recipient; whether it needs no other try. RateLimitedError is raised to the caller."""
        chat_id = recipient.chat_id
        for attempt in range(ATTEMPTS):
            try:
                self._bot.send_message(chat_id, text)
            except ChatMigratedError as error:
                chat_id = error.chat_id
                logger.info("chat migrated", chat_id=recipient.chat_id, to=chat_id)
                if not self._audience.migrate(recipient, chat_id) and part.patient:
                    part.notified_elsewhere(recipient)
                    return True
            except RefusedError as error:
                part.refused(recipient, chat_id, error)
                return False
            except BotRefusedError as error:
                raise UnfinishedError(f"Telegram refuses the bot: {error}") from None
            except InDoubtError as error:
                return self._record_in_doubt(part, recipient, error)
            except UnavailableError as error:
                logger.warning("Telegram did not answer", chat_id=chat_id, reason=str(error), attempt=attempt + 1)
                if part.tries(recipient) or seconds_left() <= 0:
                    break
                self._pace.sleep(random.uniform(0.1, 0.3) * 2**attempt)  # noqa: S311 - spreads retries, guards nothing
            else:
                part.notified(recipient, chat_id)
                return True
        part.unanswered(recipient)
        return False

    def _record_in_doubt(self, part: Part, recipient: Recipient, error: InDoubtError) -> bool:
        """A message was sent without an answer: retry it later once; after the second time, give up."""
        if part.is_in_doubt(recipient):
            part.failed(recipient)
            logger.error("gave up: sent twice without an answer", chat_id=recipient.chat_id, reason=str(error))
            return True
        part.unanswered(recipient, in_doubt=True)
        logger.warning("sent without an answer, will be retried", chat_id=recipient.chat_id, reason=str(error))
        return False
