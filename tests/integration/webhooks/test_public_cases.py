"""What users of other webhook senders ran into, as their public issues say, and what Cairn does in each case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from cairn.aws import sqs
from cairn.clock import now
from cairn.codec import from_json
from cairn.messages import Reply, WebhookAttempt, WebhookReplay, load
from cairn.webhooks.circuit import lane_of
from cairn.webhooks.model import Endpoint, Event, Message
from cairn.webhooks.signing import headers
from testing.functions import FUNCTIONS
from testing.webhook_site import Receiver, WebhookSite, in_turn, ok, status, webhook_site, with_secret

pytestmark = pytest.mark.undisturbed
"""What was written a moment ago is read without waiting until every replica has it."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SCHEDULE = (0, 5, 60, 300, 1800, 7200, 18_000, 36_000, 36_000)


@pytest.fixture
def site() -> Iterator[WebhookSite]:
    with webhook_site() as made:
        yield made


def pass_days(site: WebhookSite, duration: timedelta) -> None:
    """As `run`, with the schedule of every quarter of an hour, so that days take no time."""
    end = now() + duration
    while now() < end:
        site.account.sweep.put({"source": "schedule"})
        site.account.run(min(end, now() + 15 * MINUTE))


def noted(site: WebhookSite, endpoint: Endpoint, event: Event) -> Message:
    found = site.message(endpoint, event)
    assert found, "nothing is noted of the message"
    return found


def send(site: WebhookSite, *messages: WebhookAttempt | WebhookReplay) -> None:
    """As the API does when a person asks for it."""
    sqs.queue(FUNCTIONS["deliver_webhook"].dependencies.settings.webhook_queue_url).send(messages)


def resend(site: WebhookSite, endpoint: Endpoint, event: Event, request: str) -> None:
    lane = lane_of(event.key, 5)
    send(site, WebhookAttempt(endpoint.id, lane, event.key, request, f"trace {request}"))
    site.settle()


def no_name(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("[Errno -3] Temporary failure in name resolution", request=request)


def test_events_of_the_time_in_which_an_endpoint_is_disabled_are_kept_shown_and_replayable(site: WebhookSite) -> None:
    endpoint = site.endpoint(Receiver(in_turn(status(410), ok)))
    began = now()
    site.publish()
    site.settle()
    events = [site.publish(subject=f"user:{number}") for number in range(3)]
    pass_days(site, HOUR)
    assert [noted(site, endpoint, event).status for event in events] == ["failed"] * 3
    assert all("disabled" in noted(site, endpoint, event).error for event in events)
    assert len(site.receiver(endpoint).received) == 1

    site.endpoints.resume(endpoint.id)
    send(site, replay(endpoint, began))
    site.run(2 * MINUTE)
    assert [noted(site, endpoint, event).status for event in events] == ["sent"] * 3
    assert {noted(site, endpoint, event).id for event in events} <= set(site.receiver(endpoint).ids)


def replay(endpoint: Endpoint, since: object) -> WebhookReplay:
    return WebhookReplay(
        endpoint=endpoint.id,
        request="a person's",
        since=since,  # type: ignore[arg-type]
        before=now() + MINUTE,
        event_types=(),
        failed_only=True,
        after="",
        trace_id="t",
    )


def test_a_second_manual_retry_is_not_swallowed_by_a_key_of_the_first(site: WebhookSite) -> None:
    endpoint = site.endpoint()
    event = site.publish()
    site.settle()
    resend(site, endpoint, event, "first request")
    resend(site, endpoint, event, "second request")
    receiver = site.receiver(endpoint)
    assert len(receiver.received) == 3
    assert len(set(receiver.ids)) == 1
    assert [attempt.number for attempt in noted(site, endpoint, event).attempts] == [1, 2, 3]


def test_a_manual_retry_that_is_delivered_twice_by_the_queue_is_made_once(site: WebhookSite) -> None:
    endpoint = site.endpoint()
    event = site.publish()
    site.settle()
    resend(site, endpoint, event, "one request")
    site.run(10 * MINUTE)  # SQS has forgotten the key by then
    resend(site, endpoint, event, "one request")
    assert len(site.receiver(endpoint).received) == 2


def test_an_error_of_dns_is_retried(site: WebhookSite) -> None:
    endpoint = site.endpoint(Receiver(in_turn(no_name, no_name, ok)))
    event = site.publish()
    site.run(3 * MINUTE)
    message = noted(site, endpoint, event)
    assert message.status == "sent"
    assert len(message.attempts) == 3


def test_attempts_are_really_counted_and_end(site: WebhookSite) -> None:
    endpoint = site.endpoint(Receiver(status(500)))
    event = site.publish()
    pass_days(site, 2 * DAY)
    message = noted(site, endpoint, event)
    assert (message.status, message.tries, message.due_at) == ("failed", len(SCHEDULE), None)
    assert [attempt.number for attempt in message.attempts] == list(range(1, len(SCHEDULE) + 1))
    assert len(site.receiver(endpoint).received) == len(SCHEDULE)


def test_the_last_retry_is_really_made(site: WebhookSite) -> None:
    fails_but_the_last = in_turn(*[status(500)] * (len(SCHEDULE) - 1), ok)
    endpoint = site.endpoint(Receiver(fails_but_the_last))
    event = site.publish()
    pass_days(site, 2 * DAY)
    assert noted(site, endpoint, event).status == "sent"
    assert len(site.receiver(endpoint).received) == len(SCHEDULE)


def test_one_dead_endpoint_never_clogs_the_others(site: WebhookSite) -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("no answer in 15 s", request=request)

    site.endpoint(Receiver(dead))
    works = site.endpoint()
    events = [site.publish(subject=f"user:{number}") for number in range(40)]
    site.run(MINUTE)
    assert all(noted(site, works, event).status == "sent" for event in events)
    pass_days(site, HOUR)
    assert len(site.receiver(works).received) == len(events)


def test_a_changed_list_of_event_types_is_seen_at_once(site: WebhookSite) -> None:
    endpoint = site.endpoint(events=("acme.order_paid",))
    site.publish("acme.order_paid")
    site.publish("acme.refunded")
    site.settle()
    stored = site.endpoints.get(endpoint.id)
    assert stored
    assert site.endpoints.change(stored, events=("acme.refunded",))
    site.publish("acme.order_paid")
    site.publish("acme.refunded")
    site.settle()
    assert [body["type"] for body in site.receiver(endpoint).bodies()] == ["acme.order_paid", "acme.refunded"]


@pytest.mark.parametrize("format_", ["standard", "source"])
def test_the_body_that_is_signed_is_the_very_bytes_that_are_sent(site: WebhookSite, format_: str) -> None:
    endpoint = site.endpoint(Receiver(in_turn(status(500), ok)), format=format_)
    text = (
        '{"text": "🎉 \\u001b[1m \\u2028", "whole": 1.0, "money": 49.90, "exact": 0.1000000000000000055511151231257827}'
    )
    site.publish(data=from_json(text))
    site.run(MINUTE)
    first, second = site.receiver(endpoint).received
    assert first.content == second.content
    for request in (first, second):
        when = int(request.headers["webhook-timestamp"])
        at = now().fromtimestamp(when, now().tzinfo)
        signed = headers(request.headers["webhook-id"], at, request.content, with_secret(endpoint).secrets)
        assert {name: request.headers[name] for name in signed} == signed
    assert "🎉 \\u001b[1m \u2028".encode() in first.content
    assert b'"whole":1.0,"money":49.90,"exact":0.1000000000000000055511151231257827' in first.content
    body = json.loads(first.content, parse_float=Decimal)
    assert (body.get("data") or body["metadata"])["money"] == Decimal("49.90")


def test_one_bad_message_does_not_disable_an_endpoint(site: WebhookSite) -> None:
    def refuses_the_bad_one(request: httpx.Request) -> httpx.Response:
        return httpx.Response(400 if b'"bad":true' in request.content else 200)

    endpoint = site.endpoint(Receiver(refuses_the_bad_one))
    bad = site.publish(data={"bad": True})
    for _ in range(14):
        site.publish()
        pass_days(site, 12 * HOUR)
    stored = site.endpoints.get(endpoint.id)
    assert stored
    assert stored.state == "active"
    assert noted(site, endpoint, bad).status == "failed"
    assert sum(b'"bad"' not in request.content for request in site.receiver(endpoint).received) == 14


def test_who_is_told_of_a_disabled_endpoint_is_not_told_by_webhook(site: WebhookSite) -> None:
    endpoint = site.endpoint(Receiver(status(410)), owner="chat:99", description="the CRM")
    site.endpoint(Receiver(status(500)))
    site.publish()
    (told,) = told_by_telegram(site)
    assert told.chat_id == "99"
    assert "the CRM" in told.text
    assert "https://" not in told.text
    stored = site.endpoints.get(endpoint.id)
    assert stored
    assert stored.state == "disabled"


def told_by_telegram(site: WebhookSite) -> list[Reply]:
    """What deliver_webhook puts on the notify queue, looked at before `notify` takes it."""
    account = site.account
    account.sources.remove(account.notify)
    site.settle()
    return [message for one in account.notify.messages if isinstance(message := load(one.body), Reply)]
