"""The board table: the reps' current rows, and the final boards of past months.

| pk | sk | holds |
|---|---|---|
| `board` | id | a rep's current row, of the month `period`; of one who has left, only that they have |
| `board#{month}` | id | the row with which the rep ended the month, kept for ever |
| `count` | `0` | how many reps are on the current board |
| `moved` | `0` | that nothing is left of what an older version stored elsewhere (`cairn/leaderboard/former_rows.py`) |

The index `by_score` has the rows, `ranks` only their keys: a rank is one more than the number of higher keys, 22 bytes
each. A row is derived from the rep's item in the stats table, and the newest is kept: functions may store it often and
in any order. A rep who has left keeps an item without a score, which is in no index, so that no late writer brings them
back.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, get, get_many, query, query_all, readable, rejected_item, transact
from cairn.clock import Clock, now, sleep, to_millis
from cairn.codec import number
from cairn.errors import BadInputError, ContentionError
from cairn.leaderboard.former_rows import FormerRows
from cairn.leaderboard.rows import CENT, Row, checked_score, row_key, subject_of, to_item, to_row
from cairn.model import Number, Subject
from cairn.readings.stats import MAX_AHEAD

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BY_SCORE, RANKS = "by_score", "ranks"
LIVE = "board"
CONFLICT_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, *(10 * (1,)))
"""Seconds between attempts while others change the same row, or add and remove reps: eleven and a half in total."""
_COUNT = {"pk": "count", "sk": 0}


@dataclass(frozen=True, slots=True)
class RankedRow:
    """A row and its rank."""

    rank: int
    row: Row


@dataclass(frozen=True, slots=True)
class BoardPage:
    """Some rows, the best first; how many rows the board has; and where the next page begins."""

    rows: list[RankedRow]
    total: int
    next_cursor: str | None


class Boards:
    """`former` is the leaderboard table, where version 0.1.0 kept the rows."""

    def __init__(self, table: Table, former: Table, clock: Clock = now) -> None:
        self._table = table
        self._former = FormerRows(table, former)
        self._clock = clock

    # -- writing

    def store(self, row: Row) -> Row:
        """Store a rep's row unless a newer one is stored; returns the one that is stored then.

        A rep's row of an earlier month is archived. One call, except when the rep arrives or leaves: that changes the
        count in the same transaction. ContentionError when others were faster for several seconds.
        """
        if not row.left and self._replace(row):
            return row
        for pause in (*CONFLICT_PAUSES, None):
            stored = self._stored(row.subject)
            if stored and self._is_newer(stored, row):
                return stored
            if self._exchange(stored, row):
                return row
            if pause is not None:
                sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing
        raise ContentionError("too many concurrent updates of the leaderboard; try again")

    def archive(self, row: Row) -> None:
        """Store a row on the board of a past month, unless a newer one is stored there."""
        try:
            self._table.put_item(
                Item=to_item(f"{LIVE}#{row.period}", row),
                ConditionExpression="attribute_not_exists(pk) OR as_of < :as_of",
                ExpressionAttributeValues={":as_of": to_millis(row.as_of)},
            )
        except ClientError as error:
            rejected_item(error)

    def _replace(self, row: Row) -> bool:
        """Replace an older row of a rep who is on the board; False if there is none."""
        condition = "attribute_exists(score) AND (as_of <= :as_of OR as_of > :latest)"
        return self._put(row, condition, {":as_of": to_millis(row.as_of), ":latest": self._latest()})

    def _exchange(self, old: Row | None, new: Row) -> bool:
        """Put a row in the place of exactly this one; False if another is stored meanwhile."""
        condition = "as_of = :seen" if old else "attribute_not_exists(pk)"
        values = {":seen": to_millis(old.as_of)} if old else {}
        arriving = (not new.left) - bool(old and not old.left)
        if not arriving:
            return self._put(new, condition, values)
        put: Any = {"Item": to_item(LIVE, new), "ConditionExpression": condition}
        counted: Any = {"UpdateExpression": "ADD reps :one", "ExpressionAttributeValues": {":one": arriving}}
        if values:
            put["ExpressionAttributeValues"] = values
        actions = [
            {"Put": {"TableName": self._table.name, **put}},
            {"Update": {"TableName": self._table.name, "Key": _COUNT, **counted}},
        ]
        try:
            return transact(self._table, actions, CONFLICT_PAUSES)
        except ClientError as error:
            raise _as_contention(error) from error

    def _put(self, row: Row, condition: str, values: Mapping[str, Any]) -> bool:
        put: Any = {"ExpressionAttributeValues": values} if values else {}
        try:
            answer = self._table.put_item(
                Item=to_item(LIVE, row), ConditionExpression=condition, ReturnValues="ALL_OLD", **put
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "TransactionConflictException":
                return False
            rejected_item(error)
            return False
        for before in readable(to_row, [answer["Attributes"]] if answer.get("Attributes") else []):
            if not before.left and before.period < row.period:
                self.archive(before)  # the stream does so, too, if this function dies before
        return True

    # -- reading

    def row(self, subject: Subject) -> Row | None:
        """The row of a rep, read consistently."""
        return self.rows([subject]).get(subject)

    def rows(self, subjects: Sequence[Subject]) -> dict[Subject, Row]:
        """The rows of those reps that have one, read consistently: one call for a hundred."""
        former = self._former.rows(LIVE, among={int(subject.id) for subject in subjects}) or []
        items = get_many(self._table, [row_key(LIVE, subject) for subject in subjects], consistent=True)
        return {row.subject: row for row in readable(to_row, _newest(former, items))}

    def count_higher(self, score: Number, up_to: Number | None = None) -> int:
        """How many rows of the live board have a higher score than this, and none higher than `up_to`."""
        if (items := self._with_former(LIVE)) is not None:
            return sum(score < item["score"] and (up_to is None or item["score"] <= up_to) for item in items)
        if up_to is not None and score >= up_to:
            return 0
        scores = Key("score").gt(score) if up_to is None else Key("score").between(score + CENT, up_to)
        return self._count(Key("pk").eq(LIVE) & scores, consistent=True)

    def best(self, count: int) -> list[Number]:
        """The highest scores of the live board, read consistently."""
        items = self._with_former(LIVE)
        if items is None:
            options: Any = {"IndexName": RANKS, "Limit": count, "ScanIndexForward": False, "ConsistentRead": True}
            items = query(self._table, Key("pk").eq(LIVE), **options)["Items"]
        return [number(item["score"]) for item in items[:count]]

    def page(self, period: str | None, limit: int, cursor: str | None = None) -> BoardPage:
        """Ranked rows of the live board (None) or of a past month's, the best first."""
        pk = f"{LIVE}#{period}" if period else LIVE
        start, position, rank = _decoded(cursor, pk)
        items, next_key, total = self._page(pk, limit, start, position)
        rows: list[RankedRow] = []
        score = number(start["score"]) if start else None
        for row in readable(to_row, items):
            position += 1
            rank, score = (rank if row.score == score else position), row.score
            rows.append(RankedRow(rank, row))
        if next_key:
            texts = {"sk": str(next_key["sk"]), "score": str(next_key["score"]), "at": f"{position}/{rank}"}
            return BoardPage(rows, total, encode({"pk": pk, **texts}))
        return BoardPage(rows, total, None)

    def subjects(self) -> Iterator[Subject]:
        """Every rep on the live board."""
        items = self._with_former(LIVE)
        found = query_all(self._table, Key("pk").eq(LIVE), IndexName=RANKS) if items is None else items
        return (subject_of(item) for item in found)

    def outside_month(self, period: str) -> Iterator[Subject]:
        """The reps whose live rows are of another month."""
        items = self._with_former(LIVE)
        if items is not None:
            return (subject_of(item) for item in items if item.get("period") != period)
        other = Attr("period").ne(period)
        found = query_all(self._table, Key("pk").eq(LIVE), IndexName=BY_SCORE, FilterExpression=other)
        return (subject_of(item) for item in found)

    def _page(
        self, pk: str, limit: int, start: Item | None, position: int
    ) -> tuple[Sequence[Item], Mapping[str, Any] | None, int]:
        """The items of a page, the key of the next one, and how many the board has."""
        if (items := self._with_former(pk)) is not None:
            found, following = items[position : position + limit], items[position + limit :]
            return found, found[-1] if following else None, len(items)
        options: Any = {"IndexName": BY_SCORE, "Limit": limit, "ScanIndexForward": False, "ConsistentRead": True}
        answer = query(self._table, Key("pk").eq(pk), start, **options)
        next_key = answer.get("LastEvaluatedKey")
        if not next_key and not start:
            return answer["Items"], None, len(answer["Items"])
        if pk == LIVE:
            total = int((get(self._table, _COUNT) or {}).get("reps", 0))
        else:
            total = self._count(Key("pk").eq(pk), consistent=False)
        return answer["Items"], next_key, total

    def _count(self, where: Any, *, consistent: bool) -> int:
        count, start = 0, None
        while True:
            answer = query(self._table, where, start, IndexName=RANKS, Select="COUNT", ConsistentRead=consistent)
            count, start = count + int(answer["Count"]), answer.get("LastEvaluatedKey")
            if not start:
                return count

    def _with_former(self, pk: str) -> list[Item] | None:
        """A board with what is left in its former place, the best first; None once nothing is."""
        former = self._former.rows(pk)
        if former is None:
            return None
        items = query_all(self._table, Key("pk").eq(pk), ConsistentRead=True)
        present = [item for item in _newest(former, items) if "score" in item]
        return sorted(present, key=lambda item: (item["score"], item["sk"]), reverse=True)

    # -- the newest of a rep's rows

    def _stored(self, subject: Subject) -> Row | None:
        item = get(self._table, row_key(LIVE, subject), consistent=True)
        return to_row(item) if item else None

    def _is_newer(self, stored: Row, row: Row) -> bool:
        return to_millis(row.as_of) < to_millis(stored.as_of) <= self._latest()

    def _latest(self) -> int:
        """A row that is dated later is wrong, and gives way to any other."""
        return to_millis(self._clock() + MAX_AHEAD)


def _as_contention(error: ClientError) -> Exception:
    """The error to raise: ContentionError if other transactions changed the same items at every attempt."""
    reasons: Any = error.response.get("CancellationReasons", [])
    if "TransactionConflict" in {reason.get("Code") for reason in reasons}:
        return ContentionError("too many concurrent updates of the leaderboard; try again")
    return error


def _newest(former: Iterable[Item], items: Iterable[Item]) -> list[Item]:
    """Each rep's newest item."""
    found: dict[int, Item] = {}
    for item in (*items, *former):
        id_ = int(item["sk"])
        if id_ not in found or int(item["as_of"]) > int(found[id_]["as_of"]):
            found[id_] = item
    return list(found.values())


def _decoded(cursor: str | None, pk: str) -> tuple[Item | None, int, int]:
    """Where a page begins: the key of the row before it, and that row's position and rank."""
    if not cursor:
        return None, 0, 0
    key = decode(cursor, {"pk": pk, "sk": ("0", "rep#~"), "score": ("0", "9~"), "at": ("0", "9~")})
    try:
        position, rank = map(int, key["at"].split("/"))
        id_ = int(key["sk"].removeprefix("rep#"))  # as version 0.1.0 issued it
        score = checked_score(Decimal(key["score"]))
        if not (0 < id_ < 10**15 and position > 0):
            raise ValueError(key)
        return {"pk": pk, "sk": id_, "score": score}, position, rank
    except (ValueError, ArithmeticError):
        raise BadInputError("cursor: not issued by this list; omit it to start from the beginning") from None
