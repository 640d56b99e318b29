"""Turns a batch of messages into frames for the sockets of their rooms, each room's in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from cairn.aws.sqs import NotSentError, Queue
from cairn.aws.websocket_api import Poster
from cairn.clock import Clock
from cairn.errors import UnfinishedError
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.messages import BoardChanged, RoomEvent, RoomShard, RoomState, SignedOut, UnreadableMessageError
from cairn.observability import MetricUnit, logger, metrics
from cairn.realtime.event_log import EventLog, LoggedEvent, current_state
from cairn.realtime.membership import SHARDS, Member, Sockets
from functions.broadcast.batch import PERMANENT, STATES, Broadcast, Received, newest_states, with_held_back
from functions.broadcast.board import BoardFrames
from functions.broadcast.closing import SocketCloser
from functions.broadcast.fanout import Fanout, Post, PostingOutcome

MAX_POSTING_SECONDS = 10.0
"""How long a batch is posted. What is unfinished then is retried, and holds its room back no longer than this."""
PRUNING_SECONDS = 2.0
"""How long the closed sockets of a batch are removed, one by one; a later broadcast finds the rest again."""
OPENING = timedelta(seconds=10)
"""A socket is in `everyone` before API Gateway has opened it; until then, a post is answered with 410."""
MAX_GROUPS = 10
"""As many as Lambda passes messages of a FIFO queue, and as botocore keeps connections."""


@dataclass(frozen=True, slots=True)
class _Dispatch:
    """The event to post to a room, or to one of its shards, for a message."""

    message: int
    event: LoggedEvent
    shard: int | None

    @property
    def audience(self) -> tuple[str, int | None]:
        return self.event.room, self.shard


class Broadcaster:
    def __init__(
        self,
        *,
        event_log: EventLog,
        sockets: Sockets,
        board_refresh: BoardRefresh,
        board: BoardFrames,
        queue: Queue,
        poster: Poster,
        closer: SocketCloser,
        clock: Clock,
    ) -> None:
        self._closer = closer
        self._event_log = event_log
        self._sockets = sockets
        self._board_refresh = board_refresh
        self._board = board
        self._queue = queue
        self._poster = poster
        self._clock = clock
        self._threads = ThreadPoolExecutor(MAX_GROUPS)

    def deliver(self, batch: Sequence[Received], seconds_left: Callable[[], float]) -> dict[int, Exception]:
        """Close the sockets of ended sessions, then post events, then states; the messages to retry, and why."""
        failed: dict[int, Exception] = {}
        endings = [(index, one.message) for index, one in enumerate(batch) if isinstance(one.message, SignedOut)]
        for index, message in endings:
            try:
                self._closer.close(message, seconds_left)
            except Exception as error:  # noqa: BLE001 - a failure affects only the message
                failed[index] = error
        states = [index for index, received in enumerate(batch) if isinstance(received.message, STATES)]
        events = [one for one in enumerate(batch) if not isinstance(one[1].message, (*STATES, SignedOut))]
        self._post(events, seconds_left, failed)
        held_back = with_held_back(batch, failed)
        newest = newest_states([(index, batch[index]) for index in states])
        self._post([one for one in newest if one[0] not in held_back], seconds_left, failed)
        return with_held_back(batch, failed)

    def _post(
        self, batch: Sequence[tuple[int, Received]], seconds_left: Callable[[], float], failed: dict[int, Exception]
    ) -> None:
        if not batch:
            return
        ready = self._poster.run(self._prepare_all(batch, failed))
        queues: dict[str, list[Post]] = {}
        for one, members in ready:
            for member in members:
                queues.setdefault(member.connection_id, []).append(Post(one.message, one.event.frame))
        # In random order: if the time is too short, it is not always for the same sockets.
        queues = dict(random.sample(list(queues.items()), len(queues)))
        fanout = Fanout(self._poster)
        outcome = self._poster.run(fanout.post_all(queues, max(1.0, min(MAX_POSTING_SECONDS, seconds_left()))))
        failed |= {message: UnfinishedError("some sockets have not received it") for message in outcome.unfinished}
        self._report([one for one, _ in ready], outcome, failed)
        self._prune([member for _, members in ready for member in members], outcome, seconds_left)

    async def _prepare_all(
        self, batch: Sequence[tuple[int, Received]], failed: dict[int, Exception]
    ) -> list[tuple[_Dispatch, list[Member]]]:
        """What to post, and to which sockets, in the order of the batch. Groups do not wait for each other."""
        groups: dict[str, list[tuple[int, Received]]] = {}
        for index, received in batch:
            groups.setdefault(received.group, []).append((index, received))
        loop = asyncio.get_running_loop()
        prepared = await asyncio.gather(
            *(loop.run_in_executor(self._threads, self._prepare, group) for group in groups.values())
        )
        for _, failures in prepared:
            failed |= failures
        return sorted((one for ready, _ in prepared for one in ready), key=lambda one: one[0].message)

    def _prepare(
        self, group: Sequence[tuple[int, Received]]
    ) -> tuple[list[tuple[_Dispatch, list[Member]]], dict[int, Exception]]:
        """The same for one group, in a thread of its own; and which messages failed."""
        failed: dict[int, Exception] = {}
        dispatches = self._dispatches(group, failed)
        members = self._audiences(dispatches, failed)
        return [(one, members[one.audience]) for one in dispatches if one.audience in members], failed

    def _dispatches(self, group: Sequence[tuple[int, Received]], failed: dict[int, Exception]) -> list[_Dispatch]:
        """What to post for each message, whose event is logged first; after a failure, nothing more of the group."""
        dispatches: list[_Dispatch] = []
        for index, received in group:
            try:
                dispatch = self._dispatch(index, received.message)
            except Exception as error:  # noqa: BLE001 - a failure affects only the message's group
                failed[index] = error
                if not isinstance(error, PERMANENT):
                    break
            else:
                if dispatch:
                    dispatches.append(dispatch)
        return dispatches

    def _dispatch(self, index: int, message: Broadcast | UnreadableMessageError) -> _Dispatch | None:
        """What to post for a message; None if it is superseded or has expired."""
        now = self._clock()
        match message:
            case RoomEvent():
                event = self._event_log.append(message, now)
                dispatch = _Dispatch(index, event, None) if event else None
            case RoomShard(room=room, shard=shard):
                event = self._event_log.find(room, message.event_id, now)
                dispatch = _Dispatch(index, event, shard) if event else None
            case RoomState():
                dispatch = _Dispatch(index, current_state(message), None)
            case BoardChanged():
                acquired = self._board_refresh.acquire(message.key, now)
                event = self._board.now(now, message.trace_id) if acquired else None
                dispatch = _Dispatch(index, event, None) if event else None
            case SignedOut():
                raise TypeError("it is for no room")
            case UnreadableMessageError():
                raise message
        if dispatch is None:
            logger.info("nothing left to broadcast", message_type=message.type, trace_id=message.trace_id)
        return dispatch

    def _audiences(
        self, dispatches: Sequence[_Dispatch], failed: dict[int, Exception]
    ) -> dict[tuple[str, int | None], list[Member]]:
        """The sockets to post to, read after every event was stored: a socket that joins later finds it in the replay.

        A large room is left to messages of its own, one for each event and shard.
        """
        found: dict[tuple[str, int | None], list[Member]] = {}
        for audience in dict.fromkeys(one.audience for one in dispatches):
            room, shard = audience
            own = [one for one in dispatches if one.audience == audience]
            try:
                if shard is not None:
                    found[audience] = self._sockets.shard(room, shard, self._clock())
                    continue
                members = self._sockets.audience(room, self._clock())
                if members is None:
                    self._send_to_shards(own)
                else:
                    found[audience] = members
            except Exception as error:  # noqa: BLE001 - a failure affects only its room
                failed |= {one.message: error for one in own}
        return found

    def _send_to_shards(self, dispatches: Sequence[_Dispatch]) -> None:
        for event in (one.event for one in dispatches):
            if event.state and not self._event_log.store_state(event):
                logger.info("state skipped: there is a newer one", event_id=event.id, trace_id=event.trace_id)
                continue
            self._queue.send([RoomShard(event.room, number, event.id, event.trace_id) for number in range(SHARDS)])
            logger.info("event sent to the room's shards", event_id=event.id, trace_id=event.trace_id)

    def _report(self, posted: Sequence[_Dispatch], outcome: PostingOutcome, failed: dict[int, Exception]) -> None:
        for one in posted:
            sockets = outcome.posted[one.message]
            logger.info(
                "event broadcast",
                event_id=one.event.id,
                shard=one.shard,
                state=one.event.state,
                sockets=sockets,
                finished=one.message not in failed,
                trace_id=one.event.trace_id,
            )
            if sockets and not one.event.state:
                delay = (self._clock() - one.event.at) / timedelta(milliseconds=1)
                metrics.add_metric("BroadcastDelay", MetricUnit.Milliseconds, max(0, delay))
        counts = {
            "FramesPosted": outcome.posted.total(),
            "SocketsGone": len(outcome.gone),
            "SocketsDropped": len(outcome.dropped),
        }
        for name, count in counts.items():
            if count:
                metrics.add_metric(name, MetricUnit.Count, count)

    def _prune(
        self,
        members: Sequence[Member],
        outcome: PostingOutcome,
        seconds_left: Callable[[], float],
    ) -> None:
        """Remove the sockets that are closed, as far as there is time."""
        memberships: dict[str, set[str]] = {}
        since: dict[str, datetime] = {}
        for member in members:
            memberships.setdefault(member.connection_id, set()).add(member.membership)
            since[member.connection_id] = max(member.since, since.get(member.connection_id, member.since))
        opened_by = self._clock() - OPENING
        closed = [one for one in outcome.gone if since[one] < opened_by] + list(outcome.dropped)
        until = self._clock() + timedelta(seconds=PRUNING_SECONDS)
        for connection_id in closed:
            if self._clock() > until or seconds_left() <= 0:
                return
            try:
                self._sockets.remove(connection_id, self._clock(), *memberships[connection_id])
            except (ClientError, NotSentError) as error:
                logger.warning("closed socket could not be removed", connection_id=connection_id, exc_info=error)
                return
            logger.info("closed socket removed", connection_id=connection_id)
