"""The users of a product, in the usage table: what counting does not need. Their counters are in the stats table.

| pk | sk | holds |
|---|---|---|
| `user#{id}` | `profile` | who it is, when they were last active, what they reached last, when something is due |
| `erasures` | id | an erasure that is under way (`cairn.usage.erasure`) |

The index `by_activity` lists all users, and `due` those for whom something is due without an event: an anniversary, or
the end of a streak.

A user who begins with an event has no item here until the stream has brought the event. The item of an erased user
says only since when; no later write changes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.cursors import Expected, decode, encode
from cairn.aws.dynamodb import Item, get, query, query_all, readable, rejected_item
from cairn.clock import Clock, from_iso, from_millis, iso, now, to_millis
from cairn.codec import from_json, number, to_json
from cairn.model import Number
from cairn.usage.reading import ERASED, ErasedError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LISTING = "users"
DUE = "due"
NEVER = date.min
"""The last active day of a user of whom nothing was counted: they are at the end of the list."""
ERASED_REFUSAL = "erased: this user was erased; a person who returns needs another id"
_NOT_ERASED = f"attribute_not_exists({ERASED})"
_PAST_ALL = "user$"
"""After the key of every user."""

Attributes = Mapping[str, str | Number | bool]


@dataclass(frozen=True, slots=True)
class Latest:
    """The milestone that a user reached last."""

    id: str
    type: str
    label: str
    threshold: Number
    value: Number
    achieved_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a user besides what is counted; each part may be unknown."""

    id: str
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    attributes: Attributes = field(default_factory=dict)
    created_at: datetime | None = None
    active: date | None = None
    """The last local day on which something was counted, or the user was put."""
    latest: Latest | None = None
    due_at: datetime | None = None
    erased: bool = False


Given = Literal["name", "email", "phone", "attributes"]


@dataclass(frozen=True, slots=True)
class Due:
    """A user for whom something was due at an instant."""

    user_id: str
    at: datetime


class Users:
    """`table` is the usage table."""

    def __init__(self, table: Table, clock: Clock = now) -> None:
        self._table = table
        self._clock = clock

    # -- reading

    def get(self, user_id: str) -> Profile | None:
        """A user's profile (consistent read); of an erased user one that says so."""
        item = get(self._table, profile_key(user_id), consistent=True)
        return next(readable(_to_profile, [item]), None) if item else None

    def page(self, since: date | None, limit: int, cursor: str | None) -> tuple[list[Profile], str | None]:
        """Those who were active on a day or later, the last active first, and the cursor of the next page."""
        low, high = since.isoformat() if since else "0", "9999~"
        expected: Expected = {"listing": LISTING, "active": (low, high), "pk": ("user#", _PAST_ALL), "sk": "profile"}
        where = Key("listing").eq(LISTING) & Key("active").between(low, high)
        start = decode(cursor, expected)
        answer = query(self._table, where, start, IndexName="by_activity", Limit=limit, ScanIndexForward=False)
        found = [profile for profile in readable(_to_profile, answer["Items"]) if not profile.erased]
        return found, encode(answer.get("LastEvaluatedKey"))

    def cursor_after(self, profile: Profile) -> str | None:
        """The cursor of a page that ended with this profile, as `page` listed it."""
        day = profile.active or NEVER
        return encode({"listing": LISTING, "active": f"{day.isoformat()}#{profile.id}", **profile_key(profile.id)})

    # -- who it is

    def change(self, user_id: str, given: Mapping[Given, Any], today: date) -> dict[str, Any]:
        """The Update of a transaction that stores what was given, and adds the user if there is none; None clears.

        It fails for an erased user.
        """
        return {"Update": {"TableName": self._table.name, **self._changing(user_id, given, today)}}

    def store(self, user_id: str, given: Mapping[Given, Any], today: date) -> None:
        """The same alone. ErasedError."""
        try:
            self._table.update_item(**self._changing(user_id, given, today))
        except ClientError as error:
            rejected_item(error)
            raise ErasedError(ERASED_REFUSAL) from None

    def _changing(self, user_id: str, given: Mapping[Given, Any], today: date) -> dict[str, Any]:
        stored = {name: to_json(value) if name == "attributes" and value else value for name, value in given.items()}
        names = {f"#{name}": name for name in stored}
        values: dict[str, Any] = {f":{name}": value for name, value in stored.items() if value}
        sets = [f"#{name} = :{name}" for name, value in stored.items() if value]
        removed = [f"#{name}" for name, value in stored.items() if not value]
        sets += [
            "listing = :listing",
            "created_at = if_not_exists(created_at, :now)",
            "active = if_not_exists(active, :active)",
        ]
        values |= {
            ":listing": LISTING,
            ":now": to_millis(self._clock()),
            ":active": f"{today.isoformat()}#{user_id}",
        }
        return {
            "Key": profile_key(user_id),
            "UpdateExpression": f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removed)}" if removed else ""),
            "ConditionExpression": _NOT_ERASED,
            "ExpressionAttributeValues": values,
            **({"ExpressionAttributeNames": names} if names else {}),
        }

    def bury(self, user_id: str, at: datetime) -> dict[str, Any]:
        """The Put of a transaction that leaves of a profile only that the user was erased."""
        return {"Put": {"TableName": self._table.name, "Item": {**profile_key(user_id), ERASED: to_millis(at)}}}

    # -- what the stream says of them

    def note(self, user_id: str, *, active: date | None, began: datetime, due_at: datetime | None = None) -> bool:
        """Note that a user began (the first time), their last active day and when something is due, where given.

        One who was only imported has no active day.
        False for a user who was erased: nothing may be told of them any more.
        """
        sets = [
            "listing = :listing",
            "created_at = if_not_exists(created_at, :began)",
            "active = :active" if active else "active = if_not_exists(active, :active)",
            *(["due_partition = :due", "due_at = :due_at"] if due_at else []),
        ]
        values = {
            ":listing": LISTING,
            ":began": to_millis(began),
            ":active": f"{(active or NEVER).isoformat()}#{user_id}",
            **({":due": DUE, ":due_at": iso(due_at)} if due_at else {}),
        }
        return self._update(user_id, f"SET {', '.join(sets)}", _NOT_ERASED, values)

    def reached(self, user_id: str, latest: Latest) -> bool:
        """Note a milestone as the latest, unless a later one is noted; whether it was noted."""
        noted = _latest_fields(latest)
        newer = "(attribute_not_exists(latest) OR latest.achieved_at <= :at)"
        values = {":latest": noted, ":at": noted["achieved_at"]}
        return self._update(user_id, "SET latest = :latest", f"{_NOT_ERASED} AND {newer}", values)

    def took_back(self, user_id: str, milestone_id: str, before: Latest | None) -> bool:
        """Note the milestone before as the latest, None for none, if the one that was taken back is noted."""
        changes = "SET latest = :latest" if before else "REMOVE latest"
        values = {":id": milestone_id, **({":latest": _latest_fields(before)} if before else {})}
        return self._update(user_id, changes, "latest.id = :id", values)

    # -- what is due

    def due(self, until: datetime) -> Iterator[Due]:
        """Those for whom something is due, the longest due first; what was noted just now may lag."""
        where = Key("due_partition").eq(DUE) & Key("due_at").lte(iso(until))
        for item in query_all(self._table, where, IndexName="due", Limit=200):
            yield Due(str(item["pk"]).removeprefix("user#"), from_iso(item["due_at"]))

    def put_off(self, due: Due, until: datetime | None) -> bool:
        """Note when something is due next, None for nothing, unless somebody noted another instant meanwhile."""
        changes = "SET due_at = :until" if until else "REMOVE due_partition, due_at"
        values = {":seen": iso(due.at), **({":until": iso(until)} if until else {})}
        return self._update(due.user_id, changes, "due_at = :seen", values)

    def _update(self, user_id: str, changes: str, condition: str, values: Mapping[str, Any]) -> bool:
        try:
            self._table.update_item(
                Key=profile_key(user_id),
                UpdateExpression=changes,
                ConditionExpression=condition,
                ExpressionAttributeValues=dict(values),
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True


def profile_key(user_id: str) -> Item:
    return {"pk": f"user#{user_id}", "sk": "profile"}


def _to_profile(item: Item) -> Profile:
    latest = item.get("latest")
    return Profile(
        id=item["pk"].removeprefix("user#"),
        name=item.get("name"),
        email=item.get("email"),
        phone=item.get("phone"),
        attributes=from_json(item["attributes"]) if "attributes" in item else {},
        created_at=from_millis(int(item["created_at"])) if "created_at" in item else None,
        active=_to_active(item["active"]) if "active" in item else None,
        latest=_to_latest(latest) if latest else None,
        due_at=from_iso(item["due_at"]) if "due_at" in item else None,
        erased=ERASED in item,
    )


def _to_active(text: str) -> date | None:
    day = date.fromisoformat(text.partition("#")[0])
    return None if day == NEVER else day


def _latest_fields(latest: Latest) -> dict[str, Any]:
    return {
        "id": latest.id,
        "type": latest.type,
        "label": latest.label,
        "threshold": latest.threshold,
        "value": latest.value,
        "achieved_at": to_millis(latest.achieved_at),
    }


def _to_latest(fields: Mapping[str, Any]) -> Latest:
    return Latest(
        id=fields["id"],
        type=fields["type"],
        label=fields["label"],
        threshold=number(fields["threshold"]),
        value=number(fields["value"]),
        achieved_at=from_millis(int(fields["achieved_at"])),
    )
