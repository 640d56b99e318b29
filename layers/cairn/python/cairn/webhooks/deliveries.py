"""The messages in the webhooks table: what became of an event at an endpoint, and what is due.

| pk | sk | holds | TTL |
|---|---|---|---|
| `endpoint#{endpoint's id}` | the event's key | the message: its status and its attempts | 90 days |
| `response#{message's id}` | number of the attempt | the body of the answer, if it had one | 90 days |

A message is stored with the outcome of its first attempt. Until then it waits in the queue.
The index `due` has what is to be sent later: only messages with `due_endpoint` and `due_at` are in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, ConditionBase, Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, get_many, parsed, query, query_all, readable, rejected_item
from cairn.clock import Clock, from_iso, from_millis, iso, to_millis
from cairn.errors import ContentionError
from cairn.webhooks.model import RETENTION, Attempt, Message, key_at, parse_message_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PAGE = 250
"""Messages that one query reads: a caller who wants a few does not pay for a megabyte."""
KEPT_ATTEMPTS = 30
"""A person who sends a message again and again does not make its item grow without end."""
_TRIES = 5
KEPT_RESPONSE = 4096
"""Bytes of an answer's body."""


class Deliveries:
    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    def get(self, endpoint: str, event_key: str, *, consistent: bool = True) -> Message | None:
        """The message of an event to an endpoint; None as long as it waits for its first attempt."""
        item = get(self._table, _key(endpoint, event_key), consistent=consistent)
        return parsed(_to_message, item) if item else None

    def many(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Message]:
        """Those that are stored, by endpoint and event."""
        items = get_many(self._table, [_key(*key) for key in dict.fromkeys(keys)])
        return {(message.endpoint, message.event): message for message in readable(_to_message, items)}

    def of_endpoint(self, endpoint: str, low: str, high: str, *, newest_first: bool = False) -> Iterator[Message]:
        """An endpoint's messages of events with keys from `low` to before `high`, read as far as they are asked for."""
        where = Key("pk").eq(f"endpoint#{endpoint}") & Key("sk").between(low, high)
        items = query_all(self._table, where, ScanIndexForward=not newest_first, Limit=PAGE)
        for message in readable(_to_message, items):
            if message.event < high:
                yield message

    def note(self, message: Message, response: bytes = b"") -> Message:
        """Store the outcome of an attempt, which is the last one of `message`; returns the message as stored.

        `message.version` is that of the stored message, 0 for none. What others noted meanwhile stays: their attempts,
        a delivery, feedback. `response` is the body of the answer; it is stored first, so a noted attempt has it.
        ContentionError when others keep changing it.
        """
        for _ in range(_TRIES):
            if response:
                self._keep(message, response)
            if self.decide(message):
                return replace(message, version=message.version + 1)
            message = _merged(message, self.get(message.endpoint, message.event))
        raise ContentionError(f"message {message.id} is being changed by others")

    def decide(self, message: Message) -> bool:
        """Store what is to become of a message, unless somebody changed it since it was read; whether it was stored."""
        return self._put(replace(message, version=message.version + 1), message.version)

    def set_aside(self, endpoint: str, event_key: str, until: datetime, reason: str, most: int) -> None:
        """Put off a message that could not be handled, whatever its item looks like; after `most` times it fails."""
        answer: Any = self._table.update_item(
            Key=_key(endpoint, event_key),
            UpdateExpression="SET due_endpoint = :endpoint, due_at = :until, #error = :reason, #status = "
            "if_not_exists(#status, :pending), expires_at = if_not_exists(expires_at, :expires) "
            "ADD #version :one, stumbled :one",
            ExpressionAttributeNames={"#error": "error", "#status": "status", "#version": "version"},
            ExpressionAttributeValues={
                ":endpoint": endpoint,
                ":until": iso(until),
                ":reason": reason[:200],
                ":pending": "pending",
                ":expires": self._expires_at(),
                ":one": 1,
            },
            ReturnValues="UPDATED_NEW",
        )
        if int(answer["Attributes"]["stumbled"]) >= most:
            self._table.update_item(
                Key=_key(endpoint, event_key),
                UpdateExpression="SET #status = :failed REMOVE due_endpoint, due_at, stumbled",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":failed": "failed"},
            )

    def _put(self, message: Message, version: int) -> bool:
        condition: ConditionBase = Attr("version").eq(version) if version else Attr("pk").not_exists()
        try:
            self._table.put_item(
                Item=_to_item(message, self._expires_at()),
                ConditionExpression=condition,
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def due(self, endpoint: str, now: datetime) -> Iterator[str]:
        """The keys of the events that are due at an endpoint, longest due first; what was noted just now may lag."""
        where = Key("due_endpoint").eq(endpoint) & Key("due_at").lte(iso(now))
        for item in query_all(self._table, where, IndexName="due", Limit=200):
            yield str(item["sk"])

    def oldest_due(self, endpoint: str) -> datetime | None:
        """When the message that is due first is due, now or later."""
        page = query(self._table, Key("due_endpoint").eq(endpoint), IndexName="due", Limit=1)["Items"]
        return from_iso(page[0]["due_at"]) if page else None

    def responses(self, message_id: str) -> dict[int, str]:
        """The bodies that a message was answered with, by the number of the attempt."""
        items = query_all(self._table, Key("pk").eq(f"response#{message_id}"))
        return {int(item["sk"]): bytes(item["body"].value).decode(errors="replace") for item in items}

    def report(self, message_id: str, what: str, at: datetime) -> bool:
        """Note that a message was opened, clicked or converted, if it is the first time; False without a message."""
        event_key, endpoint = parse_message_id(message_id)
        try:
            self._table.update_item(
                Key=_key(endpoint, event_key),
                UpdateExpression="SET #what = if_not_exists(#what, :at) ADD #version :one",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#what": f"feedback_{what}", "#version": "version"},
                ExpressionAttributeValues={":at": to_millis(at), ":one": 1},
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def erase_responses(self, message_id: str) -> None:
        """Erase what a message was answered with, which may repeat its content."""
        for number in self.responses(message_id):
            self._table.delete_item(Key=_response_key(message_id, number))

    def _keep(self, message: Message, response: bytes) -> None:
        self._table.put_item(
            Item={
                **_response_key(message.id, message.tries),
                "body": response[:KEPT_RESPONSE],
                "expires_at": self._expires_at(),
            }
        )

    def _expires_at(self) -> int:
        return int((self._clock() + RETENTION).timestamp())


def _merged(message: Message, stored: Message | None) -> Message:
    """The outcome of the last attempt of `message`, added to what is stored."""
    if stored is None:
        return replace(message, version=0)
    attempt = replace(message.attempts[-1], number=stored.tries + 1)
    kept = replace(
        message,
        version=stored.version,
        tries=stored.tries + 1,
        attempts=(*stored.attempts, attempt),
        sent_at=stored.sent_at or message.sent_at,
        resend=message.resend or stored.resend,
        feedback=dict(message.feedback) | dict(stored.feedback),
    )
    if stored.status == "sent" and message.status != "sent":
        return replace(kept, status="sent", due_at=None, error="")
    return kept


def range_of(since: datetime, before: datetime) -> tuple[str, str]:
    """The keys of the events of a range of time, for `of_endpoint`."""
    return key_at(since), key_at(before)


def _key(endpoint: str, event_key: str) -> Item:
    return {"pk": f"endpoint#{endpoint}", "sk": event_key}


def _response_key(message_id: str, number: int) -> Item:
    return {"pk": f"response#{message_id}", "sk": f"{number:04d}"}


def _to_item(message: Message, expires_at: int) -> Item:
    fields: dict[str, Any] = {
        **_key(message.endpoint, message.event),
        "status": message.status,
        "version": message.version,
        "tries": message.tries or None,
        "round_from": message.round_from or None,
        "log": [_attempt_fields(attempt) for attempt in message.attempts[-KEPT_ATTEMPTS:]] or None,
        "due_endpoint": message.endpoint if message.due_at else None,
        "due_at": iso(message.due_at) if message.due_at else None,
        "taken_until": to_millis(message.taken_until) if message.taken_until else None,
        "sent_at": to_millis(message.sent_at) if message.sent_at else None,
        "error": message.error or None,
        "template": message.template,
        "resend": message.resend or None,
        "expires_at": expires_at,
    }
    fields |= {f"feedback_{what}": to_millis(at) for what, at in message.feedback.items()}
    return {name: value for name, value in fields.items() if value is not None}


def _attempt_fields(attempt: Attempt) -> dict[str, Any]:
    fields = {
        "n": attempt.number,
        "at": to_millis(attempt.at),
        "ms": attempt.milliseconds,
        "status": attempt.status,
        "error": attempt.error,
        "reason": attempt.reason[:200] or None,
        "body": attempt.response or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _to_message(item: Item) -> Message:
    return Message(
        endpoint=item["pk"].removeprefix("endpoint#"),
        event=item["sk"],
        status=item["status"],
        version=int(item["version"]),
        tries=int(item.get("tries", 0)),
        round_from=int(item.get("round_from", 0)),
        attempts=tuple(_to_attempt(fields) for fields in item.get("log", ())),
        due_at=from_iso(item["due_at"]) if "due_at" in item else None,
        taken_until=from_millis(int(item["taken_until"])) if "taken_until" in item else None,
        sent_at=from_millis(int(item["sent_at"])) if "sent_at" in item else None,
        error=item.get("error", ""),
        template=item.get("template"),
        resend=item.get("resend", ""),
        feedback={
            name.removeprefix("feedback_"): from_millis(int(value))
            for name, value in item.items()
            if name.startswith("feedback_")
        },
    )


def _to_attempt(fields: Mapping[str, Any]) -> Attempt:
    return Attempt(
        number=int(fields["n"]),
        at=from_millis(int(fields["at"])),
        milliseconds=int(fields["ms"]),
        status=int(fields["status"]) if "status" in fields else None,
        error=fields.get("error"),
        reason=fields.get("reason", ""),
        response=bool(fields.get("body")),
    )
