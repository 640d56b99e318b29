"""What the bot does about a request, and what it says to it: a subscription changed, an answer on the notify queue."""

from __future__ import annotations

from datetime import timedelta

from cairn.channels import Channels
from cairn.instants import now
from cairn.messages import Reply
from cairn.observing import logger
from cairn.queue import Queue
from cairn.slots import NotYetError, Slots
from cairn.standings import Standings
from cairn.subscribers import Subscribers
from functions.telegram_webhook import answers
from functions.telegram_webhook.commands import Chat, Command, Migrated, Removed, Request

MOST_CHANNELS = 100
"""As many as /status looks at; about forty fit into a message."""
CHAT_PAUSE = timedelta(seconds=1)
GROUP_PAUSE = timedelta(seconds=3)
PATIENCE = timedelta(seconds=15)
"""How long an answer may wait for the chat's turn; who asks faster than that is not answered."""


class Conversation:
    """What the bot does about a request, and what it says to it."""

    def __init__(
        self, *, subscribers: Subscribers, slots: Slots, channels: Channels, standings: Standings, queue: Queue
    ) -> None:
        self._subscribers = subscribers
        self._slots = slots
        self._channels = channels
        self._standings = standings
        self._queue = queue

    def take(self, request: Request, key: str, trace_id: str) -> None:
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
                    turn = self._slots.lease(f"chat#{chat.id}", now(), pause, PATIENCE)
                except NotYetError:
                    logger.warning("not answered: too many commands", chat_id=chat.id)
                    return
                self._queue.send([Reply(key, chat.id, changed or self._describe(name), turn, trace_id)])

    def _change(self, name: str, chat: Chat) -> str | None:
        if name == "start":
            new = self._subscribers.add(chat.id, chat.type, chat.title, now())
            return answers.SUBSCRIBED if new else answers.SUBSCRIBED_BEFORE
        if name == "stop":
            return answers.UNSUBSCRIBED if self._subscribers.remove(chat.id) else answers.UNSUBSCRIBED_BEFORE
        return None

    def _describe(self, name: str) -> str:
        if name != "status":
            return answers.HELP
        channels, _ = self._channels.page(MOST_CHANNELS, None)
        return answers.status(self._standings.of(channels))
