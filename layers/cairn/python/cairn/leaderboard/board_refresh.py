"""Limits the board's broadcasts to one a second, and guarantees one after the last change.

| pk | sk | holds |
|---|---|---|
| `refreshes` | `everyone` | the pending request (`pending`); the message that acquired it last; when the next may |

After a change of the board, its writer makes a request (`request`) and sends a message with the key that it receives.
The receiver of the message acquires the request (`acquire`), which clears it, and only then reads the board. So the
board is read after every change:

- A request that is granted leads to a message, and the message to an `acquire` after the change. If the sender dies
  in between, the stream delivers the same record again, and the request is granted to it again.
- A request that is not granted found another one pending, which no `acquire` had cleared: the board is read after that.
- If a function dies after its `acquire`, the queue delivers the same message again, which may acquire again. If another
  message acquired in between, the board was read even later.
- A request that has been pending for `ABANDONED_AFTER` no longer counts, because its sender is presumed dead: the next
  request is granted.

The key is new for each message. A FIFO queue drops a key that it received in the last five minutes, even one that it
has delivered: the request would wait for a message that never comes.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import rejected_item
from cairn.clock import from_millis, to_millis
from cairn.errors import NotYetError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

INTERVAL = timedelta(seconds=1)
ABANDONED_AFTER = timedelta(seconds=10)
_KEY = {"pk": "refreshes", "sk": "everyone"}


class BoardRefresh:
    """`table` is the connections table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def request(self, event_id: str, now: datetime) -> str | None:
        """Request a refresh after a change; returns the key for the message, or None if another request is pending.

        `event_id` is the stream record's: a retry of the record is granted its own request again.
        """
        try:
            self._table.update_item(
                Key=_KEY,
                UpdateExpression="SET pending = :event, pending_at = :now",
                ConditionExpression="attribute_not_exists(pending) OR pending = :event OR pending_at <= :abandoned",
                ExpressionAttributeValues={
                    ":event": event_id,
                    ":now": to_millis(now),
                    ":abandoned": to_millis(now - ABANDONED_AFTER),
                },
            )
        except ClientError as error:
            rejected_item(error)
            return None
        return f"{event_id}/{secrets.token_hex(4)}"

    def acquire(self, key: str, now: datetime) -> bool:
        """Clear the request before the board is read; False if another message has served it already.

        NotYetError if the last refresh was less than a second ago: the message must be retried.
        """
        try:
            self._table.update_item(
                Key=_KEY,
                UpdateExpression="SET begun = :key, next_at = :next REMOVE pending, pending_at",
                ConditionExpression="(attribute_exists(pending) OR begun = :key) AND "
                "(attribute_not_exists(next_at) OR next_at <= :now)",
                ExpressionAttributeValues={":key": key, ":now": to_millis(now), ":next": to_millis(now + INTERVAL)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            stored = rejected_item(error) or {}
            if "pending" in stored or stored.get("begun") == key:
                raise NotYetError(
                    "the next broadcast of the board waits", from_millis(int(stored["next_at"]))
                ) from None
            return False
        return True
