"""Events on their way through deliver_webhook to somebody else's receivers, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest
import standardwebhooks
import svix.webhooks

from cairn.clock import now
from cairn.guarded import GuardedClient
from cairn.webhooks.model import Endpoint, Event, Message, Secret, new_endpoint_id
from testing.adversarial_dynamodb import catch_up
from testing.certificates import authority
from testing.functions import FUNCTIONS, Running
from testing.receivers import Exchange, Receiver, answers, fails_at, in_turn
from testing.webhook_site import WebhookSite, webhook_site

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOST = "hooks.test"
SECOND = timedelta(seconds=1)


@pytest.fixture
def site() -> Iterator[WebhookSite]:
    with webhook_site() as made:
        yield made


def endpoint_at(site: WebhookSite, receiver: Receiver, path: str = "/") -> Endpoint:
    """An endpoint at a receiver, which the function now calls over sockets."""
    client = GuardedClient(
        allowed=frozenset({f"{HOST}:{receiver.port}"}),
        resolver=lambda _: ["127.0.0.1"],
        ssl_context=authority().client_context(),
        total_seconds=0.4,
        body_seconds=0.1,
    )
    FUNCTIONS._running["deliver_webhook"] = Running("deliver_webhook", client=client)
    made = site.endpoints.add(
        Endpoint(
            id=new_endpoint_id(),
            url=receiver.url(path, host=HOST),
            format="standard",
            events=("*",),
            secrets=(Secret(SECRET),),
            created_at=now(),
        )
    )
    assert made
    return made


def attempted(site: WebhookSite, endpoint: Endpoint, event: Event) -> Message:
    """The message after its first attempt, and those that were due within a minute."""
    site.settle()
    message = site.message(endpoint, event)
    assert message
    return message


def test_what_the_function_sends_is_verified_by_the_libraries(site: WebhookSite) -> None:
    with Receiver() as receiver:
        endpoint = endpoint_at(site, receiver, "/hook?tenant=7")
        event = site.publish("acme.order_paid", {"text": "🎉 \u001b", "euros": 12})
        message = attempted(site, endpoint, event)
        (received,) = receiver.received
    assert (message.status, message.tries) == ("sent", 1)
    assert received.path == "/hook?tenant=7"
    assert received.headers["webhook-id"] == message.id
    content = standardwebhooks.Webhook(SECRET).verify(received.body, dict(received.headers))
    svix.webhooks.Webhook(SECRET).verify(received.body, dict(received.headers))
    assert content == json.loads(received.body)
    assert content["data"]["text"] == "🎉 \u001b"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/hangs", "TIMEOUT"),
        ("/trickles-headers", "TIMEOUT"),
        ("/resets", "CONNECTION"),
        ("/closes", "CONNECTION"),
        ("/not-http", "HTTP"),
        ("/endless-headers", "HTTP"),
        ("/301", "HTTP"),
        ("/307", "HTTP"),
        ("/400", "HTTP"),
        ("/500", "HTTP"),
    ],
)
def test_a_failure_is_noted_as_what_it_is_and_tried_again(site: WebhookSite, path: str, kind: str) -> None:
    with Receiver() as receiver:
        endpoint = endpoint_at(site, receiver, path)
        message = attempted(site, endpoint, site.publish())
        assert {request.path for request in receiver.received} == {path}
    assert message.status == "pending"
    assert message.due_at
    assert {attempt.error for attempt in message.attempts} == {kind}
    assert all(attempt.milliseconds < 1500 for attempt in message.attempts)
    for secret in (HOST, path):
        assert secret not in message.error


@pytest.mark.parametrize("path", ["/201", "/204", "/trickles-body", "/endless-body", "/resets-in-the-body"])
def test_any_2xx_is_a_success_whatever_its_body_does(site: WebhookSite, path: str) -> None:
    with Receiver() as receiver:
        message = attempted(site, endpoint_at(site, receiver, path), site.publish())
        assert len(receiver.received) == 1
    assert (message.status, message.tries) == ("sent", 1)


def test_410_disables_the_endpoint(site: WebhookSite) -> None:
    with Receiver() as receiver:
        endpoint = endpoint_at(site, receiver, "/410")
        attempted(site, endpoint, site.publish())
        catch_up()
        stored = site.endpoints.get(endpoint.id)
        site.publish()
        site.settle()
        assert len(receiver.received) == 1
    assert stored
    assert stored.state == "disabled"


def _in_seconds(_: datetime) -> Mapping[str, str]:
    return {"Retry-After": "90"}


def _as_a_date(at: datetime) -> Mapping[str, str]:
    return {"Retry-After": format_datetime(at + 90 * SECOND, usegmt=True)}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", [_in_seconds, _as_a_date])
def test_a_receiver_that_asks_for_a_pause_gets_it(
    site: WebhookSite, form: Callable[[datetime], Mapping[str, str]], status: int
) -> None:
    with Receiver(in_turn(answers(status, form(now())), answers(200))) as receiver:
        endpoint = endpoint_at(site, receiver)
        event, began = site.publish(), now()
        message = attempted(site, endpoint, event)
        assert message.due_at
        assert 80 * SECOND <= message.due_at - began <= 110 * SECOND
        site.run(timedelta(minutes=4))
        message = attempted(site, endpoint, event)
        assert (message.status, message.tries, len(receiver.received)) == ("sent", 2, 2)


def test_a_receiver_that_fails_a_fifth_of_the_time_gets_each_message_once(site: WebhookSite) -> None:
    taken = []

    def take(exchange: Exchange) -> None:
        taken.append(exchange.request.headers["webhook-id"])
        exchange.answer(200)

    with Receiver(fails_at(0.2, 5, otherwise=take)) as receiver:
        endpoint = endpoint_at(site, receiver)
        events = [site.publish() for _ in range(30)]
        site.until(lambda: len(taken) >= 30)
        messages = [attempted(site, endpoint, event) for event in events]
    assert {message.status for message in messages} == {"sent"}
    assert sorted(taken) == sorted(message.id for message in messages)


def test_a_certificate_of_another_name_is_told_and_nothing_is_sent(site: WebhookSite) -> None:
    with Receiver(tls=authority().server_context("other.test")) as receiver:
        message = attempted(site, endpoint_at(site, receiver), site.publish())
        assert receiver.received == []
    assert message.attempts[0].error == "TLS"
    assert message.attempts[0].reason == "the receiver's certificate is of another host"
