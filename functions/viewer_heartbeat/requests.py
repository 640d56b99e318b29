"""What is asked, taken out of a Lambda URL's event: pages of other origins send it, and nothing in it is believed.

A page that is being left sends by navigator.sendBeacon, whose body is text, a form or a Blob; so a body is read for
what it is, whatever it is called.
https://developer.mozilla.org/en-US/docs/Web/API/Navigator/sendBeacon
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from cairn.errors import BadInputError, TooLargeError
from cairn.viewers.presence_slots import PresenceSlot, is_channel_id, is_viewer_id

Event = dict[str, Any]
MOST_BYTES = 2048
MOST_HOURS = 24
FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 20
_TOKEN = re.compile(r"([0-9]{1,2})\.([A-Za-z0-9_-]{22})")
_HOURS = re.compile(r"[0-9]{1,2}")


@dataclass(frozen=True, slots=True)
class Join:
    """Who wants to watch; None for somebody who has no id yet."""

    channel: str
    viewer_id: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked about a channel: `hours` of its curve, or what is new since the stream's `last_event_id`."""

    channel: str
    hours: str
    last_event_id: str | None


@dataclass(frozen=True, slots=True)
class _Rule:
    field: str
    holds: Callable[[str], object]
    words: str


_CHANNEL = _Rule("channelId", is_channel_id, "must be 1 to 100 letters, digits or any of . _ ~ : @ -")
_VIEWER = _Rule("viewerId", is_viewer_id, "must be as join answered it, or 22 to 64 letters, digits, _ or -")
_GIVEN_TOKEN = _Rule("token", _TOKEN.fullmatch, "must be as join answered it")


def join(event: Event) -> Join:
    """BadInputError names the fields at fault, here and in the next."""
    sent = _object(event)
    given = sent.get("viewerId") is not None
    _check(sent, _CHANNEL, *([_VIEWER] if given else []))
    return Join(sent["channelId"], sent["viewerId"] if given else None)


def seat(event: Event) -> PresenceSlot:
    """Whose heartbeat or leave it is, as far as the token tells; the table knows whether it is true."""
    sent = _object(event)
    _check(sent, _CHANNEL, _VIEWER, _GIVEN_TOKEN)
    level, _, secret = sent["token"].partition(".")
    return PresenceSlot(sent["channelId"], sent["viewerId"], tab_of(secret), int(level))


def tab_of(secret: str) -> str:
    """What the table knows a token's secret by."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).decode()
    return f"h{digest[:22]}"


def look(event: Event, segment: str) -> Look:
    """What is asked about the channel that an address ends with.

    Clients encode the colon, and Lambda hands the path over as it was sent. An EventSource says in a header what it had
    last; stand-ins for it, which may set none, say so in the query.
    """
    name = unquote(segment)
    _check({"channelId": name}, _CHANNEL)
    query = event.get("queryStringParameters") or {}
    return Look(name, query.get("hours", "1"), event["headers"].get("last-event-id") or query.get("lastEventId"))


def hours(asked: Look) -> int:
    """How far back a curve is to go."""
    if not (_HOURS.fullmatch(asked.hours) and 1 <= int(asked.hours) <= MOST_HOURS):
        raise _refusal([{"field": "hours", "message": f"must be a whole number from 1 to {MOST_HOURS}"}])
    return int(asked.hours)


def address_of(event: Mapping[str, Any], cdn_key: str) -> str:
    """Where a Lambda URL's caller is: as the front says, if it was the front that called.

    CloudFront writes address and port, and takes nobody else's word for it.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html
    """
    headers = event["headers"]
    seen, _, _port = headers.get("cloudfront-viewer-address", "").rpartition(":")
    if seen and cdn_key and hmac.compare_digest(headers.get("x-cairn-front", "").encode(), cdn_key.encode()):
        return str(seen.strip("[]"))
    return str(event["requestContext"]["http"]["sourceIp"])


def check_size(event: Event) -> None:
    """TooLargeError for a body beyond MOST_BYTES, before anything of it is read."""
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        size = len(body) * 3 // 4 - body[-2:].count("=")
    else:
        size = len(body) if len(body) > MOST_BYTES else len(body.encode(errors="surrogatepass"))
    if size > MOST_BYTES:
        raise TooLargeError(f"the body is longer than {MOST_BYTES} bytes")


def _object(event: Event) -> dict[str, Any]:
    """The fields of a body: JSON, or a form."""
    body = event.get("body") or ""
    try:
        text = base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
        if event["headers"].get("content-type", "").lower().startswith(FORM) and not text.lstrip().startswith("{"):
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
        sent = json.loads(text)
    except (ValueError, RecursionError):
        raise BadInputError("the body must be a JSON object") from None
    if not isinstance(sent, dict):
        raise BadInputError("the body must be a JSON object")
    return sent


def _check(sent: dict[str, Any], *rules: _Rule) -> None:
    wrong = [
        {"field": rule.field, "message": rule.words}
        for rule in rules
        if not (isinstance(value := sent.get(rule.field), str) and rule.holds(value))
    ]
    if wrong:
        raise _refusal(wrong)


def _refusal(wrong: list[dict[str, str]]) -> BadInputError:
    return BadInputError("; ".join(f"{one['field']}: {one['message']}" for one in wrong), tuple(wrong))
