"""`subscribers suspended`, `suspend` and `resume`: chats that Telegram called gone."""

from __future__ import annotations

from collections.abc import Sequence

from cairn.clock import iso, now
from cairn.telegram.subscribers import Subscribers
from operations.stack import OperationError, Stack


def suspended(stack: Stack) -> list[str]:
    """A line for each suspended chat, with the reason."""
    found = _subscribers(stack).suspensions(now())
    return [f"{iso(one.at)}  {one.subscriber.chat_id}  {one.subscriber.title}: {one.reason}" for one in found]


def suspend(stack: Stack, chats: Sequence[str]) -> list[str]:
    """Stop notifying these chats; for thirty days they may be resumed."""
    subscribers = _subscribers(stack)
    return [
        f"{chat}: {'suspended' if subscribers.suspend(chat, 'by an operator', now()) else 'is not subscribed'}"
        for chat in chats
    ]


def resume(stack: Stack, chats: Sequence[str], *, every: bool) -> list[str]:
    """Notify these suspended chats, or every one, again."""
    subscribers = _subscribers(stack)
    if every:
        chats = [one.subscriber.chat_id for one in subscribers.suspensions(now())]
    elif not chats:
        raise OperationError("Name the chats to resume, or --all")
    return [f"{chat}: {'resumed' if subscribers.resume(chat) else 'is not suspended'}" for chat in chats]


def _subscribers(stack: Stack) -> Subscribers:
    return Subscribers(stack.clients.table(stack.output("AudienceTable")))
