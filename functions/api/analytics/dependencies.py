"""The adapters of the analytics routes, created on first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cairn.aws import dynamodb, sqs
from cairn.aws.sqs import Queue
from cairn.creators.agencies import Agencies
from cairn.creators.analytics import Analytics
from cairn.creators.booked import Booked
from cairn.creators.registry import Creators
from cairn.creators.runs import Runs
from cairn.creators.sync_state import SyncStates
from cairn.readings.history import History
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class CreatorAnalytics:
    def __init__(
        self,
        *,
        table: str,
        queue_url: str,
        fetch_queue_url: str,
        stats: Stats,
        history: History,
        milestones: Milestones,
    ) -> None:
        self._table_name = table
        self._queue_url = queue_url
        self._fetch_queue_url = fetch_queue_url
        self._stats = stats
        self._history = history
        self._milestones = milestones

    @cached_property
    def agencies(self) -> Agencies:
        return Agencies(self._table)

    @cached_property
    def creators(self) -> Creators:
        return Creators(self._table)

    @cached_property
    def states(self) -> SyncStates:
        return SyncStates(self._table)

    @cached_property
    def reading(self) -> Analytics:
        return Analytics(table=self._table, stats=self._stats, history=self._history, milestones=self._milestones)

    @cached_property
    def booked(self) -> Booked:
        return Booked(self._table)

    @cached_property
    def runs(self) -> Runs:
        return Runs(self._table)

    @cached_property
    def queue(self) -> Queue:
        return sqs.queue(self._queue_url)

    @cached_property
    def fetch_queue(self) -> Queue:
        return sqs.queue(self._fetch_queue_url)

    @property
    def _table(self) -> Table:
        return dynamodb.table(self._table_name)
