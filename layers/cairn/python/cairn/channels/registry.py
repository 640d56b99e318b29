"""The channels table: the tracked channels, and the state of fetching them (its order is in `fetch_order.py`).

| pk | sk | holds | TTL |
|---|---|---|---|
| `channels` | `{platform}:{the platform's own id}` | a tracked channel, and its health issue if it has one | – |
| `checks#{platform}` | `batch#{number}`, `…#part` | which ranges of ids were last found, and when | 1 day |
| `checks#{platform}` | `channel#{id}` | a channel's single fetch: under way (lease) or done | 1 day |
| `pauses` | platform | until when a platform asked us to wait | at that time |

A reading whose values did not change is not written; the checks say when it was last fetched, in one small item for a
whole batch. So an unchanged reading costs no write of its own and is still shown with its true `asOf`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, get, get_many, query, query_all, readable, rejected_item
from cairn.clock import from_millis, to_millis
from cairn.codec import numbers
from cairn.model import Number, Subject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

CHECKS_RETENTION = timedelta(days=1)
HIDDEN = "hidden_count"
"""The health issue of a channel that was found, but whose count its platform hides."""
UNKNOWN = "unknown_channel"
"""The health issue of a channel that its platform does not find."""
NAME_TAKEN = "name_taken"
"""The health issue of a channel whose handle belongs to another one now, so that nothing fetched by it is stored."""

IMPLAUSIBLE = "implausible_count"
"""The health issue of a channel whose count jumped so far that a second reading has to confirm it."""
_STILL_SEEN = {HIDDEN, IMPLAUSIBLE}
"""With these issues, what is stored may have been seen to be true."""


@dataclass(frozen=True, slots=True)
class HealthIssue:
    """Why a channel has no fresh reading, in words, and since when.

    `code` is `unknown_channel`, `hidden_count`, `refused`, `name_taken` or `implausible_count`. `known` are the last
    counts that were believed, so that one that reappears can be compared; `held` are those that wait for a second
    reading.
    """

    code: str
    message: str
    since: datetime
    known: Mapping[str, Number] = field(default_factory=dict)
    held: Mapping[str, Number] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Channel:
    """A tracked channel. `id` is `platform:native id`; the handle is what people call it.

    `page` is its address on the platform; None for a channel that was added before addresses were stored, and where
    its address belongs to another channel now, or to nobody.
    """

    platform: str
    native_id: str
    handle: str
    name: str
    added_at: datetime
    health_issue: HealthIssue | None = None
    page: str | None = None

    @property
    def id(self) -> str:
        return f"{self.platform}:{self.native_id}"

    @property
    def subject(self) -> Subject:
        return Subject("channel", self.id)


@dataclass(frozen=True, slots=True)
class Pause:
    """A platform's request to wait."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Checks:
    """When the channels of a platform were last checked and found."""

    ranges: Sequence[tuple[str, str, datetime]] = ()
    singles: Mapping[str, datetime] = field(default_factory=dict)

    def last_found(self, channel: Channel) -> datetime | None:
        """When this channel was last found; None without a check, or while it is not seen."""
        if channel.health_issue and channel.health_issue.code not in _STILL_SEEN:
            return None
        times = [at for first, last, at in self.ranges if first <= channel.native_id <= last and at > channel.added_at]
        if channel.native_id in self.singles:
            times.append(self.singles[channel.native_id])
        return max(times, default=None)


class Channels:
    def __init__(self, table: Table) -> None:
        self._table = table

    # -- tracked channels

    def add(self, channel: Channel) -> Channel | None:
        """Track a channel. If it is tracked already, return the existing one and change nothing."""
        try:
            self._table.put_item(
                Item=_to_item(channel),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            existing = rejected_item(error)
            return _to_channel(existing) if existing else None
        return None

    def get(self, channel_id: str, *, consistent: bool = False) -> Channel | None:
        """A channel, if it is tracked; with `consistent` also one that was added a moment ago."""
        item = get(self._table, _channel_key(channel_id), consistent=consistent)
        return _to_channel(item) if item else None

    def all(self, platform: str | None = None) -> list[Channel]:
        """Every tracked channel, or every one of a platform, ordered by id."""
        everything = Key("pk").eq("channels")
        where = everything & Key("sk").begins_with(f"{platform}:") if platform else everything
        return list(readable(_to_channel, query_all(self._table, where)))

    def page(self, limit: int, cursor: str | None) -> tuple[list[Channel], str | None]:
        """Up to `limit` tracked channels ordered by id, and the cursor of the next page."""
        start = decode(cursor, {"pk": "channels", "sk": ("", "~")})
        answer = query(self._table, Key("pk").eq("channels"), start, Limit=limit)
        return list(readable(_to_channel, answer["Items"])), encode(answer.get("LastEvaluatedKey"))

    def get_many(self, channel_ids: Iterable[str]) -> list[Channel]:
        """Those of these channel ids that are tracked, ordered by id."""
        keys = [_channel_key(channel_id) for channel_id in channel_ids]
        return sorted(readable(_to_channel, get_many(self._table, keys)), key=lambda channel: channel.id)

    def remove(self, channel: Channel) -> None:
        """Stop tracking a channel."""
        self._table.delete_item(Key=_channel_key(channel.id))

    def record_handle(self, channel: Channel, handle: str, page: str | None) -> bool:
        """Record under which handle a channel is known now, and its address; False when it is not tracked any more."""
        update = "SET handle = :handle" + (", page = :page" if page else " REMOVE page")
        values = {":handle": handle} | ({":page": page} if page else {})
        return self._update_tracked(channel, update, "attribute_exists(handle)", values)

    def record_health_issue(
        self,
        channel: Channel,
        code: str,
        message: str,
        now: datetime,
        *,
        known: Mapping[str, Number] | None = None,
        held: Mapping[str, Number] | None = None,
        replacing: HealthIssue | None = None,
    ) -> bool:
        """Record a channel's health issue; True when it is new. One with the same code stays unless `replacing`."""
        trouble: Item = {"code": code, "message": message, "since": to_millis(now)}
        trouble |= {name: dict(counts) for name, counts in (("known", known), ("held", held)) if counts}
        values: Item = {":trouble": trouble, ":code": code}
        condition = "attribute_not_exists(trouble) OR trouble.code <> :code"
        if replacing:
            values[":since"] = to_millis(replacing.since)
            condition += " OR trouble.since = :since"
        return self._update_tracked(channel, "SET trouble = :trouble", f"({condition})", values)

    def clear_health_issue(self, channel: Channel, issue: HealthIssue | None = None) -> bool:
        """Clear a channel's health issue, or only this one; True when it had it."""
        if issue is None:
            return self._update_tracked(channel, "REMOVE trouble", "attribute_exists(trouble)", {})
        values = {":code": issue.code, ":since": to_millis(issue.since)}
        return self._update_tracked(
            channel, "REMOVE trouble", "trouble.code = :code AND trouble.since = :since", values
        )

    def _update_tracked(self, channel: Channel, update: str, condition: str, values: Item) -> bool:
        options: Item = {"ExpressionAttributeValues": values} if values else {}
        try:
            self._table.update_item(
                Key=_channel_key(channel.id),
                UpdateExpression=update,
                ConditionExpression=f"attribute_exists(pk) AND {condition}",
                **options,
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    # -- the state of fetching

    def record_checked(
        self, platform: str, number: int, found: Sequence[tuple[str, str]], at: datetime, *, complete: bool
    ) -> None:
        """Record that these ranges of ids (first, last) of a batch were found. One write for the batch.

        An incomplete batch is stored beside the last complete one, which still counts for the missing channels.
        """
        self._table.put_item(
            Item={
                "pk": f"checks#{platform}",
                "sk": f"batch#{number:05d}" if complete else f"batch#{number:05d}#part",
                "found": [list(id_range) for id_range in found],
                "checked_at": to_millis(at),
                "expires_at": int((at + CHECKS_RETENTION).timestamp()),
            }
        )

    def acquire_fetch(
        self, channel: Channel, owner: str, requested_at: datetime, now: datetime, lease: timedelta
    ) -> bool:
        """Lease the fetch of one channel. False while it is leased, or if one has started since `requested_at`.

        Instants beyond this lease's end are those of a clock that was wrong, and hold up nobody.
        """
        try:
            self._table.update_item(
                Key=_fetch_key(channel),
                UpdateExpression="SET began_at = :now, leased_until = :until, lease_owner = :owner, "
                "expires_at = :expires",
                ConditionExpression="lease_owner = :owner OR "
                "((attribute_not_exists(leased_until) OR leased_until <= :now OR leased_until > :until) "
                "AND (attribute_not_exists(began_at) OR began_at < :requested OR began_at > :until))",
                ExpressionAttributeValues={
                    ":requested": to_millis(requested_at),
                    ":now": to_millis(now),
                    ":until": to_millis(now + lease),
                    ":owner": owner,
                    ":expires": int((now + CHECKS_RETENTION).timestamp()),
                },
            )
        except ClientError as error:
            rejected_item(error)
            return False
        return True

    def release_fetch(self, channel: Channel, owner: str, found_at: datetime | None) -> None:
        """Release the lease, and record when the channel was found, if it was."""
        values: Item = {":owner": owner} | ({":found": to_millis(found_at)} if found_at else {})
        try:
            self._table.update_item(
                Key=_fetch_key(channel),
                UpdateExpression=("SET done_at = :found " if found_at else "") + "REMOVE leased_until, lease_owner",
                ConditionExpression="lease_owner = :owner",
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            rejected_item(error)  # the lease expired and another owner holds it: theirs is the newer fetch

    def leased_until(self, channel: Channel) -> datetime | None:
        """Until when the fetch of a channel is leased; None when nobody holds the lease."""
        item = get(self._table, _fetch_key(channel), consistent=True)
        return from_millis(int(item["leased_until"])) if item and "leased_until" in item else None

    def checks(self, platform: str, channels: Iterable[Channel], *, consistent: bool = False) -> Checks:
        """When these channels of a platform were last found; with `consistent` also a moment ago, by a single fetch."""
        batches = query_all(self._table, Key("pk").eq(f"checks#{platform}") & Key("sk").begins_with("batch#"))
        ranges = [
            (first, last, from_millis(int(item["checked_at"]))) for item in batches for first, last in item["found"]
        ]
        fetches = get_many(self._table, [_fetch_key(channel) for channel in channels], consistent=consistent)
        singles = {
            item["sk"].partition("#")[2]: from_millis(int(item["done_at"])) for item in fetches if "done_at" in item
        }
        return Checks(ranges, singles)

    def pause(self, platform: str, reason: str, until: datetime) -> None:
        """Pause a platform until then; a longer pause that is already stored stays."""
        try:
            self._table.update_item(
                Key={"pk": "pauses", "sk": platform},
                UpdateExpression="SET paused_until = :until, reason = :reason, expires_at = :expires",
                ConditionExpression="attribute_not_exists(paused_until) OR paused_until < :until",
                ExpressionAttributeValues={
                    ":until": to_millis(until),
                    ":reason": reason,
                    ":expires": int(until.timestamp()),
                },
            )
        except ClientError as error:
            rejected_item(error)

    def paused(self, platform: str, now: datetime) -> Pause | None:
        """The pause in force; None when there is none."""
        item = get(self._table, {"pk": "pauses", "sk": platform})
        if not item or (until := from_millis(int(item["paused_until"]))) <= now:
            return None
        return Pause(until, item["reason"])


def _channel_key(channel_id: str) -> Item:
    return {"pk": "channels", "sk": channel_id}


def _fetch_key(channel: Channel) -> Item:
    return {"pk": f"checks#{channel.platform}", "sk": f"channel#{channel.native_id}"}


def _to_item(channel: Channel) -> Item:
    return _channel_key(channel.id) | {
        "handle": channel.handle,
        "name": channel.name,
        "added_at": to_millis(channel.added_at),
        **({"page": channel.page} if channel.page else {}),
    }


def _to_channel(item: Item) -> Channel:
    issue = item.get("trouble")
    return Channel(
        platform=item["sk"].partition(":")[0],
        native_id=item["sk"].partition(":")[2],
        handle=item["handle"],
        name=item["name"],
        added_at=from_millis(int(item["added_at"])),
        health_issue=_to_issue(issue) if issue else None,
        page=_page(item),
    )


def _page(item: Item) -> str | None:
    """A channel's address; None while the platform does not find the channel by a name of which the address is made."""
    native_id, page = item["sk"].partition(":")[2], item.get("page")
    lost = item.get("trouble", {}).get("code") in (UNKNOWN, NAME_TAKEN)
    return None if page is None or (lost and native_id not in page) else str(page)


def _to_issue(stored: Item) -> HealthIssue:
    return HealthIssue(
        code=stored["code"],
        message=stored["message"],
        since=from_millis(int(stored["since"])),
        known=numbers(stored.get("known", {})),
        held=numbers(stored.get("held", {})),
    )
