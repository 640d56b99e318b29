"""The processes of a local cloud: each in a group of its own, so that it is ended with all that it started."""

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
_MOMENT_SECONDS = 0.5
"""In which the guard of a run that was killed ends what it left."""
_LOG_LINES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Running:
    """A process we started and the file it writes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    needed: bool
    """Whether the local cloud is worth nothing without it."""

    def check(self) -> None:
        """StartError, with the end of its log, when the process has ended."""
        if (code := self.process.poll()) is not None:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
            raise StartError("\n    ".join([f"{self.name} ended with code {code} ({self.log}):", *lines]))


class Processes:
    """Starts processes and, at the end of the `with` block, ends them all: the last started first."""

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
        """Start a process whose output goes to a file of its own."""
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
            self._tell_guard(f"+{process.pid}")
            running = Running(name, process, log, needed)
            self._running.append(running)
        return running

    def check(self) -> list[Running]:
        """Those that have just ended by themselves and can be done without; StartError for one that cannot."""
        ended = [running for running in self._running if running.process.poll() is not None]
        for running in ended:
            if running.needed:
                running.check()
            self._running.remove(running)
            self._tell_guard(f"-{running.process.pid}")
        return ended

    def stop(self) -> None:
        """End everything that is still running: asked at first, then made to."""
        for running in reversed(self._running):
            _signal_group(running.process, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        for running in self._running:
            with suppress(subprocess.TimeoutExpired):
                running.process.wait(max(0.0, deadline - time.monotonic()))
            _signal_group(running.process, signal.SIGKILL)
            running.process.wait()
            self._tell_guard(f"-{running.process.pid}")
        self._running.clear()
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None

    def _tell_guard(self, line: str) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.write(f"{line}\n".encode())
            self._guard.stdin.flush()


def require_free(ports: Mapping[int, str]) -> None:
    """StartError for the first port that somebody listens on, and goes on doing so for a moment."""
    deadline = time.monotonic() + _MOMENT_SECONDS
    for port, purpose in ports.items():
        while port_is_taken(port):
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise StartError(
                f"Port {port}, wanted for {purpose}, is taken. Stop what uses it, or choose others: CAIRN_PORT=4600"
            )


def port_is_taken(port: int) -> bool:
    """Whether 127.0.0.1:port answers or cannot be bound (some systems allow the one and not the other)."""
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
    """Our environment for a tool of ours: the virtual environment first, bytecode kept, no proxy for this machine."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    binaries = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join([binaries, environment.get("PATH", os.defpath)])
    local = ["127.0.0.1", "localhost"]
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join([*filter(None, [environment.get(name)]), *local])
    return environment


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep signals until the block has ended, lest a process be started and not written down."""
    kept: list[int] = []
    before = {number: signal.signal(number, lambda came, _: kept.append(came)) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for came in kept:
            signal.raise_signal(came)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a process and all it started; a group outlives its first process as long as it has any."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
