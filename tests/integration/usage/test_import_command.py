"""`./cairn usage import`: a file of years, with a progress bar; it goes on where it stopped, and names wrong lines."""

from __future__ import annotations

import io
from datetime import date, timedelta
from pathlib import Path

import pytest

from cairn.model import Subject
from cairn.readings.stats import Stats
from operations import __main__ as command
from operations.stack import OperationError, Stack
from operations.usage_import import import_file
from testing.cloud import Cloud
from testing.operator import operators_stack

HEADER = "user_id,date,replies,memes,suggestions\n"
START = date(2025, 1, 1)


@pytest.fixture
def stack(aws: Cloud) -> Stack:
    assert aws.people
    return operators_stack()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def by_date(users: int, days: int) -> str:
    """As a database gives it: all users of a day, then those of the next."""
    dates = [START + timedelta(days=number) for number in range(days)]
    return HEADER + "".join(f"user-{user},{day},{user + 1},0,1\n" for day in dates for user in range(users))


class InterruptedAt(io.StringIO):
    """Ctrl-C at a line of it."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self._line = line

    def write(self, text: str) -> int:
        if self._line in text:
            raise KeyboardInterrupt
        return super().write(text)


def run(stack: Stack, file: Path, *, dry_run: bool = False, err: io.StringIO | None = None) -> tuple[str, str]:
    out, err = io.StringIO(), err or io.StringIO()
    import_file(stack, file, dry_run=dry_run, copies=file.parent / "copies", at_once=20, out=out, err=err)
    return out.getvalue(), err.getvalue()


def replies(aws: Cloud, user: str) -> int:
    reading = Stats(aws.table("STATS_TABLE")).get(Subject("user", user))
    return int(reading.metrics["replies"]) if reading else 0


def test_a_file_is_imported_once_however_often_it_is_run(aws: Cloud, stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(by_date(30, 20))
    out, err = run(stack, file)
    assert out == "600 rows imported, 0 were there already\n"
    assert "reading 100%" in err
    assert "importing 100%" in err
    assert [replies(aws, f"user-{user}") for user in (0, 29)] == [20, 600]
    assert run(stack, file)[0] == "0 rows imported, 600 were there already\n"
    assert [replies(aws, f"user-{user}") for user in (0, 29)] == [20, 600]
    assert list((tmp_path / "copies").iterdir()) == [], "nothing of it is left"


def test_wrong_lines_are_named_and_all_others_imported(aws: Cloud, stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(f"{HEADER}ada,2025-01-01,5,,\nada,2025-13-01,5,,\n,2025-01-02,1,,\ngrace,2025-01-02,2,,\n")
    err = io.StringIO()
    with pytest.raises(OperationError, match=r"2 rows of .* were rejected; all others are done"):
        import_file(stack, file, dry_run=False, copies=tmp_path / "copies", out=io.StringIO(), err=err)
    assert "line 3: date: must be like 2026-11-30" in err.getvalue()
    assert "line 4: userId: " in err.getvalue()
    assert (replies(aws, "ada"), replies(aws, "grace")) == (5, 2)


def test_it_goes_on_where_it_stopped(aws: Cloud, stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(by_date(12, 10))
    with pytest.raises(OperationError, match="stopped; the same command goes on where it stopped"):
        run(stack, file, err=InterruptedAt("importing 50%"))
    done = [replies(aws, f"user-{user}") for user in range(12)]
    assert 0 in done
    assert sum(done) > 0
    out, err = run(stack, file)
    assert out == "60 rows imported, 0 were there already\n"
    assert "reading" not in err, "the file is not read again"
    assert [replies(aws, f"user-{user}") for user in range(12)] == [10 * (user + 1) for user in range(12)]


def test_a_dry_run_says_what_would_have_been_announced(aws: Cloud, stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "usage.ndjson"
    file.write_text(
        '{"userId":"ada","date":"2025-01-01","replies":60}\n{"userId":"grace","date":"2025-01-01","memes":1}'
    )
    out, _ = run(stack, file, dry_run=True)
    assert "user:ada  replies 50 (now 60, also passed: 1, 10)" in out.splitlines()
    assert "2 rows would be imported, 0 are there already" in out
    assert "        1  replies 50" in out.splitlines()
    assert replies(aws, "ada") == 0


def test_on_a_terminal_a_bar_shows_how_far_it_is(stack: Stack, tmp_path: Path) -> None:
    file, terminal = tmp_path / "usage.csv", Terminal()
    file.write_text(by_date(3, 3))
    import_file(stack, file, dry_run=False, copies=tmp_path / "copies", out=io.StringIO(), err=terminal)
    assert f"importing {'█' * 30} 100%" in terminal.getvalue()


def test_what_is_no_file_of_usage_is_refused(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="is no file"):
        run(stack, tmp_path / "nothing.csv")
    file = tmp_path / "other.csv"
    file.write_text("name,score\nada,5\n")
    with pytest.raises(OperationError, match="the first line must name the columns"):
        run(stack, file)


def test_the_command_is_the_operators(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(by_date(1, 1))
    options = command._parser().parse_args(["usage", "import", str(file), "--dry-run"])
    assert (options.command, options.file, options.dry_run) == ("usage import", file, True)
    assert command._run(options, stack) == []
