"""Who is notified of a rep: the rep and the TV, of each milestone; everybody at the leaderboard, of each change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

from cairn.aws.sqs import Queue
from cairn.clock import Clock, iso
from cairn.leaderboard.badges import Badges
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.leaderboard.representation import milestone_json
from cairn.leaderboard.reps import Reps
from cairn.messages import BoardChanged, RoomEvent
from cairn.model import Milestone, Reading
from cairn.observability import logger
from cairn.rooms import TV_DISPLAY, user_room
from cairn.rules import Rule, Wording

EARNED = "achievement:earned"
CELEBRATION = "achievement:celebration"
REFRESH = "leaderboard:refresh"
FRESH = timedelta(minutes=10)
"""How long after it was achieved a milestone is still celebrated; later it is only listed."""


class RepAnnouncer:
    """`broadcast` is the broadcast queue."""

    def __init__(
        self,
        *,
        broadcast: Queue,
        reps: Reps,
        badges: Badges,
        board_refresh: BoardRefresh,
        rules: Mapping[str, Rule],
        clock: Clock,
    ) -> None:
        self._broadcast = broadcast
        self._reps = reps
        self._badges = badges
        self._board_refresh = board_refresh
        self._rules = rules
        self._clock = clock

    def announce(self, milestone: Milestone) -> None:
        for badge in self._badges.award(milestone):
            logger.info("badge earned", badge=badge.id)
        self._broadcast.send(celebrations(milestone, self._rules[milestone.rule].wording(milestone)))

    def changed(self, old: Reading | None, new: Reading, event_id: str) -> None:
        """Repair the board first, then request its broadcast: a reader of the broadcast finds the change."""
        self._reps.reconcile(old, new)
        if key := self._board_refresh.request(event_id, self._clock()):
            self._broadcast.send([BoardChanged(key, new.trace_id)])


def celebrations(milestone: Milestone, words: Wording) -> list[RoomEvent]:
    """What is said of a rep's milestone: to the rep, where they are a user too, and on the TV."""
    user_id = milestone.details.get("user_id")
    data = {
        "userId": user_id,
        "userName": milestone.name,
        "achievementType": "milestone",
        "title": words.title,
        "description": words.description,
        "icon": words.emoji,
        "timestamp": iso(milestone.achieved_at),
        "milestone": milestone_json(milestone, words),
    }
    told = [(TV_DISPLAY, CELEBRATION), *([(user_room(user_id), EARNED)] if user_id is not None else [])]
    return [
        RoomEvent(
            room=room,
            event=event,
            key=milestone.id,
            data=json.dumps(data, separators=(",", ":"), ensure_ascii=False),
            at=milestone.achieved_at,
            fresh_until=milestone.achieved_at + FRESH,
            trace_id=milestone.trace_id,
        )
        for room, event in told
    ]
