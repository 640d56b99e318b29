"""What goes over a WebSocket: JSON text, at most 128 KB of it, and the ids by which a client orders and drops repeats.

An event's id is `{room}/{number}`. A room numbers its events 1, 2, 3 … without a gap, so that whoever has two of them
knows what lies between; a refresh, which is a state and not kept, is numbered by the millisecond.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cairn.clock import iso

LARGEST = 128 * 1024
"""Bytes that API Gateway takes in a message.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""
_DIGITS = 15


class FrameTooLargeError(ValueError):
    """An event that no socket could be sent: it goes to the dead letters."""


def event_id(room: str, number: int) -> str:
    return f"{room}/{number}"


def number_of(room: str, id_: str) -> int | None:
    """The number in an id of this room; None when it is none."""
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
) -> str:
    """The text of a frame, in ASCII; FrameTooLargeError when API Gateway would not take it.

    After `expires_at` a celebration is only listed; `more` stands beside `data`.
    """
    fields = {"id": id_, "event": event, "room": room, "at": iso(at), "data": data, **(more or {})}
    if expires_at:
        fields["expiresAt"] = iso(expires_at)
    text = json.dumps(fields, separators=(",", ":"))
    if len(text) > LARGEST:
        raise FrameTooLargeError(f"{event} in {room} is {len(text)} bytes long, and API Gateway takes {LARGEST}")
    return text
