"""The adapters of the routes for agencies and creators, created on first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cairn.aws import dynamodb
from cairn.creators.agencies import Agencies
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncStates

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class CreatorRegistry:
    def __init__(self, *, table: str) -> None:
        self._table_name = table

    @cached_property
    def agencies(self) -> Agencies:
        return Agencies(self._table)

    @cached_property
    def creators(self) -> Creators:
        return Creators(self._table)

    @cached_property
    def states(self) -> SyncStates:
        return SyncStates(self._table)

    @property
    def _table(self) -> Table:
        return dynamodb.table(self._table_name)
