"""The settings, and the adapters that the routes use, created on first use."""

from __future__ import annotations

import json
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
from cairn.viewers.count_settings import MilestoneSettings, Pace
from cairn.viewers.counting import Counting
from cairn.viewers.join_limits import JoinLimits, JoinSettings
from cairn.viewers.presence import Presence
from functions.viewer_heartbeat.curves import Curves
from functions.viewer_heartbeat.followers import Followers
from functions.viewer_heartbeat.heartbeats import Heartbeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(JoinSettings, MilestoneSettings):
    presence_table: str
    stats_table: str
    history_table: str
    channels_table: str
    count_queue_url: str
    websocket_url: str
    cdn_keys: str
    direct_calls: str
    stale_after_seconds: int
    time_zone: str
    live_channels: str
    viewer_heartbeat_interval: int
    viewer_timeout: int
    viewer_count_update_interval: int

    @property
    def timeout(self) -> timedelta:
        return timedelta(seconds=self.viewer_timeout)


class Dependencies:
    """The adapters of a warm function, created on first use."""

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def cdn(self) -> Cdn:
        return Cdn.of(self.settings.cdn_keys, self.settings.direct_calls)

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The names of the live channels that the operator named, by their ids."""
        found: dict[str, str] = json.loads(self.settings.live_channels)
        return found

    @cached_property
    def join_limits(self) -> JoinLimits:
        return JoinLimits(
            dynamodb.table(self.settings.presence_table), self.settings.viewer_joins_per_minute, self.settings.join_caps
        )

    @cached_property
    def heartbeats(self) -> Heartbeats:
        return Heartbeats(timedelta(milliseconds=self.settings.viewer_heartbeat_interval / 4))

    @cached_property
    def presence(self) -> Presence:
        table, queue = dynamodb.table(self.settings.presence_table), sqs.queue(self.settings.count_queue_url)
        return Presence.of(table, queue, now)

    @cached_property
    def counting(self) -> Counting:
        return Counting.of(
            self.presence,
            stats=self._stats,
            pace=Pace.of(
                heartbeat=self.settings.viewer_heartbeat_interval,
                timeout=self.settings.viewer_timeout,
                interval=self.settings.viewer_count_update_interval,
            ),
            test=self.settings.milestone_test,
            names=self.names,
            time_zone=self.settings.time_zone,
        )

    @cached_property
    def curves(self) -> Curves:
        history = History(dynamodb.table(self.settings.history_table))
        return Curves(stats=self._stats, history=history, time_zone=self.settings.time_zone, clock=now)

    @cached_property
    def followers(self) -> Followers:
        return Followers(
            channels=Channels(dynamodb.table(self.settings.channels_table)),
            stats=self._stats,
            stale_after=timedelta(seconds=self.settings.stale_after_seconds),
            clock=now,
        )

    @cached_property
    def _stats(self) -> Stats:
        return Stats(dynamodb.table(self.settings.stats_table))
