"""Who is notified: the subscribers of a range of keys, and the announcement channel; and what Telegram says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cairn.clock import Clock
from cairn.errors import NotYetError, UnfinishedError
from cairn.model import Subject
from cairn.observability import logger
from cairn.rules.creators import KIND as CREATOR
from cairn.telegram.announcement import AnnouncementChat, ResolvedChat
from cairn.telegram.bot import Bot, RateLimitedError, RefusedError, TelegramError
from cairn.telegram.subscribers import Subscribers

ANNOUNCEMENT = "announcement"
"""The key of the announcement channel among the recipients; it sorts before every subscription."""
CREATORS = "creators"
"""The key of the only recipient of creators' milestones."""
RECHECK_NAME = timedelta(days=1)
RECHECK_UNKNOWN_NAME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A subscription's key, which never changes, and the chat to notify, which may migrate."""

    key: str
    chat_id: str
    held_until: datetime | None = None
    other_keys: frozenset[str] = frozenset()
    """Keys of subscriptions of the same chat."""


class Audience:
    """`announcement` is None without an announcement channel, `creators` without a chat for creators' milestones."""

    def __init__(
        self,
        *,
        subscribers: Subscribers,
        announcement: AnnouncementChat | None,
        creators: AnnouncementChat | None,
        bot: Bot,
        clock: Clock,
    ) -> None:
        self._subscribers = subscribers
        self._announcement = announcement
        self._creators = creators
        self._bot = bot
        self._clock = clock

    def recipients(self, subject: Subject, after: str | None, through: str | None) -> list[Recipient]:
        """The recipients in a range of keys; the announcement channel comes first, and only once if it subscribed.

        What creators earn is private: of their milestones, one chat is told and nobody else.
        """
        if subject.kind == CREATOR:
            if self._creators is None:
                return []
            chat = self._resolved(self._creators)
            return [Recipient(CREATORS, chat.chat_id, chat.held_until)]
        start = None if after == ANNOUNCEMENT else after
        subscribers = self._subscribers.between(start, through)
        recipients = [Recipient(one.key, one.chat_id, one.held_until) for one in subscribers]
        if self._announcement is None:
            return recipients
        chat = self._resolved(self._announcement)
        names = {self._announcement.configured, chat.chat_id}
        same = frozenset(one.key for one in recipients if names & {one.key, one.chat_id})
        recipients = [one for one in recipients if one.key not in same]
        if after is None:
            recipients.insert(0, Recipient(ANNOUNCEMENT, chat.chat_id, chat.held_until, same))
        return recipients

    def hold(self, recipient: Recipient, until: datetime) -> None:
        """Telegram accepts no message for the chat until then."""
        if chat := self._configured(recipient):
            chat.hold(until)
        else:
            self._subscribers.hold(recipient.key, until)

    def migrate(self, recipient: Recipient, chat_id: str) -> bool:
        """Note a chat's new id; False when the chat is also a recipient under that id, and is notified there."""
        migrated = self._subscribers.migrate(recipient.chat_id, chat_id)
        if not migrated and recipient.key != CREATORS and self._subscribers.get(chat_id):
            return False
        if chat := self._configured(recipient):
            chat.resolve(chat_id, self._clock() + RECHECK_NAME)
        return True

    def suspend(self, chat_id: str, reason: str) -> None:
        """The chat is gone."""
        if self._subscribers.suspend(chat_id, reason, self._clock()):
            logger.warning("suspended: the chat cannot be reached", chat_id=chat_id, reason=reason)

    def _configured(self, recipient: Recipient) -> AnnouncementChat | None:
        """The chat of a setting that a recipient is, if it is one."""
        return {ANNOUNCEMENT: self._announcement, CREATORS: self._creators}.get(recipient.key)

    def _resolved(self, announcement: AnnouncementChat) -> ResolvedChat:
        """The announcement channel under its id, so that it is recognised among the subscribers.

        NotYetError or UnfinishedError when Telegram has never given the id of a `@name`, and gives none now.
        """
        known = announcement.get() or ResolvedChat(announcement.configured, self._clock(), None)
        if not announcement.configured.startswith("@") or known.recheck_at > self._clock():
            return known
        recheck_at = self._clock() + RECHECK_NAME
        try:
            chat_id = self._bot.chat_id_of(announcement.configured)
        except RefusedError as error:
            logger.error("the announcement channel is unknown", chat=announcement.configured, reason=str(error))
            chat_id, recheck_at = known.chat_id, self._clock() + RECHECK_UNKNOWN_NAME
        except TelegramError as error:
            if known.chat_id != announcement.configured:
                return known
            if isinstance(error, RateLimitedError):
                raise NotYetError("Telegram holds the bot", self._clock() + timedelta(seconds=error.seconds)) from None
            raise UnfinishedError(f"Telegram does not say who {announcement.configured} is: {error}") from None
        announcement.resolve(chat_id, recheck_at)
        return ResolvedChat(chat_id, recheck_at, known.held_until)


def has_groups(recipients: Sequence[Recipient]) -> bool:
    """Whether a group or a channel is among them: their ids are negative."""
    return any(recipient.chat_id.startswith(("-", "@")) for recipient in recipients)
