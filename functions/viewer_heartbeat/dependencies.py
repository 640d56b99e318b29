"""The settings, and the adapters that the routes use, created on first use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from cairn.aws import dynamodb, sqs
from cairn.cdn import Cdn
from cairn.channels.registry import Channels
from cairn.clock import now
from cairn.readings.history import History
from cairn.readings.stats import Stats
from cairn.settings import from_environment
from cairn.viewers.count_settings import MilestoneTest, Pace
from cairn.viewers.counting import Counting
from cairn.viewers.join_limits import JoinCaps, JoinLimits
from cairn.viewers.presence import Presence
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.rule_book import RuleSet
from cairn.workspace.store import Workspaces
from functions.viewer_heartbeat.curves import Curves
from functions.viewer_heartbeat.followers import Followers
from functions.viewer_heartbeat.heartbeats import Heartbeats


@dataclass(frozen=True, slots=True)
class Settings:
    presence_table: str
    stats_table: str
    history_table: str
    channels_table: str
    count_queue_url: str
    websocket_url: str
    cdn_keys: str
    direct_calls: str
    address_key: str
    settings_table: str
    initial_settings: str


class Dependencies:
    """The adapters of a warm function, created on first use."""

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def cdn(self) -> Cdn:
        return Cdn.of(self.settings.cdn_keys, self.settings.direct_calls)

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @property
    def workspace(self) -> Workspace:
        return self.workspaces.current()

    @property
    def timeout(self) -> timedelta:
        return timedelta(seconds=self.workspace.viewer_timeout)

    @property
    def names(self) -> Mapping[str, str]:
        """The names of the live channels that the operator named, by their ids."""
        return self.workspace.live_channels

    @following_settings
    def join_limits(self, workspace: Workspace) -> JoinLimits:
        table = dynamodb.table(self.settings.presence_table)
        return JoinLimits(table, workspace.viewer_joins_per_minute, JoinCaps.of(workspace))

    @following_settings
    def heartbeats(self, workspace: Workspace) -> Heartbeats:
        return Heartbeats(timedelta(milliseconds=workspace.viewer_heartbeat_interval / 4))

    @cached_property
    def presence(self) -> Presence:
        table, queue = dynamodb.table(self.settings.presence_table), sqs.queue(self.settings.count_queue_url)
        return Presence.of(table, queue, now)

    @following_settings
    def counting(self, workspace: Workspace) -> Counting:
        return Counting.of(
            self.presence,
            stats=self._stats,
            pace=Pace.of(workspace),
            test=MilestoneTest.of(workspace),
            names=workspace.live_channels,
            rules=RuleSet.of(workspace),
        )

    @following_settings
    def curves(self, workspace: Workspace) -> Curves:
        history = History(dynamodb.table(self.settings.history_table))
        return Curves(stats=self._stats, history=history, zones=workspace.zones, clock=now)

    @following_settings
    def followers(self, workspace: Workspace) -> Followers:
        return Followers(
            channels=Channels(dynamodb.table(self.settings.channels_table)),
            stats=self._stats,
            stale_after=timedelta(seconds=workspace.stale_after_seconds),
            clock=now,
        )

    @cached_property
    def _stats(self) -> Stats:
        return Stats(dynamodb.table(self.settings.stats_table))
