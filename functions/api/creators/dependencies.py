"""The adapters of the routes for agencies and creators, created on first use."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cairn.aws import dynamodb, vault
from cairn.aws.vault import Vault
from cairn.clock import now, sleep
from cairn.creators.agencies import Agencies
from cairn.creators.credential_owners import with_credentials
from cairn.creators.credentials import CONTEXT, Credentials, Key
from cairn.creators.listing import new_id
from cairn.creators.model import Creator
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncStates
from cairn.errors import CairnError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class CreatorRegistry:
    def __init__(self, *, table: str, key: str) -> None:
        """`key` is the ARN of the key of KMS that credentials are sealed with."""
        self._table_name = table
        self._key = key

    def make(self, *, api_key: str | None, by: str, **given: Any) -> Creator:
        """A new creator, who has the key from the start, if one is given. Raises as `Creators.make` does."""
        present = now()
        creator_id = new_id(present)
        if api_key is None:
            return self.creators.make(creator_id=creator_id, now=present, **given)
        # First, so that nobody is left without the key that was given with them.
        self.credentials.put(creator_id, Key(api_key), by=by)
        try:
            return self.creators.make(creator_id=creator_id, now=present, **given)
        except CairnError:
            self.credentials.delete(creator_id)
            raise

    def with_credentials(self, owners: Iterable[str]) -> frozenset[str]:
        return with_credentials(self._table, owners)

    @cached_property
    def credentials(self) -> Credentials:
        sealing = Vault(vault.client(), self._key, kind=CONTEXT)
        return Credentials(self._table, sealing, clock=now, sleep=sleep)

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
