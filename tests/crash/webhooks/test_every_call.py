"""With a failure at any single call between a reading and the noted attempt, each endpoint gets each event, once.

A message goes out twice only when the call that carried it, or the note that it had arrived, failed; then under the
same `webhook-id` and with the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cairn.clock import now
from cairn.messages import WebhookReplay
from cairn.webhooks.circuit import FAILURES
from cairn.webhooks.filters import parse
from cairn.webhooks.model import Contact
from testing.adversarial_dynamodb import catch_up
from testing.webhook_site import MINUTE, in_turn, ok, status
from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Outcome, Verdict
from tests.crash.webhooks.deliveries import CATS, deliveries

TEN_THOUSAND = f"{CATS}/subscribers/all-time/10000"
FIFTY_THOUSAND = f"{CATS}/subscribers/all-time/50000"
OFFICE = Contact("The office", "office@example.com")
IN_FLIGHT = ("deliver_webhook: POST hook", "deliver_webhook: dynamodb PutItem")
"""The call that carries a message, and the note of what became of it."""


def only_in_flight(outcomes: Sequence[Outcome]) -> list[str]:
    """Runs in which a message was repeated although neither its request nor its note failed."""
    return [
        str(outcome)
        for outcome in outcomes
        if outcome.verdict.repeated and not any(call in failure for call in IN_FLIGHT for failure in outcome.failures)
    ]


def test_a_milestone_reaches_each_endpoint_that_wants_it_wherever_its_way_fails(prove: Prove) -> None:
    def crossing(points: Explorer) -> Verdict:
        with deliveries() as here:
            here.endpoint("every")
            here.endpoint("ghl", format="ghl", default_contact=OFFICE, filter=parse({"threshold": {"gte": 10_000}}))
            here.endpoint("others", events=("trial_ending",))
            here.endpoint("larger", filter=parse({"threshold": {"gte": 1_000_000}}))
            here.write(9_500)
            here.site.settle()
            with points.at_every_call_of(here.site.account.wire):
                here.write(10_100)
                here.site.settle()
            return here.verdict({"every": [TEN_THOUSAND], "ghl": [TEN_THOUSAND], "others": [], "larger": []})

    assert only_in_flight(prove(crossing, pairs=997)) == []


def test_a_message_is_tried_again_wherever_its_retry_fails(prove: Prove) -> None:
    def failing(points: Explorer) -> Verdict:
        with deliveries() as here:
            here.endpoint("fails first", in_turn(status(500), status(503), ok))
            here.endpoint("works")
            event = here.site.publish(data={"number": 1})
            assert event.subject
            with points.at_every_call_of(here.site.account.wire, "deliver_webhook"):
                here.site.run(4 * MINUTE)
            return here.verdict({"fails first": ["1"], "works": ["1"]})

    assert only_in_flight(prove(failing, alike=3)) == []


def test_two_milestones_of_one_batch_keep_their_order_in_their_numbers(prove: Prove) -> None:
    def batch(points: Explorer) -> Verdict:
        with deliveries() as here:
            here.endpoint("every")
            here.write(9_500)
            here.site.settle()
            here.write(10_100)
            here.write(50_200)
            with points.at_every_call_of(here.site.account.wire, "detect_milestone", "deliver_webhook"):
                here.site.settle()
            return here.verdict({"every": [TEN_THOUSAND, FIFTY_THOUSAND]})

    assert only_in_flight(prove(batch, alike=6)) == []


def test_what_an_endpoint_missed_is_sent_again_wherever_that_fails(prove: Prove) -> None:
    def missed(points: Explorer) -> Verdict:
        with deliveries() as here:
            endpoint = here.endpoint("was gone", in_turn(status(410), ok))
            began = now()
            for number in (1, 2, 3):
                here.site.publish(data={"number": number}, subject=f"user:{number}")
                here.site.settle()
            here.site.endpoints.resume(endpoint.id)
            catch_up()  # a person asks later than a read may be behind
            here.ask(recover(endpoint.id, began))
            with points.at_every_call_of(here.site.account.wire, "deliver_webhook"):
                here.site.settle()
            return here.verdict({"was gone": ["1", "2", "3"]})

    assert only_in_flight(prove(missed, alike=4)) == []


def recover(endpoint_id: str, since: datetime) -> WebhookReplay:
    before = now() + MINUTE  # no time has passed since the last event
    return WebhookReplay(endpoint_id, "a person's", since, before, (), True, "", "t" * 32)


def test_an_endpoint_that_recovers_gets_everything_wherever_the_probe_fails(prove: Prove) -> None:
    def recovering(points: Explorer) -> Verdict:
        with deliveries() as here:
            here.endpoint("was down", in_turn(*[status(500)] * FAILURES, ok))
            for number in range(FAILURES):
                here.site.publish(data={"number": number}, subject=f"user:{number}")
            here.site.settle()
            with points.at_every_call_of(here.site.account.wire, "deliver_webhook"):
                here.site.run(3 * MINUTE)
            return here.verdict({"was down": [str(number) for number in range(FAILURES)]})

    assert only_in_flight(prove(recovering, alike=2)) == []
