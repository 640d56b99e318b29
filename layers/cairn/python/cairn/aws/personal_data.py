"""What is stored about a person: each system finds its own items, and says what an erasure leaves of each.

An export and an erasure use the same list, so an erasure cannot miss what an export shows. Only the operator's command
and the erasure of retired reps use it; no function that serves requests reads a whole table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import ConditionBase
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, rejected_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

DELETED = "deleted"
ANONYMISED = "anonymised"
KEPT = "kept"
ROUNDS = 5


class StillChangingError(Exception):
    """Others changed a person's items during each of several rounds: repeat the erasure."""


@dataclass(frozen=True, slots=True)
class PersonalItem:
    """An item about a person. `erase` may be repeated; None if the item no longer identifies the person."""

    table: str
    item: Item
    erase: Callable[[], object] | None
    fate: str
    """What becomes of it: DELETED, ANONYMISED or KEPT."""


def kept(table: Table, item: Item) -> PersonalItem:
    """An item that holds no personal data, such as a high-water mark of a subject."""
    return PersonalItem(table.name, item, None, KEPT)


def deleted(table: Table, item: Item, erase: Callable[[], object] | None = None) -> PersonalItem:
    """An item that an erasure deletes; `erase` is how, if more belongs to it."""
    key = _key(item)
    return PersonalItem(table.name, item, erase or partial(table.delete_item, Key=key), DELETED)


def anonymised(table: Table, item: Item, **changes: Any) -> PersonalItem:
    """An item from which an erasure takes the person. `changes` are the new values of attributes; None removes one.

    An item that already has these values is kept. One that somebody changed meanwhile stays as it is: the next round
    finds it again.
    """
    wanted = {name: value for name, value in changes.items() if item.get(name) != value}
    if not wanted:
        return kept(table, item)
    return PersonalItem(table.name, item, partial(_change, table, item, wanted), ANONYMISED)


def erase_all(find: Callable[[], Iterable[PersonalItem]]) -> int:
    """Erase what `find` finds until it finds nothing more; returns how many items were erased.

    StillChangingError if there is something left after ROUNDS rounds. A crash at any point leaves items that a repeat
    finds.
    """
    erased = 0
    for _ in range(ROUNDS):
        remaining = [one.erase for one in find() if one.erase]
        if not remaining:
            return erased
        for erase in remaining:
            erase()
        erased += len(remaining)
    if any(one.erase for one in find()):
        raise StillChangingError("items of this person are still being changed: repeat the erasure")
    return erased


def scan(table: Table, where: ConditionBase | None = None) -> Iterator[Item]:
    """Every item of a table that matches; reads the whole table."""
    options: dict[str, Any] = {"ConsistentRead": True} | ({"FilterExpression": where} if where else {})
    while True:
        answer = table.scan(**options)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        options["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _key(item: Item) -> Item:
    return {name: item[name] for name in ("pk", "sk")} if "pk" in item else {"subject": item["subject"]}


def _change(table: Table, item: Item, wanted: Item) -> None:
    names = {f"#{index}": name for index, name in enumerate(wanted)}
    values = {f":{index}": item[name] for index, name in enumerate(wanted) if name in item}
    new = {f":new{index}": value for index, value in enumerate(wanted.values()) if value is not None}
    put = [f"#{index} = :new{index}" for index, value in enumerate(wanted.values()) if value is not None]
    removed = [f"#{index}" for index, value in enumerate(wanted.values()) if value is None]
    unchanged = [
        f"#{index} = :{index}" if name in item else f"attribute_not_exists(#{index})"
        for index, name in enumerate(wanted)
    ]
    parts = [*([f"SET {', '.join(put)}"] if put else []), *([f"REMOVE {', '.join(removed)}"] if removed else [])]
    try:
        table.update_item(
            Key=_key(item),
            UpdateExpression=" ".join(parts),
            ConditionExpression=" AND ".join(unchanged),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values | new,
        )
    except ClientError as error:
        rejected_item(error)
