"""The creators, in the creators table. Nothing is deleted: who retires keeps their sums and milestones.

The item `external#{platform}` says which creator has an account of a platform. It is written with the creator and
stays, so that each account has one creator for ever, whose sums have no gap. The item of an agency counts its creators
(`agencies.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from cairn.aws.dynamodb import Item, get, get_many, query_all, readable, transact
from cairn.clock import from_millis, to_millis
from cairn.codec import text
from cairn.creators import keys
from cairn.creators.agencies import Agencies, agency_key
from cairn.creators.listing import new_id, page
from cairn.creators.model import Creator
from cairn.errors import ConflictError, ContentionError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Creator]
    next_cursor: str | None


class Creators:
    """`table` is the creators table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._agencies = Agencies(table)

    # -- reading

    def get(self, creator_id: str) -> Creator | None:
        """The creator (consistent read)."""
        item = get(self._table, _creator_key(creator_id), consistent=True)
        return next(readable(_to_creator, [item]), None) if item else None

    def get_many(self, creator_ids: Iterable[str]) -> dict[str, Creator]:
        items = get_many(self._table, [_creator_key(creator_id) for creator_id in dict.fromkeys(creator_ids)])
        return {creator.id: creator for creator in readable(_to_creator, items)}

    def all(self, *, agency_id: str | None = None, retired: bool = True) -> Iterator[Creator]:
        """All of them, or those of an agency, the oldest first; without `retired`, only the others."""
        items = query_all(self._table, Key("pk").eq(keys.CREATORS))
        yield from readable(_to_creator, filter(_wanted(agency_id, retired=retired), items))

    def page(self, limit: int, cursor: str | None, *, agency_id: str | None = None, retired: bool = True) -> Page:
        """Some of them, the oldest first. BadInputError for a cursor of another list."""
        wanted = _wanted(agency_id, retired=retired)
        return Page(*page(self._table, keys.CREATORS, _to_creator, wanted, limit, cursor))

    def with_account(self, platform: str, external_id: str) -> Creator | None:
        """Who has this account of a platform, retired or not (consistent read)."""
        item = get(self._table, _external_key(platform, external_id), consistent=True)
        return self.get(item["creator"]) if item else None

    # -- changing

    def make(
        self,
        *,
        agency_id: str,
        name: str,
        platform: str,
        external_id: str,
        now: datetime,
        currency: str | None = None,
        time_zone: str | None = None,
        creator_id: str | None = None,
    ) -> Creator:
        """A new creator of an agency. BadInputError without the agency; ConflictError when another has the account."""
        made = Creator(creator_id or new_id(now), agency_id, name, platform, external_id, now, currency, time_zone)
        account = {**_external_key(platform, external_id), "creator": made.id}
        absent = "attribute_not_exists(pk)"
        stored = transact(
            self._table,
            [
                {"Put": {"TableName": self._table.name, "Item": _from_creator(made), "ConditionExpression": absent}},
                {"Put": {"TableName": self._table.name, "Item": account, "ConditionExpression": absent}},
                self._agencies.count(agency_id, +1),
            ],
        )
        if not stored:
            self._explain(agency_id, platform, external_id)
        return made

    def change(
        self,
        seen: Creator,
        *,
        name: str | None = None,
        agency_id: str | None = None,
        currency: str | None = None,
        time_zone: str | None = None,
    ) -> Creator:
        """What is None stays. BadInputError without the agency; ContentionError if somebody changed the creator since.

        ConflictError for another currency once transactions are synced: their sums are in the one before.
        """
        wanted = {"name": name, "agency_id": agency_id, "currency": currency, "time_zone": time_zone}
        changes: dict[str, Any] = {
            field: value for field, value in wanted.items() if value is not None and value != getattr(seen, field)
        }
        if not changes:
            return seen
        new = replace(seen, **changes)
        return self._store(seen, new, moves=new.agency_id != seen.agency_id, unsynced="currency" in changes)

    def retire(self, seen: Creator, now: datetime) -> Creator:
        """Nothing is fetched for the creator any more, and their own credentials are deleted; what is known stays.

        ContentionError when somebody changed the creator since.
        """
        return seen if seen.retired_at else self._store(seen, replace(seen, retired_at=now))

    def bring_back(self, seen: Creator) -> Creator:
        """The creator, no longer retired. BadInputError when the agency is retired."""
        return self._store(seen, replace(seen, retired_at=None)) if seen.retired_at else seen

    def _store(self, seen: Creator, new: Creator, *, moves: bool = False, unsynced: bool = False) -> Creator:
        """Put the changed creator, and count those of the agencies, unless somebody changed the creator since."""
        before, after = _from_creator(seen), _from_creator(new)
        same = [f"#{name} = :{name}" if name in before else f"attribute_not_exists(#{name})" for name in _CHANGEABLE]
        put = {
            "TableName": self._table.name,
            "Item": after,
            "ConditionExpression": " AND ".join(["attribute_exists(pk)", *same]),
            "ExpressionAttributeNames": {f"#{name}": name for name in _CHANGEABLE},
            "ExpressionAttributeValues": {f":{name}": before[name] for name in _CHANGEABLE if name in before},
        }
        counted, counts = seen.retired_at is None, new.retired_at is None
        actions: list[Any] = [{"Put": put}]
        if counted and (moves or not counts):
            actions.append(self._agencies.count(seen.agency_id, -1))
        if counts and (moves or not counted):
            actions.append(self._agencies.count(new.agency_id, +1))
        if moves and not counts:
            actions.append(self._check(agency_key(new.agency_id), "attribute_exists(pk)"))
        if counted and not counts:
            own = {"pk": keys.credentials(seen.id), "sk": keys.TOKEN}
            actions.append({"Delete": {"TableName": self._table.name, "Key": own}})
        if unsynced:
            never = "attribute_not_exists(started_at) AND attribute_not_exists(synced_at)"
            actions.append(self._check({"pk": keys.sync(seen.id), "sk": keys.STATE}, never))
        if not transact(self._table, actions):
            if self.get(seen.id) != seen:
                raise ContentionError("somebody changed the creator at the same time; try again")
            self._agencies.require(new.agency_id)
            if unsynced:
                raise ConflictError("the currency cannot change once transactions are synced: the sums are in it")
            raise ContentionError("somebody changed the creator or the agency at the same time; try again")
        return new

    def _check(self, key: Item, condition: str) -> dict[str, Any]:
        return {"ConditionCheck": {"TableName": self._table.name, "Key": key, "ConditionExpression": condition}}

    def _explain(self, agency_id: str, platform: str, external_id: str) -> None:
        """Raise what kept a creator from being made."""
        other = self.with_account(platform, external_id)
        if other:
            retired = ", who is retired: bring them back" if other.retired_at else ""
            details = ({"field": "externalId", "message": "another creator has this account", "id": other.id},)
            raise ConflictError(f"the creator {other.id} has this account of {platform}{retired}", details)
        self._agencies.require(agency_id)
        raise ContentionError("somebody changed the agency at the same time; try again")


_CHANGEABLE = ("name", "agency", "currency", "time_zone", "retired_at")


def _wanted(agency_id: str | None, *, retired: bool) -> Callable[[Item], bool]:
    def wanted(item: Item) -> bool:
        return (agency_id is None or item.get("agency") == agency_id) and (retired or "retired_at" not in item)

    return wanted


def _creator_key(creator_id: str) -> Item:
    return {"pk": keys.CREATORS, "sk": creator_id}


def _external_key(platform: str, external_id: str) -> Item:
    return {"pk": keys.external(platform), "sk": external_id}


def _from_creator(creator: Creator) -> Item:
    return {
        **_creator_key(creator.id),
        "name": creator.name,
        "agency": creator.agency_id,
        "platform": creator.platform,
        "external_id": creator.external_id,
        "added_at": to_millis(creator.added_at),
        **({"currency": creator.currency} if creator.currency else {}),
        **({"time_zone": creator.time_zone} if creator.time_zone else {}),
        **({"retired_at": to_millis(creator.retired_at)} if creator.retired_at else {}),
    }


def _to_creator(item: Item) -> Creator:
    return Creator(
        id=item["sk"],
        agency_id=text(item["agency"]),
        name=text(item["name"]),
        platform=text(item["platform"]),
        external_id=text(item["external_id"]),
        added_at=from_millis(int(item["added_at"])),
        currency=item.get("currency"),
        time_zone=item.get("time_zone"),
        retired_at=from_millis(int(item["retired_at"])) if "retired_at" in item else None,
    )
