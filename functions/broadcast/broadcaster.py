"""A batch of messages becomes frames for the sockets of their rooms, each room's in order."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from cairn.aws.sqs import NotSentError, Queue
from cairn.aws.websocket_api import Poster
from cairn.clock import Clock
from cairn.errors import NotYetError
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.messages import BoardChanged, RoomEvent, RoomShard, RoomState, UnreadableMessageError
from cairn.observability import MetricUnit, logger, metrics
from cairn.realtime.event_log import EventLog, LoggedEvent, current_state
from cairn.realtime.frames import FrameTooLargeError
from cairn.realtime.membership import SHARDS, Member, Sockets
from functions.broadcast.board import BoardFrames
from functions.broadcast.fanout import Fanout, Post, PostingOutcome

LONGEST_SECONDS = 10.0
"""How long a batch is posted: what is left by then comes again, and holds its room back no longer than this."""
CLEANING_SECONDS = 2.0
"""How long the closed sockets of a batch are forgotten one by one; whoever is left is found to be gone again."""
OPENING = timedelta(seconds=10)
"""A socket is in `everyone` before API Gateway has opened it, and says 410 until then."""
PERMANENT = (UnreadableMessageError, FrameTooLargeError)
"""What no repeat mends: the message goes to the dead letters, and those behind it in its room need not wait."""


class HeldBackError(Exception):
    """A message before this one in its room must come again first."""


class UnfinishedError(Exception):
    """Some sockets are left, and the time is up: the message must come again."""


Broadcast = RoomEvent | RoomShard | BoardChanged | RoomState
STATES = (BoardChanged, RoomState)
"""Messages that say how something stands."""
WAITING = (NotYetError, HeldBackError)
"""Nothing is wrong: the message's time is yet to come."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message, or why it cannot be read; and the group in which it must stay in order."""

    message: Broadcast | UnreadableMessageError
    group: str

    @property
    def trace_id(self) -> str | None:
        return None if isinstance(self.message, UnreadableMessageError) else self.message.trace_id


@dataclass(frozen=True, slots=True)
class _Dispatch:
    """What is to be told to a room, or to one of its stretches, on account of a message."""

    message: int
    said: LoggedEvent
    stretch: int | None

    @property
    def audience(self) -> tuple[str, int | None]:
        return self.said.room, self.stretch


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
        clock: Clock,
    ) -> None:
        self._event_log = event_log
        self._sockets = sockets
        self._board_refresh = board_refresh
        self._board = board
        self._queue = queue
        self._poster = poster
        self._clock = clock

    def deliver(self, batch: Sequence[Received], left: Callable[[], float]) -> dict[int, Exception]:
        """Why which messages of the batch must come again. What happened is told before how things stand."""
        failed: dict[int, Exception] = {}
        states = [index for index, received in enumerate(batch) if isinstance(received.message, STATES)]
        self._tell([one for one in enumerate(batch) if one[0] not in states], left, failed)
        held = _held_back(batch, failed)
        newest = _newest([(index, batch[index]) for index in states])
        self._tell([one for one in newest if one[0] not in held], left, failed)
        return _held_back(batch, failed)

    def _tell(
        self, batch: Sequence[tuple[int, Received]], left: Callable[[], float], failed: dict[int, Exception]
    ) -> None:
        if not batch:
            return
        tellings = self._numbered(batch, failed)
        members = self._audiences(tellings, failed)
        told = [one for one in tellings if one.message not in failed and one.audience in members]
        lines: dict[str, list[Post]] = {}
        for one in told:
            for member in members[one.audience]:
                lines.setdefault(member.connection_id, []).append(Post(one.message, one.said.frame))
        # Whoever the time does not suffice for is not always the same.
        lines = dict(random.sample(list(lines.items()), len(lines)))
        fanout = Fanout(self._poster)
        outcome = self._poster.run(fanout.post_all(lines, max(1.0, min(LONGEST_SECONDS, left()))))
        failed |= {message: UnfinishedError("some sockets are left") for message in outcome.unfinished}
        self._report(told, outcome, failed)
        self._clean(members, outcome, left)

    def _numbered(self, batch: Sequence[tuple[int, Received]], failed: dict[int, Exception]) -> list[_Dispatch]:
        """What the messages say, each kept in its room; after a failure, nothing more of its group."""
        tellings: list[_Dispatch] = []
        broken: set[str] = set()
        for index, received in batch:
            if received.group in broken:
                continue
            try:
                telling = self._telling(index, received.message)
            except Exception as error:  # noqa: BLE001 - a message's failure is its group's alone
                failed[index] = error
                if not isinstance(error, PERMANENT):
                    broken.add(received.group)
            else:
                if telling:
                    tellings.append(telling)
        return tellings

    def _telling(self, index: int, message: Broadcast | UnreadableMessageError) -> _Dispatch | None:
        """What there is to tell on account of a message; None when it was told, or is over."""
        now = self._clock()
        match message:
            case RoomEvent():
                said = self._event_log.append(message, now)
                telling = _Dispatch(index, said, None) if said else None
            case RoomShard(room=room, shard=shard):
                said = self._event_log.find(room, message.event_id, now)
                telling = _Dispatch(index, said, shard) if said else None
            case RoomState():
                telling = _Dispatch(index, current_state(message), None)
            case BoardChanged():
                wanted = self._board_refresh.acquire(message.key, now)
                said = self._board.now(now, message.trace_id) if wanted else None
                telling = _Dispatch(index, said, None) if said else None
            case UnreadableMessageError():
                raise message
        if telling is None:
            logger.info("nothing to tell any more", message_type=message.type, trace_id=message.trace_id)
        return telling

    def _audiences(
        self, tellings: Sequence[_Dispatch], failed: dict[int, Exception]
    ) -> dict[tuple[str, int | None], list[Member]]:
        """The sockets to post to, read after everything was kept: who joins later finds it in the replay.

        A room that is too large is left to messages of its own, one for each stretch and event.
        """
        found: dict[tuple[str, int | None], list[Member]] = {}
        for audience in dict.fromkeys(one.audience for one in tellings):
            room, stretch = audience
            mine = [one for one in tellings if one.audience == audience]
            try:
                if stretch is not None:
                    found[audience] = self._sockets.shard(room, stretch, self._clock())
                    continue
                members = self._sockets.audience(room, self._clock())
                if members is None:
                    self._tell_in_parts(mine)
                else:
                    found[audience] = members
            except Exception as error:  # noqa: BLE001 - a room's failure is its own
                failed |= {one.message: error for one in mine}
        return found

    def _tell_in_parts(self, tellings: Sequence[_Dispatch]) -> None:
        for said in (one.said for one in tellings):
            if said.state and not self._event_log.store_state(said):
                logger.info("overtaken by a newer state", event_id=said.id, trace_id=said.trace_id)
                continue
            self._queue.send([RoomShard(said.room, number, said.id, said.trace_id) for number in range(SHARDS)])
            logger.info("event told in parts", event_id=said.id, trace_id=said.trace_id)

    def _report(self, told: Sequence[_Dispatch], outcome: PostingOutcome, failed: dict[int, Exception]) -> None:
        for one in told:
            posted = outcome.posted[one.message]
            logger.info(
                "event told",
                event_id=one.said.id,
                stretch=one.stretch,
                state=one.said.state,
                sockets=posted,
                finished=one.message not in failed,
                trace_id=one.said.trace_id,
            )
            if posted and not one.said.state:
                delay = (self._clock() - one.said.at) / timedelta(milliseconds=1)
                metrics.add_metric("BroadcastDelay", MetricUnit.Milliseconds, max(0, delay))
        counts = {
            "FramesPosted": outcome.posted.total(),
            "SocketsGone": len(outcome.gone),
            "SocketsDropped": len(outcome.dropped),
        }
        for name, count in counts.items():
            if count:
                metrics.add_metric(name, MetricUnit.Count, count)

    def _clean(
        self, members: dict[tuple[str, int | None], list[Member]], outcome: PostingOutcome, left: Callable[[], float]
    ) -> None:
        """Forget the sockets that are closed, as far as there is time."""
        places: dict[str, set[str]] = {}
        since: dict[str, datetime] = {}
        for here in members.values():
            for member in here:
                places.setdefault(member.connection_id, set()).add(member.membership)
                since[member.connection_id] = max(member.since, since.get(member.connection_id, member.since))
        opened_by = self._clock() - OPENING
        closed = [one for one in outcome.gone if since[one] < opened_by] + list(outcome.dropped)
        until = self._clock() + timedelta(seconds=CLEANING_SECONDS)
        for connection_id in closed:
            if self._clock() > until or left() <= 0:
                return
            try:
                self._sockets.remove(connection_id, self._clock(), *places[connection_id])
            except (ClientError, NotSentError) as error:
                logger.warning("socket not forgotten", connection_id=connection_id, exc_info=error)
                return
            logger.info("socket forgotten", connection_id=connection_id)


def _newest(states: Sequence[tuple[int, Received]]) -> list[tuple[int, Received]]:
    """Without the states of rooms that a newer one in the batch takes the place of."""
    newest: dict[str, tuple[datetime, int]] = {}
    for index, received in states:
        if isinstance(received.message, RoomState):
            room, this = received.message.room, (received.message.at, index)
            newest[room] = max(this, newest.get(room, this))
    told = {index for _, index in newest.values()}
    return [one for one in states if one[0] in told or not isinstance(one[1].message, RoomState)]


def _held_back(batch: Sequence[Received], failed: dict[int, Exception]) -> dict[int, Exception]:
    """The failures, and what stands behind them in their groups, in the order of the batch."""
    broken: set[str] = set()
    answer: dict[int, Exception] = {}
    for index, received in enumerate(batch):
        error = failed.get(index)
        if received.group in broken:
            answer[index] = error or HeldBackError("a message of the room comes again before it")
        elif error:
            answer[index] = error
            if not isinstance(error, PERMANENT):
                broken.add(received.group)
    return answer
