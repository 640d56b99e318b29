"""Everything that the upgrade tests import of the product and of the other tests' support.

A rename in the product changes this module, and no scenario, no test and no fixture.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

import boto3
from ministack.services import dynamodb

import cairn
from cairn.aws.sqs import Queue
from cairn.clock import from_iso, iso, now
from cairn.identity.api_keys import ApiKeys
from cairn.identity.revocations import Revocations
from cairn.messages import (
    _TYPES,
    Message,
    SyncCreator,
    SyncRun,
    WebhookAttempt,
    WebhookEvent,
    WebhookLane,
    WebhookReplay,
)
from cairn.realtime.membership import shard_of
from cairn.realtime.sign_out import SignOut
from cairn.telegram.announcement import AnnouncementChat
from cairn.telegram.deliveries import Deliveries
from cairn.webhooks.model import event_id
from operations.migration import move_boards, move_keys
from testing.account import Account, account
from testing.api import event as url_event
from testing.cloud import SECRETS
from testing.dynamodb import stored
from testing.fault_injection import Failure
from testing.functions import FUNCTIONS, InvocationFailedError
from testing.tables import TABLES
from testing.user_pool import PASSWORD, moto_keys
from testing.websocket_client import Client
from testing.websocket_client import event as socket_event
from tests.crash.channels.way import silence

__all__ = [
    "PASSWORD",
    "SECRETS",
    "TABLES",
    "Account",
    "Client",
    "Failure",
    "InvocationFailedError",
    "account",
    "from_iso",
    "iso",
    "moto_keys",
    "now",
    "shard_of",
    "silence",
    "socket_event",
    "stored",
    "url_event",
]


MESSAGE_TYPES = frozenset(_TYPES)


def restore(table: str, items: Iterable[Mapping[str, Any]]) -> None:
    """Put these items, in DynamoDB's JSON, into a table; its stream says nothing of them."""
    for item in items:
        if "sk" in item:
            stored(table).put(item)
        else:
            key = item.get("subject") or item["pk"]
            dynamodb._set_item(dynamodb._tables[table.lower()], key["S"], "__no_sort__", dict(item))


def docstrings() -> Iterator[tuple[str, str]]:
    """Every module of the product's library, and what it says of itself."""
    for found in pkgutil.walk_packages(cairn.__path__, f"{cairn.__name__}."):
        module: ModuleType = importlib.import_module(found.name)
        yield found.name, module.__doc__ or ""


def migrate(site_account: Account) -> list[str]:
    """What `make deploy` does after the deployment."""
    table = site_account.cloud.table
    return [
        *move_keys(table("AUDIENCE_TABLE"), table("KEYS_TABLE")),
        *move_boards(table("LEADERBOARD_TABLE"), table("BOARD_TABLE"), table("STATS_TABLE")),
    ]


# What follows has no entry point of a function: operators' tools do it, or only thousands of clients would.


def make_key(site_account: Account, name: str, scopes: Sequence[str], at: datetime) -> str:
    """An API key, as `./cairn keys create` makes it."""
    return ApiKeys(site_account.cloud.table("KEYS_TABLE")).create(name, scopes, at)


def reopen(site_account: Account, delivery: str, at: datetime) -> None:
    """Those who were not notified are tried again, as `./cairn announce` requests."""
    table = site_account.cloud.table
    assert Deliveries(table("AUDIENCE_TABLE"), table("MILESTONES_TABLE")).reopen(delivery, at) == 1


def know_the_announcement_channel(site_account: Account, name: str, chat_id: str, at: datetime) -> None:
    """What an account with an announcement channel knows of it."""
    channel = AnnouncementChat(site_account.cloud.table("AUDIENCE_TABLE"), name)
    channel.resolve(chat_id, at)
    channel.hold(at)


def queue_webhooks(at: datetime) -> None:
    """What waits of an event for webhooks, its attempt, a lane, and a replay, whose endpoint is deleted meanwhile.

    And what waits of the syncs of creators.
    """
    endpoint, event = "ep_000000000000", event_id(at, "upgrade")
    messages: list[Message] = [
        WebhookEvent(event, "acme.order_paid", "user:7", at, '{"amount":49}', "", "w1"),
        WebhookAttempt(endpoint, 0, event.removeprefix("evt_"), "", "w2"),
        WebhookLane(endpoint, 0, None, "w3"),
        WebhookReplay(endpoint, "r1", at, at, (), failed_only=True, after="", trace_id="w4"),
    ]
    Queue(boto3.client("sqs"), os.environ["WEBHOOK_QUEUE_URL"]).send(messages)
    syncs: list[Message] = [
        SyncRun("run-1", "s1"),
        SyncCreator("creator-1", "request", "run-1", deep=True, at=at, trace_id="s2"),
    ]
    Queue(boto3.client("sqs"), os.environ["CREATORS_QUEUE_URL"]).send(syncs)


def sign_out_everywhere(site_account: Account, name: str, at: datetime) -> None:
    """As `./cairn people sign-out` does it, in the second of Cognito's answer."""
    queue = Queue(boto3.client("sqs"), os.environ["BROADCAST_QUEUE_URL"])
    SignOut(Revocations(site_account.cloud.table("SESSIONS_TABLE")), queue, now).everywhere(name, at)


def deliver_in_parts_beyond(sockets: int) -> None:
    """Smaller rooms than in AWS are large."""
    FUNCTIONS["broadcast"].dependencies.broadcaster._sockets._large = sockets


def spread_viewers_beyond(viewers: int) -> None:
    """Fewer viewers than in AWS make a channel spread over more partition keys."""
    for name in ("count_viewers", "viewer_heartbeat"):
        FUNCTIONS[name].dependencies.counting._per_shard = viewers


def count_stream_records_from_zero() -> None:
    """The in-memory DynamoDB numbers its stream records for as long as the process lives."""
    vars(dynamodb)["_stream_seq_counter"] = 0
