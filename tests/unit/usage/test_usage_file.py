"""A file of usage is read line by line, sorted on disk by its users, and gone on with after a crash."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from cairn.errors import BadInputError
from cairn.usage.rows import Row
from operations.usage_file import Line, SortedCopy, lines, signature_of

METRICS = frozenset({"replies", "memes", "suggestions"})
LATEST = date(2026, 12, 1)
HEADER = "user_id,date,replies,memes,suggestions\n"


def read(tmp_path: Path, content: str | bytes, name: str = "usage.csv") -> tuple[list[Line], list[tuple[int, str]]]:
    file, wrong = tmp_path / name, list[tuple[int, str]]()
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = list(lines(file, METRICS, LATEST, lambda number, why: wrong.append((number, why)), lambda _: None))
    return found, wrong


def one(user: str, day: int, number: int, **counts: int) -> Line:
    return Line(Row(user, date(2026, 11, day), counts), number)


def test_csv_is_read_by_the_names_in_its_header(tmp_path: Path) -> None:
    found, wrong = read(tmp_path, HEADER + "a,2026-11-01,5,1,\nb,2026-11-02,0,0,7\n")
    assert (found, wrong) == ([one("a", 1, 2, memes=1, replies=5), one("b", 2, 3, suggestions=7)], [])
    found, wrong = read(tmp_path, "date, memes, user_id\r\n2026-11-01,2,a\r\n\r\n")
    assert (found, wrong) == ([one("a", 1, 2, memes=2)], [])


def test_a_spreadsheets_mark_at_the_beginning_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + HEADER.encode() + b"a,2026-11-01,5,,\n")[0] == [one("a", 1, 2, replies=5)]


def test_ndjson_is_read_by_its_fields(tmp_path: Path) -> None:
    rows = [{"userId": "a", "date": "2026-11-01", "replies": 5}, {"user_id": "b", "date": "2026-11-02", "memes": 1}]
    text = "\n\n".join(map(json.dumps, rows))
    assert read(tmp_path, text)[0] == [one("a", 1, 1, replies=5), one("b", 2, 3, memes=1)]


@pytest.mark.parametrize("header", ["", "a,2026-11-01,5,1,0\n", "user,date,replies\n", "[]\n"])
def test_a_file_whose_columns_are_not_named_is_refused(tmp_path: Path, header: str) -> None:
    with pytest.raises(BadInputError, match="the first line must name the columns"):
        read(tmp_path, header)


def test_a_wrong_line_is_named_by_its_number_and_spoils_no_other(tmp_path: Path) -> None:
    body = 'a,2026-11-01,5,1,0\na,yesterday,1,,\n,2026-11-01,1,,\na,2026-11-02\na,"2026\nb,2026-11-03,-1,0,0\n'
    found, wrong = read(tmp_path, HEADER + body)
    assert found == [one("a", 1, 2, memes=1, replies=5)]
    assert [number for number, _ in wrong][:3] == [3, 4, 5]
    assert [why.partition(":")[0] for _, why in wrong][:2] == ["date", "userId"]
    assert "has 2 columns, and the header 5" in wrong[2][1]
    objects = '{"userId":"a","date":"2026-11-01","replies":1}\n{"userId":\n[1]\n{"userId":"b","date":"2026-11-01"}\n'
    found, wrong = read(tmp_path, objects, "usage.ndjson")
    assert [line.number for line in found] == [1, 4]
    assert [number for number, _ in wrong] == [2, 3]


def test_bytes_that_are_no_text_spoil_only_their_line(tmp_path: Path) -> None:
    found, wrong = read(tmp_path, HEADER.encode() + b"\xff\xfe,2026-11-01,1,,\nb,2026-11-01,1,,\n")
    assert (found, [number for number, _ in wrong]) == ([one("b", 1, 3, replies=1)], [2])


# -- the sorted copy


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[SortedCopy]:
    made = SortedCopy(tmp_path / "copy.sqlite", "this file")
    yield made
    made.close()


def test_rows_come_by_user_and_of_two_of_a_day_the_later_counts(copy: SortedCopy) -> None:
    copy.fill(iter([one("b", 2, 2, replies=1), one("a", 2, 3, replies=2), one("b", 1, 4, replies=3), one("b", 2, 5)]))
    assert copy.count() == 3
    assert list(copy.batches(1)) == [[one("a", 2, 3, replies=2)], [one("b", 1, 4, replies=3), one("b", 2, 5)]]


def test_all_rows_of_a_user_are_in_one_batch(copy: SortedCopy) -> None:
    copy.fill(one(user, day, day) for user in "cab" for day in range(1, 8))
    assert [[line.row.user_id for line in batch] for batch in copy.batches(5)] == [["a"] * 7, ["b"] * 7, ["c"] * 7]
    assert [len(batch) for batch in copy.batches(8)] == [14, 7]


def test_after_a_crash_it_goes_on_with_the_users_who_are_not_done(tmp_path: Path, copy: SortedCopy) -> None:
    copy.fill(one(user, day, day) for user in "cab" for day in (1, 2))
    for batch in copy.batches(1):
        copy.done(batch)
        if batch[0].row.user_id == "b":
            break
    copy.close()
    again = SortedCopy(tmp_path / "copy.sqlite", "this file")
    assert again.is_complete
    assert (again.count(), again.count(left=True)) == (6, 2)
    assert [line.row.user_id for batch in again.batches(1) for line in batch] == ["c", "c"]
    again.delete()
    assert list(tmp_path.glob("copy*")) == []


def test_a_copy_that_was_not_finished_or_is_of_another_file_begins_again(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Line]:
        yield one("a", 1, 2)
        raise KeyboardInterrupt

    first = SortedCopy(tmp_path / "copy.sqlite", "this file")
    with pytest.raises(KeyboardInterrupt):
        first.fill(interrupted())
    first.close()
    second = SortedCopy(tmp_path / "copy.sqlite", "this file")
    assert not second.is_complete
    second.fill(iter([one("b", 1, 2)]))
    second.close()
    other = SortedCopy(tmp_path / "copy.sqlite", "another file")
    assert (other.is_complete, other.count()) == (False, 0)
    other.close()


def test_what_is_no_copy_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "copy.sqlite").write_bytes(b"something else" * 100)
    made = SortedCopy(tmp_path / "copy.sqlite", "this file")
    assert not made.is_complete
    made.delete()


def test_a_changed_file_is_another_file(tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(HEADER)
    before = signature_of(file, "Cairn")
    assert signature_of(file, "Cairn") == before
    assert signature_of(file, "Second") != before
    os.utime(file, ns=(1, 1))
    assert signature_of(file, "Cairn") != before
