"""Who may send when: intervals of time, leased one after the other from an item of a table that senders share.

| pk | sk | holds | TTL |
|---|---|---|---|
| `slots` | scope | when the next interval may start; the end of a hold | 1 hour |
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, rejected_item
from cairn.clock import from_millis, to_millis
from cairn.errors import NotYetError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

RETENTION = timedelta(hours=1)
LONGEST_LEASE = timedelta(minutes=10)
"""An interval that starts later than `max_wait` and this was leased by a sender whose clock was wrong."""
_NOT_HELD = "(attribute_not_exists(held_until) OR held_until <= :now)"


class Intervals:
    def __init__(self, table: Table) -> None:
        self.table = table

    def lease(self, scope: str, now: datetime, length: timedelta, max_wait: timedelta) -> datetime:
        """Lease an interval of `length` and return its start. NotYetError when that is more than `max_wait` away.

        One update when no sender waits, otherwise two; the item is the only state that senders share.
        """
        start, millis = to_millis(now), -(-length // timedelta(milliseconds=1))
        latest = to_millis(now + max_wait)
        implausible = to_millis(now + max_wait + max(LONGEST_LEASE, 2 * length))
        try:
            self.table.update_item(
                Key=slot_key(scope),
                UpdateExpression="SET next_at = :next, expires_at = :expires",
                ConditionExpression="(attribute_not_exists(next_at) OR next_at <= :now OR next_at > :implausible) "
                f"AND {_NOT_HELD}",
                ExpressionAttributeValues={
                    ":now": start,
                    ":next": start + millis,
                    ":implausible": implausible,
                    ":expires": slot_expiry(now),
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            return now
        except ClientError as error:
            stored = rejected_item(error) or {}
        if int(stored.get("held_until", 0)) > start:
            raise NotYetError("nothing may be sent", from_millis(int(stored["held_until"])))
        try:
            leased = self.table.update_item(
                Key=slot_key(scope),
                UpdateExpression="SET next_at = next_at + :length, expires_at = :expires",
                ConditionExpression=f"next_at <= :latest AND {_NOT_HELD}",
                ExpressionAttributeValues={
                    ":now": start,
                    ":latest": latest,
                    ":length": millis,
                    ":expires": slot_expiry(now),
                },
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )["Attributes"]
        except ClientError as error:
            stored = rejected_item(error) or {}
            until = max(int(stored.get("held_until", 0)), int(stored["next_at"]) - (latest - start))
            raise NotYetError("all send slots are leased", from_millis(until)) from None
        return max(now, from_millis(int(str(leased["next_at"])) - millis))

    def hold(self, scope: str, now: datetime, until: datetime) -> None:
        """Lease no interval before `until`."""
        try:
            self.table.update_item(
                Key=slot_key(scope),
                UpdateExpression="SET held_until = :until, expires_at = :expires",
                ConditionExpression="attribute_not_exists(held_until) OR held_until < :until",
                ExpressionAttributeValues={":until": to_millis(until), ":expires": slot_expiry(max(now, until))},
            )
        except ClientError as error:
            rejected_item(error)


def slot_key(scope: str) -> Item:
    return {"pk": "slots", "sk": scope}


def slot_expiry(now: datetime) -> int:
    return int((now + RETENTION).timestamp())
