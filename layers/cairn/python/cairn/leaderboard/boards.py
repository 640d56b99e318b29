"""The leaderboard table: the reps' current rows, the final boards of past months, and the counters behind the ranks.

| pk | sk | holds |
|---|---|---|
| `board` | `rep#{id}` | a rep's current row, of the month `period`; sorted by score in the index `by_score` |
| `board#{month}` | `rep#{id}` | the row with which the rep ended the month, kept for ever |
| `ranks#{node}` | `counts` | a node of the tree from which ranks are counted |
| `ids` | `rep` | the last id that was assigned |

A row is derived from the rep's item in the stats table. Any function that finds a stale row repairs it, together with
the counters, in one transaction. So it does not matter which function repairs it, how often, or which died before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, get, query, query_all, readable, rejected_item, transact
from cairn.clock import from_millis, sleep, to_millis
from cairn.codec import details, number, numbers
from cairn.errors import BadInputError, ContentionError
from cairn.leaderboard import rank_counters
from cairn.model import Number, Reading, Subject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BY_SCORE = "by_score"
LIVE = "board"
SCORE = "monthly_revenue"
"""The metric by which reps are ranked; reps with the same score share a rank."""
CONFLICT_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, *(10 * (1,)))
"""Seconds between attempts while other transactions change the same counters: eleven and a half in total."""


@dataclass(frozen=True, slots=True)
class Row:
    """A rep on a board."""

    subject: Subject
    name: str
    period: str
    metrics: dict[str, Number]
    details: dict[str, str | int]
    as_of: datetime

    @property
    def score(self) -> Number:
        return self.metrics.get(SCORE, 0)


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
    def __init__(self, table: Table) -> None:
        self._table = table

    # -- writing

    def row(self, subject: Subject) -> Row | None:
        """The row of a rep, read consistently."""
        item = get(self._table, _row_key(LIVE, subject), consistent=True)
        return _to_row(item) if item else None

    def replace_row(self, old: Row | None, new: Row | None) -> bool:
        """Replace a row; None stands for no row. False if the stored row is not `old` any more.

        When the month changes, the old row is archived on that month's board. Costs two write units for each row and
        each counter node that is written; one in all when neither score nor month changes.
        """
        subject = (old or new).subject  # type: ignore[union-attr]  # never both None
        ended = old if old and new and old.period < new.period else None
        changes = rank_counters.changes(old.score if old else None, new.score if new else None)
        if new and not changes and not ended:
            return self._put(old, new)
        condition = _unchanged(old)
        if new:
            change: Any = {"Put": {"TableName": self._table.name, "Item": _to_item(LIVE, new), **condition}}
        else:
            change = {"Delete": {"TableName": self._table.name, "Key": _row_key(LIVE, subject), **condition}}
        archived: Any = (
            {"Put": {"TableName": self._table.name, "Item": _to_item(f"{LIVE}#{ended.period}", ended)}}
            if ended
            else None
        )
        actions = [
            change,
            *([archived] if archived else []),
            *(self._counter_update(node, by) for node, by in changes.items()),
        ]
        try:
            return transact(self._table, actions, CONFLICT_PAUSES)
        except ClientError as error:
            raise _as_contention(error) from error

    def archive(self, row: Row) -> None:
        """Store a row on the board of a past month, unless a newer one is stored there."""
        try:
            self._table.put_item(
                Item=_to_item(f"{LIVE}#{row.period}", row),
                ConditionExpression="attribute_not_exists(pk) OR as_of < :as_of",
                ExpressionAttributeValues={":as_of": to_millis(row.as_of)},
            )
        except ClientError as error:
            rejected_item(error)

    def _put(self, old: Row | None, new: Row) -> bool:
        try:
            self._table.put_item(Item=_to_item(LIVE, new), **_unchanged(old))
        except ClientError as error:
            if error.response["Error"]["Code"] not in (
                "ConditionalCheckFailedException",
                "TransactionConflictException",
            ):
                raise
            return False
        return True

    def _counter_update(self, node: str, changes: dict[str, int]) -> Any:
        added = ", ".join(f"n{branch} :n{branch}" for branch in changes)
        values = {f":n{branch}": by for branch, by in changes.items()}
        update = {"UpdateExpression": f"ADD {added}", "ExpressionAttributeValues": values}
        return {"Update": {"TableName": self._table.name, "Key": _node_key(node), **update}}

    # -- reading

    def count_higher(self, scores: Sequence[Number]) -> list[int]:
        """How many rows of the live board have a higher score than each of these, all as of one instant."""
        counts = self._counts(rank_counters.nodes(scores))
        return [rank_counters.higher(score, counts) for score in scores]

    def page(self, period: str | None, limit: int, cursor: str | None = None) -> BoardPage:
        """Ranked rows of the live board (None) or of a past month's, the best first."""
        pk = f"{LIVE}#{period}" if period else LIVE
        start, position, rank = _decoded(cursor, pk)
        answer = query(
            self._table,
            Key("pk").eq(pk),
            start,
            IndexName=BY_SCORE,
            Limit=limit,
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        rows: list[RankedRow] = []
        score = number(start["score"]) if start else None
        for row in readable(_to_row, answer["Items"]):
            position += 1
            rank, score = (rank if row.score == score else position), row.score
            rows.append(RankedRow(rank, row))
        next_key = answer.get("LastEvaluatedKey")
        if next_key:
            next_key = {"pk": pk, "sk": next_key["sk"], "score": str(next_key["score"]), "at": f"{position}/{rank}"}
        return BoardPage(rows, self._total(pk, next_key, len(rows), cursor), encode(next_key))

    def subjects(self) -> Iterator[Subject]:
        """Every rep on the live board."""
        return (_subject(row["sk"]) for row in query_all(self._table, Key("pk").eq(LIVE), ProjectionExpression="sk"))

    def outside_month(self, period: str) -> Iterator[Subject]:
        """The reps whose live rows are of another month."""
        rows = query_all(
            self._table, Key("pk").eq(LIVE), FilterExpression=Attr("period").ne(period), ProjectionExpression="sk"
        )
        return (_subject(row["sk"]) for row in rows)

    def new_id(self) -> int:
        """An id that no rep has had."""
        answer = self._table.update_item(
            Key={"pk": "ids", "sk": "rep"},
            UpdateExpression="ADD last_id :one",
            ExpressionAttributeValues={":one": 1},
            ReturnValues="UPDATED_NEW",
        )
        return int(str(answer["Attributes"]["last_id"]))

    def last_id(self) -> int:
        """The id that was assigned last; 0 if there never was a rep."""
        return int((get(self._table, {"pk": "ids", "sk": "rep"}, consistent=True) or {}).get("last_id", 0))

    def _total(self, pk: str, next_key: Item | None, found: int, cursor: str | None) -> int:
        if not next_key and not cursor:
            return found
        if pk == LIVE:
            return rank_counters.total(self._counts([rank_counters.ROOT]))
        pages = _pages(self._table, Key("pk").eq(pk), Select="COUNT")
        return sum(int(page["Count"]) for page in pages)

    def _counts(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """The nodes as of one instant: a score that changes meanwhile counts once, as it was or as it is."""
        gets: Any = [{"Get": {"TableName": self._table.name, "Key": _node_key(name)}} for name in names]
        for pause in (*CONFLICT_PAUSES, None):
            try:
                answers = self._table.meta.client.transact_get_items(TransactItems=gets)["Responses"]
            except ClientError as error:
                contention = _as_contention(error)
                if contention is error or pause is None:
                    raise contention from error
                sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing
            else:
                items = [answer.get("Item", {}) for answer in answers]
                return {name: _to_counts(item) for name, item in zip(names, items, strict=True)}
        raise AssertionError("unreachable")


def row_of(reading: Reading, period: str) -> Row:
    """The row of a month's reading. It leaves out `podium`, which is derived from the board itself."""
    metrics = {metric: value for metric, value in reading.metrics.items() if metric != "podium"}
    return Row(reading.subject, reading.name, period, metrics, dict(reading.details), reading.as_of)


def same_row(one: Row | None, other: Row | None) -> bool:
    """Whether two rows show the same."""
    if one is None or other is None:
        return one is other
    shown = ("name", "period", "metrics", "details")
    return all(getattr(one, field) == getattr(other, field) for field in shown)


def _as_contention(error: ClientError) -> Exception:
    """The error to raise: ContentionError if other transactions changed the same counters at every attempt."""
    reasons: Any = error.response.get("CancellationReasons", [])
    if "TransactionConflict" in {reason.get("Code") for reason in reasons}:
        return ContentionError("too many concurrent updates of the leaderboard; try again")
    return error


def _unchanged(row: Row | None) -> Any:
    if row is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {"ConditionExpression": "as_of = :seen", "ExpressionAttributeValues": {":seen": to_millis(row.as_of)}}


def _row_key(pk: str, subject: Subject) -> Item:
    return {"pk": pk, "sk": f"rep#{int(subject.id):015d}"}


def _subject(sk: str) -> Subject:
    return Subject("rep", str(int(sk.removeprefix("rep#"))))


def _node_key(node: str) -> Item:
    return {"pk": f"ranks#{node}", "sk": "counts"}


def _to_counts(item: Item) -> dict[str, int]:
    return {name[1:]: int(count) for name, count in item.items() if name not in ("pk", "sk")}


def _to_item(pk: str, row: Row) -> Item:
    return {
        **_row_key(pk, row.subject),
        "score": row.score,
        "name": row.name,
        "period": row.period,
        "metrics": dict(row.metrics),
        "details": dict(row.details),
        "as_of": to_millis(row.as_of),
    }


def _to_row(item: Item) -> Row:
    return Row(
        subject=_subject(item["sk"]),
        name=item["name"],
        period=item["period"],
        metrics=numbers(item["metrics"]),
        details=details(item["details"]),
        as_of=from_millis(int(item["as_of"])),
    )


def _decoded(cursor: str | None, pk: str) -> tuple[Item | None, int, int]:
    """Where a page begins: the key of the row before it, and that row's position and rank."""
    if not cursor:
        return None, 0, 0
    key = decode(cursor, {"pk": pk, "sk": ("rep#", "rep#~"), "score": ("0", "9~"), "at": ("0", "9~")})
    try:
        position, rank = map(int, key["at"].split("/"))
        score = Decimal(key["score"])
        rank_counters.path(score)  # ValueError for a score that no row can have
        return {**_row_key(pk, _subject(key["sk"])), "score": score}, position, rank
    except (ValueError, ArithmeticError):
        raise BadInputError("cursor: not issued by this list; omit it to start from the beginning") from None


def _pages(table: Table, where: Any, **options: Any) -> Iterator[Any]:
    start: Item | None = None
    while True:
        answer = query(table, where, start, **options)
        yield answer
        start = answer.get("LastEvaluatedKey")
        if not start:
            return
