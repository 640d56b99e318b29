"""The agencies, in the creators table. Nothing is deleted: who retires keeps their sums and milestones.

An agency's item counts its creators who are not retired, in the transactions that change them, so that no creator is
left in an agency that retires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, query_all, readable, rejected_item
from cairn.clock import from_millis, to_millis
from cairn.codec import text
from cairn.creators import keys
from cairn.creators.listing import new_id, page
from cairn.creators.model import Agency
from cairn.errors import BadInputError, ConflictError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True)
class Listed:
    """An agency, and how many creators it has who are not retired."""

    agency: Agency
    creators: int


class Agencies:
    """`table` is the creators table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def make(self, name: str, now: datetime) -> Listed:
        agency = Agency(new_id(now), name, now)
        self._table.put_item(Item=_from_agency(agency))
        return Listed(agency, 0)

    def get(self, agency_id: str) -> Listed | None:
        """The agency (consistent read)."""
        item = get(self._table, agency_key(agency_id), consistent=True)
        return _to_listed(item) if item else None

    def all(self) -> list[Listed]:
        """All of them, the oldest first."""
        return list(readable(_to_listed, query_all(self._table, Key("pk").eq(keys.AGENCIES))))

    def page(self, limit: int, cursor: str | None, *, retired: bool = True) -> tuple[list[Listed], str | None]:
        """Some of them, the oldest first, and the cursor of the next page; without `retired`, only the others."""
        return page(
            self._table, keys.AGENCIES, _to_listed, lambda item: retired or "retired_at" not in item, limit, cursor
        )

    def rename(self, agency_id: str, name: str) -> Listed | None:
        """None when there is none."""
        return self._update(agency_id, "SET #name = :name", "attribute_exists(pk)", {":name": name}, {"#name": "name"})

    def retire(self, agency_id: str, now: datetime) -> Listed | None:
        """The agency, retired; None when there is none. ConflictError while it has creators who are not retired."""
        empty = "attribute_exists(pk) AND (attribute_not_exists(creators) OR creators = :none)"
        changes = "SET retired_at = if_not_exists(retired_at, :now)"
        retired = self._update(agency_id, changes, empty, {":now": to_millis(now), ":none": 0}, {})
        if retired is None and (found := self.get(agency_id)):
            raise ConflictError(f"the agency has {found.creators} creators: retire them first, or move them to another")
        return retired

    def bring_back(self, agency_id: str) -> Listed | None:
        """The agency, no longer retired; None when there is none."""
        return self._update(agency_id, "REMOVE retired_at", "attribute_exists(pk)", {}, {})

    def _update(
        self, agency_id: str, changes: str, condition: str, values: Mapping[str, Any], names: Mapping[str, str]
    ) -> Listed | None:
        request: dict[str, Any] = {
            "Key": agency_key(agency_id),
            "UpdateExpression": changes,
            "ConditionExpression": condition,
            "ReturnValues": "ALL_NEW",
            **({"ExpressionAttributeValues": values} if values else {}),
            **({"ExpressionAttributeNames": names} if names else {}),
        }
        try:
            return _to_listed(self._table.update_item(**request)["Attributes"])
        except ClientError as error:
            rejected_item(error)
            return None

    # -- with a creator

    def count(self, agency_id: str, change: int) -> dict[str, Any]:
        """The action that counts a creator of an agency; it fails for a retired agency, unless a creator leaves it."""
        condition = "attribute_exists(pk)" + (" AND attribute_not_exists(retired_at)" if change > 0 else "")
        update = {
            "TableName": self._table.name,
            "Key": agency_key(agency_id),
            "UpdateExpression": "ADD creators :change",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {":change": change},
        }
        return {"Update": update}

    def require(self, agency_id: str) -> None:
        """BadInputError unless there is such an agency, which is not retired."""
        item = get(self._table, agency_key(agency_id), consistent=True)
        if item is None:
            raise BadInputError(f"agencyId: there is no agency {agency_id}; GET /api/agencies lists them")
        if "retired_at" in item:
            raise BadInputError(f"agencyId: the agency {agency_id} is retired")


def agency_key(agency_id: str) -> Item:
    return {"pk": keys.AGENCIES, "sk": agency_id}


def _from_agency(agency: Agency) -> Item:
    return {**agency_key(agency.id), "name": agency.name, "created_at": to_millis(agency.created_at), "creators": 0}


def _to_listed(item: Item) -> Listed:
    agency = Agency(
        id=item["sk"],
        name=text(item["name"]),
        created_at=from_millis(int(item["created_at"])),
        retired_at=from_millis(int(item["retired_at"])) if "retired_at" in item else None,
    )
    return Listed(agency, int(item.get("creators", 0)))
