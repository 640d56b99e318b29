"""What reports say: delivery rate, latency, retries, reactions and lift, from messages that were really delivered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cairn.clock import iso, now
from cairn.webhooks.circuit import is_held_out
from cairn.webhooks.model import Endpoint
from cairn.webhooks.statistics import Lift, percentiles
from testing.functions import FUNCTIONS
from tests.integration.webhooks.api_site import ApiSite, api_site

pytestmark = pytest.mark.undisturbed
"""What was written a moment ago is read without waiting until every replica has it."""

STATS, FEEDBACK = "/api/webhooks/stats", "/api/webhooks/feedback"
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def site() -> Iterator[ApiSite]:
    with api_site() as made:
        yield made


def stats(site: ApiSite, **query: object) -> dict[str, Any]:
    answer = site("GET", STATS, query=query)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def test_nothing_yet_is_said_as_unknown_and_not_as_zero(site: ApiSite) -> None:
    site.endpoint()
    total = stats(site)["total"]
    assert (total["messages"], total["deliveryRate"], total["retrySuccess"], total["latency"]) == (0, None, None, None)
    assert total["oldestPending"] is None


def test_a_time_of_which_nothing_is_kept_any_more_has_no_message(site: ApiSite) -> None:
    site.endpoint()
    site.publish()
    answer = site("GET", "/api/webhooks/stats", query={"to": "2000-01-01T00:00:00Z"})
    assert (answer.status, answer.json["total"]["messages"], answer.json["from"]) == (200, 0, answer.json["to"])


def test_rates_are_by_endpoint_and_in_all(site: ApiSite) -> None:
    good, bad = site.endpoint(), site.endpoint("https://bad.test/")
    site.respond = lambda request: httpx.Response(500 if request.url.host == "bad.test" else 200)
    for _ in range(3):
        site.publish()
        site.clock.advance_to(now() + SECOND)
    site.deliver()
    site.clock.advance_to(now() + HOUR)
    report = stats(site)
    by_endpoint = {one["endpoint"]: one for one in report["endpoints"]}
    assert (by_endpoint[good["id"]]["sent"], by_endpoint[good["id"]]["deliveryRate"]) == (3, 1.0)
    assert (by_endpoint[bad["id"]]["pending"], by_endpoint[bad["id"]]["deliveryRate"]) == (3, None)
    assert (report["total"]["messages"], report["total"]["sent"], report["complete"]) == (6, 3, True)
    assert by_endpoint[bad["id"]]["oldestPending"] == min(one["createdAt"] for one in site.messages(endpoint=bad["id"]))
    assert [one["endpoint"] for one in stats(site, endpoint=bad["id"])["endpoints"]] == [bad["id"]]
    assert site("GET", STATS, query={"endpoint": "ep_000000000000"}).status == 404


def test_latency_counts_from_the_event_to_the_first_success_and_retries_count(site: ApiSite) -> None:
    site.endpoint()
    answers = iter([500, 200])
    site.respond = lambda _: httpx.Response(next(answers))
    site.publish()
    site.deliver()
    site.clock.advance_to(now() + MINUTE)
    site.deliver()
    site.clock.advance_to(now() + HOUR)
    total = stats(site)["total"]
    assert (total["retried"], total["retrySuccess"]) == (1, 1.0)
    assert total["latency"]["p50"] == total["latency"]["p99"] == 60_000


def test_samples_are_left_out(site: ApiSite) -> None:
    made = site.endpoint()
    site("POST", f"/api/webhooks/endpoints/{made['id']}/test")
    site.deliver()
    site.clock.advance_to(now() + HOUR)
    assert stats(site)["total"]["messages"] == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {}),
        ([7], {50: 7, 95: 7, 99: 7}),
        (list(range(100, 0, -1)), {50: 50, 95: 95, 99: 99}),
        ([1, 9], {50: 1, 95: 9, 99: 9}),
    ],
)
def test_percentiles_are_values_that_occurred(values: list[int], expected: dict[int, int]) -> None:
    assert percentiles(values) == expected


def test_reactions_are_counted_once_by_type(site: ApiSite) -> None:
    site.endpoint()
    for type_ in ("acme.a", "acme.a", "acme.b"):
        site.publish(type_)
        site.clock.advance_to(now() + SECOND)
    site.deliver()
    of_a = [one["id"] for one in site.messages(type="acme.a")]
    for _ in range(2):
        for reaction in ("opened", "clicked"):
            assert site("POST", FEEDBACK, {"messageId": of_a[0], "event": reaction}, scopes=("ingest",)).status == 204
    site("POST", FEEDBACK, {"messageId": of_a[1], "event": "opened", "at": iso(now())})
    site.clock.advance_to(now() + HOUR)
    first, second = stats(site)["feedback"]
    assert (first["type"], first["sent"], first["opened"], first["clicked"], first["converted"]) == (
        "acme.a",
        2,
        2,
        1,
        0,
    )
    assert (first["openRate"], first["clickRate"], first["conversionRate"]) == (1.0, 0.5, 0.0)
    assert (second["type"], second["opened"]) == ("acme.b", 0)
    assert set(site.message(of_a[0])["feedback"]) == {"opened", "clicked"}


def test_the_first_report_stays(site: ApiSite) -> None:
    site.endpoint()
    site.publish()
    site.deliver()
    (message,) = site.messages()
    first = iso(now())
    for _ in range(2):
        site("POST", FEEDBACK, {"messageId": message["id"], "event": "converted", "at": iso(now())})
        site.clock.advance_to(now() + MINUTE)
    assert site.message(message["id"])["feedback"] == {"converted": first}


def test_lift_compares_those_who_got_messages_with_the_hold_out_group(site: ApiSite) -> None:
    made = site.endpoint(holdOut=50)
    stored: Endpoint = FUNCTIONS["api"].dependencies.webhooks.management.get(made["id"])
    subjects = [f"user:{number}" for number in range(40)]
    held_out = [one for one in subjects if is_held_out(stored, one)]
    sent = [one for one in subjects if one not in held_out]
    assert len(held_out) >= 4
    before = iso(now())
    for subject in subjects:
        site.publish(subject=subject)
        site.clock.advance_to(now() + SECOND)
    site.deliver()
    assert {one["status"] for subject in held_out for one in site.messages(subject=subject)} == {"held_out"}
    report = {"endpoint": made["id"], "event": "converted"}
    for subject in (*held_out[:2], *sent[: len(sent) // 2]):
        for _ in range(2):
            answer = site("POST", FEEDBACK, {**report, "subject": subject, "at": iso(now())}, scopes=("ingest",))
            assert answer.status == 204, answer.text
    # One that converted before the first message, and one by its message.
    site("POST", FEEDBACK, {**report, "subject": held_out[2], "at": before})
    (message,) = site.messages(subject=sent[-1])
    site("POST", FEEDBACK, {"messageId": message["id"], "event": "converted"})
    site.clock.advance_to(now() + HOUR)
    (one,) = stats(site)["endpoints"]
    converted = len(sent) // 2 + 1
    rate, held = converted / len(sent), 2 / len(held_out)
    assert one["lift"].pop("lift") == pytest.approx((rate - held) / held)
    assert one["lift"] == {
        "sent": len(sent),
        "sentConverted": converted,
        "heldOut": len(held_out),
        "heldOutConverted": 2,
    }


@pytest.mark.parametrize("lift", [Lift(0, 0, 5, 1), Lift(5, 1, 0, 0), Lift(5, 5, 5, 0)])
def test_a_lift_over_nothing_is_unknown(lift: Lift) -> None:
    assert lift.lift is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event": "opened"},
        {"messageId": "msg_" + "0" * 32},
        {"messageId": "msg_" + "0" * 32, "event": "seen"},
        {"messageId": "nonsense", "event": "opened"},
        {"messageId": "msg_" + "0" * 32, "event": "opened", "at": 5},
        {"messageId": "msg_" + "0" * 32, "event": "opened", "at": "2099-01-01T00:00:00Z"},
        {"messageId": "msg_" + "0" * 32, "event": "opened", "endpoint": "ep_1", "subject": "user:1"},
        {"endpoint": "ep_000000000000", "event": "opened"},
        {"subject": "user:1", "event": "opened"},
        {"endpoint": "ep_000000000000", "subject": "ada", "event": "opened"},
    ],
)
def test_feedback_that_is_none_is_refused(site: ApiSite, body: dict[str, Any]) -> None:
    assert site("POST", FEEDBACK, body).status == 400


def test_feedback_about_what_is_not_there_is_not_found(site: ApiSite) -> None:
    made = site.endpoint()
    site.publish()
    for body in (
        {"messageId": "msg_" + "1" * 9 + "0" * 23, "event": "opened"},
        {"endpoint": "ep_000000000000", "subject": "user:1", "event": "converted"},
        {"endpoint": "", "subject": "user:1", "event": "converted"},
    ):
        assert site("POST", FEEDBACK, body).status == 404, body
    assert made


def test_feedback_before_the_event_is_refused(site: ApiSite) -> None:
    site.endpoint()
    site.publish()
    site.deliver()
    (message,) = site.messages()
    body = {"messageId": message["id"], "event": "opened", "at": iso(now() - HOUR)}
    assert site("POST", FEEDBACK, body).status == 400


def test_a_report_reads_a_bounded_number_and_says_so(site: ApiSite) -> None:
    made = site.endpoint()
    site.publish()
    site.deliver()
    table = site.aws.table("WEBHOOKS_TABLE")
    (message,) = (item for item in table.scan()["Items"] if item["pk"] == f"endpoint#{made['id']}")
    with table.batch_writer() as batch:
        for number in range(2_100):
            batch.put_item(Item=message | {"sk": message["sk"][:9] + f"{number:011d}"})
    site.clock.advance_to(now() + HOUR)
    report = stats(site)
    assert (report["complete"], report["total"]["messages"]) == (False, 2_000)
