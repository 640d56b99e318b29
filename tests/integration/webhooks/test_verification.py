"""The library of Standard Webhooks, and Svix's, verify what arrives from Cairn over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks

from cairn.guarded import GuardedClient, allowed_targets
from cairn.webhooks.catalogue import CATALOGUE
from cairn.webhooks.formats import render
from cairn.webhooks.model import Event, Format, Secret
from cairn.webhooks.signing import headers, new_secret
from testing.receivers import Received, Receiver
from testing.webhooks import SECRET, endpoint, event, message_of

Verify = Callable[[str, bytes, Mapping[str, str]], Any]
FORMATS: tuple[Format, ...] = ("standard", "source", "ghl")


def _standardwebhooks(secret: str, body: bytes, headers: Mapping[str, str]) -> Any:
    return standardwebhooks.Webhook(secret).verify(body, dict(headers))


def _svix(secret: str, body: bytes, headers: Mapping[str, str]) -> Any:
    svix.webhooks.Webhook(secret).verify(body, dict(headers))  # which does not return the content
    return json.loads(body)


LIBRARIES = [pytest.param(_standardwebhooks, id="standardwebhooks"), pytest.param(_svix, id="svix")]
REJECTED = (standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def sent(
    receiver: Receiver,
    happened: Event,
    format_: Format = "standard",
    secrets: tuple[Secret, ...] = (Secret(SECRET),),
    at: datetime | None = None,
) -> Received:
    """What arrives of an event, sent as a delivery sends it."""
    to = endpoint(format_)
    id_ = message_of(happened, to)
    body = render(happened, to, template="welcome", message_id=id_)
    signed = headers(id_, at or datetime.now(UTC), body.content, secrets)
    client = GuardedClient(allowed=allowed_targets(receiver.target))
    client.post(receiver.url("/hook"), headers={**body.headers, **signed}, body=body.content)
    return receiver.received[-1]


AWKWARD = {
    "an emoji": {"text": "🎉 10K"},
    "an escape": {"text": "\u001b[0m"},
    "a decimal with its zeros": {"amount": Decimal("49.00"), "share": Decimal("1.0")},
    "a long number": {"count": 10**15, "score": Decimal("0.1000000000000000055")},
    "line separators": {"text": "a\u2028b\u2029c\r\n"},
    "quotes and markup": {"text": "\"<script>&amp;'\\"},
    "nothing": {},
    "null": {"text": None},
    "all at once": {"list": [1, "é", True, None], "object": {"deep": {"ключ": "значение"}}},
}


@pytest.mark.parametrize("verify", LIBRARIES)
@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("data", AWKWARD.values(), ids=AWKWARD.keys())
def test_the_bytes_that_arrive_are_those_that_were_signed(
    receiver: Receiver, data: Mapping[str, Any], format_: Format, verify: Verify
) -> None:
    received = sent(receiver, event(data), format_)
    assert verify(SECRET, received.body, received.headers) == json.loads(received.body)


@pytest.mark.parametrize("verify", LIBRARIES)
@pytest.mark.parametrize("type_", CATALOGUE)
def test_every_type_of_the_catalogue_is_verified(receiver: Receiver, type_: str, verify: Verify) -> None:
    received = sent(receiver, event(CATALOGUE[type_].example, type=type_))
    assert verify(SECRET, received.body, received.headers)["type"] == type_


@pytest.mark.parametrize("verify", LIBRARIES)
def test_while_a_secret_rotates_receivers_with_either_verify(receiver: Receiver, verify: Verify) -> None:
    new = new_secret()
    old = Secret(SECRET, until=datetime.now(UTC) + timedelta(hours=24))
    received = sent(receiver, event(), secrets=(Secret(new), old))
    for secret in (new, SECRET):
        assert verify(secret, received.body, received.headers)


@pytest.mark.parametrize("verify", LIBRARIES)
def test_a_message_that_waited_for_hours_is_signed_again_under_the_same_id(receiver: Receiver, verify: Verify) -> None:
    happened = event({"n": 1}, at=datetime.now(UTC) - timedelta(days=2))
    first = sent(receiver, happened, at=datetime.now(UTC) - timedelta(hours=10))
    again = sent(receiver, happened)
    assert again.headers["webhook-id"] == first.headers["webhook-id"]
    assert again.body == first.body
    verify(SECRET, again.body, again.headers)
    with pytest.raises(REJECTED):
        verify(SECRET, first.body, first.headers)


@pytest.mark.parametrize("verify", LIBRARIES)
@pytest.mark.parametrize("changed", ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "secret"])
def test_whatever_was_changed_on_the_way_is_noticed(receiver: Receiver, changed: str, verify: Verify) -> None:
    received = sent(receiver, event({"amount": 1}))
    body, headers, secret = received.body, dict(received.headers), SECRET
    match changed:
        case "body":
            body = body.replace(b'"amount":1', b'"amount":2')
            assert body != received.body
        case "webhook-timestamp":
            headers[changed] = str(int(headers[changed]) + 1)
        case "secret":
            secret = new_secret()
        case _:
            # Not the last character of the Base64: some of its bits mean nothing.
            value = headers[changed]
            headers[changed] = f"{value[:5]}{'A' if value[5] != 'A' else 'B'}{value[6:]}"
    with pytest.raises(REJECTED):
        verify(secret, body, headers)
