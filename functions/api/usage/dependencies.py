"""The adapters of the routes for a product's users, created on first use and with each version of the settings."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cairn.aws import dynamodb, sqs
from cairn.clock import now
from cairn.readings.stats import Stats
from cairn.usage.days import Days
from cairn.usage.erasure import Erasing, Erasures
from cairn.usage.freezes import Freezes
from cairn.usage.listing import UserList
from cairn.usage.personal_data import UserItems
from cairn.usage.putting import Putting
from cairn.usage.totals import Totals
from cairn.usage.users import Users
from cairn.webhooks.erasure import tell_of_erasure
from cairn.workspace.document import Workspace
from cairn.workspace.rule_book import RuleSet

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class Usage:
    def __init__(
        self,
        *,
        table: str,
        stats_table: str,
        milestones: str,
        history: str,
        queue: str,
        workspace: Workspace,
    ) -> None:
        self._table_name = table
        self._stats_table = stats_table
        self._milestones = milestones
        self._history = history
        self._queue_url = queue
        self._zone = workspace.zones.at(now())
        self.rules = RuleSet.of(workspace)

    @cached_property
    def _stats(self) -> Stats:
        return Stats(dynamodb.table(self._stats_table), keep_unreadable=True)

    @cached_property
    def users(self) -> Users:
        return Users(self._table)

    @cached_property
    def days(self) -> Days:
        return Days(dynamodb.table(self._history))

    @cached_property
    def freezes(self) -> Freezes:
        return Freezes(
            stats=self._stats, table=self._table, rules_version=self.rules.version, zone=self._zone, clock=now
        )

    @cached_property
    def putting(self) -> Putting:
        return Putting(
            stats=self._stats, users=self.users, rules_version=self.rules.version, zone=self._zone, clock=now
        )

    @cached_property
    def listing(self) -> UserList:
        return UserList(users=self.users, stats=self._stats, rules=self.rules.rules, clock=now)

    @cached_property
    def totals(self) -> Totals:
        return Totals(self._table, now)

    @cached_property
    def erasing(self) -> Erasing:
        items = UserItems(
            stats=dynamodb.table(self._stats_table),
            usage=self._table,
            milestones=dynamodb.table(self._milestones),
            history=dynamodb.table(self._history),
        )
        return Erasing(
            stats=Stats(dynamodb.table(self._stats_table)),  # what nobody can read is erased, too
            users=self.users,
            erasures=Erasures(self._table),
            items=items,
            tell=tell_of_erasure(sqs.queue(self._queue_url)),
            clock=now,
        )

    @property
    def _table(self) -> Table:
        return dynamodb.table(self._table_name)
