"""The adapters of the webhook routes, created on first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cairn.aws import dynamodb, sqs, vault
from cairn.aws.sqs import Queue
from cairn.aws.vault import Vault
from cairn.clock import now
from cairn.guarded import GuardedClient, allowed_targets
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.erasure import Erasure
from cairn.webhooks.events import Events
from cairn.webhooks.feedback import SubjectFeedback
from cairn.webhooks.listing import Listing
from cairn.webhooks.publishing import Publishing
from cairn.webhooks.resending import Resending
from cairn.webhooks.statistics import Statistics
from cairn.webhooks.sweep import Sweep
from cairn.workspace.store import Workspaces
from functions.api.webhooks.management import Management

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class Webhooks:
    def __init__(
        self,
        *,
        table: str,
        key: str,
        queue_url: str,
        targets: str,
        workspaces: Workspaces,
        client: GuardedClient | None,
    ) -> None:
        self._table_name = table
        self._key = key
        self._queue_url = queue_url
        self._targets = targets
        self._workspaces = workspaces
        self._client = client

    @cached_property
    def endpoints(self) -> Endpoints:
        return Endpoints(self._table, Vault(vault.client(), self._key))

    @cached_property
    def management(self) -> Management:
        targets = self._client or GuardedClient(allowed=allowed_targets(self._targets))
        return Management(self.endpoints, targets, now)

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(self._table, now)

    @cached_property
    def listing(self) -> Listing:
        return Listing(self.endpoints, self._events, self.deliveries, now)

    @cached_property
    def publishing(self) -> Publishing:
        return Publishing(self._table, self._queue, now)

    @cached_property
    def resending(self) -> Resending:
        return Resending(
            endpoints=self.endpoints,
            events=self._events,
            deliveries=self.deliveries,
            queue=self._queue,
            lanes=self._lanes,
            clock=now,
        )

    @cached_property
    def erasure(self) -> Erasure:
        return Erasure(self.endpoints, self._events, self.deliveries)

    @cached_property
    def feedback(self) -> SubjectFeedback:
        return SubjectFeedback(self._table, now)

    @cached_property
    def statistics(self) -> Statistics:
        return Statistics(self._events, self.deliveries, self.feedback)

    @property
    def sweep(self) -> Sweep:
        """New each time, because the number of lanes is a setting that a person changes."""
        return Sweep(
            table=self._table,
            endpoints=self.endpoints,
            events=self._events,
            deliveries=self.deliveries,
            queue=self._queue,
            lanes=self._lanes(),
            clock=now,
        )

    def _lanes(self) -> int:
        return self._workspaces.current().webhook_attempts_at_once

    @cached_property
    def _events(self) -> Events:
        return Events(self._table, now)

    @cached_property
    def _table(self) -> Table:
        return dynamodb.table(self._table_name)

    @cached_property
    def _queue(self) -> Queue:
        return sqs.queue(self._queue_url)
