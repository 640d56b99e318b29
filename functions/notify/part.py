"""One sender's attempt at a part: what became of each recipient, and whether Telegram's refusals are believed.

A single chat may refuse: it has blocked the bot, or gives it no right to write. Many at once are a fault of Telegram's,
or a wrong token; both have been reported: https://github.com/python-telegram-bot/python-telegram-bot/issues/3956
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.observability import MetricUnit, logger, metrics
from cairn.telegram.bot import ChatGoneError, RefusedError
from cairn.telegram.deliveries import Deliveries, Progress
from functions.notify.audience import Audience, Recipient

MAX_TRIES = 20
"""After so many attempts without success, about four hours, a recipient is given up while others are notified."""
FEW = 2
"""So many refusals are believed of any audience: at least as many must have been notified in the same attempt."""
BELIEVED_SHARE = 0.25
"""And of a larger audience, this share of those who were notified."""


@dataclass(frozen=True, slots=True)
class Refusal:
    chat_id: str
    error: RefusedError


class Part:
    """`progress_every` 1 records each message before the next, so that a killed sender repeats one at most."""

    def __init__(
        self,
        deliveries: Deliveries,
        delivery: str,
        number: int,
        owner: str,
        before: Progress,
        *,
        progress_every: int,
        patient: bool,
    ) -> None:
        self.delivery = delivery
        self.number = number
        self.owner = owner
        self.patient = patient
        self._deliveries = deliveries
        self._before = before
        self._progress_every = progress_every
        self._delivered, self._failed = set(before.delivered), set(before.failed)
        self._in_doubt = set(before.in_doubt)
        self._unrecorded_delivered: list[str] = []
        self._unrecorded_failed: list[str] = []
        self._tries = dict(before.tries)
        self._notified_now: list[str] = []
        self._refusals: dict[str, Refusal] = {}
        self._unanswered: set[str] = set()
        self._elsewhere: set[str] = set()
        self._given_up = 0

    def remaining(self, recipients: Sequence[Recipient]) -> list[Recipient]:
        """Who is to be notified: first who was tried least, so that those who failed hold up nobody."""
        done = self._delivered | self._failed | self._elsewhere
        left = [one for one in recipients if not done & {one.key, *one.other_keys}]
        if self._before.retried is not None:
            left = [one for one in left if one.key in self._before.retried]
        return sorted(left, key=lambda one: self.tries(one))

    def tries(self, recipient: Recipient) -> int:
        return self._tries.get(recipient.key, 0)

    @property
    def works(self) -> bool:
        """Whether anybody of this part has been notified, now or before."""
        return bool(self._delivered)

    def is_in_doubt(self, recipient: Recipient) -> bool:
        """Whether a message to the recipient was sent before and had no answer."""
        return recipient.key in self._in_doubt

    @property
    def in_vain(self) -> int:
        """How many recipients this attempt tried without success."""
        return len(self._refusals) + len(self._unanswered)

    def notified(self, recipient: Recipient, chat_id: str) -> None:
        """The chat has the message; its id is not the recipient's if it has just migrated."""
        self._notified_now.append(chat_id)
        self._settle(recipient.key, delivered=True)

    def notified_elsewhere(self, recipient: Recipient) -> None:
        """The chat is also a recipient under another key."""
        self._elsewhere.add(recipient.key)

    def failed(self, recipient: Recipient) -> None:
        self._given_up += 1
        self._settle(recipient.key, delivered=False)

    def refused(self, recipient: Recipient, chat_id: str, error: RefusedError) -> None:
        """Telegram refused; `conclude` decides whether that is believed."""
        self._refusals[recipient.key] = Refusal(chat_id, error)

    def unanswered(self, recipient: Recipient, *, in_doubt: bool = False) -> None:
        self._unanswered.add(recipient.key)
        if in_doubt:
            self._in_doubt.add(recipient.key)
            self._deliveries.record_progress(self.delivery, self.number, self.owner, in_doubt=[recipient.key])

    def conclude(self, audience: Audience) -> None:
        """Settle what this attempt decided, and count the tries of the others.

        A chat that is gone is suspended after that is recorded: otherwise it could be missing from the tally.
        """
        believed, few = self._believed(), len(self._refusals) <= FEW
        for key in [*self._refusals, *self._unanswered]:
            self._tries[key] = self._tries.get(key, 0) + 1
        given_up = {
            key
            for key in self._refusals.keys() | self._unanswered
            if self._tries[key] >= MAX_TRIES and self._may_give_up(key, few=few)
        }
        settled = given_up | (self._refusals.keys() if believed else set())
        self._failed |= settled
        self._unrecorded_failed += settled
        self._given_up += len(settled)
        self.flush()
        if not believed:
            metrics.add_metric("RefusalsDisbelieved", MetricUnit.Count, len(self._refusals))
        for key, refusal in self._refusals.items():
            self._log(key, refusal, settled=key in settled)
            gone = isinstance(refusal.error, ChatGoneError) and self.patient
            if gone and key in settled and (believed or (few and self.works)):
                audience.suspend(refusal.chat_id, str(refusal.error))
                self._given_up -= 1
        for key in given_up & self._unanswered:
            logger.error("given up: Telegram did not answer", recipient=key, tries=self._tries[key])
        if self._given_up and self.patient:
            metrics.add_metric("AlertsRetryable", MetricUnit.Count, self._given_up)

    def _believed(self) -> bool:
        refused, notified = len(self._refusals), len(self._notified_now)
        return not self.patient or refused <= min(notified, max(FEW, notified * BELIEVED_SHARE))

    def _may_give_up(self, key: str, *, few: bool) -> bool:
        """While nobody is notified, the fault is Telegram's or the bot's: the part goes to the dead letters whole."""
        return self.works or (key in self._refusals and few and not self._unanswered)

    def _log(self, key: str, refusal: Refusal, *, settled: bool) -> None:
        log = logger.error if settled else logger.warning
        outcome = "not delivered: Telegram refused" if settled else "Telegram refused, will be retried"
        log(outcome, chat_id=refusal.chat_id, reason=str(refusal.error), tries=self._tries[key])

    def log(self, left: int) -> None:
        """One line for the attempt; failures and refusals have their own."""
        if self._notified_now or not left:
            failed, chats = len(self._failed), self._notified_now
            logger.info("delivered", delivery=self.delivery, part=self.number, chats=chats, failed=failed, left=left)

    def release(self) -> None:
        """Leave the rest to the next attempt."""
        tries = {key: tries for key, tries in self._tries.items() if key not in self._delivered | self._failed}
        self._deliveries.release(self.delivery, self.number, self.owner, tries)

    def progress(self) -> Progress:
        """The outcome of a part that is complete; who left since a retry was requested stays failed."""
        failed = self._failed | ((self._before.retried or frozenset()) - self._delivered)
        return Progress(frozenset(self._delivered), frozenset(failed), counted=self._before.counted)

    def _settle(self, key: str, *, delivered: bool) -> None:
        (self._delivered if delivered else self._failed).add(key)
        (self._unrecorded_delivered if delivered else self._unrecorded_failed).append(key)
        if len(self._unrecorded_delivered) + len(self._unrecorded_failed) >= self._progress_every:
            self.flush()

    def flush(self) -> None:
        """Record the progress."""
        if self._unrecorded_delivered or self._unrecorded_failed:
            self._deliveries.record_progress(
                self.delivery, self.number, self.owner, self._unrecorded_delivered, self._unrecorded_failed
            )
            self._unrecorded_delivered, self._unrecorded_failed = [], []
