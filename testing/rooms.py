"""Rooms, their sockets and viewers, as the functions see them."""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random

import boto3

from cairn.aws.sqs import Queue
from cairn.clock import now, to_millis
from cairn.realtime.membership import LARGE_ROOM, Sockets, shard_of
from cairn.viewers.presence import Presence
from testing.cloud import Cloud

JOINED_BEFORE = timedelta(minutes=5)
"""How long a test's sockets have been in their rooms."""


def presence_of(aws: Cloud) -> Presence:
    """Joining and leaving, as in a function of its own."""
    return Presence.of(aws.table("PRESENCE_TABLE"), Queue(boto3.client("sqs"), os.environ["COUNT_QUEUE_URL"]), now)


def sockets_of(aws: Cloud, *, large: int = LARGE_ROOM) -> Sockets:
    return Sockets(aws.table("CONNECTIONS_TABLE"), presence_of(aws), large=large)


def members(sockets: Sockets, room: str) -> set[str]:
    return {member.connection_id for member in sockets.audience(room, now()) or ()}


def crowd(aws: Cloud, room: str, size: int) -> list[str]:
    """So many sockets in a room, written as joining writes them; the same names each time, so the same shards."""
    names = [Random(f"{room} {size} {number}").randbytes(16).hex() for number in range(size)]  # noqa: S311 - no secret
    since, expires_at = to_millis(now() - JOINED_BEFORE), int(now().timestamp()) + 7200
    with aws.table("CONNECTIONS_TABLE").batch_writer() as batch:
        for name in names:
            key = {"pk": f"room#{room}", "sk": f"{shard_of(name):x}#{name}"}
            batch.put_item(Item=key | {"since": since, "expires_at": expires_at})
    return names


def remaining_keys(aws: Cloud) -> list[str]:
    """The sort keys in the connections table, except the notes that a socket is closed."""
    return [item["sk"] for item in aws.table("CONNECTIONS_TABLE").scan()["Items"] if "closed" not in item]
