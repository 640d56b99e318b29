"""Who may send when: stretches of time, leased one after the other from an item of the audience table.

| pk | sk | holds | TTL |
|---|---|---|---|
| `slots` | whose: `bot`, or `chat#{id}` | when the next stretch may begin; until when Telegram holds it | 1 hour |
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

BOT = "bot"
KEPT = timedelta(hours=1)
_FREE = "(attribute_not_exists(held_until) OR held_until <= :now)"


class SendSlots:
    def __init__(self, table: Table) -> None:
        self._table = table

    def lease(self, whose: str, now: datetime, length: timedelta, patience: timedelta) -> datetime:
        """Reserve a stretch of `length`: from when. NotYetError when that is more than `patience` away.

        One update when nobody waits, two when somebody does; the item is the only thing that senders share.
        """
        start, millis = to_millis(now), -(-length // timedelta(milliseconds=1))
        latest = to_millis(now + patience)
        try:
            self._table.update_item(
                Key=_key(whose),
                UpdateExpression="SET next_at = :next, expires_at = :expires",
                ConditionExpression=f"(attribute_not_exists(next_at) OR next_at <= :now) AND {_FREE}",
                ExpressionAttributeValues={":now": start, ":next": start + millis, ":expires": _expiry(now)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            return now
        except ClientError as error:
            there = rejected_item(error) or {}
        if int(there.get("held_until", 0)) > start:
            raise NotYetError("Telegram holds the bot", from_millis(int(there["held_until"])))
        try:
            taken = self._table.update_item(
                Key=_key(whose),
                UpdateExpression="SET next_at = next_at + :length, expires_at = :expires",
                ConditionExpression=f"next_at <= :latest AND {_FREE}",
                ExpressionAttributeValues={
                    ":now": start,
                    ":latest": latest,
                    ":length": millis,
                    ":expires": _expiry(now),
                },
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )["Attributes"]
        except ClientError as error:
            there = rejected_item(error) or {}
            until = max(int(there.get("held_until", 0)), int(there["next_at"]) - (latest - start))
            raise NotYetError("the slots are taken", from_millis(until)) from None
        return max(now, from_millis(int(str(taken["next_at"])) - millis))

    def hold(self, whose: str, now: datetime, until: datetime) -> None:
        """No slot is given before then."""
        try:
            self._table.update_item(
                Key=_key(whose),
                UpdateExpression="SET held_until = :until, expires_at = :expires",
                ConditionExpression="attribute_not_exists(held_until) OR held_until < :until",
                ExpressionAttributeValues={":until": to_millis(until), ":expires": _expiry(max(now, until))},
            )
        except ClientError as error:
            rejected_item(error)


def _key(whose: str) -> Item:
    return {"pk": "slots", "sk": whose}


def _expiry(now: datetime) -> int:
    return int((now + KEPT).timestamp())
