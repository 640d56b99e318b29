"""The functions as Lambda runs them: cold at first, then warm, and cold again after a restart."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

import httpx
from aws_lambda_powertools.utilities import parameters

from cairn.aws import dynamodb, sqs, vault, websocket_api
from cairn.aws.websocket_api import Connect
from cairn.creators.model import Creator
from cairn.creators.platforms import CreatorPlatform
from cairn.workspace.following import following_settings
from testing import adversarial_dynamodb
from testing.webhook_client import PostByTransport

Invoke = Callable[[str, dict[str, Any]], Any]
"""Invokes a function by name with an event."""


PUBLIC_FUNCTIONS = ("api", "creator_webhook", "ingest_usage", "telegram_webhook", "viewer_heartbeat")
"""The functions with a Lambda URL, which answer through the distribution only."""

_running: list[str] = []
"""The functions that run now: the last one was invoked in the middle of a call of the one before it."""
before_call: Callable[[str, str, str, Mapping[str, Any]], None] | None = None
"""Receives each AWS call of a function before it is sent: the function, the service, the operation and the request."""


def note_call(model: Any, params: Mapping[str, Any], **_: object) -> None:
    """botocore's event `before-call`; the services of Cairn's functions are sent JSON."""
    if before_call and _running:
        before_call(_running[-1], model.service_model.service_name, model.name, json.loads(params["body"] or "{}"))


@contextmanager
def beside_the_functions() -> Iterator[None]:
    """In the block, calls are the test's own, although a function is in the middle of one of its own."""
    interrupted = _running.copy()
    _running.clear()
    try:
        yield
    finally:
        _running.extend(interrupted)


class InvocationFailedError(Exception):
    """The function raised, ran out of time, or its sandbox died: the same to its caller."""


class Running:
    """A function with its dependencies, as a sandbox keeps them between invocations."""

    def __init__(self, name: str, **seams: object) -> None:
        self.name = name
        module: Any = import_module(f"functions.{name}.handler")
        accepted = inspect.signature(module.Dependencies).parameters
        self.dependencies: Any = module.Dependencies(**{key: seams[key] for key in accepted if key in seams})
        self._handler: Any = module.create(self.dependencies)

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        _running.append(self.name)
        try:
            with adversarial_dynamodb.in_a_function():
                return self._handler(event, context)
        finally:
            _running.pop()

    def warm_up(self) -> None:
        """Create every adapter, as a first invocation does."""
        cls = type(self.dependencies)
        for name in dir(cls):
            if isinstance(inspect.getattr_static(cls, name), cached_property | following_settings):
                getattr(self.dependencies, name)


@dataclass
class Functions:
    """The functions of an account. `transport` and `connect` replace the platforms and API Gateway's sockets.

    `creator_platform` replaces the clients of creators' platforms.
    """

    transport: httpx.BaseTransport | None = None
    connect: Connect = websocket_api.connect
    creator_platform: Callable[[Creator], CreatorPlatform] | None = None
    _running: dict[str, Running] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Running:
        if name not in self._running:
            post = PostByTransport(self.transport) if self.transport else None
            self._running[name] = Running(
                name,
                transport=self.transport,
                connect=self.connect,
                client=post,
                creator_platform=self.creator_platform,
            )
        return self._running[name]

    def restart(self, *names: str) -> None:
        """Let these functions, or all, start cold; their AWS clients stay."""
        for name in names or list(self._running):
            self._running.pop(name, None)

    def forget(self) -> None:
        """Let everything start cold, AWS clients and secrets included."""
        self.restart()
        dynamodb.resource.cache_clear()
        sqs.client.cache_clear()
        vault.client.cache_clear()
        parameters.clear_caches()  # type: ignore[no-untyped-call]  # untyped in Powertools


FUNCTIONS = Functions()
"""The functions of the current test's account."""
