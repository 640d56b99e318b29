"""The names of rooms, and who may join them. A room is the audience of a WebSocket event."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

EVERYONE = "everyone"
TV_DISPLAY = "tv-display"
CREATORS = "creators"
MAX_NAME_LENGTH = 200
BOARD_MODULES = frozenset({"leaderboard", "display", "admin"})
"""Users with one of these may see the leaderboard; their sockets receive it in `everyone` without joining a room."""
CREATOR_MODULES = frozenset({"analytics", "admin"})
"""Users with one of these may see what creators earn."""
_NAME = re.compile(r"(everyone|tv-display|leaderboard|creators|(user|channel):[^\s\x00-\x1f\x7f]+)")


def is_room(name: str) -> bool:
    """Whether this is a valid name of a room."""
    return len(name) <= MAX_NAME_LENGTH and _NAME.fullmatch(name) is not None


def channel_room(channel: str) -> str:
    """The room of a live channel's viewers."""
    return f"channel:{channel}"


def user_room(user_id: str | int) -> str:
    """The room of one signed-in user."""
    return f"user:{user_id}"


def channel_of(room: str) -> str | None:
    """The live channel of a channel room; None for other rooms."""
    kind, _, channel = room.partition(":")
    return channel if kind == "channel" else None


def may_join(room: str, user_id: str | None, modules: AbstractSet[str]) -> bool:
    """Channel rooms are public, a user's room belongs to that user; creators' and the others need one of modules."""
    if channel_of(room) is not None:
        return True
    if room.startswith("user:"):
        return user_id is not None and room == user_room(user_id)
    return bool(modules & (CREATOR_MODULES if room == CREATORS else BOARD_MODULES))
