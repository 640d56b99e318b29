"""A creator's transactions in the creators table. Rows are never deleted: what no longer counts says so.

Each write has a condition, so that a repeat changes nothing. Only one sync of a creator runs at a time
(`cairn.creators.syncing`); a webhook may write beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, parsed, query, query_all, readable, rejected_item, transact
from cairn.clock import Clock, from_millis, now, to_millis
from cairn.codec import text
from cairn.creators import keys
from cairn.creators.model import Status, Transaction
from cairn.creators.reconciling import Link

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

EVENT_KEPT = timedelta(days=3)
"""How long a webhook's event id is remembered; the platform gives up sending it sooner."""
PAYMENT_KEPT = timedelta(days=35)
"""How long a payment may wait for its row: as far back as any later sync reads."""
_NEW = "attribute_not_exists(pk)"
_SET_STATUS = "SET #status = :status, updated_at = :now"


class Transactions:
    """`table` is the creators table."""

    def __init__(self, table: Table, clock: Clock = now) -> None:
        self._table = table
        self._clock = clock

    def span(self, creator: str, since: datetime, until: datetime) -> Iterator[Transaction]:
        """Those from `since` up to, without, `until`, whatever their status, in order of time (consistent read)."""
        where = Key("pk").eq(keys.transactions(creator)) & _between(since, until)
        return readable(to_transaction, query_all(self._table, where, ConsistentRead=True))

    def first(self, creator: str) -> Transaction | None:
        """The creator's first transaction (consistent read)."""
        where = Key("pk").eq(keys.transactions(creator)) & Key("sk").lt(keys.FIRST_SYNC)
        items = query(self._table, where, ConsistentRead=True, Limit=1)["Items"]
        return parsed(to_transaction, items[0]) if items else None

    def changed_at(self, creator: str, since: datetime, until: datetime) -> datetime | None:
        """When the last of a span's was written; None when there are none."""
        where = Key("pk").eq(keys.transactions(creator)) & _between(since, until)
        items = query_all(self._table, where, ConsistentRead=True)
        return max((from_millis(int(item["updated_at"])) for item in items), default=None)

    def put(self, row: Transaction) -> bool:
        """Store a row of the platform's list. False when it is stored already."""
        try:
            self._table.put_item(Item=self._item(row), ConditionExpression=_NEW)
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def mark(self, row: Transaction, status: Status) -> bool:
        """Give a stored transaction another status. False when it no longer has the one that was read."""
        try:
            self._table.update_item(
                Key=_key(row),
                UpdateExpression=_SET_STATUS,
                ConditionExpression="#status = :seen",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":seen": row.status, **self._status(status)},
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def change(self, old: Transaction, new: Transaction) -> bool:
        """Let a row of the list count in the place of what it was before, both at once. False as `link` says."""
        put = {"TableName": self._table.name, "Item": self._item(new), "ConditionExpression": _NEW}
        gone = {
            "TableName": self._table.name,
            "Key": _key(old),
            "UpdateExpression": _SET_STATUS,
            "ConditionExpression": "#status = :seen",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":seen": old.status, **self._status("gone")},
        }
        return transact(self._table, [{"Update": gone}, {"Put": put}])

    def link(self, link: Link) -> bool:
        """Let a row count in the payment's place, both at once. False when one of them is no longer as it was read."""
        row, payment = link.row, link.payment
        own: dict[str, Any] = (
            {
                "Put": {
                    "TableName": self._table.name,
                    "Item": self._item(replace(row, push=payment.push)),
                    "ConditionExpression": _NEW,
                }
            }
            if link.is_new
            else self._set_push(row, payment.push)
        )
        replaced = {
            "Update": {
                "TableName": self._table.name,
                "Key": _key(payment),
                "UpdateExpression": _SET_STATUS,
                "ConditionExpression": "#status = :seen",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": {":seen": payment.status, **self._status("replaced")},
            }
        }
        waiting = {"Delete": {"TableName": self._table.name, "Key": _waiting_key(payment)}}
        return transact(self._table, [own, replaced, waiting])

    def open_payments(self, creator: str) -> list[Transaction]:
        """The payments of which no row has come yet, the unconfirmed ones too (consistent read)."""
        where = Key("pk").eq(keys.payments(creator))
        present = self._clock()
        items = [
            item
            for item in query_all(self._table, where, ConsistentRead=True)
            if int(item["expires_at"]) > present.timestamp()
        ]
        return list(readable(to_transaction, items))

    def add_payment(self, payment: Transaction, event: Sequence[str]) -> bool:
        """Store a payment of which a webhook told, with the platform and id of its event. False when either is known.

        Its place among those that wait for their row is written with it.
        """
        item = self._item(payment)
        waiting = {**item, **_waiting_key(payment), "expires_at": self._seconds(PAYMENT_KEPT)}
        actions = [
            {"Put": {"TableName": self._table.name, "Item": one, "ConditionExpression": _NEW}}
            for one in (item, waiting)
        ]
        return transact(self._table, [*actions, self._event(event)])

    def confirm_row(self, row: Transaction, payment: Transaction, event: Sequence[str]) -> bool:
        """Note on a stored row that a webhook told of its payment. False when the event or the row's is known."""
        return transact(self._table, [self._set_push(row, payment.push), self._event(event)])

    def give_up(self, payment: Transaction) -> bool:
        """Count a payment no longer, of which no row came; it may still come. False when it has come meanwhile."""
        change = {
            "UpdateExpression": _SET_STATUS,
            "ConditionExpression": "#status = :seen",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":seen": payment.status, **self._status("unconfirmed")},
        }
        places = (_key(payment), _waiting_key(payment))
        return transact(
            self._table, [{"Update": {"TableName": self._table.name, "Key": key, **change}} for key in places]
        )

    def note_event(self, event: Sequence[str]) -> bool:
        """Remember an event that no row came from. False when it is known."""
        return transact(self._table, [self._event(event)])

    def end_first_sync(self, creator: str, trace_id: str) -> None:
        """Put the marker behind all rows of the first sync. A repeat changes it, so that the stream says it again."""
        self._table.put_item(
            Item={
                "pk": keys.transactions(creator),
                "sk": keys.FIRST_SYNC,
                "trace_id": trace_id,
                "updated_at": to_millis(self._clock()),
            }
        )

    def _set_push(self, row: Transaction, push: str | None) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table.name,
                "Key": _key(row),
                "UpdateExpression": "SET push = :push, updated_at = :now",
                "ConditionExpression": "attribute_not_exists(push) AND #status = :counted",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": {":push": push, ":counted": "counted", ":now": to_millis(self._clock())},
            }
        }

    def _event(self, event: Sequence[str]) -> dict[str, Any]:
        platform, event_id = event
        item = {"pk": keys.event(platform), "sk": event_id, "expires_at": self._seconds(EVENT_KEPT)}
        return {"Put": {"TableName": self._table.name, "Item": item, "ConditionExpression": _NEW}}

    def _status(self, status: Status) -> dict[str, Any]:
        return {":status": status, ":now": to_millis(self._clock())}

    def _seconds(self, kept: timedelta) -> int:
        return int((self._clock() + kept).timestamp())

    def _item(self, row: Transaction) -> Item:
        return {**to_item(row), "updated_at": to_millis(self._clock())}


def _between(since: datetime, until: datetime) -> Any:
    """A key has its instant first and goes on after it, so none of `until` is below the instant's text alone."""
    return Key("sk").between(keys.from_instant(since), keys.from_instant(until))


def _key(row: Transaction) -> Item:
    return {"pk": keys.transactions(row.creator), "sk": row.key}


def _waiting_key(payment: Transaction) -> Item:
    return {"pk": keys.payments(payment.creator), "sk": payment.key}


def to_item(row: Transaction) -> Item:
    optional = {
        "net": row.net,
        "payer": row.payer,
        "payer_name": row.payer_name,
        "silent": row.silent or None,
        "order": row.order,
        "reverses": row.reverses,
        "push": row.push,
    }
    return {
        **_key(row),
        "at": to_millis(row.at),
        "gross": row.gross,
        "currency": row.currency,
        "category": row.category,
        "source": row.source,
        "origin": row.origin,
        "trace_id": row.trace_id,
        "status": row.status,
        **{name: value for name, value in optional.items() if value is not None},
    }


def to_transaction(item: Item) -> Transaction:
    """The transaction of a stored item or image; KeyError, TypeError or ValueError for any other item."""
    return Transaction(
        creator=text(item["pk"]).partition("#")[2],
        key=text(item["sk"]),
        at=from_millis(int(item["at"])),
        gross=int(item["gross"]),
        net=int(item["net"]) if "net" in item else None,
        currency=text(item["currency"]),
        category=text(item["category"]),
        source=text(item["source"]),
        payer=item.get("payer"),
        payer_name=item.get("payer_name"),
        origin=cast("Any", text(item["origin"])),
        trace_id=text(item["trace_id"]),
        silent=bool(item.get("silent", False)),
        status=cast("Any", text(item["status"])),
        order=item.get("order"),
        reverses=item.get("reverses"),
        push=item.get("push"),
    )
