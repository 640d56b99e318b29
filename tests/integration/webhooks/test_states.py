"""What an endpoint's settings and a person's requests do to its messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from cairn.aws import sqs
from cairn.aws.vault import Vault, VaultUnavailableError
from cairn.clock import now
from cairn.messages import WebhookAttempt, WebhookReplay
from cairn.webhooks.circuit import lane_of
from cairn.webhooks.model import Attempt, Contact, Endpoint, Event, Message, parse_message_id
from testing.functions import FUNCTIONS
from testing.webhook_site import Receiver, WebhookSite, in_turn, ok, status, webhook_site

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


def send(site: WebhookSite, *messages: WebhookAttempt | WebhookReplay) -> None:
    sqs.queue(FUNCTIONS["deliver_webhook"].dependencies.settings.webhook_queue_url).send(messages)
    site.settle()


def resend(endpoint: Endpoint, event: Event, request: str) -> WebhookAttempt:
    return WebhookAttempt(endpoint.id, lane_of(event.key, 5), event.key, request, "trace")


def replay(endpoint: Endpoint, *, failed_only: bool, request: str = "one") -> WebhookReplay:
    return WebhookReplay(endpoint.id, request, now() - HOUR * 24, now() + HOUR, (), failed_only, "", "trace")


def test_a_person_who_sends_a_message_twice_sends_it_twice_and_a_redelivered_request_sends_it_once(
    site: WebhookSite,
) -> None:
    endpoint = site.endpoint()
    event = site.publish()
    site.settle()
    send(site, resend(endpoint, event, "first"))
    send(site, resend(endpoint, event, "second"))
    site.account.clock.sleep(600)
    send(site, resend(endpoint, event, "second"))
    assert len(site.receiver(endpoint).received) == 3
    assert len(set(site.receiver(endpoint).ids)) == 1
    assert found(site, endpoint, event).tries == 3


def test_a_message_that_is_sent_again_by_a_person_is_retried_by_the_whole_schedule(site: WebhookSite) -> None:
    receiver = Receiver(status(400))
    endpoint = site.endpoint(receiver)
    event = site.publish()
    site.settle()
    site.until(lambda: found(site, endpoint, event).status == "failed")
    receiver.respond = in_turn(status(500), ok)
    send(site, resend(endpoint, event, "again"))
    site.run(2 * MINUTE)
    assert found(site, endpoint, event).status == "sent"


def test_recover_sends_what_failed_and_nothing_that_was_delivered(site: WebhookSite) -> None:
    receiver = Receiver(status(410))
    endpoint = site.endpoint(receiver)
    lost = [site.publish() for _ in range(3)]
    site.settle()
    receiver.respond = ok
    site.endpoints.resume(endpoint.id)
    delivered = site.publish()
    site.settle()
    send(site, replay(endpoint, failed_only=True))
    assert {found(site, endpoint, event).status for event in (*lost, delivered)} == {"sent"}
    assert receiver.ids.count(found(site, endpoint, delivered).id) == 1


def test_replay_sends_what_happened_before_an_endpoint_wanted_it_and_goes_on_after_a_chunk(site: WebhookSite) -> None:
    site.endpoint()
    events = [site.publish() for _ in range(450)]
    site.settle()
    late = site.endpoint()
    send(site, replay(late, failed_only=False))
    site.run(3 * MINUTE)
    assert sorted(site.receiver(late).ids) == sorted(found(site, late, event).id for event in events)


def test_an_endpoint_has_at_most_five_attempts_at_once_and_an_event_has_one_lane(site: WebhookSite) -> None:
    endpoint = site.endpoint()
    for _ in range(100):
        site.publish()
    groups: set[str] = set()
    while site.account.step():
        groups |= {one.body for one in site.account.webhooks.messages if '"webhook_attempt"' in one.body}
    lanes = {body.partition('"lane":')[2].partition(",")[0] for body in groups}
    assert lanes == {"0", "1", "2", "3", "4"}
    assert len(set(site.receiver(endpoint).ids)) == 100


def test_a_rate_limit_spaces_messages_and_loses_none(site: WebhookSite) -> None:
    endpoint = site.endpoint(rate_limit=2.0)
    for _ in range(60):
        site.publish()
    site.run(2 * MINUTE)
    at = site.receiver(endpoint).at
    assert len(set(site.receiver(endpoint).ids)) == len(at) == 60
    assert all(later - earlier >= 0.45 * SECOND for earlier, later in zip(sorted(at), sorted(at)[1:], strict=False))


def test_what_a_lost_queue_left_is_found_by_the_schedule(site: WebhookSite) -> None:
    endpoint = site.endpoint()
    event = site.publish()
    site.account.step()
    assert site.account.webhooks.messages
    site.account.webhooks.messages.clear()
    site.run(14 * MINUTE)
    assert not site.receiver(endpoint).received
    site.run(5 * MINUTE)
    assert found(site, endpoint, event).status == "sent"


def test_an_event_that_comes_late_is_sent_though_the_schedule_has_looked_past_its_time(site: WebhookSite) -> None:
    endpoint = site.endpoint()
    site.run(2 * MINUTE)
    event = site.publish(at=now() - HOUR)
    site.settle()
    assert found(site, endpoint, event).status == "sent"


def test_a_changed_subscription_is_seen_by_the_next_event(site: WebhookSite) -> None:
    endpoint = site.endpoint(events=("acme.order_paid",))
    site.publish("acme.order_paid")
    site.settle()
    stored = site.endpoints.get(endpoint.id)
    assert stored
    assert site.endpoints.change(stored, events=("acme.shipped",))
    site.publish("acme.order_paid")
    site.publish("acme.shipped")
    site.settle()
    assert [body["type"] for body in site.receiver(endpoint).bodies()] == ["acme.order_paid", "acme.shipped"]


def test_a_deleted_endpoint_gets_nothing_more(site: WebhookSite) -> None:
    endpoint = site.endpoint(Receiver(status(500)))
    site.publish()
    site.settle()
    before = len(site.receiver(endpoint).received)
    assert site.endpoints.delete(endpoint.id)
    site.run(HOUR)
    assert len(site.receiver(endpoint).received) == before


def test_an_event_without_a_contact_is_skipped_for_ghl_with_the_reason_and_not_tried_again(site: WebhookSite) -> None:
    without = site.endpoint(format="ghl")
    own = site.endpoint(format="ghl", default_contact=Contact("Desk", "desk@people.test"))
    event = site.publish()
    known = site.publish(contact=Contact("Ada", "ada@people.test"))
    site.run(HOUR)
    skipped = found(site, without, event)
    assert (skipped.status, skipped.tries) == ("skipped", 0)
    assert "e-mail" in skipped.error or "email" in skipped.error
    assert [body["email"] for body in site.receiver(own).bodies()] == ["desk@people.test", "ada@people.test"]
    assert found(site, without, known).status == "sent"


def test_the_hold_out_group_is_sent_nothing_and_is_counted(site: WebhookSite) -> None:
    endpoint = site.endpoint(hold_out=50)
    events = [site.publish(subject=f"user:{number}") for number in range(60)]
    site.settle()
    states = [found(site, endpoint, event).status for event in events]
    assert 15 < states.count("held_out") < 45
    assert states.count("sent") == len(site.receiver(endpoint).received) == 60 - states.count("held_out")


def test_events_of_a_subject_are_numbered_in_their_order_without_repeats(site: WebhookSite) -> None:
    endpoint = site.endpoint()
    for _ in range(20):
        site.publish(subject="rep:1")
        site.publish(subject="rep:2")
    site.settle()
    bodies = site.receiver(endpoint).bodies()
    for subject in ("rep:1", "rep:2"):
        numbered = [(one["timestamp"], one["data"]) for one in bodies if one["data"].get("subject") == subject]
        assert sorted(data["sequence"] for _, data in numbered) == list(range(1, 21))


def test_both_secrets_sign_after_a_rotation_and_one_a_day_later(site: WebhookSite) -> None:
    endpoint = site.endpoint()
    stored = site.endpoints.get(endpoint.id)
    assert stored
    opened = site.endpoints.unseal(stored)
    site.endpoints.rotate(opened, "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IQ==", now())
    site.publish()
    site.settle()
    site.account.clock.sleep(25 * 3600)
    site.publish()
    site.settle()
    signatures = [request.headers["webhook-signature"] for request in site.receiver(endpoint).received]
    assert [len(one.split(" ")) for one in signatures] == [2, 1]


def test_content_that_was_erased_is_not_sent(site: WebhookSite) -> None:
    receiver = Receiver(status(500))
    endpoint = site.endpoint(receiver)
    event = site.publish()
    site.settle()
    sent = len(receiver.received)
    FUNCTIONS["deliver_webhook"].dependencies.events.erase(event.key)
    site.run(HOUR)
    assert len(receiver.received) == sent
    assert found(site, endpoint, event).status == "failed"


def test_one_slow_and_one_dead_endpoint_delay_nobody_else(site: WebhookSite) -> None:
    good = [site.endpoint() for _ in range(2)]
    slow = site.endpoint(Receiver(seconds=14))
    site.endpoint(Receiver(status(500)))
    events = [site.publish() for _ in range(30)]
    site.run(3 * MINUTE)  # here one worker does everybody's work, one after the other
    for endpoint in good:
        assert {found(site, endpoint, event).status for event in events} == {"sent"}
    site.run(HOUR)
    assert {found(site, slow, event).status for event in events} == {"sent"}
    assert not site.receiver(slow).repeated


def test_a_message_that_cannot_be_handled_holds_up_no_other_one(site: WebhookSite) -> None:
    endpoint = site.endpoint(Receiver(in_turn(status(500), ok)))
    poisoned = site.publish()
    site.account.step()
    site.account.step()
    table = site.account.cloud.table("WEBHOOKS_TABLE")
    key = {"pk": f"endpoint#{endpoint.id}", "sk": poisoned.key}
    table.update_item(
        Key=key,
        UpdateExpression="SET #log = :nonsense",
        ExpressionAttributeNames={"#log": "log"},
        ExpressionAttributeValues={":nonsense": ["not an attempt"]},
    )
    others = [site.publish() for _ in range(20)]
    site.run(HOUR)
    assert {found(site, endpoint, event).status for event in others} == {"sent"}
    site.run(3 * HOUR)
    assert table.get_item(Key=key)["Item"]["status"] == "failed"
    assert not site.account.webhooks.dead_letters


def test_while_the_key_cannot_be_used_messages_wait_and_are_sent_afterwards(
    site: WebhookSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = site.endpoint()

    def unavailable(*_: object) -> bytes:
        raise VaultUnavailableError("KMS does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(Vault, "open", unavailable)
        event = site.publish()
        site.run(HOUR)
        waiting = found(site, endpoint, event)
        assert (waiting.status, waiting.tries) == ("pending", 0)
    site.run(3 * MINUTE)
    assert found(site, endpoint, event).status == "sent"
    assert not site.account.webhooks.dead_letters


def test_a_slow_endpoint_has_a_few_messages_of_lane_work_and_not_more_and_more(site: WebhookSite) -> None:
    slow = site.endpoint(Receiver(seconds=14))
    for _ in range(60):
        site.publish(subject=None)
    most = 0
    for _ in range(12):
        site.run(MINUTE)
        work = [one.group for one in site.account.webhooks.messages if '"webhook_lane"' in one.body]
        most = max([most, *(work.count(group) for group in work)])
    assert most <= 6
    assert not site.receiver(slow).repeated


def test_a_message_that_a_worker_is_sending_is_sent_by_no_other_one(site: WebhookSite) -> None:
    """Two workers see it while the number of lanes changes."""
    receiver = Receiver(status(500))
    endpoint = site.endpoint(receiver)
    event = site.publish()
    site.account.step()
    site.account.step()
    sending = FUNCTIONS["deliver_webhook"].dependencies.sending
    stored = found(site, endpoint, event)
    assert sending._take(stored)
    assert sending._take(stored) is None
    receiver.respond = ok
    site.run(MINUTE)
    assert len(receiver.received) == 1
    site.run(5 * MINUTE)
    assert found(site, endpoint, event).status == "sent", "the worker that took it died"


def test_an_outcome_never_hides_what_another_worker_noted(site: WebhookSite) -> None:
    endpoint = site.endpoint()
    event = site.publish()
    site.settle()
    deliveries = FUNCTIONS["deliver_webhook"].dependencies.deliveries
    late = Message(
        endpoint.id,
        event.key,
        tries=1,
        attempts=(Attempt(1, now(), 5, None, "TIMEOUT", "no answer"),),
        due_at=now() + MINUTE,
    )
    deliveries.note(late)
    noted = found(site, endpoint, event)
    assert (noted.status, noted.tries, noted.due_at) == ("sent", 2, None)
    assert [attempt.error for attempt in noted.attempts] == [None, "TIMEOUT"]


def test_a_sparse_replay_of_a_long_range_goes_on_where_it_stopped(
    site: WebhookSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cairn.webhooks.replay.READ", 7)
    failing = Receiver(status(410))
    endpoint = site.endpoint(failing, events=("acme.rare",))
    site.endpoint()
    rare = site.publish("acme.rare")
    for _ in range(30):
        site.publish("acme.common")
    last = site.publish("acme.rare")
    site.settle()
    failing.respond = ok
    site.endpoints.resume(endpoint.id)
    send(site, replay(endpoint, failed_only=False))
    site.run(2 * MINUTE)
    assert {found(site, endpoint, event).status for event in (rare, last)} == {"sent"}


def test_an_answer_that_repeats_secrets_is_kept_without_them(site: WebhookSite) -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, text=f"{request.url} {request.headers['authorization']}")

    endpoint = site.endpoint(Receiver(echo), headers={"authorization": "Bearer s3cr3t-token"})
    event = site.publish()
    site.settle()
    deliveries = FUNCTIONS["deliver_webhook"].dependencies.deliveries
    kept = "".join(deliveries.responses(found(site, endpoint, event).id).values())
    assert kept
    assert "s3cr3t-token" not in kept
    assert "/hook" not in kept


def test_a_message_id_names_its_event_and_endpoint(site: WebhookSite) -> None:
    endpoint = site.endpoint()
    event = site.publish()
    site.settle()
    message = found(site, endpoint, event)
    assert parse_message_id(message.id) == (event.key, endpoint.id)
    assert replace(message) == message
