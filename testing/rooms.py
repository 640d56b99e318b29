"""Who watches what, as the functions know it."""

from __future__ import annotations

import os

import boto3

from cairn.aws.sqs import Queue
from cairn.clock import now
from cairn.realtime.membership import LARGE, Sockets
from cairn.viewers.presence import Presence
from testing.cloud import Cloud


def presence_of(aws: Cloud) -> Presence:
    """Coming and going, as if in a function of its own."""
    return Presence.of(aws.table("PRESENCE_TABLE"), Queue(boto3.client("sqs"), os.environ["COUNT_QUEUE_URL"]), now)


def sockets_of(aws: Cloud, *, large: int = LARGE) -> Sockets:
    return Sockets(aws.table("CONNECTIONS_TABLE"), presence_of(aws), large=large)
