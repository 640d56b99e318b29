"""DynamoDB for tests in this process: MiniStack's, in the place of moto's.

It answers in a fifth of moto's time, and as atomically as DynamoDB: moto reads, changes and writes back without a lock,
and takes a whole table back when a transaction is cancelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import RLock
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest
from ministack.services import dynamodb, dynamodb_streams
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

_SERVICES: dict[str, ModuleType] = {"dynamodb": dynamodb, "streams": dynamodb_streams}
_moto = BotocoreStubber.process_request
_one_at_a_time = RLock()


def _answered(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Any:
    host = urlsplit(request.url).hostname or ""
    service = _SERVICES.get(host.partition(".")[0])
    if service is None:
        return _moto(stubber, request)
    headers = {name.lower(): _text(value) for name, value in request.headers.items()}
    asking = service.handle_request(request.method, "/", headers, request.body, {})
    with _one_at_a_time:
        try:
            asking.send(None)
        except StopIteration as done:
            status, answered, body = done.value
            return status, answered, body if isinstance(body, bytes) else body.encode()
    raise AssertionError("MiniStack's DynamoDB waits for something")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@dataclass(frozen=True)
class Stored:
    """A table as it is in memory: what a Scan, or the stream, would say, in no time."""

    name: str

    def items(self) -> list[dict[str, Any]]:
        """Everything in it, each value with its type."""
        return [item for items in self._table["items"].values() for item in items.values()]

    def records(self) -> list[dict[str, Any]]:
        """Of its stream, from the beginning."""
        return list(dynamodb._stream_records.get(self.name) or ())

    def put(self, item: Mapping[str, Any]) -> None:
        """As it goes over the wire; nothing is looked at, and the stream hears nothing."""
        keys = [dynamodb._extract_key_val(item[self._table[name]]) for name in ("pk_name", "sk_name")]
        dynamodb._set_item(self._table, *keys, dict(item))

    def clear(self) -> None:
        """Neither items nor records are left."""
        self._table["items"].clear()
        self._table.pop(dynamodb._INDEX_MEMBERS, None)
        dynamodb._stream_records.pop(self.name, None)

    @property
    def _table(self) -> Any:
        return dynamodb._tables[self.name]


@contextmanager
def empty_account() -> Iterator[None]:
    """An account in this process, in which nothing is yet."""
    with mock_aws():
        dynamodb.reset()
        yield


def stored(variable: str) -> Stored:
    return Stored(variable.lower())


setattr(BotocoreStubber, "process_request", _answered)  # noqa: B010 - mypy would have a method stay as it is
# What an expression's text alone decides is found once; who asks for its tokens gets a list of their own.
_tokens = lru_cache(dynamodb._tokenize)
vars(dynamodb)["_tokenize"] = lambda text: [*_tokens(text)]
vars(dynamodb)["_condition_syntax_error"] = lru_cache(dynamodb._condition_syntax_error)
vars(dynamodb)["_STREAM_RETENTION_SECONDS"] = 10**9  # here a stream's readers are looked at after whole days too
