"""The leaderboard table: how the reps stand now, the boards that months ended with, and the counters of their ranks.

| pk | sk | holds |
|---|---|---|
| `board` | `rep#{id}` | a rep as the board shows them, of the month `period`; by score in the index `by_score` |
| `board#{month}` | `rep#{id}` | the same as the month ended with it, for ever |
| `ranks#{node}` | `counts` | a node of the tree that ranks are counted by |
| `ids` | `rep` | the last id that was given |

A row follows from the rep's item in the stats table. Whoever finds them apart brings the row into line, together with
the counters in one transaction, so that it does not matter who does, how often, or who died before it.
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
from cairn.aws.dynamodb import Item, get, query, query_all, rejected_item, transact
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
"""The metric that ranks are of; whoever has the same shares a rank."""
PATIENCE = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, *(10 * (1,)))
"""Seconds between tries when others move on the same counters: eleven and a half in all."""


@dataclass(frozen=True, slots=True)
class Row:
    """A rep as a board shows them."""

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
    """Some places, the best first; how many there are in all; where the next page begins."""

    rows: list[RankedRow]
    total: int
    next_cursor: str | None


class Boards:
    def __init__(self, table: Table) -> None:
        self._table = table

    # -- bringing rows into line

    def row(self, subject: Subject) -> Row | None:
        """The row of a rep, as the last write left it."""
        item = get(self._table, _row_key(LIVE, subject), consistent=True)
        return _to_row(item) if item else None

    def replace_row(self, old: Row | None, new: Row | None) -> bool:
        """Put a row in the place of another, or of none; False when it is another already.

        A row of a month that is over is kept in that month's board. Two write units for each item, and as many items
        as counters' nodes differ; one when the score stays.
        """
        subject = (old or new).subject  # type: ignore[union-attr]  # nobody moves nothing to nowhere
        over = old if old and new and old.period != new.period else None
        changes = rank_counters.changes(old.score if old else None, new.score if new else None)
        if new and not changes and not over:
            return self._put(old, new)
        condition = _unchanged(old)
        if new:
            change: Any = {"Put": {"TableName": self._table.name, "Item": _to_item(LIVE, new), **condition}}
        else:
            change = {"Delete": {"TableName": self._table.name, "Key": _row_key(LIVE, subject), **condition}}
        kept: Any = (
            {"Put": {"TableName": self._table.name, "Item": _to_item(f"{LIVE}#{over.period}", over)}} if over else None
        )
        actions = [change, *([kept] if kept else []), *(self._count(node, by) for node, by in changes.items())]
        try:
            return transact(self._table, actions, PATIENCE)
        except ClientError as error:
            raise _busy(error) from error

    def archive(self, row: Row) -> None:
        """Enter a row into the board of a month that is over, unless a later one is kept there."""
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

    def _count(self, node: str, changes: dict[str, int]) -> Any:
        added = ", ".join(f"n{branch} :n{branch}" for branch in changes)
        values = {f":n{branch}": by for branch, by in changes.items()}
        update = {"UpdateExpression": f"ADD {added}", "ExpressionAttributeValues": values}
        return {"Update": {"TableName": self._table.name, "Key": _node_key(node), **update}}

    # -- reading

    def count_higher(self, scores: Sequence[Number]) -> list[int]:
        """How many on the live board stand higher than each of these scores, all at one instant."""
        counts = self._counts(rank_counters.nodes(scores))
        return [rank_counters.higher(score, counts) for score in scores]

    def page(self, period: str | None, limit: int, cursor: str | None = None) -> BoardPage:
        """Places of the live board (None) or of a month's that is over, from the best."""
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
        places: list[RankedRow] = []
        score = number(start["score"]) if start else None
        for item in answer["Items"]:
            row = _to_row(item)
            position += 1
            rank, score = (rank if row.score == score else position), row.score
            places.append(RankedRow(rank, row))
        following = answer.get("LastEvaluatedKey")
        if following:
            following = {"pk": pk, "sk": following["sk"], "score": str(following["score"]), "at": f"{position}/{rank}"}
        return BoardPage(places, self._total(pk, following, len(places), cursor), encode(following))

    def subjects(self) -> Iterator[Subject]:
        """Everybody on the live board."""
        return (_subject(row["sk"]) for row in query_all(self._table, Key("pk").eq(LIVE), ProjectionExpression="sk"))

    def outside_month(self, period: str) -> Iterator[Subject]:
        """The reps whose rows are of another month."""
        rows = query_all(
            self._table, Key("pk").eq(LIVE), FilterExpression=Attr("period").ne(period), ProjectionExpression="sk"
        )
        return (_subject(row["sk"]) for row in rows)

    def new_id(self) -> int:
        """A number that no rep has had."""
        answer = self._table.update_item(
            Key={"pk": "ids", "sk": "rep"},
            UpdateExpression="ADD last_id :one",
            ExpressionAttributeValues={":one": 1},
            ReturnValues="UPDATED_NEW",
        )
        return int(str(answer["Attributes"]["last_id"]))

    def _total(self, pk: str, following: Item | None, found: int, cursor: str | None) -> int:
        if not following and not cursor:
            return found
        if pk == LIVE:
            return rank_counters.total(self._counts([rank_counters.ROOT]))
        pages = _pages(self._table, Key("pk").eq(pk), Select="COUNT")
        return sum(int(page["Count"]) for page in pages)

    def _counts(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Nodes as they are at one instant: a score that moves meanwhile is seen where it was, or where it is."""
        gets: Any = [{"Get": {"TableName": self._table.name, "Key": _node_key(name)}} for name in names]
        for pause in (*PATIENCE, None):
            try:
                answers = self._table.meta.client.transact_get_items(TransactItems=gets)["Responses"]
            except ClientError as error:
                busy = _busy(error)
                if busy is error or pause is None:
                    raise busy from error
                sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing
            else:
                items = [answer.get("Item", {}) for answer in answers]
                return {name: _to_counts(item) for name, item in zip(names, items, strict=True)}
        raise AssertionError("unreachable")


def row_of(reading: Reading, period: str) -> Row:
    """The row that a reading of a month deserves; a rank it was told of is no part of it."""
    metrics = {metric: value for metric, value in reading.metrics.items() if metric != "podium"}
    return Row(reading.subject, reading.name, period, metrics, dict(reading.details), reading.as_of)


def same_row(one: Row | None, other: Row | None) -> bool:
    """Whether two rows show the same."""
    if one is None or other is None:
        return one is other
    shown = ("name", "period", "metrics", "details")
    return all(getattr(one, field) == getattr(other, field) for field in shown)


def _busy(error: ClientError) -> Exception:
    """A refusal in place of the error, when others were at the same counters all the time."""
    reasons: Any = error.response.get("CancellationReasons", [])
    if "TransactionConflict" in {reason.get("Code") for reason in reasons}:
        return ContentionError("the leaderboard is being changed by too many at once; try again")
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
    """Where a page begins: after which row, and what place and rank that one had."""
    if not cursor:
        return None, 0, 0
    key = decode(cursor, {"pk": pk, "sk": ("rep#", "rep#~"), "score": ("0", "9~"), "at": ("0", "9~")})
    try:
        position, rank = map(int, key["at"].split("/"))
        score = Decimal(key["score"])
        rank_counters.path(score)  # ValueError for what no row has
        return {**_row_key(pk, _subject(key["sk"])), "score": score}, position, rank
    except (ValueError, ArithmeticError):
        raise BadInputError("cursor: not one that this list gave out; leave it away to begin at the start") from None


def _pages(table: Table, where: Any, **options: Any) -> Iterator[Any]:
    start: Item | None = None
    while True:
        answer = query(table, where, start, **options)
        yield answer
        start = answer.get("LastEvaluatedKey")
        if not start:
            return
