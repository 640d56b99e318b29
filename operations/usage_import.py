"""`usage import FILE`: brings years of usage, counted by another system, into Cairn, and nobody is mailed.

It writes to the tables as the API's import does, by the same code, without its limits of a request: a file of millions
of rows needs neither an API key nor a thousand requests. Twice the same is once; a corrected row replaces.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from botocore.exceptions import BotoCoreError, ClientError

from cairn.clock import now
from cairn.errors import BadInputError, ContentionError
from cairn.readings.stats import Stats
from cairn.rules.counter import types_of
from cairn.usage.importing import Foretold, Importing
from cairn.usage.rows import FIRST_ZONE
from cairn.workspace.rule_book import RuleSet
from operations.settings import workspaces
from operations.stack import OperationError, Stack
from operations.usage_file import SortedCopy, lines, signature_of

COPIES = Path(__file__).resolve().parent.parent / ".local" / "imports"
AT_ONCE = 1000
"""Rows between two notes of how far the import is."""


def import_file(
    stack: Stack,
    file: Path,
    *,
    dry_run: bool,
    copies: Path = COPIES,
    at_once: int = AT_ONCE,
    out: TextIO | None = None,
    err: TextIO | None = None,
) -> list[str]:
    """Import a file, or say what would have been announced. OperationError after all if some rows were wrong."""
    if not file.is_file():
        raise OperationError(f"{file} is no file")
    run = _Run(stack, file, at_once, out or sys.stdout, err or sys.stderr)
    name = hashlib.sha256(f"{file.resolve()} {stack.name} {dry_run}".encode()).hexdigest()[:16]
    copy = SortedCopy(copies / f"{name}.sqlite", signature_of(file, stack.name, stack.api_url))
    try:
        if copy.is_complete:
            run.wrong = copy.wrong
        else:
            run.read(copy)
            copy.wrong = run.wrong
        counted = run.foretell(copy) if dry_run else run.store(copy)
    except BadInputError as error:
        copy.delete()
        raise OperationError(f"{file}: {error.message}") from None
    except (KeyboardInterrupt, BotoCoreError, ClientError, ContentionError) as error:
        copy.close()
        raise OperationError(f"stopped{_because(error)}; the same command goes on where it stopped") from None
    copy.delete()
    for line in counted:
        print(line, file=run.out)
    if run.wrong:
        raise OperationError(f"{run.wrong:,} rows of {file} were rejected; all others are done")
    return []


class _Run:
    def __init__(self, stack: Stack, file: Path, at_once: int, out: TextIO, err: TextIO) -> None:
        self._at_once = at_once
        self.out = out
        self.wrong = 0
        self._file = file
        self._bar = _Bar(err)
        workspace = workspaces(stack).latest()
        self._metrics = frozenset(one.metric for one in types_of(workspace.usage_types).values())
        table = stack.clients.table
        self._importing = Importing(
            stats=Stats(table(stack.output("StatsTable")), keep_unreadable=True),
            history=table(stack.output("HistoryTable")),
            usage=table(stack.output("UsageTable")),
            rules=RuleSet.of(workspace),
            clock=now,
        )

    def read(self, copy: SortedCopy) -> None:
        latest: date = now().astimezone(FIRST_ZONE).date()
        self._bar.begin("reading", self._file.stat().st_size)
        copy.fill(lines(self._file, self._metrics, latest, self._reject, self._bar.advance_to))
        self._bar.end()

    def store(self, copy: SortedCopy) -> list[str]:
        counted: Counter[str] = Counter()
        for batch in self._batches(copy, "importing"):
            outcomes = self._importing.run([line.row for line in batch])
            if failed := next((outcome for outcome in outcomes if outcome.retry), None):
                raise ContentionError(failed.error)
            for line, outcome in zip(batch, outcomes, strict=True):
                counted[outcome.status] += 1
                if outcome.status == "rejected":
                    self._reject(line.number, outcome.error)
            copy.done(batch)
        return [f"{counted['imported']:,} rows imported, {counted['unchanged']:,} were there already"]

    def foretell(self, copy: SortedCopy) -> list[str]:
        counted: Counter[str] = Counter()
        by_threshold: Counter[tuple[str, Any]] = Counter()
        for batch in self._batches(copy, "looking"):
            outcomes, foretold = self._importing.foretell([line.row for line in batch])
            for line, outcome in zip(batch, outcomes, strict=True):
                counted[outcome.status] += 1
                if outcome.status == "rejected":
                    self._reject(line.number, outcome.error)
            for one in foretold:
                by_threshold[one.rule, one.threshold] += 1
                self._bar.clear()
                print(_words(one), file=self.out)
        return [
            f"{counted['imported']:,} rows would be imported, {counted['unchanged']:,} are there already",
            "milestones that would have been announced, and are not, because an import is silent:",
            *(f"{users:>9,}  {rule} {threshold:,}" for (rule, threshold), users in sorted(by_threshold.items())),
            *([] if by_threshold else ["        0"]),
        ]

    def _batches(self, copy: SortedCopy, what: str) -> Any:
        done = copy.count() - copy.count(left=True)
        self._bar.begin(what, copy.count())
        self._bar.advance_to(done)
        for batch in copy.batches(self._at_once):
            yield batch
            done += len(batch)
            self._bar.advance_to(done)
        self._bar.end()

    def _reject(self, number: int, problem: str) -> None:
        self.wrong += 1
        self._bar.say(f"line {number}: {problem}")


class _Bar:
    """A bar on a terminal; elsewhere a line for each tenth."""

    _WIDTH = 30

    def __init__(self, to: TextIO) -> None:
        self._to = to
        self._is_terminal = to.isatty()
        self._what, self._total, self._shown, self._at = "", 0, -1, 0.0

    def begin(self, what: str, total: int) -> None:
        self._what, self._total, self._shown, self._at = what, total, -1, 0.0

    def advance_to(self, done: int) -> None:
        part = done / self._total if self._total else 1.0
        if self._is_terminal:
            if monotonic() - self._at < 0.1 and part < 1:
                return
            self._at, filled = monotonic(), int(part * self._WIDTH)
            bar = "█" * filled + "·" * (self._WIDTH - filled)
            self._to.write(f"\r\x1b[K{self._what:<9} {bar} {part:4.0%}")
            self._to.flush()
        elif int(part * 10) > self._shown:
            self._shown = int(part * 10)
            print(f"{self._what} {part:.0%}", file=self._to, flush=True)

    def say(self, line: str) -> None:
        self.clear()
        print(line, file=self._to)

    def clear(self) -> None:
        if self._is_terminal:
            self._to.write("\r\x1b[K")

    def end(self) -> None:
        if self._is_terminal:
            self._to.write("\n")


def _words(one: Foretold) -> str:
    also = f", also passed: {', '.join(f'{step:,}' for step in one.also_passed)}" if one.also_passed else ""
    return f"user:{one.user_id}  {one.rule} {one.threshold:,} (now {one.value:,}{also})"


def _because(error: BaseException) -> str:
    return "" if isinstance(error, KeyboardInterrupt) else f": {error}"


# -- on the command line


def add_commands(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = group.add_parser("import", help="bring in days that another system counted; nothing of it is announced")
    one.add_argument("file", type=Path, metavar="FILE", help="CSV user_id,date,replies,memes,suggestions, or NDJSON")
    one.add_argument("--dry-run", action="store_true", help="change nothing, and say what would have been announced")
    one.set_defaults(command="usage import")


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Stack], list[str]]] = {
    "usage import": lambda options, stack: import_file(stack, options.file, dry_run=options.dry_run),
}
