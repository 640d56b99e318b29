"""From an event on the queue to the receiver, whatever state the receiver is in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from cairn.clock import now
from cairn.webhooks.model import Endpoint, Event, Message
from testing.logs import Written
from testing.webhook_site import Receiver, WebhookSite, hangs, in_turn, ok, status, webhook_site

pytestmark = pytest.mark.undisturbed
"""What was written a moment ago is read without waiting until every replica has it."""

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def site() -> Iterator[WebhookSite]:
    with webhook_site() as made:
        yield made


def found(site: WebhookSite, endpoint: Endpoint, event: Event) -> Message:
    message = site.message(endpoint, event)
    assert message
    return message


def test_an_event_reaches_each_endpoint_that_wants_it_and_no_other(site: WebhookSite) -> None:
    wanted = site.endpoint(events=("acme.order_paid",))
    every = site.endpoint()
    other = site.endpoint(events=("milestone_reached",))
    event = site.publish("acme.order_paid", {"euros": 12})
    site.settle()
    assert [len(site.receiver(one).received) for one in (wanted, every, other)] == [1, 1, 0]
    message = site.message(wanted, event)
    assert message
    assert (message.status, message.tries, message.attempts[0].status) == ("sent", 1, 200)
    assert site.receiver(wanted).ids == [message.id]


def test_a_failure_is_retried_by_the_schedule_under_the_same_id_until_it_succeeds(site: WebhookSite) -> None:
    endpoint = site.endpoint(Receiver(in_turn(status(500), status(500), status(500), ok)))
    event = site.publish()
    site.run(10 * MINUTE)
    receiver, message = site.receiver(endpoint), site.message(endpoint, event)
    assert message
    assert message.status == "sent"
    assert [attempt.status for attempt in message.attempts] == [500, 500, 500, 200]
    assert receiver.ids == [message.id] * 4
    gaps = [(later - earlier) / SECOND for earlier, later in zip(receiver.at, receiver.at[1:], strict=False)]
    assert 4 <= gaps[0] <= 7.1
    assert 48 <= gaps[1] <= 73
    assert 240 <= gaps[2] <= 361 + 60


def test_each_attempt_is_logged_with_the_type_and_the_trace_of_its_event(site: WebhookSite, logs: Written) -> None:
    site.endpoint(Receiver(in_turn(status(500), ok)))
    event = site.publish("acme.order_paid")
    site.run(MINUTE)
    lines = [line for line in logs.lines if line["message"] in {"webhook failed", "webhook sent"}]
    assert [(line["message"], line["type"], line["trace_id"]) for line in lines] == [
        ("webhook failed", "acme.order_paid", event.trace_id),
        ("webhook sent", "acme.order_paid", event.trace_id),
    ]
    assert event.trace_id


def test_a_redirect_is_a_failure_and_is_not_followed(site: WebhookSite) -> None:
    endpoint = site.endpoint(Receiver(status(301, location="https://elsewhere.test/")))
    event = site.publish()
    site.settle()
    message = site.message(endpoint, event)
    assert message
    assert (message.status, message.error) == ("pending", "HTTP: HTTP 301")


def test_an_answer_of_410_disables_the_endpoint_and_later_events_are_kept(site: WebhookSite) -> None:
    endpoint = site.endpoint(Receiver(status(410)))
    first = site.publish()
    site.settle()
    second = site.publish()
    site.settle()
    stored = site.endpoints.get(endpoint.id)
    assert stored
    assert (stored.state, stored.state_reason) == ("disabled", "it answered 410 Gone")
    messages = [site.message(endpoint, event) for event in (first, second)]
    assert [message and message.status for message in messages] == ["failed", "failed"]
    assert len(site.receiver(endpoint).received) == 1


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_lets_all_messages_of_the_endpoint_wait(site: WebhookSite, code: int) -> None:
    receiver = Receiver(in_turn(status(code, retry_after="600"), ok))
    endpoint = site.endpoint(receiver)
    asked = now()
    events = [site.publish() for _ in range(5)]
    site.run(9 * MINUTE)
    waited = len(receiver.received)
    site.run(6 * MINUTE)
    assert waited <= 5
    assert {message and message.status for message in (site.message(endpoint, event) for event in events)} == {"sent"}
    assert all(at - asked >= 600 * SECOND for at in receiver.at[waited:])


def test_a_paused_endpoint_gets_nothing_and_all_of_it_when_it_is_resumed(site: WebhookSite) -> None:
    endpoint = site.endpoint()
    site.endpoints.pause(endpoint.id)
    events = [site.publish() for _ in range(3)]
    site.run(3 * MINUTE)
    assert not site.receiver(endpoint).received
    site.endpoints.resume(endpoint.id)
    site.run(2 * MINUTE)
    assert {message and message.status for message in (site.message(endpoint, event) for event in events)} == {"sent"}


def test_an_endpoint_that_only_fails_is_probed_and_not_hammered(site: WebhookSite) -> None:
    receiver = Receiver(hangs, seconds=15)
    endpoint = site.endpoint(receiver)
    for _ in range(100):
        site.publish()
    site.run(HOUR)
    assert len(receiver.received) <= 24
    receiver.respond, receiver.seconds = ok, 0.01
    site.run(HOUR)
    stored = site.endpoints.get(endpoint.id)
    assert stored
    assert stored.health.failures == 0
    assert len(set(receiver.ids)) == 100


def test_an_endpoint_that_failed_for_five_days_is_disabled_and_its_owner_is_told(site: WebhookSite) -> None:
    endpoint = site.endpoint(Receiver(status(500)), owner="chat:99", description="CRM")
    for _ in range(12):
        site.publish()
    site.run(timedelta(days=4))
    assert (site.endpoints.get(endpoint.id) or endpoint).state == "active"
    site.publish()
    site.publish()
    site.run(timedelta(days=2))
    assert (site.endpoints.get(endpoint.id) or endpoint).state == "disabled"
    (told,) = site.telegram
    assert told["chat_id"] == "99"
    assert "CRM" in told["text"]
