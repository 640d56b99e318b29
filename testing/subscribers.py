"""Subscribed chats."""

from __future__ import annotations

from cairn.clock import now, to_millis
from cairn.telegram.subscribers import Subscribers
from testing.cloud import Cloud


def subscribe(aws: Cloud, *chats: str) -> None:
    """Subscribe private chats."""
    for chat in chats:
        Subscribers(aws.table("AUDIENCE_TABLE")).add(chat, "private", "Ada", now())


def subscribe_many(aws: Cloud, count: int) -> None:
    """Write so many subscribed private chats in batches, with ids as long as Telegram's."""
    with aws.table("AUDIENCE_TABLE").batch_writer() as batch:
        for number in range(count):
            chat = str(5_000_000_000 + number)
            item = {"chat_id": chat, "type": "private", "title": "Ada Lovelace", "since": to_millis(now())}
            batch.put_item(Item={"pk": "subscribers", "sk": f"chat#{chat}", **item})
