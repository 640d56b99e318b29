"""An AWS account in this process (moto), and the way of a reading through it, driven by hand.

moto keeps event source mappings without running them, so `Cloud` itself brings stream records and messages to the
handlers, in AWS's own event shapes, as often and in the order a test wants.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from typing import Any
from uuid import uuid4

import boto3
import botocore.session
import httpx
from botocore import UNSIGNED
from botocore.config import Config
from botocore.handlers import BUILTIN_HANDLERS
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.loaders import create_loader
from ministack.services import dynamodb
from moto import mock_aws

from cairn.messages import Message, load
from testing.functions import FUNCTIONS
from testing.records import received_record
from testing.tables import TABLES
from testing.user_pool import CLIENT_ID, ISSUER, POOL_ID, UserPool

Handler = Callable[[dict[str, Any], Any], Any]
QUEUES = {
    "NOTIFY_QUEUE_URL": "notify",
    "FETCH_QUEUE_URL": "fetch",
    "BROADCAST_QUEUE_URL": "broadcast.fifo",
    "COUNT_QUEUE_URL": "count.fifo",
}
SECRETS = {
    "YOUTUBE_SECRET": {"YOUTUBE_API_KEY": "AIza-test"},
    "TELEGRAM_SECRET": {"TELEGRAM_BOT_TOKEN": "123456:AA-test", "TELEGRAM_WEBHOOK_SECRET": "hush"},
    "INSTAGRAM_SECRET": {"INSTAGRAM_ACCESS_TOKEN": "IG-test", "INSTAGRAM_USER_ID": "17841400000000000"},
}
SETTINGS = {
    "YOUTUBE_API_URL": "http://platforms.test/youtube/v3",
    "TELEGRAM_API_URL": "http://platforms.test/telegram",
    "INSTAGRAM_API_URL": "http://platforms.test/instagram/v25.0",
    "LADDERS": "{}",
    "LIVE_CHANNELS": "{}",
    "TIME_ZONE": "UTC",
    "REFRESH_AGE_SECONDS": "300",
    "STALE_AFTER_SECONDS": "900",
    "TELEGRAM_ANNOUNCEMENT_CHAT": "",
    "TELEGRAM_MESSAGES_PER_SECOND": "29.25",
    "TELEGRAM_PROGRESS_EVERY": "1",
    "USER_POOL_ID": POOL_ID,
    "USER_POOL_CLIENT_ID": CLIENT_ID,
    "USER_POOL_ISSUER": ISSUER,
    "USER_POOL_JWKS_URL": "http://platforms.test/people/.well-known/jwks.json",
    "CONNECTIONS_URL": "http://sockets.test/live",
    "WEBSOCKET_URL": "ws://sockets.test/live",
    "VIEWER_HEARTBEAT_INTERVAL": "30000",
    "VIEWER_TIMEOUT": "60",
    "VIEWER_COUNT_UPDATE_INTERVAL": "2000",
    "VIEWER_JOINS_PER_MINUTE": "200",
    "CDN_KEY": "front",
}


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler about its invocation."""

    seconds: float = 60.0
    aws_request_id: str = field(default_factory=lambda: uuid4().hex)
    function_name: str = "test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def make_tables(client: Any) -> None:
    """The template's tables, by the names of the functions' environment."""
    for variable, definition in TABLES.items():
        client("dynamodb").create_table(TableName=variable.lower(), BillingMode="PAY_PER_REQUEST", **definition)


class Cloud:
    """Tables, queues and secrets by the names of the functions' environment, made and read through `client`."""

    def __init__(self, client: Any = boto3.client, make_tables: Callable[[Any], None] = make_tables) -> None:
        self._sqs = client("sqs")
        make_tables(client)
        os.environ.update({variable: variable.lower() for variable in TABLES})
        for variable, name in QUEUES.items():
            attributes: Any = {"Attributes": {"FifoQueue": "true"}} if name.endswith(".fifo") else {}
            os.environ[variable] = self._sqs.create_queue(QueueName=name, **attributes)["QueueUrl"]
        secrets = client("secretsmanager")
        for variable, keys in SECRETS.items():
            secrets.create_secret(Name=variable.lower(), SecretString=json.dumps(keys))
            os.environ[variable] = variable.lower()
        os.environ.update(SETTINGS)
        self._streams = client("dynamodbstreams")
        self._read: set[str] = set()

    @cached_property
    def people(self) -> UserPool:
        """Made when it is first asked for."""
        return UserPool()

    def table(self, variable: str) -> Any:
        return boto3.resource("dynamodb").Table(variable.lower())

    def changes(self) -> list[dict[str, Any]]:
        """The stats table's stream records that were not taken out yet, as Lambda brings them."""
        iterator = self._streams.get_shard_iterator(**self._shard, ShardIteratorType="TRIM_HORIZON")
        records = self._streams.get_records(ShardIterator=iterator["ShardIterator"], Limit=1000)["Records"]
        fresh = [record for record in records if record["eventID"] not in self._read]
        self._read |= {record["eventID"] for record in fresh}
        return [record for record in fresh if record["eventName"] in ("INSERT", "MODIFY")]

    @cached_property
    def _shard(self) -> dict[str, Any]:
        """The only one there is of the stats table's stream."""
        arn = self._streams.list_streams(TableName="stats_table")["Streams"][0]["StreamArn"]
        shard = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        return {"StreamArn": arn, "ShardId": shard}

    def messages(self, variable: str) -> list[dict[str, Any]]:
        """The visible messages of a queue, as Lambda brings them; they stay invisible until deleted or changed."""
        records: list[dict[str, Any]] = []
        while True:
            found = self._sqs.receive_message(
                QueueUrl=os.environ[variable], MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
            )
            if not found.get("Messages"):
                return records
            records += map(received_record, found["Messages"])

    def delete(self, variable: str, record: dict[str, Any]) -> None:
        self._sqs.delete_message(QueueUrl=os.environ[variable], ReceiptHandle=record["receiptHandle"])

    def drain(self, variable: str) -> list[Message]:
        """What is on a queue, which is empty then. Of a message group, SQS returns one batch at a time."""
        found = []
        while records := self.messages(variable):
            for record in records:
                found.append(load(record["body"]))
                self.delete(variable, record)
        return found

    def flow(self) -> None:
        """Bring everything that waits to its function until nothing waits any more."""
        while True:
            changes = self.changes()
            if changes:
                for name in ("detect_milestone", "record_history"):
                    assert FUNCTIONS[name]({"Records": changes}, Context()) == {"batchItemFailures": []}
            moved = bool(changes)
            for variable, name in (("FETCH_QUEUE_URL", "fetch_stats"), ("NOTIFY_QUEUE_URL", "notify")):
                for record in self.messages(variable):
                    moved = True
                    if not FUNCTIONS[name]({"Records": [record]}, Context())["batchItemFailures"]:
                        self.delete(variable, record)
            if not moved:
                return


# What follows makes an account cheap that is fresh for each test.

_tables_as_made: dict[str, Any] = {}


def _make_tables_again(client: Any) -> None:
    """If they are MiniStack's, a copy of those of the first account."""
    if not _tables_as_made:
        make_tables(client)
        _tables_as_made.update(deepcopy(dict(dynamodb._tables)))
    for name, table in deepcopy(_tables_as_made).items():
        dynamodb._tables[name] = table


# boto3 reads each service's description anew for each session: one reader for all, whoever makes them.
_descriptions = create_loader()
vars(botocore.session)["create_loader"] = lambda _path: _descriptions
# Nor does a name change its meaning from one client to the next.
_plain: Any = EventAliaser(HierarchicalEmitter())  # its types leave this method out
_aliased = cache(_plain._alias_event_name)
setattr(EventAliaser, "_alias_event_name", lambda _, name: _aliased(name))  # noqa: B010 - mypy knows of none
# Nobody here looks at a signature or at who calls, nor is there a proxy; botocore takes long for each.
_PLAIN = Config(signature_version=UNSIGNED, user_agent="tests", proxies={})


def fresh_session() -> botocore.session.Session:
    """What an account's clients have in common."""
    hooks = copy(_hooks(tuple(BUILTIN_HANDLERS)))
    session = botocore.session.Session(event_hooks=hooks, include_builtin_handlers=False)
    session.set_default_client_config(_PLAIN)
    return session


@lru_cache(maxsize=1)
def _hooks(handlers: tuple[Any, ...]) -> HierarchicalEmitter:
    """botocore's own, with whatever stands in the place of the network: registering them takes ten times a copy."""
    hooks = HierarchicalEmitter()
    botocore.session.Session(event_hooks=hooks)
    return hooks


def _own_client(service: str) -> Any:
    """One for every account: it knows nothing of the one that it was made in."""
    return _client(service, tuple(BUILTIN_HANDLERS))


@lru_cache(maxsize=4)
def _client(service: str, handlers: tuple[Any, ...]) -> Any:
    return boto3.Session(botocore_session=fresh_session()).client(service)  # type: ignore[call-overload]  # one of many


@contextmanager
def cloud(transport: httpx.BaseTransport) -> Iterator[Cloud]:
    """A fresh account, and functions that have never run, whose platforms are behind `transport`."""
    with mock_aws():
        dynamodb.reset()  # if it is MiniStack's: testing/dynamodb.py
        boto3.setup_default_session(botocore_session=fresh_session())
        FUNCTIONS.forget()
        FUNCTIONS.transport = transport
        try:
            yield Cloud(_own_client, _make_tables_again)
        finally:
            FUNCTIONS.transport = None
            FUNCTIONS.forget()
