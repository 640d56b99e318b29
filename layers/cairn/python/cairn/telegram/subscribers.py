"""The subscribers on Telegram: the chats of the audience table, ordered by id, and how many there are.

| pk | sk | holds |
|---|---|---|
| `subscribers` | `chat#{id}` | a subscribed chat: its type, its title, since when, and its new id if it migrated |
| `aliases` | `chat#{new id}` | the id under which a migrated chat had subscribed |
| `counts` | `subscribers` | how many there are |

A subscription keeps its key when Telegram moves the chat to another id, so that an alert under way finds it at the
same position and knows whether it was notified.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, get, query, query_all, transact
from cairn.clock import from_millis, to_millis

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_COUNT = {"pk": "counts", "sk": "subscribers"}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A chat that subscribed to alerts. `type` is Telegram's: private, group, supergroup or channel."""

    key: str
    chat_id: str
    type: str
    title: str
    since: datetime


class Subscribers:
    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, chat_id: str, type_: str, title: str, now: datetime) -> bool:
        """Subscribe a chat; True when it was not subscribed."""
        item = _key(self._key_of(chat_id)) | {
            "chat_id": chat_id,
            "type": type_,
            "title": title,
            "since": to_millis(now),
        }
        put = {"TableName": self._table.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        return transact(self._table, [{"Put": put}, self._count(1)])

    def remove(self, chat_id: str) -> bool:
        """Unsubscribe a chat; True when it was subscribed."""
        key = _key(self._key_of(chat_id))
        delete = {"TableName": self._table.name, "Key": key, "ConditionExpression": "attribute_exists(pk)"}
        return transact(self._table, [{"Delete": delete}, self._count(-1)])

    def migrate(self, old: str, new: str) -> bool:
        """Move a chat to its new id; True when it was subscribed, and the new id was not."""
        key = self._key_of(old)
        if key != new and get(self._table, _key(new), consistent=True):
            self.remove(old)
            return False
        update = {
            "TableName": self._table.name,
            "Key": _key(key),
            "UpdateExpression": "SET chat_id = :new, #type = :supergroup",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeNames": {"#type": "type"},
            "ExpressionAttributeValues": {":new": new, ":supergroup": "supergroup"},
        }
        alias = {"TableName": self._table.name, "Item": {"pk": "aliases", "sk": f"chat#{new}", "key": key}}
        return transact(self._table, [{"Update": update}, {"Put": alias}])

    def get(self, chat_id: str) -> Subscriber | None:
        item = get(self._table, _key(self._key_of(chat_id)), consistent=True)
        return _to_subscriber(item) if item else None

    def _key_of(self, chat_id: str) -> str:
        alias = get(self._table, {"pk": "aliases", "sk": f"chat#{chat_id}"}, consistent=True)
        return str(alias["key"]) if alias else chat_id

    def count(self) -> int:
        return int((get(self._table, _COUNT) or {}).get("how_many", 0))

    def between(self, after: str | None, through: str | None) -> list[Subscriber]:
        """The subscriptions after one key and up to another, in the table's order; None means no bound."""
        where = Key("pk").eq("subscribers") & Key("sk").lte(f"chat#{through}" if through else "chat#~")
        items = query_all(self._table, where, _key(after) if after else None, ConsistentRead=True)
        return list(map(_to_subscriber, items))

    def page(self, limit: int, cursor: str | None) -> tuple[list[Subscriber], str | None]:
        start = decode(cursor, {"pk": "subscribers", "sk": ("chat#", "chat#~")})
        answer = query(self._table, Key("pk").eq("subscribers"), start, Limit=limit)
        return [_to_subscriber(item) for item in answer["Items"]], encode(answer.get("LastEvaluatedKey"))

    def _count(self, change: int) -> Item:
        return {
            "Update": {
                "TableName": self._table.name,
                "Key": _COUNT,
                "UpdateExpression": "ADD how_many :change",
                "ExpressionAttributeValues": {":change": change},
            }
        }


def _key(chat_id: str) -> Item:
    return {"pk": "subscribers", "sk": f"chat#{chat_id}"}


def _to_subscriber(item: Item) -> Subscriber:
    return Subscriber(
        key=item["sk"].partition("#")[2],
        chat_id=item["chat_id"],
        type=item["type"],
        title=item["title"],
        since=from_millis(int(item["since"])),
    )
