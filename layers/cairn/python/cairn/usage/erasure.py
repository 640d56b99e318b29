"""Erases a user everywhere, and for good: a tombstone first, then everything else, however often it is interrupted.

| pk | sk | holds |
|---|---|---|
| `erasures` | id of the user | an erasure under way: since when; the contact, until the CRM is told; what is done |

The tombstone, the profile's and this item are written in one transaction. From then on nothing is counted, and nobody
is told of the user. A repeat of the erasure, or the hourly run of erase_users, completes what a crash interrupted. The
item stays for a day longer, as records of the stream may: what they bring is erased again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, query_all, readable, rejected_item
from cairn.aws.personal_data import PersonalItem
from cairn.clock import Clock, from_iso, from_millis, iso, to_millis
from cairn.errors import NotFoundError
from cairn.model import Reading, Subject
from cairn.observability import logger
from cairn.readings.stats import Stats
from cairn.usage.personal_data import ERASURES, UserItems
from cairn.usage.reading import ERASED, subject_of, tombstone
from cairn.usage.users import Users

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SETTLED = timedelta(hours=25)
"""After so long no record from before the erasure is in the stream any more, which keeps them for 24 hours."""

RESERVE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that is under way."""

    user_id: str
    at: datetime
    contact: Mapping[str, str] = field(default_factory=dict)
    """The user's `name`, `email` and `phone`, as far as they were known, until the CRM is told."""
    told: bool = False
    """Whether the CRM is told: the event is in the webhook queue."""
    looked_at: datetime | None = None
    """When the webhooks table was last looked through for the user."""

    def wants_look(self, now: datetime) -> bool:
        """Whether the webhooks table is to be looked through: at once, and once more when the stream has settled."""
        settled = self.at + SETTLED
        return self.looked_at is None or (self.looked_at < settled <= now)

    @property
    def complete(self) -> bool:
        """Whether nothing of the user can come any more, and all that was there was looked through."""
        return self.told and self.looked_at is not None and self.looked_at >= self.at + SETTLED


Tell = Callable[[Subject, datetime, Mapping[str, str]], None]
"""Queues the event that a user was erased: the same one for the same user and instant, with the contact."""


class Erasures:
    """The erasures that are under way; `table` is the usage table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def waiting(self) -> Iterator[Erasure]:
        return readable(_to_erasure, query_all(self._table, Key("pk").eq(ERASURES), ConsistentRead=True))

    def get(self, user_id: str) -> Erasure | None:
        item = get(self._table, _key(user_id), consistent=True)
        return _to_erasure(item) if item else None

    def begin(self, erasure: Erasure) -> dict[str, Any]:
        """The Put of a transaction."""
        item = {
            **_key(erasure.user_id),
            "at": to_millis(erasure.at),
            **({"contact": dict(erasure.contact)} if erasure.contact else {}),
        }
        return {"Put": {"TableName": self._table.name, "Item": item}}

    def note_told(self, erasure: Erasure) -> None:
        self._change(erasure, "SET told = :true REMOVE contact", {":true": True})

    def note_looked(self, erasure: Erasure, at: datetime) -> None:
        self._change(erasure, "SET looked_at = :looked", {":looked": to_millis(at)})

    def remove(self, erasure: Erasure) -> None:
        self._table.delete_item(Key=_key(erasure.user_id))

    def _change(self, erasure: Erasure, changes: str, values: Mapping[str, Any]) -> None:
        try:
            self._table.update_item(
                Key=_key(erasure.user_id),
                UpdateExpression=changes,
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues=dict(values),
            )
        except ClientError as error:
            rejected_item(error)  # somebody else has completed it


def _no_limit() -> float:
    return math.inf


class Erasing:
    def __init__(
        self, *, stats: Stats, users: Users, erasures: Erasures, items: UserItems, tell: Tell, clock: Clock
    ) -> None:
        self._stats = stats
        self._users = users
        self._erasures = erasures
        self._items = items
        self._tell = tell
        self._clock = clock

    def erase(self, user_id: str, seconds_left: Callable[[], float] = _no_limit) -> datetime:
        """Erase a user, and return since when they are erased. NotFoundError if there never was such a user.

        What is not done in time, erase_users does.
        """
        erased_at = self._begin(user_id)
        if erasure := self._erasures.get(user_id):
            self.carry_on(erasure, seconds_left)
        return erased_at

    def carry_on(self, erasure: Erasure, seconds_left: Callable[[], float] = _no_limit) -> bool:
        """Do all that needs no scan, and say whether it is done. A repeat does what is left.

        When the CRM cannot be told, the user is erased nevertheless, and the error is raised after that.
        """
        failure: Exception | None = None
        try:
            self._tell_crm(erasure)
        except Exception as error:  # noqa: BLE001 - it is raised below
            failure = error
        is_done = self._erase_items(erasure.user_id, seconds_left)
        if failure:
            raise failure
        return is_done

    def _tell_crm(self, erasure: Erasure) -> None:
        if not erasure.told:
            self._tell(subject_of(erasure.user_id), erasure.at, erasure.contact)
            self._erasures.note_told(erasure)

    def _erase_items(self, user_id: str, seconds_left: Callable[[], float]) -> bool:
        """False when the time was up."""
        erased = 0
        for one in self._items.of(subject_of(user_id), lambda: None):  # it has begun
            if one.erase and seconds_left() < RESERVE_SECONDS:
                return False
            if one.erase:
                one.erase()
                erased += 1
        if erased:
            logger.info("user erased", subject=str(subject_of(user_id)), items=erased)
        return True

    def items_of(self, user_id: str) -> Iterator[PersonalItem]:
        """What is stored of a user. To erase the first item begins the erasure, and does all of it."""
        return self._items.of(subject_of(user_id), partial(self.erase, user_id))

    def _begin(self, user_id: str) -> datetime:
        subject = subject_of(user_id)
        profile = self._users.get(user_id)
        known = {"name": profile.name, "email": profile.email, "phone": profile.phone} if profile else {}
        at = self._clock()
        erasure = Erasure(user_id, at, {part: text for part, text in known.items() if text})

        def change(stored: Reading | None) -> Reading:
            if stored is None and (profile is None or profile.erased):
                raise NotFoundError("there is no such user")
            return tombstone(user_id, stored, at, iso(at))

        along = [self._erasures.begin(erasure), self._users.bury(user_id, at)]
        _, reading = self._stats.update(subject, change, along=lambda _: along)
        return from_iso(str(reading.details[ERASED]))


def _key(user_id: str) -> Item:
    return {"pk": ERASURES, "sk": user_id}


def _to_erasure(item: Item) -> Erasure:
    return Erasure(
        user_id=item["sk"],
        at=from_millis(int(item["at"])),
        contact=dict(item.get("contact", {})),
        told=bool(item.get("told")),
        looked_at=from_millis(int(item["looked_at"])) if "looked_at" in item else None,
    )
