"""Broadcasts the events of rooms: ten messages at a time, each room's in order; SQS redelivers what is unfinished."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb, sqs, websocket_api
from cairn.aws.sqs import Backoff, Consumer
from cairn.aws.websocket_api import Connect
from cairn.clock import now
from cairn.leaderboard.avatars import Avatars
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.leaderboard.boards import Boards
from cairn.messages import BoardChanged, RoomEvent, RoomShard, RoomState, SignedOut, UnreadableMessageError
from cairn.observability import logger, metrics
from cairn.realtime.event_log import EventLog
from cairn.realtime.membership import Sockets
from cairn.settings import from_environment
from cairn.viewers.presence import Presence
from cairn.workspace.store import Workspaces
from functions.broadcast.batch import PERMANENT, WAITING, Broadcast, Received
from functions.broadcast.board import BoardFrames
from functions.broadcast.broadcaster import Broadcaster
from functions.broadcast.closing import SocketCloser

RESERVE_SECONDS = 5.0
"""What a batch may still take after its frames were posted: removing closed sockets and delaying failed messages."""


@dataclass(frozen=True, slots=True)
class Settings:
    connections_table: str
    presence_table: str
    leaderboard_table: str
    board_table: str
    broadcast_queue_url: str
    count_queue_url: str
    connections_url: str
    settings_table: str
    initial_settings: str
    avatar_hosts: str


class Dependencies:
    """The adapters of a warm function, created on first use; `connect` creates the one that posts to sockets."""

    def __init__(self, connect: Connect = websocket_api.connect) -> None:
        self._connect = connect

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def consumer(self) -> Consumer[Broadcast]:
        """Its retries are short, because a message that waits holds its room back."""
        return Consumer(
            self.settings.broadcast_queue_url,
            (RoomEvent, RoomShard, BoardChanged, RoomState, SignedOut),
            backoff=Backoff(first=1, longest=30),
            permanent=PERMANENT,
            waits=WAITING,
        )

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @cached_property
    def broadcaster(self) -> Broadcaster:
        settings = self.settings
        connections = dynamodb.table(settings.connections_table)
        presence = Presence.of(dynamodb.table(settings.presence_table), sqs.queue(settings.count_queue_url), now)
        sockets, poster = Sockets(connections, presence), self._connect(settings.connections_url)
        return Broadcaster(
            event_log=EventLog(connections),
            sockets=sockets,
            board_refresh=BoardRefresh(connections),
            board=BoardFrames(
                Boards(dynamodb.table(settings.board_table), dynamodb.table(settings.leaderboard_table)),
                lambda: self.workspaces.current().zones,
                Avatars.of(settings.avatar_hosts),
            ),
            queue=sqs.queue(settings.broadcast_queue_url),
            poster=poster,
            closer=SocketCloser(sockets, poster, now),
            clock=now,
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    @logger.inject_lambda_context(clear_state=True)
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        def seconds_left() -> float:
            return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

        records = event["Records"]
        batch = [_received(dependencies.consumer, record) for record in records]
        failed = dependencies.broadcaster.deliver(batch, seconds_left)
        return dependencies.consumer.answer(
            records, {records[index]["messageId"]: error for index, error in failed.items()}
        )

    return handler


def _received(consumer: Consumer[Broadcast], record: dict[str, Any]) -> Received:
    group = record["attributes"]["MessageGroupId"]
    try:
        return Received(consumer.read(record), group)
    except UnreadableMessageError as error:
        return Received(error, group)


handler = create(Dependencies())
