"""Tickets: each tells once, within a minute, who opens a WebSocket. The table holds only their SHA-256.

They are in the sessions table. Only the API may put an item there, so only the API says who somebody is.

| pk | sk | holds | TTL |
|---|---|---|---|
| `ticket#{SHA-256}` | `ticket` | who may connect with it, and until when | 60 s |
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, rejected_item
from cairn.clock import to_millis
from cairn.identity.revocations import Credential

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

VALID_FOR = timedelta(seconds=60)
_MAX_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Holder:
    """Who opens a socket: a person, or a machine with an API key, whose `user_id` is None."""

    user_id: str | None
    name: str
    modules: frozenset[str]
    credential: Credential | None = None
    """With what they got their ticket; None for a socket that was opened under version 0.1.0."""


class Tickets:
    def __init__(self, table: Table) -> None:
        self._table = table

    def issue(self, holder: Holder, now: datetime) -> str:
        """A new ticket, which cannot be read again."""
        ticket = secrets.token_urlsafe(32)
        until = now + VALID_FOR
        validity = {"good_until": to_millis(until), "expires_at": int(until.timestamp()) + 1}
        self._table.put_item(Item=_key(ticket) | {"holder": to_item(holder)} | validity)
        return ticket

    def redeem(self, ticket: str, now: datetime) -> Holder | None:
        """The ticket's holder, once; None if it was used, has expired or was never issued."""
        if not (ticket.isascii() and len(ticket) <= _MAX_LENGTH):
            return None
        try:
            item: Item = self._table.delete_item(
                Key=_key(ticket),
                ConditionExpression="good_until > :now",
                ExpressionAttributeValues={":now": to_millis(now)},
                ReturnValues="ALL_OLD",
            )["Attributes"]
        except ClientError as error:
            rejected_item(error)
            return None
        return to_holder(item["holder"])


def to_item(holder: Holder) -> Item:
    item = {"user_id": holder.user_id, "name": holder.name, "modules": sorted(holder.modules)}
    return item | ({"credential": asdict(holder.credential)} if holder.credential else {})


def to_holder(item: Item) -> Holder:
    credential = to_credential(item["credential"]) if "credential" in item else None
    return Holder(item["user_id"], item["name"], frozenset(item["modules"]), credential)


def to_credential(item: Item) -> Credential:
    issued_at = item["issued_at"]
    return Credential(item["owner"], item["session"], None if issued_at is None else int(issued_at))


def _key(ticket: str) -> Item:
    return {"pk": f"ticket#{hashlib.sha256(ticket.encode()).hexdigest()}", "sk": "ticket"}
