"""What is stored of a Telegram chat: its subscription, its ids, and the deliveries of the last seven days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr, Key

from cairn.aws.dynamodb import Item, get, query, query_all
from cairn.aws.personal_data import PersonalItem, anonymised, deleted, scan
from cairn.telegram.subscribers import Subscribers

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_OUTCOMES = ("delivered", "failed", "in_doubt")


class ChatItems:
    """Items of the audience table."""

    def __init__(self, audience: Table) -> None:
        self._table = audience
        self._subscribers = Subscribers(audience)

    def of(self, chat_id: str) -> Iterator[PersonalItem]:
        """The subscription is removed first, so that nothing more is sent; the ids come last, since they find the rest.

        A chat that migrated has several ids; each finds all.
        """
        key = self._key_of(chat_id)
        aliases = [
            item
            for item in query_all(self._table, Key("pk").eq("aliases"), ConsistentRead=True)
            if item.get("key") == key
        ]
        ids = {chat_id, key, *(item["sk"].removeprefix("chat#") for item in aliases)}
        subscription = get(self._table, {"pk": "subscribers", "sk": f"chat#{key}"}, consistent=True)
        if subscription:
            yield deleted(self._table, subscription, partial(self._subscribers.remove, key))
        suspension = get(self._table, {"pk": "suspended", "sk": f"chat#{key}"}, consistent=True)
        if suspension:
            yield deleted(self._table, suspension)
        for item in scan(self._table, Attr("pk").begins_with("delivery#")):
            if item["sk"] == "plan" and ids.intersection(item["cuts"]):
                yield anonymised(self._table, item, cuts=self._cuts(item["cuts"], ids))
            elif changes := _without_chats(item, ids):
                yield anonymised(self._table, item, **changes)
        for item in query_all(self._table, Key("pk").eq("slots"), ConsistentRead=True):
            if item["sk"] in {f"chat#{one}" for one in ids} or item.get("chat_id") in ids:
                yield deleted(self._table, item)
        for item in aliases:
            yield deleted(self._table, item)

    def _key_of(self, chat_id: str) -> str:
        alias = get(self._table, {"pk": "aliases", "sk": f"chat#{chat_id}"}, consistent=True)
        return str(alias["key"]) if alias else chat_id

    def _cuts(self, cuts: Sequence[str], ids: set[str]) -> list[str]:
        """Where the parts end, without these chats: at the subscriber before each, so that nobody changes parts."""
        result: list[str] = []
        for cut in cuts:
            result.append(max(self._before(cut), *result[-1:]) if cut in ids else cut)
        return result

    def _before(self, chat: str) -> str:
        where = Key("pk").eq("subscribers") & Key("sk").lt(f"chat#{chat}")
        items: list[Item] = query(self._table, where, ScanIndexForward=False, Limit=1, ConsistentRead=True)["Items"]
        return str(items[0]["sk"]).removeprefix("chat#") if items else " "


def _without_chats(part: Item, ids: set[str]) -> Item:
    """What changes in a part's progress."""
    changes: Item = {
        name: _without(part[name], ids, name) for name in _OUTCOMES if ids.intersection(part.get(name, ()))
    }
    if ids.intersection(part.get("retried", ())):
        settled = ids.intersection(part.get("delivered", set()) | part.get("failed", set()))
        left = part["retried"] - ids if settled else _without(part["retried"], ids, "retried")
        changes["retried"] = left or None
    if ids.intersection(part.get("tries", ())):
        changes["tries"] = {chat: tries for chat, tries in part["tries"].items() if chat not in ids}
    return changes


def _without(chats: set[str], ids: set[str], outcome: str) -> set[str]:
    """The chats without these ids; how many there were stays, because the alert's tally counts them."""
    gone = chats & ids
    taken = {name for name in chats if name.startswith("erased-")}
    numbers = (number for number in range(len(chats) + len(gone) + 1) if f"erased-{outcome}-{number}" not in taken)
    return (chats - ids) | {f"erased-{outcome}-{next(numbers)}" for _ in range(len(gone))}
