"""What a product publishes: an event goes to the webhook queue, once for each id that the caller gave it.

| pk | sk | holds | TTL |
|---|---|---|---|
| `publication#{caller}` | digest of the caller's id | the event's id, its content's digest, if it is queued | 32 days |

The id is claimed first, so that a repeat finds the same event; the event is queued; then the claim is marked as done.
A repeat of a claim that is not done queues the event again: under the same id, which is stored once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, rejected_item
from cairn.aws.sqs import Queue
from cairn.clock import Clock, from_millis, to_millis
from cairn.codec import to_json
from cairn.errors import ConflictError
from cairn.messages import WebhookEvent
from cairn.webhooks.model import Contact, event_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

KEPT = timedelta(days=32)
"""For how long an id is recognised, as OpenMeter does: https://openmeter.io/docs/metering/events/usage-events"""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a product says. `data` is JSON, checked by the catalogue."""

    type: str
    subject: str | None
    contact: Contact | None
    data: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The same for the same content, in whatever order its fields are."""
        contact = asdict(self.contact) if self.contact else None
        content = {"type": self.type, "subject": self.subject, "contact": contact, "data": _sorted(self.data)}
        return hashlib.sha256(to_json(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Published:
    """`duplicate` when an earlier request with this id was done."""

    event_id: str
    duplicate: bool


class Publishing:
    """`queue` is the webhook queue."""

    def __init__(self, table: Table, queue: Queue, clock: Clock) -> None:
        self._table = table
        self._queue = queue
        self._clock = clock

    def publish(self, caller: str, given_id: str | None, publication: Publication, trace_id: str) -> Published:
        """Queue the event. ConflictError if the caller has used the id for another content in the last 32 days."""
        if given_id is None:
            id_ = event_id(self._clock(), uuid4().hex)
            self._send(id_, to_millis(self._clock()), publication, trace_id)
            return Published(id_, duplicate=False)
        key = {"pk": f"publication#{caller}", "sk": hashlib.sha256(given_id.encode()).hexdigest()}
        claim = self._claim(key, publication.digest, f"{caller}/{given_id}")
        if claim["digest"] != publication.digest:
            raise ConflictError("id: you have published another event with this id; each event needs an id of its own")
        if claim.get("queued"):
            return Published(claim["event_id"], duplicate=True)
        self._send(claim["event_id"], int(claim["at"]), publication, trace_id)
        self._table.update_item(
            Key=key, UpdateExpression="SET queued = :true", ExpressionAttributeValues={":true": True}
        )
        return Published(claim["event_id"], duplicate=False)

    def _claim(self, key: Item, digest: str, natural_key: str) -> Item:
        """The claim of an id: this one, or that of an earlier request."""
        now = self._clock()
        stored = get(self._table, key)
        if stored and stored.get("queued") and not self._is_over(stored):
            return stored
        claim = {
            **key,
            "event_id": event_id(now, natural_key),
            "at": to_millis(now),
            "digest": digest,
            "expires_at": int((now + KEPT).timestamp()),
        }
        try:
            self._table.put_item(
                Item=claim,
                ConditionExpression="attribute_not_exists(pk) OR expires_at <= :now",
                ExpressionAttributeValues={":now": int(now.timestamp())},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return rejected_item(error) or claim
        return claim

    def _is_over(self, claim: Item) -> bool:
        return int(claim["expires_at"]) <= self._clock().timestamp()

    def _send(self, id_: str, at: int, publication: Publication, trace_id: str) -> None:
        known = asdict(publication.contact) if publication.contact else {}
        contact = {name: value for name, value in known.items() if value is not None}
        self._queue.send(
            [
                WebhookEvent(
                    event_id=id_,
                    event_type=publication.type,
                    subject=publication.subject,
                    at=from_millis(at),
                    data=to_json(publication.data),
                    contact=to_json(contact) if contact else "",
                    trace_id=trace_id,
                )
            ]
        )


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list | tuple) else value
