"""The progress of an alert's delivery: its plan and its parts, in the audience table.

| pk | sk | holds | TTL |
|---|---|---|---|
| `delivery#{milestone id}` | `plan` | where the audience is cut into parts, decided once | 7 days |
| `delivery#{milestone id}` | `part#{number}` | its progress and lease, and whom `reopen` lets be tried again | 7 days |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, query_all, rejected_item, transact
from cairn.clock import from_millis, to_millis
from cairn.codec import to_milestone
from cairn.errors import NotYetError
from cairn.model import Milestone
from cairn.readings.milestones import milestone_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

RETENTION = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Plan:
    """The last key of each part except the last part, which is open-ended; and the total number of recipients."""

    cuts: tuple[str, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Which recipients of a part were notified, which failed, and which were sent a message without an answer."""

    delivered: frozenset[str]
    failed: frozenset[str]
    in_doubt: frozenset[str] = frozenset()
    tries: Mapping[str, int] = field(default_factory=dict)
    """How often a recipient was tried without success; those who were not are absent."""
    retried: frozenset[str] | None = None
    """After `reopen`, the only recipients that are tried again."""
    counted: tuple[int, int] | None = None
    """After `reopen`, how many of the part are in the tally as delivered, and as failed."""

    @property
    def done(self) -> frozenset[str]:
        return self.delivered | self.failed


NOTHING = Progress(frozenset(), frozenset())


class Deliveries:
    """`tallies` is the milestones table, where an alert's tally is stored with its milestone."""

    def __init__(self, table: Table, tallies: Table) -> None:
        self._table = table
        self._tallies = tallies

    def plan(self, milestone: Milestone, plan: Plan, now: datetime) -> Plan:
        """Decide how the audience is cut into parts: by this plan, or by the one that an earlier attempt stored.

        Because it is decided once, a retry finds each recipient in the same part as before.
        """
        if transact(self._table, self._plan_writes(milestone, plan, now)):
            return plan
        stored = self._stored_plan(milestone)
        if stored is None:
            raise LookupError(f"milestone {milestone.id} is not in the milestones table, so its alert has no tally")
        return stored

    def plan_and_open(
        self, milestone: Milestone, plan: Plan, owner: str, now: datetime, lease: timedelta
    ) -> tuple[Plan, bool]:
        """The same, and lease the first part to this owner in the same transaction.

        Returns whether it did: otherwise the alert was planned before, and the part has to be acquired.
        """
        first = {
            "TableName": self._table.name,
            "Item": _part_key(milestone.id, 0)
            | {"leased_until": to_millis(now + lease), "lease_owner": owner, "expires_at": _expiry(now)},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if transact(self._table, [*self._plan_writes(milestone, plan, now), {"Put": first}]):
            return plan, True
        return self._stored_plan(milestone) or self.plan(milestone, plan, now), False

    def _plan_writes(self, milestone: Milestone, plan: Plan, now: datetime) -> list[Any]:
        put = {
            "TableName": self._table.name,
            "Item": _plan_key(milestone) | {"cuts": list(plan.cuts), "total": plan.total, "expires_at": _expiry(now)},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        return [{"Put": put}, self._tally(milestone, total=plan.total)]

    def _stored_plan(self, milestone: Milestone) -> Plan | None:
        stored = get(self._table, _plan_key(milestone), consistent=True)
        return Plan(tuple(stored["cuts"]), int(stored["total"])) if stored else None

    def is_reverted(self, milestone: Milestone) -> bool:
        """Whether an operator has reverted the milestone (consistent read)."""
        stored = get(self._tallies, milestone_key(milestone), consistent=True)
        return stored is not None and to_milestone(stored).reverted is not None

    def acquire(self, delivery: str, number: int, owner: str, now: datetime, lease: timedelta) -> Progress | None:
        """Lease a part and return its progress. None when it is finished, NotYetError while another owner has it."""
        try:
            item = self._table.update_item(
                Key=_part_key(delivery, number),
                UpdateExpression="SET leased_until = :until, lease_owner = :owner, expires_at = :expires",
                ConditionExpression="attribute_not_exists(finished_at) AND "
                "(attribute_not_exists(leased_until) OR leased_until <= :now OR lease_owner = :owner)",
                ExpressionAttributeValues={
                    ":now": to_millis(now),
                    ":until": to_millis(now + lease),
                    ":owner": owner,
                    ":expires": _expiry(now),
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )["Attributes"]
        except ClientError as error:
            stored = rejected_item(error) or {}
            if "finished_at" in stored:
                return None
            raise NotYetError("another sender has leased the part", from_millis(int(stored["leased_until"]))) from None
        return _to_progress(item)

    def record_progress(
        self,
        delivery: str,
        number: int,
        owner: str,
        delivered: Sequence[str] = (),
        failed: Sequence[str] = (),
        in_doubt: Sequence[str] = (),
    ) -> None:
        """Record recipients that were notified, that failed, or that were sent a message without an answer.

        ClientError when this owner no longer has the lease.
        """
        added = {":delivered": set(delivered), ":failed": set(failed), ":in_doubt": set(in_doubt)}
        values: Item = {name: chats for name, chats in added.items() if chats}
        self._table.update_item(
            Key=_part_key(delivery, number),
            UpdateExpression="ADD " + ", ".join(f"{name[1:]} {name}" for name in values),
            ConditionExpression="lease_owner = :owner",
            ExpressionAttributeValues=values | {":owner": owner},
        )

    def release(self, delivery: str, number: int, owner: str, tries: Mapping[str, int] | None = None) -> None:
        """Release an unfinished part for the next attempt, which starts with those tried least."""
        try:
            self._table.update_item(
                Key=_part_key(delivery, number),
                UpdateExpression="SET tries = :tries REMOVE leased_until, lease_owner",
                ConditionExpression="lease_owner = :owner",
                ExpressionAttributeValues={":owner": owner, ":tries": dict(tries or {})},
            )
        except ClientError as error:
            rejected_item(error)

    def finish(
        self, delivery: str, number: int, progress: Progress, milestone: Milestone | None, planned: int, now: datetime
    ) -> None:
        """Finish a part and add it to its alert's tally, in one transaction; repeating it changes nothing."""
        update = {
            "TableName": self._table.name,
            "Key": _part_key(delivery, number),
            "UpdateExpression": "SET finished_at = :now REMOVE leased_until, lease_owner, tries",
            "ConditionExpression": "attribute_not_exists(finished_at)",
            "ExpressionAttributeValues": {":now": to_millis(now)},
        }
        delivered, failed = len(progress.delivered), len(progress.failed)
        actions: list[Any] = [{"Update": update}]
        if milestone and progress.counted:
            before, failed_before = progress.counted
            changes = {"delivered": delivered - before, "failed": failed - failed_before}
            actions.append(self._tally(milestone, **changes, total=sum(changes.values())))
        elif milestone:
            total = delivered + failed - planned
            actions.append(self._tally(milestone, delivered=delivered, failed=failed, total=total))
        transact(self._table, actions)

    def reopen(self, delivery: str, now: datetime) -> int:
        """Let the recipients that failed be tried again, and nobody else; how many they are.

        The tally stays as it is until the parts are finished again.
        """
        parts = query_all(self._table, Key("pk").eq(f"delivery#{delivery}") & Key("sk").begins_with("part#"))
        return sum(self._reopen(part, now) for part in parts)

    def _reopen(self, part: Item, now: datetime) -> int:
        failed = _names(part, "failed")
        if not failed or "finished_at" not in part:
            return 0
        try:
            self._table.update_item(
                Key={"pk": part["pk"], "sk": part["sk"]},
                UpdateExpression="SET retried = :failed, counted = :counted, expires_at = :expires "
                "REMOVE finished_at, failed, leased_until, lease_owner",
                ConditionExpression="finished_at = :finished_at",
                ExpressionAttributeValues={
                    ":failed": set(failed),
                    ":counted": {"delivered": len(_names(part, "delivered")), "failed": len(failed)},
                    ":expires": _expiry(now),
                    ":finished_at": part["finished_at"],
                },
            )
        except ClientError as error:
            rejected_item(error)
            return 0
        return len(failed)

    def _tally(self, milestone: Milestone, **changes: int) -> Item:
        return {
            "Update": {
                "TableName": self._tallies.name,
                "Key": milestone_key(milestone),
                "UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in changes),
                "ConditionExpression": "attribute_exists(pk)",
                "ExpressionAttributeNames": {f"#{name}": name for name in changes},
                "ExpressionAttributeValues": {f":{name}": change for name, change in changes.items()},
            }
        }


def _plan_key(milestone: Milestone) -> Item:
    return {"pk": f"delivery#{milestone.id}", "sk": "plan"}


def _part_key(delivery: str, number: int) -> Item:
    return {"pk": f"delivery#{delivery}", "sk": f"part#{number:05d}"}


def _expiry(now: datetime) -> int:
    return int((now + RETENTION).timestamp())


def _to_progress(item: Item) -> Progress:
    counted = item.get("counted")
    return Progress(
        delivered=_names(item, "delivered"),
        failed=_names(item, "failed"),
        in_doubt=_names(item, "in_doubt"),
        tries={key: int(tries) for key, tries in item.get("tries", {}).items()},
        retried=_names(item, "retried") if counted else None,
        counted=(int(counted["delivered"]), int(counted["failed"])) if counted else None,
    )


def _names(item: Item, attribute: str) -> frozenset[str]:
    return frozenset(str(name) for name in item.get(attribute, ()))
