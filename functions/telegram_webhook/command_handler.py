"""What the bot does about a request, and what it says to it: a subscription changed, an answer on the notify queue."""

from __future__ import annotations

from datetime import timedelta

from cairn.aws.sqs import Queue
from cairn.channels.registry import Channels
from cairn.channels.status import ChannelStatuses
from cairn.clock import now
from cairn.errors import NotYetError
from cairn.messages import Reply
from cairn.observability import logger
from cairn.telegram.send_slots import SendSlots
from cairn.telegram.subscribers import Subscribers
from functions.telegram_webhook import replies
from functions.telegram_webhook.commands import Chat, Command, Migrated, Removed, Request

MOST_CHANNELS = 100
"""As many as /status looks at; about forty fit into a message."""
CHAT_PAUSE = timedelta(seconds=1)
GROUP_PAUSE = timedelta(seconds=3)
PATIENCE = timedelta(seconds=15)
"""How long an answer may wait for the chat's turn; who asks faster than that is not answered."""


class CommandHandler:
    """What the bot does about a request, and what it says to it."""

    def __init__(
        self,
        *,
        subscribers: Subscribers,
        send_slots: SendSlots,
        channels: Channels,
        statuses: ChannelStatuses,
        queue: Queue,
    ) -> None:
        self._subscribers = subscribers
        self._send_slots = send_slots
        self._channels = channels
        self._statuses = statuses
        self._queue = queue

    def handle(self, request: Request, key: str, trace_id: str) -> None:
        """One request; `key` is the update's, so that Telegram's redelivery changes and says nothing more."""
        match request:
            case Removed(chat):
                if self._subscribers.remove(chat.id):
                    logger.info("unsubscribed: the bot was removed", chat_id=chat.id)
            case Migrated(chat, to):
                if self._subscribers.migrate(chat.id, to):
                    logger.info("chat migrated", chat_id=chat.id, to=to)
            case Command(name, chat):
                changed = self._change(name, chat)
                logger.info("command", command=name, chat_id=chat.id)
                try:
                    pause = CHAT_PAUSE if chat.type == "private" else GROUP_PAUSE
                    turn = self._send_slots.lease(f"chat#{chat.id}", now(), pause, PATIENCE)
                except NotYetError:
                    logger.warning("not answered: too many commands", chat_id=chat.id)
                    return
                self._queue.send([Reply(key, chat.id, changed or self._describe(name), turn, trace_id)])

    def _change(self, name: str, chat: Chat) -> str | None:
        if name == "start":
            new = self._subscribers.add(chat.id, chat.type, chat.title, now())
            return replies.SUBSCRIBED if new else replies.SUBSCRIBED_BEFORE
        if name == "stop":
            return replies.UNSUBSCRIBED if self._subscribers.remove(chat.id) else replies.UNSUBSCRIBED_BEFORE
        return None

    def _describe(self, name: str) -> str:
        if name != "status":
            return replies.HELP
        channels, _ = self._channels.page(MOST_CHANNELS, None)
        return replies.status(self._statuses.of(channels))
