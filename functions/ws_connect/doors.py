"""Who may be in which room."""

from __future__ import annotations

from cairn.sockets import Socket


def lets_in(socket: Socket, room: str) -> bool:
    """Channels are public; a user's room is that user's; the rest is for those who may see the leaderboard."""
    kind, _, whose = room.partition(":")
    if kind == "channel":
        return True
    if kind == "user":
        return socket.holder is not None and socket.holder.user_id == whose
    return socket.sees_board
