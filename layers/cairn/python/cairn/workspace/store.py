"""The settings table: every version of the settings, and which one holds.

| pk | sk | holds |
|---|---|---|
| `settings` | `current` | the version that holds |
| `settings` | `version#{number, of eight digits}` | each version, kept for good |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from cairn.aws.cursors import decode, encode
from cairn.aws.dynamodb import Item, get, parsed, query, transact
from cairn.clock import Clock, from_millis, iso, now, to_millis
from cairn.errors import ConflictError, NotFoundError
from cairn.observability import logger
from cairn.workspace.document import Workspace, initial, loaded
from cairn.zones import Zones

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

CACHED_FOR = timedelta(seconds=30)
"""How long a warm function uses what it has read. With the read's own lag, every function follows within a minute."""
SEEDED_BY = "deployment"
PARTITION = "settings"
_CURRENT = {"pk": PARTITION, "sk": "current"}
_MAX_VERSIONS = 64
"""How many versions a warm function keeps: those of the readings that it sees."""


class Workspaces:
    """`given` are the deployment's initial values, as JSON by name: they hold until the first version is saved."""

    def __init__(self, table: Table, clock: Clock = now, given: str = "{}") -> None:
        self._table = table
        self._clock = clock
        self._given = given
        self._read: tuple[datetime, Workspace] | None = None
        self._versions: dict[int, Workspace] = {}

    def current(self) -> Workspace:
        """The settings that hold, as they were at most `CACHED_FOR` ago.

        A failure is raised only by a function that has never read them, so that its event is retried. Another one
        goes on with what it has, and logs it: an unreadable table must not stop what needs no new settings.
        """
        present = self._clock()
        if self._read and present - CACHED_FOR < self._read[0] <= present:
            return self._read[1]
        try:
            found = self._latest(consistent=False)
        except Exception:
            if self._read is None:
                raise
            found = self._read[1]
            logger.exception("settings not readable; the cached version is used", version=found.version)
        if self._read and found.version <= self._read[1].version:  # the same, or a copy that has not caught up
            found = self._read[1]
        self._read = (present, found)
        return found

    def latest(self) -> Workspace:
        """The settings that hold now (consistent read), for a person who is about to change them."""
        found = self._latest(consistent=True)
        self._read = (self._clock(), found)
        return found

    def at(self, version: int) -> Workspace:
        """The settings of a version, which never change; kept by a warm function. NotFoundError if there is none."""
        held = self._read[1] if self._read else None
        if held and held.version == version:
            return held
        if version not in self._versions:
            if len(self._versions) >= _MAX_VERSIONS:
                self._versions.clear()
            self._versions[version] = self._stored(version)
        return self._versions[version]

    def save(self, expected: int, changes: Mapping[str, Any], *, by: str, reason: str = "") -> Workspace:
        """Store the next version. ConflictError unless `expected` is the one that holds; InvalidSettingsError."""
        before = self._expected(expected)
        return self._put(before.changed(changes, at=self._clock(), by=by, reason=reason))

    def undo(self, version: int, *, by: str, reason: str = "") -> Workspace:
        """Take back what a version changed, as a new version; what other versions changed stays.

        ConflictError if a later version has changed one of the same settings. NotFoundError for a version that there
        is not, and for the first, before which there is none.
        """
        latest = self.latest()
        if not 1 < version <= latest.version:
            raise NotFoundError(f"there is no version {version} to undo; the versions are 2 to {latest.version}")
        made, before = self.at(version), self.at(version - 1)
        changed = made.differences(before)
        if again := [name for name in changed if latest.given.get(name) != made.given.get(name)]:
            raise ConflictError(f"version: {', '.join(again)} was changed again since; change it back by its value")
        return self.save(
            latest.version,
            {name: before.given.get(name) for name in changed},
            by=by,
            reason=reason or f"undo of version {version}",
        )

    def seed(self) -> Workspace:
        """Store the deployment's initial values as version 1, unless there is a version."""
        found = self.latest()
        if found.version:
            return found
        first = replace(found, version=1, changed_at=self._clock(), changed_by=SEEDED_BY)
        transact(self._table, self._puts(first))
        return self.latest()

    def history(self, limit: int, cursor: str | None = None) -> tuple[list[Workspace], str | None]:
        """The versions, newest first, and the cursor of the next page."""
        first, last = "version#", "version#~"
        start = decode(cursor, {"pk": PARTITION, "sk": (first, last)})
        where = Key("pk").eq(PARTITION) & Key("sk").between(first, last)
        answer = query(self._table, where, start, Limit=limit, ScanIndexForward=False, ConsistentRead=True)
        return [parsed(_to_workspace, item) for item in answer["Items"]], encode(answer.get("LastEvaluatedKey"))

    def _expected(self, version: int) -> Workspace:
        before = self.latest() if version else self.seed()
        # Who has seen version 0 has seen what the deployment stores as version 1.
        if version != before.version and (version or before.version > 1 or before.changed_by != SEEDED_BY):
            raise ConflictError(
                f"version: {before.version} holds now, saved by {before.changed_by or 'nobody'}; look at it first"
            )
        return before

    def _put(self, made: Workspace) -> Workspace:
        if not transact(self._table, self._puts(made)):
            raise ConflictError("version: somebody else has just saved one; look at it first")
        self._read = (self._clock(), made)
        return made

    def _latest(self, *, consistent: bool) -> Workspace:
        item = get(self._table, _CURRENT, consistent=consistent)
        return parsed(_to_workspace, item) if item else initial(json.loads(self._given))

    def _stored(self, version: int) -> Workspace:
        # Version 1 has the deployment's values, too, once it is stored.
        item = get(self._table, _version_key(max(1, version)))
        if item is None and version:
            # It may be a moment old.
            item = get(self._table, _version_key(version), consistent=True)
        if item is None and version:
            raise NotFoundError(f"there is no version {version}")
        return parsed(_to_workspace, item) if item else initial(json.loads(self._given))

    def _puts(self, made: Workspace) -> list[Any]:
        """Both items, under the condition that the version before is the one that holds."""
        item, name = _to_item(made), self._table.name
        condition, values = "version = :before", {":before": made.version - 1}
        if made.version == 1:
            condition, values = "attribute_not_exists(pk)", {}
        expected = {"ConditionExpression": condition} | ({"ExpressionAttributeValues": values} if values else {})
        return [
            {"Put": {"TableName": name, "Item": {**_CURRENT, **item}, **expected}},
            {
                "Put": {
                    "TableName": name,
                    "Item": {**_version_key(made.version), **item},
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            },
        ]


def _version_key(version: int) -> Item:
    return {"pk": PARTITION, "sk": f"version#{version:08d}"}


def _to_item(made: Workspace) -> Item:
    return {
        "version": made.version,
        "rules_version": made.rules_version,
        **({"rules_changed_at": to_millis(made.rules_changed_at)} if made.rules_changed_at else {}),
        "changed_at": to_millis(made.changed_at) if made.changed_at else 0,
        "changed_by": made.changed_by,
        "reason": made.reason,
        # As texts: a function parses them faster than DynamoDB's tagged values, and numbers keep their digits.
        "given": json.dumps(dict(made.given), ensure_ascii=False),
        "zones": json.dumps([[iso(since), name] for since, name in made.zones.changes]),
    }


def _to_workspace(item: Item) -> Workspace:
    zones = tuple((datetime.fromisoformat(since), str(name)) for since, name in json.loads(item["zones"]))
    return loaded(
        json.loads(item["given"]),
        version=int(item["version"]),
        rules_version=int(item["rules_version"]),
        rules_changed_at=from_millis(int(item["rules_changed_at"])) if "rules_changed_at" in item else None,
        changed_at=from_millis(int(item["changed_at"])),
        changed_by=str(item["changed_by"]),
        reason=str(item["reason"]),
        zones=Zones(zones),
    )
