"""How often everybody is shown the board anew: at most once a second, and always at last as it is at last.

| pk | sk | holds |
|---|---|---|
| `refreshes` | `everyone` | who asked and waits (`pending`); the message last begun; from when the next may be |

Whoever changed the board asks (`poke`) after the change, and sends a message with the key it is given. Whoever brings
the message begins (`begin`), which takes the request back, and only then reads the board. So for each change there is a
reading of the board after it:

- a poke that is granted leads to a message, and that to a `begin` after the change; if the sender dies in between, the
  stream brings the same record again, and the poke is granted to it again;
- a poke that is not granted found another's request, which no `begin` had taken back: the board is read after that;
- a `begin` whose function dies is granted again to the same message, which the queue brings again; if another message
  began meanwhile, the board was read even later;
- a request older than `GIVEN_UP` is nobody's any more, for its sender was given up: the next poke is granted.

The key is new for each message: a FIFO queue drops a key that it had in the last five minutes, even one that it has
delivered, and the request would wait for nobody.
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

DISTANCE = timedelta(seconds=1)
GIVEN_UP = timedelta(seconds=10)
_KEY = {"pk": "refreshes", "sk": "everyone"}


class BoardRefresh:
    """`table` is the connections table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def request(self, event_id: str, now: datetime) -> str | None:
        """Ask for a refresh, after the change: the key to send the message with; None when one is to come anyway.

        `event_id` is the stream record's, by which a retry of it is known.
        """
        try:
            self._table.update_item(
                Key=_KEY,
                UpdateExpression="SET pending = :event, pending_at = :now",
                ConditionExpression="attribute_not_exists(pending) OR pending = :event OR pending_at <= :given_up",
                ExpressionAttributeValues={
                    ":event": event_id,
                    ":now": to_millis(now),
                    ":given_up": to_millis(now - GIVEN_UP),
                },
            )
        except ClientError as error:
            rejected_item(error)
            return None
        return f"{event_id}/{secrets.token_hex(4)}"

    def acquire(self, key: str, now: datetime) -> bool:
        """Take the request back, before the board is read; False when nobody asks for it any more.

        NotYetError when the last refresh was less than a second ago: then the message must come again.
        """
        try:
            self._table.update_item(
                Key=_KEY,
                UpdateExpression="SET begun = :key, next_at = :next REMOVE pending, pending_at",
                ConditionExpression="(attribute_exists(pending) OR begun = :key) AND "
                "(attribute_not_exists(next_at) OR next_at <= :now)",
                ExpressionAttributeValues={":key": key, ":now": to_millis(now), ":next": to_millis(now + DISTANCE)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            there = rejected_item(error) or {}
            if "pending" in there or there.get("begun") == key:
                raise NotYetError("the board was just shown", from_millis(int(there["next_at"]))) from None
            return False
        return True
