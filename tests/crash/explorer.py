"""Tries a way with a failure at every call: at each call the process forks, and the children go on with the failure.

So what comes before a call is done once, however many failures are tried at it, and no try sees the traces of another.
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

from testing.fault_injection import Failure, Wire

WORKERS = 2
SENDERS = ("notify", "broadcast", "ws_connect")


@dataclass(frozen=True)
class Verdict:
    """What had become of a way when everything had settled."""

    lost: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    repeated: int = 0
    """Messages that a recipient was sent besides the first of each milestone; of sockets, those of the worst off."""


@dataclass(frozen=True)
class Outcome:
    """One try: the failures on its way, in words, and how it ended; `error` when it did not."""

    failures: tuple[str, ...]
    kills: int
    verdict: Verdict
    error: str = ""

    @property
    def good(self) -> bool:
        """Nothing lost, nothing wrong; and only a failure of the function that sends repeats the message in flight."""
        repeats = sum(f", {sender}: " in failure for failure in self.failures for sender in SENDERS)
        return not (self.error or self.verdict.lost or self.verdict.wrong) and self.verdict.repeated <= repeats

    def __str__(self) -> str:
        return f"{' and then '.join(self.failures) or 'no failure'}: {self.error or self.verdict}"


@dataclass
class Explorer:
    """`pairs` n also tries every n-th second failure after each first one; 0 tries none.

    `alike` n tries one kind of failure, in turn, at calls that the same function has made n times already.
    """

    pairs: int = 0
    alike: int = sys.maxsize
    replay: dict[int, Failure] = field(default_factory=dict)
    """Failures to go through in this very process, by the number of their call: for looking at one try closely."""

    def __post_init__(self) -> None:
        self._trail: list[tuple[str, Failure]] = []
        self._children: list[int] = []
        self._turn = 0
        self._met = Counter[str]()
        self._log = Path()

    @contextmanager
    def at_every_call_of(self, wire: Wire, *functions: str) -> Iterator[None]:
        """The stretch of a way in which failures are tried, in some functions or in all; all else goes well.

        To die before a call is to die after the one before it, so it is tried at an invocation's first call alone.
        """
        kinds = list(Failure)
        others: list[Failure] = [failure for failure in Failure if failure is not Failure.DIES_BEFORE]

        def choose(number: int, name: str) -> Failure | None:
            if not name.startswith(functions or ""):
                return None
            return self._choose(number, name, kinds if wire.at_first_call else others)

        wire.choose = choose
        try:
            yield
        finally:
            wire.choose = lambda _number, _name: None

    def explore(self, way: Callable[[Explorer], Verdict]) -> list[Outcome]:
        """How each try ended, the one without any failure first."""
        with tempfile.TemporaryDirectory() as directory:
            self._log = Path(directory) / "outcomes"
            self._log.touch()
            self._go(way)
            gc.unfreeze()
            outcomes = [_outcome(json.loads(line)) for line in self._log.read_text().splitlines()]
        return sorted(outcomes, key=lambda outcome: len(outcome.failures))

    def _go(self, way: Callable[[Explorer], Verdict]) -> None:
        pid = os.getpid()
        verdict, error = Verdict(), ""
        try:
            verdict = way(self)
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
        self._met[name] += 1
        if self._met[name] > self.alike:
            kinds = [kinds[self._met[name] % len(kinds)]]
        for failure in kinds:
            self._turn += 1
            if self._trail and self._turn % self.pairs:
                continue
            if self._fork():
                self._trail.append((f"call {number}, {name}, {failure.value}", failure))
                self._turn = self._turn * 37 + number  # each starts elsewhere in its row of second failures
                return failure
        return None

    def _fork(self) -> bool:
        """True in the child. Two run beside each other; the children of a child run one by one, while it waits."""
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
        gc.disable()  # a short life, on pages that are the parent's until they are written to
        self._children = []
        if loop and task:
            _run_on(loop, task)
        return True

    def _wait(self) -> None:
        _, status = os.waitpid(self._children.pop(0), 0)
        if status:
            self._report(Verdict(), f"a try ended with status {status}")

    def _report(self, verdict: Verdict, error: str) -> None:
        line = {
            "failures": [words for words, _ in self._trail],
            "kills": sum(failure.kills for _, failure in self._trail),
            "verdict": asdict(verdict),
            "error": error,
        }
        with self._log.open("a") as log:
            log.write(json.dumps(line) + "\n")


def _run_on(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    """After a fork amid a task, Python takes the child to be outside of any; here it goes on within."""
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
