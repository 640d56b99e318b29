"""Runs a scenario with a failure at every call: the process forks at each, and every child continues with a failure.

So the part before a call runs once, however many failures are tried there, and no run affects another.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from testing.fault_injection import Failure, FaultInjector

WORKERS = 2
SENDERS = ("notify", "broadcast", "ws_connect", "deliver_webhook")


@dataclass(frozen=True)
class Verdict:
    """The state at the end of a scenario, when nothing is pending."""

    lost: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    repeated: int = 0
    """Repeated messages to a recipient; of sockets, the most for any one."""


@dataclass(frozen=True)
class Outcome:
    """A run: descriptions of its failures, and its verdict; `error` when it raised."""

    failures: tuple[str, ...]
    kills: int
    verdict: Verdict
    error: str = ""

    @property
    def good(self) -> bool:
        """Nothing lost, nothing wrong; only failures of sending functions may repeat the message in flight."""
        repeats = sum(f", {sender}: " in failure for failure in self.failures for sender in SENDERS)
        return not (self.error or self.verdict.lost or self.verdict.wrong) and self.verdict.repeated <= repeats

    def __str__(self) -> str:
        return f"{' and then '.join(self.failures) or 'no failure'}: {self.error or self.verdict}"


@dataclass
class Explorer:
    """With `pairs` n, every n-th second failure is tried after each first one; with 0, none.

    After n = `alike` equal calls, one kind of failure is tried at each, in rotation.
    """

    pairs: int = 0
    alike: int = sys.maxsize
    replay: dict[int, Failure] = field(default_factory=dict)
    """Failures to inject in this process, by call number, to debug a single run."""

    def __post_init__(self) -> None:
        self._trail: list[tuple[str, Failure]] = []
        self._children: list[int] = []
        self._turn = 0
        self._seen = Counter[str]()
        self._log = Path()

    @contextmanager
    def at_every_call_of(self, wire: FaultInjector, *functions: str) -> Iterator[None]:
        """The part of a scenario in which failures are tried, in some functions or in all.

        Dying before a call equals dying after the previous one, so it is tried only at an invocation's first call.
        """
        kinds = list(Failure)
        later_kinds: list[Failure] = [failure for failure in Failure if failure is not Failure.DIES_BEFORE]

        def choose(number: int, name: str) -> Failure | None:
            if not name.startswith(functions or ""):
                return None
            return self._choose(number, name, kinds if wire.at_first_call else later_kinds)

        wire.choose = choose
        try:
            yield
        finally:
            wire.choose = lambda _number, _name: None

    def explore(self, scenario: Callable[[Explorer], Verdict]) -> list[Outcome]:
        """The outcome of each run, the one without failures first."""
        with tempfile.TemporaryDirectory() as directory:
            self._log = Path(directory) / "outcomes"
            self._log.touch()
            self._run(scenario)
            gc.unfreeze()
            outcomes = [_outcome(json.loads(line)) for line in self._log.read_text().splitlines()]
        return sorted(outcomes, key=lambda outcome: len(outcome.failures))

    def _run(self, scenario: Callable[[Explorer], Verdict]) -> None:
        pid = os.getpid()
        verdict, error = Verdict(), ""
        try:
            verdict = scenario(self)
        except BaseException as raised:
            if os.getpid() == pid and not isinstance(raised, Exception):
                raise
            error = traceback.format_exc()
        while self._children:
            self._wait()
        self._report(verdict, error)
        if os.getpid() != pid:
            os._exit(0)

    def _choose(self, number: int, name: str, kinds: list[Failure]) -> Failure | None:
        if self.replay:
            failure = self.replay.get(number)
            if failure:
                self._trail.append((f"call {number}, {name}, {failure.value}", failure))
            return failure
        if len(self._trail) == (2 if self.pairs else 1):
            return None
        self._seen[name] += 1
        if self._seen[name] > self.alike:
            kinds = [kinds[self._seen[name] % len(kinds)]]
        for failure in kinds:
            self._turn += 1
            if self._trail and self._turn % self.pairs:
                continue
            if self._fork():
                self._trail.append((f"call {number}, {name}, {failure.value}", failure))
                self._turn = self._turn * 37 + number  # each run starts elsewhere in its sequence of second failures
                return failure
        return None

    def _fork(self) -> bool:
        """True in the child. Two children run in parallel; a child's own children run one at a time, while it waits."""
        while len(self._children) >= (1 if self._trail else WORKERS):
            self._wait()
        gc.freeze()
        loop = asyncio._get_running_loop()
        task = asyncio.current_task() if loop else None
        child = os.fork()
        if child:
            self._children.append(child)
            if self._trail:
                self._wait()
            return False
        gc.disable()  # short-lived, on copy-on-write pages of the parent
        self._children = []
        if loop and task:
            _resume(loop, task)
        return True

    def _wait(self) -> None:
        _, status = os.waitpid(self._children.pop(0), 0)
        if status:
            self._report(Verdict(), f"a run exited with status {status}")

    def _report(self, verdict: Verdict, error: str) -> None:
        line = {
            "failures": [description for description, _ in self._trail],
            "kills": sum(failure.kills for _, failure in self._trail),
            "verdict": asdict(verdict),
            "error": error,
        }
        with self._log.open("a") as log:
            log.write(json.dumps(line) + "\n")


def _resume(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    """After a fork within a task, Python regards the child as outside of any; restore the running task."""
    asyncio._set_running_loop(loop)
    if asyncio.current_task() is None:
        asyncio.tasks._enter_task(loop, task)


def _outcome(line: dict[str, Any]) -> Outcome:
    verdict = line["verdict"]
    return Outcome(
        tuple(line["failures"]),
        line["kills"],
        Verdict(tuple(verdict["lost"]), tuple(verdict["wrong"]), verdict["repeated"]),
        line["error"],
    )
