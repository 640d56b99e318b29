"""The frames that a WebSocket carries: JSON text of at most 128 KB, with ids to order events and drop repeats.

An event's id is `{room}/{number}`. A room numbers its events 1, 2, 3 … without a gap, so a client that has two of them
knows how many are missing in between. A refresh is a state, which is never replayed; its number is its millisecond.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cairn.clock import iso

MAX_FRAME_BYTES = 128 * 1024
"""How large a message API Gateway accepts.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""
BILLED_BYTES = 32 * 1024
"""API Gateway bills each 32 KB of a message as a message: https://aws.amazon.com/api-gateway/pricing/"""
_DIGITS = 15


class FrameTooLargeError(ValueError):
    """An event that no socket could receive: it goes to the dead-letter queue."""


def event_id(room: str, number: int) -> str:
    return f"{room}/{number}"


def number_of(room: str, id_: str) -> int | None:
    """The number in an event id of this room; None if it is not one."""
    digits = id_.removeprefix(f"{room}/")
    if digits == id_ or not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
        return None
    return int(digits)


def frame(
    id_: str | None,
    event: str,
    room: str | None,
    at: datetime,
    data: Any,
    *,
    expires_at: datetime | None = None,
    more: Mapping[str, Any] | None = None,
    most: int = MAX_FRAME_BYTES,
) -> str:
    """The text of a frame, in ASCII; FrameTooLargeError if it is longer than `most`: API Gateway would reject it.

    After `expires_at` a celebration is only listed; `more` are fields besides `data`.
    """
    fields = {"id": id_, "event": event, "room": room, "at": iso(at), "data": data, **(more or {})}
    if expires_at:
        fields["expiresAt"] = iso(expires_at)
    text = json.dumps(fields, separators=(",", ":"))
    if len(text) > most:
        raise FrameTooLargeError(f"{event} in {room} is {len(text)} bytes long, and the most are {most}")
    return text
