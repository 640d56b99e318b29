"""Who is notified about a rep: the rep and the TV of each milestone, everyone at the leaderboard of each change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from cairn.aws.sqs import Queue
from cairn.clock import Clock, iso
from cairn.leaderboard.avatars import Avatars
from cairn.leaderboard.badges import Badges
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.leaderboard.representation import milestone_json
from cairn.leaderboard.reps import Reps
from cairn.messages import BoardChanged, RoomEvent, reverted_event
from cairn.model import Milestone
from cairn.observability import logger
from cairn.readings.detection import Change
from cairn.rooms import TV_DISPLAY, user_room
from cairn.rules import Rule, Wording

EARNED = "achievement:earned"
CELEBRATION = "achievement:celebration"
REFRESH = "leaderboard:refresh"
CELEBRATED_FOR = timedelta(minutes=10)
"""For how long a milestone is celebrated after it was achieved; later it is only listed."""


class RepAnnouncer:
    """`broadcast` is the broadcast queue."""

    def __init__(
        self,
        *,
        broadcast: Queue,
        reps: Reps,
        badges: Badges,
        board_refresh: BoardRefresh,
        avatars: Avatars,
        rules: Mapping[str, Rule],
        clock: Clock,
    ) -> None:
        self._broadcast = broadcast
        self._reps = reps
        self._badges = badges
        self._board_refresh = board_refresh
        self._avatars = avatars
        self._rules = rules
        self._clock = clock

    def celebrate(self, milestone: Milestone) -> None:
        wording = self._rules[milestone.rule].wording(milestone)
        self._broadcast.send(celebrations(milestone, wording, self._avatars))

    def announce(self, milestone: Milestone) -> None:
        for badge in self._badges.award(milestone):
            logger.info("badge earned", badge=badge.id)

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:
        """Take back the badges that no milestone earns any more, and have screens drop the celebration."""
        for badge_id in self._badges.take_back(milestone, standing):
            logger.info("badge taken back", badge=badge_id)
        self._broadcast.send([reverted_event(room, milestone) for room, _ in _recipients(milestone)])

    def changed(self, changes: Sequence[Change]) -> None:
        """Repair the board first, then request its broadcast, so that the broadcast includes the changes."""
        self._reps.reconcile(changes)
        last = changes[-1]
        if key := self._board_refresh.request(last.event_id, self._clock()):
            self._broadcast.send([BoardChanged(key, last.new.trace_id)])


def celebrations(milestone: Milestone, wording: Wording, avatars: Avatars) -> list[RoomEvent]:
    """The events of a rep's milestone: one for the TV, and one for the rep if they are also a user."""
    user_id = milestone.details.get("user_id")
    data = {
        "userId": user_id,
        "userName": milestone.name,
        "achievementType": "milestone",
        "title": wording.title,
        "description": wording.description,
        "icon": wording.emoji,
        "timestamp": iso(milestone.achieved_at),
        "milestone": milestone_json(milestone, wording, avatars),
    }
    return [
        RoomEvent(
            room=room,
            event=event,
            key=milestone.id,
            data=json.dumps(data, separators=(",", ":"), ensure_ascii=False),
            at=milestone.achieved_at,
            fresh_until=milestone.achieved_at + CELEBRATED_FOR,
            trace_id=milestone.trace_id,
        )
        for room, event in _recipients(milestone)
    ]


def _recipients(milestone: Milestone) -> list[tuple[str, str]]:
    """The rooms of a milestone, each with the name of its event."""
    user_id = milestone.details.get("user_id")
    return [(TV_DISPLAY, CELEBRATION), *([(user_room(user_id), EARNED)] if user_id is not None else [])]
