"""Freezes that were granted to a user. Each covers one missed day. How many are left, the user's habits say.

| pk | sk | holds |
|---|---|---|
| `user#{id}` | `freeze#{id of the grant}` | how many, why, by whom and when |
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from cairn.aws.dynamodb import Item, get, query_all, readable
from cairn.clock import Clock, from_millis, iso, to_millis
from cairn.errors import ConflictError, NotFoundError
from cairn.habits.counting import with_freezes
from cairn.model import Reading
from cairn.readings.along import AlongError
from cairn.readings.stats import Stats
from cairn.usage.reading import User, changing, subject_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True)
class Grant:
    id: str
    count: int
    reason: str
    by: str
    at: datetime


class Freezes:
    """`table` is the usage table."""

    def __init__(self, *, stats: Stats, table: Table, rules_version: int, zone: str, clock: Clock) -> None:
        self._stats = stats
        self._table = table
        self._rules_version = rules_version
        self._zone = zone
        self._clock = clock

    def grant(self, user_id: str, count: int, reason: str, by: str, given_id: str | None) -> tuple[Grant, Reading]:
        """Give a user freezes; the same id again grants nothing more.

        NotFoundError, ErasedError; ConflictError when the id is another grant's, or the user would have too many.
        """
        now = self._clock()
        wanted = Grant(given_id or f"{iso(now)}-{secrets.token_hex(4)}", count, reason, by, now)
        granted = wanted

        def change(user: User, _: datetime) -> User:
            nonlocal granted
            granted = self._stored(user_id, wanted.id) or wanted
            if (granted.count, granted.reason) != (count, reason):
                raise ConflictError("id: another grant has this id; each grant needs an id of its own")
            if granted is not wanted:
                return user
            return User(user.name, with_freezes(user.habits, count), user.totals)

        changed = changing(
            user_id,
            change,
            zone=self._zone,
            clock=self._clock,
            source="api",
            rules_version=self._rules_version,
        )

        def known(stored: Reading | None) -> Reading:
            if stored is None:
                raise NotFoundError("there is no such user")
            return changed(stored)

        put = {
            "Put": {
                "TableName": self._table.name,
                "Item": _to_item(user_id, wanted),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        try:
            _, reading = self._stats.update(subject_of(user_id), known, along=lambda _: [put])
        except AlongError:  # another request with this id was faster, so `change` finds its grant
            _, reading = self._stats.update(subject_of(user_id), known)
        return granted, reading

    def of(self, user_id: str) -> list[Grant]:
        """All grants of a user, the last first."""
        where = Key("pk").eq(f"user#{user_id}") & Key("sk").begins_with("freeze#")
        found = readable(_to_grant, query_all(self._table, where, ConsistentRead=True))
        return sorted(found, key=lambda grant: (grant.at, grant.id), reverse=True)

    def _stored(self, user_id: str, id_: str) -> Grant | None:
        item = get(self._table, _key(user_id, id_), consistent=True)
        return _to_grant(item) if item else None


def _key(user_id: str, id_: str) -> Item:
    return {"pk": f"user#{user_id}", "sk": f"freeze#{id_}"}


def _to_item(user_id: str, grant: Grant) -> Item:
    fields: dict[str, Any] = {"count": grant.count, "reason": grant.reason, "by": grant.by, "at": to_millis(grant.at)}
    return {**_key(user_id, grant.id), **fields}


def _to_grant(item: Item) -> Grant:
    return Grant(
        id=item["sk"].removeprefix("freeze#"),
        count=int(item["count"]),
        reason=item["reason"],
        by=item["by"],
        at=from_millis(int(item["at"])),
    )
