"""Parses requests from a Lambda URL's events: pages of any origin send them, so nothing in them is trusted.

A page that closes uses navigator.sendBeacon, whose body is text, a form or a Blob. So JSON is recognised by its
content, whatever its content type.
https://developer.mozilla.org/en-US/docs/Web/API/Navigator/sendBeacon
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from cairn.errors import BadInputError, TooLargeError
from cairn.viewers.presence_slots import PresenceSlot, is_channel_id, is_viewer_id

Event = dict[str, Any]
MAX_BYTES = 2048
MAX_HOURS = 24
FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 20
_TOKEN = re.compile(r"([0-9]{1,2})\.([A-Za-z0-9_-]{22})")
_HOURS = re.compile(r"[0-9]{1,2}")


@dataclass(frozen=True, slots=True)
class Join:
    """A viewer who wants to join; `viewer_id` is None if they have none yet."""

    channel: str
    viewer_id: str | None


@dataclass(frozen=True, slots=True)
class ChannelQuery:
    """A request about a channel: `hours` of its curve, or what is new since the stream's `last_event_id`."""

    channel: str
    hours: str
    last_event_id: str | None


@dataclass(frozen=True, slots=True)
class _Rule:
    field: str
    holds: Callable[[str], object]
    message: str


_CHANNEL = _Rule("channelId", is_channel_id, "must be 1 to 100 letters, digits or any of . _ ~ : @ -")
_VIEWER = _Rule("viewerId", is_viewer_id, "must be the one that join returned, or 22 to 64 letters, digits, _ or -")
_TOKEN_RULE = _Rule("token", _TOKEN.fullmatch, "must be the one that join returned")


def join(event: Event) -> Join:
    """BadInputError names the invalid fields, here and in `slot`."""
    fields = _object(event)
    has_id = fields.get("viewerId") is not None
    _check(fields, _CHANNEL, *([_VIEWER] if has_id else []))
    return Join(fields["channelId"], fields["viewerId"] if has_id else None)


def slot(event: Event) -> PresenceSlot:
    """The slot that a heartbeat or leave claims to be for; the table is what verifies the claim."""
    fields = _object(event)
    _check(fields, _CHANNEL, _VIEWER, _TOKEN_RULE)
    level, _, secret = fields["token"].partition(".")
    return PresenceSlot(fields["channelId"], fields["viewerId"], tab_of(secret), int(level))


def tab_of(secret: str) -> str:
    """The name of a tab in the table: a hash of its token's secret."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).decode()
    return f"h{digest[:22]}"


def channel_query(event: Event, segment: str) -> ChannelQuery:
    """The request about the channel with which a path ends.

    Clients may encode the colon, and Lambda passes the path on as it was sent. An EventSource sends the id of its last
    event in a header; substitutes that cannot set headers send it in the query.
    """
    channel = unquote(segment)
    _check({"channelId": channel}, _CHANNEL)
    query = event.get("queryStringParameters") or {}
    return ChannelQuery(
        channel, query.get("hours", "1"), event["headers"].get("last-event-id") or query.get("lastEventId")
    )


def hours(query: ChannelQuery) -> int:
    """How far back a curve must go."""
    if not (_HOURS.fullmatch(query.hours) and 1 <= int(query.hours) <= MAX_HOURS):
        raise _bad_input([{"field": "hours", "message": f"must be a whole number from 1 to {MAX_HOURS}"}])
    return int(query.hours)


def check_size(event: Event) -> None:
    """TooLargeError for a body of more than MAX_BYTES, before it is parsed."""
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        size = len(body) * 3 // 4 - body[-2:].count("=")
    else:
        size = len(body) if len(body) > MAX_BYTES else len(body.encode(errors="surrogatepass"))
    if size > MAX_BYTES:
        raise TooLargeError(f"the body is longer than {MAX_BYTES} bytes")


def _object(event: Event) -> dict[str, Any]:
    """The fields of a body, which is JSON or a form."""
    body = event.get("body") or ""
    try:
        text = base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
        if event["headers"].get("content-type", "").lower().startswith(FORM) and not text.lstrip().startswith("{"):
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS))
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise BadInputError("the body must be a JSON object") from None
    if not isinstance(fields, dict):
        raise BadInputError("the body must be a JSON object")
    return fields


def _check(fields: dict[str, Any], *rules: _Rule) -> None:
    invalid = [
        {"field": rule.field, "message": rule.message}
        for rule in rules
        if not (isinstance(value := fields.get(rule.field), str) and rule.holds(value))
    ]
    if invalid:
        raise _bad_input(invalid)


def _bad_input(invalid: list[dict[str, str]]) -> BadInputError:
    return BadInputError("; ".join(f"{one['field']}: {one['message']}" for one in invalid), tuple(invalid))
