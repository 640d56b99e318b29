"""A local cloud for tests: started as by `make run`, without the demo, on free ports and in a separate directory.

Tests share it, so each uses channels and chats that no other test uses.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from cairn.cdn import KEY_HEADER, VIEWER_HEADER
from local.processes import port_is_taken
from local.settings import CACHE, PLATFORMS, ROOT
from operations.stack import Stack, read_local_stack

START_SECONDS = 300
"""Includes building the dependency layer and the first synthesis on a fresh clone."""
STOP_SECONDS = 15

HEARTBEAT_MILLISECONDS = 2000
TIME_OUT_SECONDS = 6
JOINS_PER_MINUTE = 100
"""Per address: more than all other tests need, and quickly reached by the test of the limit."""
NAMED_CHANNEL = {"stage": "The stage"}
"""The live channel whose milestones are announced on Telegram."""
CREATORS_CHAT = 990_100
"""The Telegram chat that is told of creators."""

_TRUSTED = ssl.create_default_context()
"""Unused, since nothing here uses TLS, but creating one for each client would take longer than most requests."""


@dataclass(frozen=True)
class LocalCloud:
    """A running local cloud: its outputs.json, and clients for its parts."""

    outputs: dict[str, str]
    home: Path
    stack: Stack
    """The deployed stack's outputs, and AWS clients with every permission."""
    api: httpx.Client
    """The API, called with the admin key."""
    sandbox: httpx.Client
    """The sandbox platforms and their control API."""

    def another(self) -> httpx.Client:
        """Another client of the API, for another thread."""
        return client(self.outputs["ApiUrl"], self.outputs["AdminApiKey"])


def client(url: str = "", key: str | None = None) -> httpx.Client:
    """For one thread, or a few: with many, httpx's pool closes idle connections that it has just given to another.

    https://github.com/encode/httpcore/blob/1.0.9/httpcore/_sync/http11.py: `close` has no lock around it.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False, verify=_TRUSTED)


def function_url(stack: Stack, function: str) -> str:
    """A function's own Lambda URL, in a form that needs no DNS; `function` as in the names of outputs."""
    host = urlsplit(stack.output(f"{function}FunctionUrl")).hostname or ""
    return f"{stack.clients.endpoint_url}/_aws/lambda-url/{host.partition('.')[0]}"


def cdn_headers(stack: Stack, function: str) -> dict[str, str]:
    """What the distribution sends to the function, which rejects requests without it."""
    configuration = stack.clients.functions.get_function_configuration(FunctionName=stack.output(f"{function}Function"))
    key = configuration["Environment"]["Variables"]["CDN_KEYS"].split()[0]
    return {KEY_HEADER: key, VIEWER_HEADER: "127.0.0.1"}


@pytest.fixture(scope="session")
def local_cloud() -> Iterator[LocalCloud]:
    """A local cloud that fetches every minute, with short timeouts of viewers."""
    with started(
        "e2e",
        CAIRN_FETCH_SCHEDULE="rate(1 minute)",
        VIEWER_HEARTBEAT_INTERVAL=str(HEARTBEAT_MILLISECONDS),
        VIEWER_TIMEOUT=str(TIME_OUT_SECONDS),
        VIEWER_JOINS_PER_MINUTE=str(JOINS_PER_MINUTE),
        # All viewers have the same address, and no test waits for a minute.
        VIEWER_MILESTONE_PER_ADDRESS="1000",
        VIEWER_MILESTONE_SECONDS="3",
        LIVE_CHANNELS=json.dumps(NAMED_CHANNEL),
        CREATORS_TELEGRAM_CHAT=json.dumps(str(CREATORS_CHAT)),
    ) as cloud:
        yield cloud


@contextmanager
def started(name: str, **chosen: str) -> Iterator[LocalCloud]:
    """A local cloud with the sandbox, without the demo; the test fails when it does not start or stop cleanly."""
    port = free_ports(3)
    home = CACHE / f"{name}-{port}"
    environment = os.environ | {
        **dict.fromkeys(_viewer_variables(), ""),
        **chosen,
        "CAIRN_PORT": str(port),
        "CAIRN_HOME": str(home),
        "DEMO": "0",
        # Empty values hide a developer's own keys and settings in the environment or .env.
        **{variable: "" for platform in PLATFORMS for variable in platform.variables},
    }
    with subprocess.Popen(
        [sys.executable, "-m", "local.run"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        output = Output(process)
        try:
            output.wait_until_ready()
            outputs = json.loads((home / "outputs.json").read_text())
            with client(outputs["ApiUrl"], outputs["AdminApiKey"]) as api, client(outputs["SandboxUrl"]) as sandbox:
                yield LocalCloud(outputs, home, read_local_stack(home), api, sandbox)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            output.join()
    assert process.returncode == 0, output.text
    shutil.rmtree(home)


class Output(threading.Thread):
    """The local cloud's output, read to the end so that it never blocks."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        assert process.stdout is not None
        self._output = process.stdout
        self._ready = threading.Event()
        self.text = ""
        self.start()

    def run(self) -> None:
        for line in self._output:
            self.text += line
            if line.rstrip() == "ready":
                self._ready.set()
        self._ready.set()

    def wait_until_ready(self) -> None:
        """Return at the line `ready`; fail the test when it does not come."""
        self._ready.wait(START_SECONDS)
        if "\nready\n" not in self.text:
            pytest.fail(f"The local cloud is not ready:\n{self.text}", pytrace=False)


def _viewer_variables() -> list[str]:
    """The environment variables for settings of viewers."""
    context: dict[str, object] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return [name.upper() for name in context if name.startswith("viewer_") or name == "live_channels"]


def free_ports(how_many: int) -> int:
    """The first of so many consecutive free ports, below the range for outgoing connections."""
    for _ in range(100):
        first = random.randrange(20_000, 30_000, how_many)  # noqa: S311 - no secret
        if not any(port_is_taken(first + offset) for offset in range(how_many)):
            return first
    raise RuntimeError("No free ports found")
