"""The frame that shows `everyone` the leaderboard: its top, and how many reps it has in total."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from cairn.clock import to_millis
from cairn.leaderboard.announce import REFRESH
from cairn.leaderboard.avatars import Avatars
from cairn.leaderboard.boards import Boards
from cairn.leaderboard.representation import ranked_row_json
from cairn.realtime.event_log import LoggedEvent
from cairn.realtime.frames import BILLED_BYTES, FrameTooLargeError, event_id, frame
from cairn.rooms import EVERYONE
from cairn.zones import Zones

TOP = 100


class BoardFrames:
    """`zones` reads the settings, which only a board's frame needs."""

    def __init__(self, boards: Boards, zones: Callable[[], Zones], avatars: Avatars, *, top: int = TOP) -> None:
        self._boards = boards
        self._avatars = avatars
        self._zones = zones
        self._top = top

    def now(self, at: datetime, trace_id: str) -> LoggedEvent:
        """The current board. Two are never made in the same millisecond, so the higher id is the later one."""
        page = self._boards.page(None, self._top)
        reps = [ranked_row_json(ranked, self._avatars) for ranked in page.rows]
        period = self._zones().month(at)
        number = to_millis(at)
        text = board_frame(event_id(EVERYONE, number), at, reps, {"total": page.total, "period": period})
        return LoggedEvent(EVERYONE, number, text, at, trace_id, state=True)


def board_frame(id_: str, at: datetime, reps: list[dict[str, Any]], more: dict[str, Any]) -> str:
    """A frame with as many of the reps, from the best, as are billed as one message."""
    while True:
        try:
            return frame(id_, REFRESH, EVERYONE, at, reps, more=more, most=BILLED_BYTES)
        except FrameTooLargeError:
            reps = reps[: len(reps) * 19 // 20]
