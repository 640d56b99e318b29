"""Who may send when: intervals of time, leased one after the other from an item of the audience table.

| pk | sk | holds | TTL |
|---|---|---|---|
| `slots` | scope: `bot#{lane}` or `chat#{id}` | when the next interval may start; the end of a hold | 1 hour |
| `slots` | `refused` | the chat that Telegram last asked to wait for, and until when a second one counts | 1 hour |
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
RETENTION = timedelta(hours=1)
LONGEST_LEASE = timedelta(minutes=10)
"""An interval that starts later than `max_wait` and this was leased by a sender whose clock was wrong."""
TOGETHER = timedelta(minutes=1)
"""Two chats that are refused within this time are taken for a refusal of the bot."""
_NOT_HELD = "(attribute_not_exists(held_until) OR held_until <= :now)"


class SendSlots:
    def __init__(self, table: Table) -> None:
        self._table = table

    def lease(self, scope: str, now: datetime, length: timedelta, max_wait: timedelta) -> datetime:
        """Lease an interval of `length` and return its start. NotYetError when that is more than `max_wait` away.

        One update when no sender waits, otherwise two; the item is the only state that senders share.
        """
        start, millis = to_millis(now), -(-length // timedelta(milliseconds=1))
        latest = to_millis(now + max_wait)
        implausible = to_millis(now + max_wait + LONGEST_LEASE)
        try:
            self._table.update_item(
                Key=_key(scope),
                UpdateExpression="SET next_at = :next, expires_at = :expires",
                ConditionExpression="(attribute_not_exists(next_at) OR next_at <= :now OR next_at > :implausible) "
                f"AND {_NOT_HELD}",
                ExpressionAttributeValues={
                    ":now": start,
                    ":next": start + millis,
                    ":implausible": implausible,
                    ":expires": _expiry(now),
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
            return now
        except ClientError as error:
            stored = rejected_item(error) or {}
        if int(stored.get("held_until", 0)) > start:
            raise NotYetError("Telegram holds the bot", from_millis(int(stored["held_until"])))
        try:
            leased = self._table.update_item(
                Key=_key(scope),
                UpdateExpression="SET next_at = next_at + :length, expires_at = :expires",
                ConditionExpression=f"next_at <= :latest AND {_NOT_HELD}",
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
            stored = rejected_item(error) or {}
            until = max(int(stored.get("held_until", 0)), int(stored["next_at"]) - (latest - start))
            raise NotYetError("all send slots are leased", from_millis(until)) from None
        return max(now, from_millis(int(str(leased["next_at"])) - millis))

    def hold(self, scope: str, now: datetime, until: datetime) -> None:
        """Lease no interval before `until`."""
        try:
            self._table.update_item(
                Key=_key(scope),
                UpdateExpression="SET held_until = :until, expires_at = :expires",
                ConditionExpression="attribute_not_exists(held_until) OR held_until < :until",
                ExpressionAttributeValues={":until": to_millis(until), ":expires": _expiry(max(now, until))},
            )
        except ClientError as error:
            rejected_item(error)

    def is_second_refusal(self, chat_id: str, now: datetime) -> bool:
        """Note that Telegram asks to wait for a chat; True when it has just done so for another one.

        Its answer does not say whether the chat or the bot has sent too much.
        """
        until = to_millis(now + TOGETHER)
        try:
            self._table.update_item(
                Key=_key("refused"),
                UpdateExpression="SET chat_id = :chat, next_at = :until, expires_at = :expires",
                ConditionExpression="attribute_not_exists(next_at) OR chat_id = :chat OR next_at <= :now "
                "OR next_at > :until",
                ExpressionAttributeValues={
                    ":chat": chat_id,
                    ":until": until,
                    ":now": to_millis(now),
                    ":expires": _expiry(now),
                },
            )
        except ClientError as error:
            rejected_item(error)
            return True
        return False


def _key(scope: str) -> Item:
    return {"pk": "slots", "sk": scope}


def _expiry(now: datetime) -> int:
    return int((now + RETENTION).timestamp())
