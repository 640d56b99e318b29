"""Which chat may be sent to when: the intervals of the bot and of chats, and the refusals that concern the whole bot.

| pk | sk | holds | TTL |
|---|---|---|---|
| `slots` | scope: `bot#{lane}` or `chat#{id}` | when the next interval may start; the end of a hold | 1 hour |
| `slots` | `refused` | the chat that Telegram last asked to wait for, and until when a second one counts | 1 hour |
"""

from __future__ import annotations

from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import rejected_item
from cairn.aws.intervals import Intervals, slot_expiry, slot_key
from cairn.clock import to_millis

BOT = "bot"
TOGETHER = timedelta(minutes=1)
"""Two chats that are refused within this time are taken for a refusal of the bot."""


class SendSlots(Intervals):
    def is_second_refusal(self, chat_id: str, now: datetime) -> bool:
        """Note that Telegram asks to wait for a chat; True when it has just done so for another one.

        Its answer does not say whether the chat or the bot has sent too much.
        """
        until = to_millis(now + TOGETHER)
        try:
            self.table.update_item(
                Key=slot_key("refused"),
                UpdateExpression="SET chat_id = :chat, next_at = :until, expires_at = :expires",
                ConditionExpression="attribute_not_exists(next_at) OR chat_id = :chat OR next_at <= :now "
                "OR next_at > :until",
                ExpressionAttributeValues={
                    ":chat": chat_id,
                    ":until": until,
                    ":now": to_millis(now),
                    ":expires": slot_expiry(now),
                },
            )
        except ClientError as error:
            rejected_item(error)
            return True
        return False
