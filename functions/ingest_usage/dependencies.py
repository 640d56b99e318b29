"""The settings, and the adapters that the routes use, created on first use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from cairn.aws import dynamodb
from cairn.cdn import Cdn
from cairn.clock import now
from cairn.identity.api_keys import ApiKeys
from cairn.identity.cached_keys import CachedApiKeys
from cairn.readings.stats import Stats
from cairn.rules.counter import UsageType, types_of
from cairn.settings import from_environment
from cairn.usage.event_ids import EventIds
from cairn.usage.importing import Importing
from cairn.usage.tracking import Tracking
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.rule_book import RuleSet
from cairn.workspace.store import Workspaces

KEYS_CACHED_SECONDS = 60
"""How long a warm Lambda may still accept a revoked key."""


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    usage_table: str
    history_table: str
    keys_table: str
    settings_table: str
    initial_settings: str
    cdn_keys: str
    direct_calls: str


class Dependencies:
    """The adapters of a warm function, created on first use."""

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def cdn(self) -> Cdn:
        return Cdn.of(self.settings.cdn_keys, self.settings.direct_calls)

    @cached_property
    def keys(self) -> CachedApiKeys:
        return CachedApiKeys(ApiKeys(dynamodb.table(self.settings.keys_table)), KEYS_CACHED_SECONDS)

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @following_settings
    def types(self, workspace: Workspace) -> Mapping[str, UsageType]:
        """The types of events by name."""
        return types_of(workspace.usage_types)

    @following_settings
    def tracking(self, workspace: Workspace) -> Tracking:
        return Tracking(
            stats=Stats(dynamodb.table(self.settings.stats_table), keep_unreadable=True),
            ids=EventIds(dynamodb.table(self.settings.usage_table)),
            rules=RuleSet.of(workspace),
            clock=now,
        )

    @following_settings
    def importing(self, workspace: Workspace) -> Importing:
        settings = self.settings
        return Importing(
            stats=Stats(dynamodb.table(settings.stats_table), keep_unreadable=True),
            history=dynamodb.table(settings.history_table),
            usage=dynamodb.table(settings.usage_table),
            rules=RuleSet.of(workspace),
            clock=now,
        )
