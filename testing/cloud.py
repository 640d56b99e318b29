"""An AWS account in this process (moto), whose stream records and messages tests deliver themselves.

moto stores event source mappings without running them, so `Cloud` returns records in AWS's event formats, for tests to
pass to the handlers in any order.
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
from testing.functions import FUNCTIONS, note_call
from testing.records import received_record
from testing.tables import TABLES
from testing.user_pool import CLIENT_ID, ISSUER, POOL_ID, UserPool

Handler = Callable[[dict[str, Any], Any], Any]
MOVED = {"pk": {"S": "moved"}, "sk": {"N": "0"}}
"""The board table's item after `operations migrate`: no rows of version 0.1.0 are left."""
QUEUES = {
    "NOTIFY_QUEUE_URL": "notify",
    "FETCH_QUEUE_URL": "fetch",
    "BROADCAST_QUEUE_URL": "broadcast.fifo",
    "COUNT_QUEUE_URL": "count.fifo",
    "WEBHOOK_QUEUE_URL": "webhook.fifo",
    "CREATORS_QUEUE_URL": "creators",
    "FAILURES_URL": "failures",
}
SECRETS = {
    "YOUTUBE_SECRET": {"YOUTUBE_API_KEY": "AIza-test"},
    "TELEGRAM_SECRET": {"TELEGRAM_BOT_TOKEN": "123456:AA-test", "TELEGRAM_WEBHOOK_SECRET": "hush"},
    "INSTAGRAM_SECRET": {"INSTAGRAM_ACCESS_TOKEN": "IG-test", "INSTAGRAM_USER_ID": "17841400000000000"},
    "CREATOR_SECRET": {"CREATOR_API_KEY": "FV-test", "CREATOR_WEBHOOK_SECRET": "hush, creators"},
}
CDN_KEY = "front"
INITIAL_SETTINGS = {"refresh_age_seconds": 300, "stale_after_seconds": 900}
SETTINGS = {
    "YOUTUBE_API_URL": "http://platforms.test/youtube/v3",
    "TELEGRAM_API_URL": "http://platforms.test/telegram",
    "INSTAGRAM_API_URL": "http://platforms.test/instagram/v25.0",
    "CREATOR_API_URL": "http://platforms.test/fanvue",
    "CREATOR_AUTH_URL": "http://platforms.test/fanvue",
    "INITIAL_SETTINGS": json.dumps(INITIAL_SETTINGS),
    "AVATAR_HOSTS": "people.test",
    "USER_POOL_ID": POOL_ID,
    "USER_POOL_CLIENT_ID": CLIENT_ID,
    "USER_POOL_ISSUER": ISSUER,
    "USER_POOL_JWKS_URL": "http://platforms.test/people/.well-known/jwks.json",
    "CONNECTIONS_URL": "http://sockets.test/live",
    "WEBSOCKET_URL": "ws://sockets.test/live",
    "CDN_KEYS": f"{CDN_KEY} the-key-before",
    "DIRECT_CALLS": "reject",
    "ADDRESS_KEY": "a secret",
    "WEBHOOK_ALLOWED_TARGETS": "",
}


@dataclass(frozen=True)
class Context:
    """Lambda's context of an invocation."""

    seconds: float = 60.0
    aws_request_id: str = field(default_factory=lambda: uuid4().hex)
    function_name: str = "test"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:test"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def make_tables(client: Any) -> None:
    """The template's tables, named after the functions' environment variables, after `operations migrate`."""
    for variable, definition in TABLES.items():
        client("dynamodb").create_table(TableName=variable.lower(), BillingMode="PAY_PER_REQUEST", **definition)
    client("dynamodb").put_item(TableName="board_table", Item=MOVED)


class Cloud:
    """Tables, queues and secrets, created and read through `client`, and the environment variables for them."""

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
        os.environ["WEBHOOK_KEY"] = client("kms").create_key()["KeyMetadata"]["Arn"]
        os.environ.update(SETTINGS)
        self._streams = client("dynamodbstreams")
        self._read: set[str] = set()

    @cached_property
    def people(self) -> UserPool:
        """Created on first use."""
        return UserPool()

    def table(self, variable: str) -> Any:
        return boto3.resource("dynamodb").Table(variable.lower())

    def changes(self) -> list[dict[str, Any]]:
        """The stats table's new stream records since the last call, in Lambda's format."""
        iterator = self._streams.get_shard_iterator(**self._shard, ShardIteratorType="TRIM_HORIZON")
        records = self._streams.get_records(ShardIterator=iterator["ShardIterator"], Limit=1000)["Records"]
        fresh = [record for record in records if record["eventID"] not in self._read]
        self._read |= {record["eventID"] for record in fresh}
        for change in (record["dynamodb"] for record in fresh):
            change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
        return [record for record in fresh if record["eventName"] in ("INSERT", "MODIFY")]

    @cached_property
    def _shard(self) -> dict[str, Any]:
        """The only shard of the stats table's stream."""
        arn = self._streams.list_streams(TableName="stats_table")["Streams"][0]["StreamArn"]
        shard = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        return {"StreamArn": arn, "ShardId": shard}

    def messages(self, variable: str) -> list[dict[str, Any]]:
        """The visible messages of a queue, in Lambda's format; they stay invisible until deleted or changed."""
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
        """Receive and delete all messages of a queue. Of a message group, SQS returns one batch at a time."""
        found = []
        while records := self.messages(variable):
            for record in records:
                found.append(load(record["body"]))
                self.delete(variable, record)
        return found

    def flow(self) -> None:
        """Deliver stream records and messages until there are no more."""
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


# The rest makes a fresh account for each test cheap.

_first_tables: dict[str, Any] = {}


def _copy_tables(client: Any) -> None:
    """Copies of the first account's tables."""
    if not _first_tables:
        make_tables(client)
        _first_tables.update(deepcopy(dict(dynamodb._tables)))
    for name, table in deepcopy(_first_tables).items():
        dynamodb._tables[name] = table


# boto3 reads each service's description again for each session: share one loader.
_descriptions = create_loader()
vars(botocore.session)["create_loader"] = lambda _path: _descriptions
# Event aliases are the same for all clients.
_aliaser: Any = EventAliaser(HierarchicalEmitter())  # its type stubs lack this method
_aliased = cache(_aliaser._alias_event_name)
setattr(EventAliaser, "_alias_event_name", lambda _, name: _aliased(name))  # noqa: B010 - mypy does not know it
# Signatures, user agents and proxies are not needed here, and each takes botocore a long time.
_FAST_CONFIG = Config(signature_version=UNSIGNED, user_agent="tests", proxies={})


def fresh_session() -> botocore.session.Session:
    """A session for an account's clients."""
    hooks = copy(_hooks(tuple(BUILTIN_HANDLERS)))
    session = botocore.session.Session(event_hooks=hooks, include_builtin_handlers=False)
    session.set_default_client_config(_FAST_CONFIG)
    return session


@lru_cache(maxsize=1)
def _hooks(handlers: tuple[Any, ...]) -> HierarchicalEmitter:
    """botocore's handlers and any replacement of the network. Registering them takes ten times as long as a copy."""
    hooks = HierarchicalEmitter()
    botocore.session.Session(event_hooks=hooks)
    hooks.register("before-call.*.*", note_call)
    return hooks


def _shared_client(service: str) -> Any:
    """A client for all accounts: it has no state of the one in which it was created."""
    return _client(service, tuple(BUILTIN_HANDLERS))


@lru_cache(maxsize=4)
def _client(service: str, handlers: tuple[Any, ...]) -> Any:
    return boto3.Session(botocore_session=fresh_session()).client(service)  # type: ignore[call-overload]  # a dynamic service name


@contextmanager
def cloud(transport: httpx.BaseTransport) -> Iterator[Cloud]:
    """A fresh account with cold functions; `transport` answers for the platforms."""
    with mock_aws():
        dynamodb.reset()  # if it is MiniStack's: testing/dynamodb.py
        boto3.setup_default_session(botocore_session=fresh_session())
        FUNCTIONS.forget()
        FUNCTIONS.transport = transport
        try:
            yield Cloud(_shared_client, _copy_tables)
        finally:
            transport.close()
            FUNCTIONS.transport = None
            FUNCTIONS.creator_platform = None
            FUNCTIONS.forget()
