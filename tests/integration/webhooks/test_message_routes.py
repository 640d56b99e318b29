"""Messages and events by the API: published once, listed in pages, shown with every attempt, sent again, erased."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cairn.aws.sqs import NotSentError
from cairn.clock import iso, now
from cairn.messages import WebhookEvent
from cairn.webhooks.catalogue import CATALOGUE
from cairn.webhooks.listing import MOST_READ
from cairn.webhooks.model import Contact
from cairn.webhooks.publishing import Publication, Publishing
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from tests.integration.webhooks.api_site import ENDPOINTS, EVENTS, MESSAGES, ApiSite, api_site

pytestmark = pytest.mark.undisturbed
"""What was written a moment ago is read without waiting until every replica has it."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def site() -> Iterator[ApiSite]:
    with api_site() as made:
        yield made


# -- published


def test_a_published_event_reaches_who_wants_it_with_its_contact(site: ApiSite) -> None:
    site.endpoint()
    contact = {"name": "Ada", "email": "ada@example.com"}
    id_ = site.publish("payment_failed", {"amount": 49, "currency": "USD"}, subject="user:7", contact=contact)
    site.deliver()
    (body,) = site.bodies()
    assert (body["type"], body["data"]["amount"], body["data"]["subject"]) == ("payment_failed", 49, "user:7")
    assert body["data"]["contact"] == {**contact, "phone": None}
    assert [one["event"] for one in site.messages()] == [id_]


def test_an_event_with_an_id_is_once_and_its_repeat_says_so(site: ApiSite) -> None:
    site.endpoint()
    body = {"type": "acme.order_paid", "data": {"amount": 49, "lines": [{"a": 1, "b": 2}]}, "id": "order-1"}
    first = site("POST", EVENTS, body)
    assert (first.status, first.json["duplicate"]) == (202, False)
    site.clock.advance_to(now() + DAY)
    repeat = site("POST", EVENTS, {**body, "data": {"lines": [{"b": 2, "a": 1}], "amount": 49}})
    assert (repeat.status, repeat.json) == (200, {"id": first.json["id"], "duplicate": True})
    site.deliver()
    assert len(site.received) == 1


@pytest.mark.parametrize(
    "change", [{"type": "acme.order_lost"}, {"data": {"amount": 50}}, {"subject": "user:8"}, {"contact": {"name": "A"}}]
)
def test_another_event_with_the_same_id_is_refused(site: ApiSite, change: dict[str, Any]) -> None:
    body = {"type": "acme.order_paid", "data": {"amount": 49}, "id": "order-1"}
    site("POST", EVENTS, body)
    refused = site("POST", EVENTS, body | change)
    assert refused.status == 409
    assert "id of its own" in refused.error


def test_an_id_belongs_to_its_caller_and_is_free_again_after_32_days(site: ApiSite) -> None:
    body = {"type": "acme.order_paid", "data": {}, "id": "order-1"}
    ids = {site("POST", EVENTS, body, scopes=scopes).json["id"] for scopes in (("ingest",), ("admin",))}
    assert len(ids) == 2
    site.clock.advance_to(now() + 32 * DAY + MINUTE)
    later = site("POST", EVENTS, body)
    assert later.status == 202
    assert later.json["id"] not in ids


class Failing:
    """A queue that refuses, as often as told."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        self.sent: list[Any] = []

    def send(self, messages: Any) -> None:
        if self.left:
            self.left -= 1
            raise NotSentError("by the test")
        self.sent += messages


def test_an_id_whose_event_was_not_queued_is_not_answered_as_done_and_a_repeat_completes_it(aws: Cloud) -> None:
    queue: Any = Failing(2)
    publishing = Publishing(aws.table("WEBHOOKS_TABLE"), queue, now)
    publication = Publication("acme.order_paid", "user:7", Contact("Ada"), {"amount": 49})
    for _ in range(2):
        with pytest.raises(NotSentError):
            publishing.publish("key:1", "order-1", publication, "t")
    done = publishing.publish("key:1", "order-1", publication, "t")
    assert not done.duplicate
    assert publishing.publish("key:1", "order-1", publication, "t").duplicate
    (message,) = queue.sent
    assert isinstance(message, WebhookEvent)
    assert message.event_id == done.event_id


def test_a_claim_whose_mark_was_lost_queues_the_same_event_again(aws: Cloud) -> None:
    queue: Any = Failing(0)
    table = aws.table("WEBHOOKS_TABLE")
    publishing = Publishing(table, queue, now)
    publication = Publication("acme.order_paid", None, None, {})
    first = publishing.publish("key:1", "order-1", publication, "t")
    (item,) = table.scan()["Items"]
    del item["queued"]
    table.put_item(Item=item)
    again = publishing.publish("key:1", "order-1", publication, "t")
    assert (again.event_id, again.duplicate) == (first.event_id, False)
    assert [one.event_id for one in queue.sent] == [first.event_id] * 2


def test_the_table_of_publications_says_nothing_about_a_person(aws: Cloud) -> None:
    publishing = Publishing(aws.table("WEBHOOKS_TABLE"), Failing(0), now)  # type: ignore[arg-type]
    publishing.publish("key:1", "ada@example.com/1", Publication("a.b", "user:ada", Contact("Ada"), {"x": "Ada"}), "t")
    assert "ada" not in json.dumps(aws.table("WEBHOOKS_TABLE").scan()["Items"], default=str).casefold()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "acme.order_paid"},
        {"type": "nonsense", "data": {}},
        {"type": "acme.order paid", "data": {}},
        {"type": "payment_failed", "data": {"amount": "much"}},
        {"type": "payment_failed", "data": {"currency": "dollars"}},
        {"type": "acme.x", "data": []},
        {"type": "acme.x", "data": {"sequence": 1}},
        {"type": "acme.x", "data": {"text": "x" * 40_000}},
        {"type": "acme.x", "data": {}, "subject": "ada"},
        {"type": "acme.x", "data": {}, "subject": "user:" + "x" * 300},
        {"type": "acme.x", "data": {}, "id": ""},
        {"type": "acme.x", "data": {}, "id": "a\x00b"},
        {"type": "acme.x", "data": {}, "id": "x" * 201},
        {"type": "acme.x", "data": {}, "id": 7},
        {"type": "acme.x", "data": {}, "contact": {"email": "a@b@c"}},
        {"type": "acme.x", "data": {}, "contact": {"phone": "call me"}},
        {"type": "acme.x", "data": {}, "contact": {"email": "a@b.c\r\nBcc: x@y.z"}},
        {"type": "acme.x", "data": {}, "at": "2026-11-30T00:00:00Z"},
    ],
    ids=lambda body: json.dumps(body)[:50],
)
def test_an_event_that_is_none_is_refused_and_queues_nothing(site: ApiSite, body: dict[str, Any]) -> None:
    answer = site("POST", EVENTS, body)
    assert answer.status == 400, answer.text
    assert answer.error
    assert site.aws.messages("WEBHOOK_QUEUE_URL") == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e9999999999999999999999"])
def test_a_number_that_json_cannot_write_is_refused(site: ApiSite, number: str) -> None:
    assert site("POST", EVENTS, raw=f'{{"type":"acme.x","data":{{"n":{number}}}}}').status == 400


def test_what_no_float_holds_is_sent_and_shown_all_the_same(site: ApiSite) -> None:
    site.endpoint()
    site("POST", EVENTS, raw='{"type":"acme.x","data":{"n":1e9999,"text":"\\ud800"}}')
    site.deliver()
    (message,) = site.messages()
    assert message["status"] == "sent"
    assert site.message(message["id"])["data"]["n"] == "1E+9999"


def test_numbers_and_texts_arrive_as_they_were_published(site: ApiSite) -> None:
    site.endpoint()
    raw = '{"type":"acme.x","data":{"price":1.10,"big":12345678901234567890.123,"text":"🎉 \\u001b é"}}'
    site("POST", EVENTS, raw=raw)
    site.deliver()
    sent = site.received[0].content.decode()
    assert '"price":1.10' in sent
    assert '"big":12345678901234567890.123' in sent
    assert "🎉" in sent
    (message,) = site.messages()
    assert site.message(message["id"])["data"]["text"] == "🎉 \x1b é"


def test_the_catalogue_has_every_type_with_schema_and_example(site: ApiSite) -> None:
    for scopes in (("webhooks",), ("ingest",)):
        items = site("GET", "/api/webhooks/catalogue", scopes=scopes).json["items"]
        assert [one["type"] for one in items] == list(CATALOGUE)
        assert all(one["schema"]["type"] == "object" and one["description"] for one in items)
        assert [one["type"] for one in items if not one["example"]] == ["user_deleted"], "it says nothing but who"


# -- listed


def test_a_message_that_waits_for_its_first_attempt_is_listed_as_pending(site: ApiSite) -> None:
    made = site.endpoint()
    site.publish(subject="user:7")
    (record,) = site.aws.messages("WEBHOOK_QUEUE_URL")
    fan_out(site, record)
    for query in ({}, {"endpoint": made["id"]}, {"status": "pending"}, {"subject": "user:7"}):
        (found,) = site.messages(**query)
        assert (found["status"], found["attempts"], found["sentAt"], found["dueAt"]) == ("pending", 0, None, None)
    assert site.message(found["id"])["attempts"] == []
    assert site.messages(status="sent") == []


def test_messages_are_listed_with_filters_the_newest_first(site: ApiSite) -> None:
    first, second = site.endpoint(), site.endpoint("https://other.test/", events=["acme.refund"])
    times = []
    for number in range(4):
        times.append(now())
        site.publish("acme.refund" if number % 2 else "acme.order_paid", {"n": number}, subject=f"user:{number // 2}")
        site.clock.advance_to(now() + HOUR)
    site.deliver()
    everything = site.messages()
    assert [one["createdAt"] for one in everything] == sorted((one["createdAt"] for one in everything), reverse=True)
    assert len(everything) == 6
    assert len(site.messages(endpoint=first["id"])) == 4
    assert {one["type"] for one in site.messages(endpoint=second["id"])} == {"acme.refund"}
    assert len(site.messages(type="acme.refund")) == 4
    assert len(site.messages(subject="user:1")) == 3
    assert len(site.messages(endpoint=first["id"], subject="user:1", type="acme.refund")) == 1
    assert len(site.messages(status="sent")) == 6
    assert site.messages(status="failed") == []
    ranged = {"from": iso(times[1]), "to": iso(times[3])}
    assert {one["createdAt"] for one in site.messages(**ranged)} == {iso(times[1]), iso(times[2])}
    assert len(site.messages(endpoint=first["id"], **ranged)) == 2
    assert site.messages(endpoint="ep_000000000000") == []


def test_the_messages_of_named_events_are_found_wherever_they_are(site: ApiSite) -> None:
    """A page that lists milestones asks what was sent of each, in one request."""
    first, second = site.endpoint(), site.endpoint("https://other.test/")
    events = []
    for number in range(4):
        events.append(site.publish(data={"n": number}))
        site.clock.advance_to(now() + HOUR)
    site.deliver()
    both = [(events[2], first["id"]), (events[2], second["id"])]
    for query in ({"event": events[2]}, {"event": f"{events[2]},{events[2]}"}, {"event": events[2], "limit": 1}):
        assert sorted((one["event"], one["endpoint"]) for one in site.messages(**query)) == sorted(both), query
    several = site.messages(event=f"{events[0]},{events[3]},evt_{'0' * 20}")
    assert [one["event"] for one in several] == [events[3], events[3], events[0], events[0]]
    assert [one["endpoint"] for one in site.messages(event=events[1], endpoint=second["id"])] == [second["id"]]
    assert site.messages(event=events[1], status="failed") == []
    assert site.messages(event=events[1], to=events_begin(site)) == []
    for wrong in ("evt_1", "msg_" + "0" * 20, ",".join(events[:1] * 101)):
        assert site("GET", MESSAGES, query={"event": wrong}).status == 400, wrong


def events_begin(site: ApiSite) -> str:
    return min(str(one["createdAt"]) for one in site.messages())


def test_what_a_deleted_endpoint_was_not_sent_is_listed_as_failed(site: ApiSite) -> None:
    made = site.endpoint()
    site("POST", f"{ENDPOINTS}/{made['id']}/pause")
    site.publish()
    site.deliver()
    assert [one["status"] for one in site.messages()] == ["pending"]
    site("DELETE", f"{ENDPOINTS}/{made['id']}")
    assert site.messages(status="pending") == []
    for query in ({}, {"endpoint": made["id"]}, {"status": "failed"}):
        (found,) = site.messages(**query)
        assert (found["status"], found["errorMessage"], found["dueAt"]) == ("failed", "the endpoint was deleted", None)


@pytest.mark.parametrize("by", ["time", "endpoint"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_have_every_message_once(site: ApiSite, by: str, limit: int) -> None:
    made = site.endpoint()
    site.endpoint("https://other.test/")
    for _ in range(4):
        site.publish()
    site.deliver()
    site.publish()  # waits in the queue
    fan_out(site, *site.aws.messages("WEBHOOK_QUEUE_URL"))
    query = {"endpoint": made["id"]} if by == "endpoint" else {}
    found = [one["id"] for one in site.messages(limit=limit, **query)]
    assert len(found) == len(set(found)) == (5 if by == "endpoint" else 10)


def test_a_page_reads_a_bounded_number_and_goes_on_from_there(site: ApiSite) -> None:
    site.endpoint(events=["acme.x"])
    table = site.aws.table("WEBHOOKS_TABLE")
    site.publish("acme.x", subject="user:rare")
    site.deliver()
    (event,) = (item for item in table.scan()["Items"] if item["pk"].startswith("events#"))
    with table.batch_writer() as batch:
        for number in range(MOST_READ + 150):
            key = event["sk"][:9] + f"{number:011d}"
            batch.put_item(Item=event | {"sk": key, "subject": "user:other", "pk": partition(event["pk"], key)})
    answer = site("GET", MESSAGES, query={"subject": "user:rare"})
    assert answer.json["nextCursor"]
    assert len(site.messages(subject="user:rare")) == 1


@pytest.mark.parametrize("cursor", ["x", "e30", "eyJldmVudCI6ICJ4IiwgImVuZHBvaW50IjogImVwXyJ9", "☃", "A" * 900])
def test_a_cursor_that_was_not_issued_is_refused(site: ApiSite, cursor: str) -> None:
    assert site("GET", MESSAGES, query={"cursor": cursor}).status == 400


@pytest.mark.parametrize(
    "query",
    [
        {"status": "done"},
        {"limit": 0},
        {"limit": 1000},
        {"from": "yesterday"},
        {"from": "2026-11-30", "to": "2026-11-01"},
        {"endpoint": "x" * 100},
    ],
)
def test_a_list_with_a_filter_that_is_none_is_refused(site: ApiSite, query: dict[str, object]) -> None:
    assert site("GET", MESSAGES, query=query).status == 400


def test_a_message_shows_every_attempt_with_what_was_answered(site: ApiSite) -> None:
    site.endpoint()
    answers = [httpx.Response(500, text="first: out of order"), httpx.Response(200, text="taken")]
    site.respond = lambda _: answers.pop(0)
    site.publish(subject="user:7")
    site.deliver()
    site.clock.advance_to(now() + MINUTE)
    site.deliver()
    (listed,) = site.messages()
    message = site.message(listed["id"])
    assert (message["status"], listed["attempts"], message["sequence"]) == ("sent", 2, 1)
    assert [(one["number"], one["status"], one["error"], one["response"]) for one in message["attempts"]] == [
        (1, 500, "HTTP", "first: out of order"),
        (2, 200, None, "taken"),
    ]
    assert message["sentAt"]
    assert all(one["milliseconds"] >= 0 for one in message["attempts"])


@pytest.mark.parametrize("id_", ["msg_" + "0" * 32, "msg_x", "msg_" + "z" * 32, "ep_000000000000"])
def test_a_message_that_is_none_is_not_found(site: ApiSite, id_: str) -> None:
    for method, path in (
        ("GET", f"{MESSAGES}/{id_}"),
        ("POST", f"{MESSAGES}/{id_}/resend"),
        ("DELETE", f"{MESSAGES}/{id_}/content"),
    ):
        assert site(method, path).status in (400, 404)


def test_sending_again_twice_is_two_more_under_the_same_id(site: ApiSite) -> None:
    site.endpoint()
    site.publish()
    site.deliver()
    (message,) = site.messages()
    for _ in range(2):
        answer = site("POST", f"{MESSAGES}/{message['id']}/resend")
        assert (answer.status, answer.json) == (202, {"id": message["id"]})
    site.deliver()
    assert [request.headers["webhook-id"] for request in site.received] == [message["id"]] * 3
    assert len(site.message(message["id"])["attempts"]) == 3


def test_what_cannot_be_sent_again_says_why(site: ApiSite) -> None:
    made = site.endpoint()
    site.publish()
    site.deliver()
    path = f"{MESSAGES}/{site.messages()[0]['id']}"
    assert site("DELETE", f"{path}/content").status == 204
    erased = site("POST", f"{path}/resend")
    assert (erased.status, "no longer kept" in erased.error) == (409, True)
    site.clock.advance_to(now() + MINUTE)
    site.publish()
    site.deliver()
    path = f"{MESSAGES}/{site.messages()[0]['id']}"
    site("DELETE", f"{ENDPOINTS}/{made['id']}")
    gone = site("POST", f"{path}/resend")
    assert (gone.status, "deleted" in gone.error) == (409, True)


def test_erased_content_is_nowhere_and_what_happened_stays(site: ApiSite) -> None:
    site.endpoint()
    site.endpoint("https://other.test/")
    site.respond = lambda request: httpx.Response(200, text=f"thank you {request.url.host} for Ada Okafor")
    site.publish(data={"who": "Ada Okafor"}, contact={"name": "Ada Okafor", "email": "ada@example.com"})
    site.deliver()
    first, second = site.messages()
    assert site("DELETE", f"{MESSAGES}/{first['id']}/content").status == 204
    assert site("DELETE", f"{MESSAGES}/{first['id']}/content").status == 204
    stored = site.aws.table("WEBHOOKS_TABLE").scan()["Items"]
    assert "Ada" not in str([value for item in stored for name, value in item.items() if name != "sealed"])
    for id_ in (first["id"], second["id"]):
        message = site.message(id_)
        assert (message["erased"], message["data"], message["contact"], message["status"]) == (True, {}, None, "sent")
        assert [(one["status"], one["response"]) for one in message["attempts"]] == [(200, None)]


def test_pending_content_that_was_erased_is_not_sent(site: ApiSite) -> None:
    site.endpoint()
    site.publish()
    fan_out(site, *site.aws.messages("WEBHOOK_QUEUE_URL"))
    (message,) = site.messages()
    site("DELETE", f"{MESSAGES}/{message['id']}/content")
    site.deliver()
    assert site.received == []
    assert site.message(message["id"])["status"] == "failed"


def fan_out(site: ApiSite, *records: dict[str, Any]) -> None:
    """Store the events, and leave their first attempts in the queue."""
    for record in records:
        FUNCTIONS["deliver_webhook"]({"Records": [record]}, Context())
        site.aws.delete("WEBHOOK_QUEUE_URL", record)


def partition(pk: str, key: str) -> str:
    return f"{pk.rpartition('#')[0]}#{sum(key[-2:].encode()) % 4}"
