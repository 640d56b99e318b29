"""Carries out the requests of chats: changes the subscription, and puts the reply on the notify queue."""

from __future__ import annotations

from datetime import timedelta

from cairn import audit
from cairn.audit import Actor
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

MAX_CHANNELS = 100
"""How many channels /status reads; about forty fit into a message."""
CHANGES = {replies.SUBSCRIBED: "subscribe", replies.UNSUBSCRIBED: "unsubscribe"}
"""The replies to what changed a subscription, and the action in the audit trail."""
CHAT_PAUSE = timedelta(seconds=1)
GROUP_PAUSE = timedelta(seconds=3)
MAX_WAIT = timedelta(seconds=15)
"""How long a reply may wait for the chat's next send slot; commands that would wait longer get no reply."""


class CommandHandler:
    """Carries out requests and queues the replies."""

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

    def handle(self, request: Request, key: str, trace_id: str, address: str) -> None:
        """Handle one request; `key` is the update's, so that Telegram's redelivery changes and sends nothing more.

        A change of a subscription is in the audit trail; `address` is where the update came from.
        """

        def changed_by(chat: Chat, action: str) -> None:
            target = f"subscriber:{chat.id}"
            audit.record(action, Actor("telegram", chat.id), "done", address=address, targets=[target])

        match request:
            case Removed(chat):
                if self._subscribers.suspend(chat.id, "the bot was removed", now()):
                    logger.info("suspended: the bot was removed", chat_id=chat.id)
                    changed_by(chat, "unsubscribe")
            case Migrated(chat, to):
                if self._subscribers.migrate(chat.id, to):
                    logger.info("chat migrated", chat_id=chat.id, to=to)
                    changed_by(chat, "migrate subscription")
            case Command(name, chat):
                changed = self._change(name, chat)
                logger.info("command", command=name, chat_id=chat.id)
                if changed in CHANGES:
                    changed_by(chat, CHANGES[changed])
                try:
                    pause = CHAT_PAUSE if chat.type == "private" else GROUP_PAUSE
                    not_before = self._send_slots.lease(f"chat#{chat.id}", now(), pause, MAX_WAIT)
                except NotYetError:
                    logger.warning("not answered: too many commands", chat_id=chat.id)
                    return
                self._queue.send([Reply(key, chat.id, changed or self._describe(name), not_before, trace_id)])

    def _change(self, name: str, chat: Chat) -> str | None:
        if name == "start":
            new = self._subscribers.add(chat.id, chat.type, chat.title, now())
            return replies.SUBSCRIBED if new else replies.ALREADY_SUBSCRIBED
        if name == "stop":
            return replies.UNSUBSCRIBED if self._subscribers.remove(chat.id) else replies.NOT_SUBSCRIBED
        return None

    def _describe(self, name: str) -> str:
        if name != "status":
            return replies.HELP
        channels, _ = self._channels.page(MAX_CHANNELS, None)
        return replies.status(self._statuses.of(channels))
