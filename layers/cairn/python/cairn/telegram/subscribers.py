"""The subscribers on Telegram: the chats of the audience table, ordered by id, and how many there are.

| pk | sk | holds |
|---|---|---|
| `subscribers` | `chat#{id}` | a subscribed chat: its type, title, since when, new id if it migrated, end of a hold |
| `suspended` | `chat#{id}` | a subscription whose chat Telegram called gone: the same, the reason and when; 30 days |
| `aliases` | `chat#{new id}` | the id under which a migrated chat had subscribed |
| `counts` | `subscribers` | how many are subscribed and not suspended |

A subscription keeps its key when Telegram moves the chat to another id, so that an alert under way finds it at the
same position and knows whether it was notified.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, get, query, query_all, readable, rejected_item, transact
from cairn.clock import from_millis, to_millis

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SUSPENDED_FOR = timedelta(days=30)
_COUNT = {"pk": "counts", "sk": "subscribers"}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A chat that subscribed to alerts. `type` is Telegram's: private, group, supergroup or channel."""

    key: str
    chat_id: str
    type: str
    title: str
    since: datetime
    held_until: datetime | None = None
    """Until when Telegram accepts no message for the chat, when it has said so."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """A subscription that is kept for a while without being notified."""

    subscriber: Subscriber
    reason: str
    at: datetime


class Subscribers:
    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, chat_id: str, type_: str, title: str, now: datetime) -> bool:
        """Subscribe a chat; True when it was not subscribed, or suspended."""
        key = self._key_of(chat_id)
        item = _key(key) | {"chat_id": chat_id, "type": type_, "title": title, "since": to_millis(now)}
        put = {"TableName": self._table.name, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        no_longer_suspended = {"TableName": self._table.name, "Key": _suspended(key)}
        return transact(self._table, [{"Put": put}, {"Delete": no_longer_suspended}, self._count(1)])

    def remove(self, chat_id: str) -> bool:
        """Unsubscribe a chat; True when it was subscribed, or suspended."""
        key = self._key_of(chat_id)
        if transact(self._table, [self._delete(_key(key)), self._count(-1)]):
            return True
        return "Attributes" in self._table.delete_item(Key=_suspended(key), ReturnValues="ALL_OLD")

    def suspend(self, chat_id: str, reason: str, now: datetime) -> bool:
        """Stop notifying a chat that cannot be reached, and keep its subscription; True when it was subscribed."""
        key = self._key_of(chat_id)
        item = get(self._table, _key(key), consistent=True)
        if item is None:
            return False
        kept = {
            "reason": reason,
            "suspended_at": to_millis(now),
            "expires_at": int((now + SUSPENDED_FOR).timestamp()),
        }
        put = {"TableName": self._table.name, "Item": item | _suspended(key) | kept}
        return transact(self._table, [self._delete(_key(key)), {"Put": put}, self._count(-1)])

    def resume(self, chat_id: str) -> bool:
        """Notify a suspended chat again; True when it was suspended."""
        key = self._key_of(chat_id)
        item = get(self._table, _suspended(key), consistent=True)
        if item is None:
            return False
        kept = {name: value for name, value in item.items() if name not in ("reason", "suspended_at", "expires_at")}
        put = {
            "TableName": self._table.name,
            "Item": kept | _key(key),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        return transact(self._table, [{"Put": put}, self._delete(_suspended(key)), self._count(1)])

    def suspensions(self, now: datetime) -> list[Suspension]:
        """The suspended subscriptions, in the order of their keys."""
        return [
            Suspension(_to_subscriber(item), item["reason"], from_millis(int(item["suspended_at"])))
            for item in query_all(self._table, Key("pk").eq("suspended"))
            if int(item["expires_at"]) > now.timestamp()
        ]

    def hold(self, key: str, until: datetime) -> None:
        """Note that Telegram accepts no message for a chat until then."""
        try:
            self._table.update_item(
                Key=_key(key),
                UpdateExpression="SET held_until = :until",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":until": to_millis(until)},
            )
        except ClientError as error:
            rejected_item(error)

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
        return list(readable(_to_subscriber, items))

    def page(self, limit: int, cursor: str | None) -> tuple[list[Subscriber], str | None]:
        start = decode(cursor, {"pk": "subscribers", "sk": ("chat#", "chat#~")})
        answer = query(self._table, Key("pk").eq("subscribers"), start, Limit=limit)
        return list(readable(_to_subscriber, answer["Items"])), encode(answer.get("LastEvaluatedKey"))

    def _delete(self, key: Item) -> Item:
        return {"Delete": {"TableName": self._table.name, "Key": key, "ConditionExpression": "attribute_exists(pk)"}}

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


def _suspended(chat_id: str) -> Item:
    return {"pk": "suspended", "sk": f"chat#{chat_id}"}


def _to_subscriber(item: Item) -> Subscriber:
    return Subscriber(
        key=item["sk"].partition("#")[2],
        chat_id=item["chat_id"],
        type=item["type"],
        title=item["title"],
        since=from_millis(int(item["since"])),
        held_until=from_millis(int(item["held_until"])) if "held_until" in item else None,
    )
