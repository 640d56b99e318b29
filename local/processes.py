"""The processes of a local cloud, each in its own process group, so that its children are stopped with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from local.settings import ROOT, StartError

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_GRACE_SECONDS = 2.0
_GUARD_SECONDS = 0.5
"""How long the guard of a killed run needs to stop its processes."""
_LOG_LINES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Running:
    """A started process and its log file."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    needed: bool
    """Whether the local cloud cannot run without it."""

    def check(self) -> None:
        """StartError with the end of its log when the process has exited."""
        if (code := self.process.poll()) is not None:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
            raise StartError("\n    ".join([f"{self.name} exited with code {code} ({self.log}):", *lines]))


class Processes:
    """Starts processes, and stops them all at the end of the `with` block, the last one first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[Running] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "local.guard"], cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, needed: bool = True
    ) -> Running:
        """Start a process with its own log file."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as output, _uninterrupted():
            process = subprocess.Popen(  # noqa: S603 - our own commands
                command,
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._notify_guard(f"+{process.pid}")
            running = Running(name, process, log, needed)
            self._running.append(running)
        return running

    def check(self) -> list[Running]:
        """The optional processes that have exited since the last call; StartError for a required one."""
        ended = [running for running in self._running if running.process.poll() is not None]
        for running in ended:
            if running.needed:
                running.check()
            self._running.remove(running)
            self._notify_guard(f"-{running.process.pid}")
        return ended

    def stop(self) -> None:
        """Stop everything that is still running: SIGTERM first, then SIGKILL."""
        for running in reversed(self._running):
            _signal_group(running.process, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        for running in self._running:
            with suppress(subprocess.TimeoutExpired):
                running.process.wait(max(0.0, deadline - time.monotonic()))
            _signal_group(running.process, signal.SIGKILL)
            running.process.wait()
            self._notify_guard(f"-{running.process.pid}")
        self._running.clear()
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None

    def _notify_guard(self, line: str) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.write(f"{line}\n".encode())
            self._guard.stdin.flush()


def require_free(ports: Mapping[int, str]) -> None:
    """StartError for the first port that stays in use for more than a moment."""
    deadline = time.monotonic() + _GUARD_SECONDS
    for port, purpose in ports.items():
        while port_is_taken(port):
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise StartError(
                f"Port {port}, needed for {purpose}, is in use. Stop the program that uses it, or set CAIRN_PORT=4600"
            )


def port_is_taken(port: int) -> bool:
    """Whether 127.0.0.1:port accepts connections or cannot be bound (on some systems only one of the two shows)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as caller:
        caller.settimeout(0.5)
        if caller.connect_ex(("127.0.0.1", port)) == 0:
            return True
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def child_environment() -> dict[str, str]:
    """The environment for our own tools: virtual environment first, bytecode caching on, no proxy for loopback."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    binaries = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([binaries, environment.get("PATH", os.defpath)])
    local = ["127.0.0.1", "localhost"]
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join([*filter(None, [environment.get(name)]), *local])
    return environment


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Defer signals to the end of the block, so that no process is started without being recorded."""
    received: list[int] = []
    before = {number: signal.signal(number, lambda signal_, _: received.append(signal_)) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for came in received:
            signal.raise_signal(came)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a process and its children; a group exists as long as it has any process."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
