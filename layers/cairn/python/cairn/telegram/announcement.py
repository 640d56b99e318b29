"""The announcement channel: the id behind its configured name, as Telegram last gave it.

| pk | sk | holds |
|---|---|---|
| `aliases` | `announcement#{configured}` | the channel's id, when to ask again, and the end of a hold |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cairn.aws.dynamodb import Item, get
from cairn.clock import from_millis, to_millis

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True)
class ResolvedChat:
    """`chat_id` may be used until `recheck_at`, and after it while Telegram gives no other."""

    chat_id: str
    recheck_at: datetime
    held_until: datetime | None


class AnnouncementChat:
    """`configured` is an id or `@name`."""

    def __init__(self, table: Table, configured: str) -> None:
        self._table = table
        self.configured = configured

    def get(self) -> ResolvedChat | None:
        item = get(self._table, self._key, consistent=True)
        if item is None:
            return None
        held = from_millis(int(item["held_until"])) if "held_until" in item else None
        chat_id, recheck_at = item.get("chat_id", self.configured), int(item.get("recheck_at", 0))
        return ResolvedChat(chat_id, from_millis(recheck_at), held)

    def resolve(self, chat_id: str, recheck_at: datetime) -> None:
        """Store the channel's id."""
        self._update("SET chat_id = :chat, recheck_at = :at", {":chat": chat_id, ":at": to_millis(recheck_at)})

    def hold(self, until: datetime) -> None:
        """Note that Telegram accepts no message for the channel until then."""
        self._update("SET held_until = :until", {":until": to_millis(until)})

    def _update(self, expression: str, values: Item) -> None:
        self._table.update_item(Key=self._key, UpdateExpression=expression, ExpressionAttributeValues=values)

    @property
    def _key(self) -> Item:
        return {"pk": "aliases", "sk": f"announcement#{self.configured}"}
