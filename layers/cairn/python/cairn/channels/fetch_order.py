"""In which order a sweep asks: after a limit or a failure, the next one begins with the channels that were not asked.

| pk | sk | `begin_at` | TTL |
|---|---|---|---|
| `starts#{platform}` | `sweep` | the number of the batch with which the next sweep begins | 1 day |
| `starts#{platform}` | `batch#{number}` | the id of the channel with which that batch begins | 1 day |

Both exist only after a sweep that ended early. One that outlives its reason costs nothing: every order is as good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import query_all, rejected_item
from cairn.clock import Clock, now
from cairn.messages import FetchBatch

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

RETENTION = timedelta(days=1)


class FetchOrder:
    """Kept in the channels table."""

    def __init__(self, table: Table, clock: Clock = now) -> None:
        self._table = table
        self._clock = clock

    def arrange(self, platform: str, batches: Sequence[FetchBatch]) -> list[FetchBatch]:
        """These batches of a platform, ascending by number, in the order in which to fetch them. One read."""
        items = query_all(self._table, Key("pk").eq(_pk(platform)))
        starts = {item["sk"]: str(item["begin_at"]) for item in items}
        first = int(starts.get("sweep", 0))
        from_first = [batch for batch in batches if batch.number >= first]
        before = [batch for batch in batches if batch.number < first]
        return [
            replace(batch, channel_ids=_from(starts.get(_batch(batch.number), ""), batch.channel_ids))
            for batch in [*from_first, *before]
        ]

    def begin_with(self, platform: str, number: int, channel_id: str) -> None:
        """Let this batch begin with a channel that was not asked."""
        self._put(platform, _batch(number), channel_id)

    def refused_at(self, platform: str, number: int, order: Sequence[str], channel_id: str) -> None:
        """A limit ended this batch at one of its channels, in the order in which they were asked.

        The next sweep begins with that channel, so that a quota reaches everybody in turn. If this one did already, and
        got no further, it begins with the next channel and the next batch: one that is always refused holds up nobody.
        """
        following = order[(order.index(channel_id) + 1) % len(order)]
        self._move(platform, _batch(number), channel_id, following)
        self._move(platform, "sweep", str(number), str(number + 1))

    def _move(self, platform: str, sort: str, refused: str, following: str) -> None:
        try:
            self._put(
                platform, sort, refused, ConditionExpression="attribute_not_exists(begin_at) OR begin_at <> :begin_at"
            )
        except ClientError as error:
            rejected_item(error)
            self._put(platform, sort, following)

    def _put(self, platform: str, sort: str, begin_at: str, **condition: Any) -> None:
        expires_at = int((self._clock() + RETENTION).timestamp())
        self._table.update_item(
            Key={"pk": _pk(platform), "sk": sort},
            UpdateExpression="SET begin_at = :begin_at, expires_at = :expires_at",
            ExpressionAttributeValues={":begin_at": begin_at, ":expires_at": expires_at},
            **condition,
        )


def _pk(platform: str) -> str:
    return f"starts#{platform}"


def _batch(number: int) -> str:
    return f"batch#{number:05d}"


def _from(begin_at: str, channel_ids: Sequence[str]) -> tuple[str, ...]:
    """Ascending ids, rotated so that the first one from `begin_at` on comes first."""
    later = [channel_id for channel_id in channel_ids if channel_id >= begin_at]
    return (*later, *(channel_id for channel_id in channel_ids if channel_id < begin_at))
