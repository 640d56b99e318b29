"""What webhooks store about a person: events about them with what was answered, reports, contacts, owners.

An event stays without its content: what happened with it is what an operator is asked about later. The bytes that are
sealed in an endpoint say nothing about a person; the operator who exports data has no key for them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key

from cairn.aws.dynamodb import Item, get, get_many, query_all
from cairn.aws.personal_data import PersonalItem, anonymised, deleted, kept, scan
from cairn.clock import Clock, from_millis, now
from cairn.webhooks.catalogue import USER_DELETED
from cairn.webhooks.events import event_item_key
from cairn.webhooks.model import message_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_ENDPOINTS = Key("pk").eq("endpoints")
_SEALED = ("sealed", "data_key")
OWED_FOR = timedelta(days=7)
"""For how long it is tried to tell others that somebody is to be forgotten."""
MOST_SUBJECTS = 50
"""Twice as many are the values of one scan's filter; DynamoDB takes 100 to an IN."""
ERASED_NAME = "somebody who was erased"


class WebhookItems:
    """Items of the webhooks table; each search reads all of it, but for the endpoints."""

    def __init__(self, webhooks: Table, clock: Clock = now) -> None:
        self._table = webhooks
        self._clock = clock

    def of_subject(self, subject: str) -> Iterator[PersonalItem]:
        """Events about a subject, such as `rep:17` or `user:4711`, and what receivers reported of it."""
        return self.of_subjects([subject])

    def of_subjects(self, subjects: Collection[str]) -> Iterator[PersonalItem]:
        """The same of several, at most MOST_SUBJECTS, by one scan."""
        wanted = sorted(subjects)
        about = Attr("pk").begins_with("events#") & Attr("subject").is_in(wanted)
        reported = Attr("pk").begins_with("feedback#") & Attr("sk").is_in(wanted)
        for item in scan(self._table, about | reported):
            if item["pk"].startswith("feedback#"):
                yield deleted(self._table, item)
            else:
                yield from self._event(item)

    def of_event(self, key: str) -> Iterator[PersonalItem]:
        """One event, if it is stored."""
        item = get(self._table, event_item_key(key), consistent=True)
        return self._event(item) if item else iter(())

    def is_owed(self, item: Item) -> bool:
        """Whether an event tells others to forget somebody, and somebody has not been told yet: it is kept until then,
        for a week at most."""
        if item.get("type") != USER_DELETED or not ("data" in item or "contact" in item):
            return False
        if from_millis(int(item["at"])) <= self._clock() - OWED_FOR:
            return False
        existing = {one["sk"] for one in query_all(self._table, _ENDPOINTS, ConsistentRead=True)}
        wanting = [{"pk": f"endpoint#{one}", "sk": item["sk"]} for one in item["endpoints"] if one in existing]
        messages = get_many(self._table, wanting, consistent=True)
        return any(message["status"] == "pending" for message in messages) or len(messages) < len(wanting)

    def of_user(self, user_id: str) -> Iterator[PersonalItem]:
        """Of somebody who signs in: events about their reps, and the endpoints that they made or own."""
        wanted = user_id.casefold()
        for item in scan(self._table, Attr("pk").begins_with("events#") & Attr("data").contains("user_id")):
            if _user_of(item).casefold() == wanted:
                yield from self._event(item)
        for item in query_all(self._table, _ENDPOINTS, ConsistentRead=True):
            changes: dict[str, Any] = {}
            if str(item.get("owner", "")).casefold() == f"user:{wanted}":
                changes["owner"] = None
            if str(item.get("created_by", "")).casefold() == wanted:
                changes["created_by"] = ERASED_NAME
            if changes:
                yield anonymised(self._table, _without_sealed(item), **changes)

    def of_chat(self, chat_id: str) -> Iterator[PersonalItem]:
        """The endpoints whose owner is this chat of Telegram."""
        for item in query_all(self._table, _ENDPOINTS, ConsistentRead=True):
            if item.get("owner") == f"chat:{chat_id}":
                yield anonymised(self._table, _without_sealed(item), owner=None)

    def of_contact(self, contact: str) -> Iterator[PersonalItem]:
        """Events and endpoints whose contact has this e-mail or telephone number."""
        wanted = _comparable(contact)
        for item in scan(self._table, Attr("contact").exists() & Attr("pk").begins_with("events#")):
            if _is_contact(item["contact"], wanted):
                yield from self._event(item)
        for item in query_all(self._table, _ENDPOINTS, ConsistentRead=True):
            if _is_contact(item.get("default_contact", {}), wanted):
                yield anonymised(self._table, _without_sealed(item), default_contact=None)

    def _event(self, item: Item) -> Iterator[PersonalItem]:
        """The event first, so that nothing more of it is sent; then the answers, which may repeat what it said."""
        if self.is_owed(item):
            yield kept(self._table, item)
            return
        if "data" in item or "contact" in item:
            yield anonymised(self._table, item, erased=True, data=None, contact=None)
        else:
            yield kept(self._table, item)
        everybody = [one["sk"] for one in query_all(self._table, _ENDPOINTS, ConsistentRead=True)]
        for endpoint_id in dict.fromkeys([*item.get("endpoints", ()), *everybody]):
            answers = Key("pk").eq(f"response#{message_id(item['sk'], endpoint_id)}")
            for answer in query_all(self._table, answers, ConsistentRead=True):
                yield deleted(self._table, {**answer, "body": _readable(answer.get("body"))})


def _user_of(event: Item) -> str:
    """The name of the person whose rep an event is about."""
    try:
        data = json.loads(event["data"])
    except ValueError:
        return ""
    details = data.get("details") if isinstance(data, Mapping) else None
    return str(details.get("user_id", "")) if isinstance(details, Mapping) else ""


def _is_contact(contact: Mapping[str, Any], wanted: str) -> bool:
    return any(_comparable(str(contact[name])) == wanted for name in ("email", "phone") if contact.get(name))


def _comparable(text: str) -> str:
    """An e-mail without regard to capitals; a telephone number by its digits."""
    text = text.strip().casefold()
    return text if "@" in text else "".join(one for one in text if one.isdigit()).lstrip("0")


def _without_sealed(endpoint: Item) -> Item:
    return {name: value for name, value in endpoint.items() if name not in _SEALED}


def _readable(body: Any) -> str:
    return bytes(getattr(body, "value", body) or b"").decode(errors="replace")
