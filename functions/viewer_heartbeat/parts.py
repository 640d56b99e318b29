"""The settings, and the adapters that the routes work with, made on first use."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from cairn import dynamo, queue
from cairn.channels import Channels
from cairn.counting import Counting, Pace
from cairn.history import History
from cairn.instants import now
from cairn.joins import Joins
from cairn.presence import Presence
from cairn.queue import Queue
from cairn.settings import from_environment
from cairn.stats import Stats
from functions.viewer_heartbeat.curves import Curves
from functions.viewer_heartbeat.pages import Pages

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True)
class Settings:
    presence_table: str
    stats_table: str
    history_table: str
    channels_table: str
    count_queue_url: str
    websocket_url: str
    cdn_key: str
    stale_after_seconds: int
    time_zone: str
    live_channels: str
    viewer_heartbeat_interval: int
    viewer_timeout: int
    viewer_count_update_interval: int
    viewer_joins_per_minute: int

    @property
    def time_out(self) -> timedelta:
        return timedelta(seconds=self.viewer_timeout)


@cache
def settings() -> Settings:
    return from_environment(Settings)


@cache
def names() -> dict[str, str]:
    """What channels are called that have a name."""
    found: dict[str, str] = json.loads(settings().live_channels)
    return found


@cache
def joins() -> Joins:
    return Joins(_tables()(settings().presence_table), settings().viewer_joins_per_minute)


@cache
def presence() -> Presence:
    count_queue = Queue(queue.client(), settings().count_queue_url)
    return Presence.of(_tables()(settings().presence_table), count_queue, now)


@cache
def counting() -> Counting:
    return Counting.of(
        presence(),
        stats=_stats(),
        pace=Pace.of(
            heartbeat=settings().viewer_heartbeat_interval,
            time_out=settings().viewer_timeout,
            interval=settings().viewer_count_update_interval,
        ),
        names=names(),
        time_zone=settings().time_zone,
    )


@cache
def curves() -> Curves:
    history = History(_tables()(settings().history_table))
    return Curves(stats=_stats(), history=history, time_zone=settings().time_zone, clock=now)


@cache
def pages() -> Pages:
    return Pages(
        channels=Channels(_tables()(settings().channels_table)),
        stats=_stats(),
        stale_after=timedelta(seconds=settings().stale_after_seconds),
        clock=now,
    )


@cache
def _tables() -> Callable[[str], Table]:
    return dynamo.resource().Table


@cache
def _stats() -> Stats:
    return Stats(_tables()(settings().stats_table))
