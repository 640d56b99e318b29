"""A file of usage by user and day, of any size: read line by line, and put into the order of its users on disk.

An import works user by user, whatever order the file has: some days are one transaction, instead of each line.
The sorted copy also keeps how far an import is.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from cairn.errors import BadInputError
from cairn.usage.rows import Row, to_row

_SCHEMA = """
CREATE TABLE IF NOT EXISTS days (user TEXT, day TEXT, counts TEXT, line INTEGER, PRIMARY KEY (user, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, value TEXT);
"""
_AT_ONCE = 5000
"""Lines that are written to the sorted copy at a time."""

Wrong = Callable[[int, str], None]
"""Called with the number of a line and what is wrong with it."""
Advanced = Callable[[int], None]
"""Called with how much is done."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row, and the number of its line."""

    row: Row
    number: int


def lines(file: Path, metrics: Collection[str], latest: date, wrong: Wrong, advanced: Advanced) -> Iterator[Line]:
    """The rows of a file of CSV with a header, or of NDJSON, from 1. Lines that are no row are passed to `wrong`.

    BadInputError when the header names no user and date.
    """
    with file.open("rb") as content:
        texts = _decoded(content, advanced)
        first = next((text for text in texts if text.strip()), "")
        found = _json_objects(first, texts) if first.lstrip().startswith("{") else _csv_rows(first, texts)
        for number, given, problem in found:
            try:
                if problem:
                    raise BadInputError(problem)
                yield Line(to_row(given, metrics, latest), number)
            except BadInputError as error:
                wrong(number, error.message)


def _decoded(content: Any, advanced: Advanced) -> Iterator[str]:
    done = 0
    for number, line in enumerate(content):
        done += len(line)
        if number % 1000 == 0:
            advanced(done)
        yield line.decode("utf-8-sig" if number == 0 else "utf-8", errors="replace")
    advanced(done)


def _json_objects(first: str, rest: Iterator[str]) -> Iterator[tuple[int, Any, str]]:
    number = 1
    text: str | None = first
    while text is not None:
        if text.strip():
            try:
                yield number, json.loads(text), ""
            except (ValueError, RecursionError) as error:
                yield number, None, f"is not JSON: {error}"
        text, number = next(rest, None), number + 1


def _csv_rows(header: str, rest: Iterator[str]) -> Iterator[tuple[int, Any, str]]:
    names = [name.strip() for name in next(csv.reader([header]), [])]
    if not {"user_id", "date"} <= {"user_id" if name == "userId" else name for name in names}:
        raise BadInputError("the first line must name the columns: user_id,date,replies,memes,suggestions")
    reader = csv.reader(rest, strict=True)
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num + 1, None, f"is not CSV: {error}"
            continue
        if values and len(values) != len(names):
            yield reader.line_num + 1, None, f"has {len(values)} columns, and the header {len(names)}"
        elif values:
            yield reader.line_num + 1, dict(zip(names, values, strict=True)), ""


class SortedCopy:
    """The rows of a file by user; of two of the same day the later one. `signature` is the file's."""

    def __init__(self, path: Path, signature: str) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(sqlite3.DatabaseError):
            self._database = self._opened()
            if self._get("signature") == signature:
                return
            self._database.close()
        path.unlink(missing_ok=True)
        self._database = self._opened()
        self._set("signature", signature)

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, isolation_level=None)
        database.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_SCHEMA}")
        return database

    @property
    def is_complete(self) -> bool:
        """Whether it has all rows of the file."""
        return self._get("complete") is not None

    def fill(self, found: Iterator[Line]) -> None:
        """Put all rows in."""
        self._database.execute("DELETE FROM days")
        while some := list(islice(found, _AT_ONCE)):
            values = [(one.row.user_id, str(one.row.day), json.dumps(one.row.counts), one.number) for one in some]
            self._database.execute("BEGIN")
            self._database.executemany("INSERT OR REPLACE INTO days VALUES (?, ?, ?, ?)", values)
            self._database.execute("COMMIT")
        self._set("complete", "yes")

    def count(self, *, left: bool = False) -> int:
        """How many rows there are; `left`: of users who are not done."""
        after = (self._get("done") or "") if left else ""
        (number,) = self._database.execute("SELECT count(*) FROM days WHERE user > ?", (after,)).fetchone()
        return int(number)

    def batches(self, size: int) -> Iterator[list[Line]]:
        """The rows of users who are not done, all of a user's in one batch, which may have more than `size` for it."""
        batch: list[Line] = []
        with closing(self._database.cursor()) as cursor:
            cursor.execute(
                "SELECT user, day, counts, line FROM days WHERE user > ? ORDER BY user, day", (self._get("done") or "",)
            )
            for user, day, counts, line in cursor:
                if len(batch) >= size and batch[-1].row.user_id != user:
                    yield batch
                    batch = []
                batch.append(Line(Row(user, date.fromisoformat(day), json.loads(counts)), line))
        if batch:
            yield batch

    @property
    def wrong(self) -> int:
        """How many lines were no row."""
        return int(self._get("wrong") or 0)

    @wrong.setter
    def wrong(self, lines: int) -> None:
        self._set("wrong", str(lines))

    def done(self, batch: list[Line]) -> None:
        """Keep that a batch is done."""
        self._set("done", batch[-1].row.user_id)

    def close(self) -> None:
        self._database.close()

    def delete(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _get(self, name: str) -> str | None:
        found = self._database.execute("SELECT value FROM progress WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else None

    def _set(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO progress VALUES (?, ?)", (name, value))


def signature_of(file: Path, *about: str) -> str:
    """What tells a file from another one, or from itself before it was changed."""
    status = file.stat()
    return "/".join((str(file.resolve()), str(status.st_size), str(status.st_mtime_ns), *about))
