"""Endpoints by the API: made once, changed by several, tested, paused, and never telling a secret twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cairn.clock import from_iso, now
from cairn.webhooks.endpoints import MAX_ENDPOINTS
from functions.api.webhooks import schemas
from functions.api.webhooks.management import Management
from testing.functions import FUNCTIONS
from testing.interleaving import before_next_write
from tests.integration.webhooks.api_site import ENDPOINTS, MESSAGES, URL, ApiSite, api_site

pytestmark = pytest.mark.undisturbed
"""What was written a moment ago is read without waiting until every replica has it."""

HOUR = timedelta(hours=1)
GHL = "https://services.leadconnectorhq.test/hooks/Loc4tion1d/webhook-trigger/6f1c2d3e-aaaa-bbbb-cccc-123456789abc"


@pytest.fixture
def site() -> Iterator[ApiSite]:
    with api_site() as made:
        yield made


def test_a_new_endpoint_is_answered_with_its_secret_and_later_without(site: ApiSite) -> None:
    made = site.endpoint(
        events=["milestone_reached", "acme.order_paid"],
        filter={"rule": "revenue", "threshold": {"gte": 10_000, "exists": True}, "details.team": {"in": ["North", 3]}},
        headers={"Authorization": "Bearer theirs"},
        rateLimit=2.5,
        description="The CRM",
        owner="chat:-1001",
        defaultContact={"name": "Ada", "phone": "+49 30 12345"},
        holdOut=10,
    )
    assert made.pop("secret").startswith("whsec_")
    assert made["createdBy"].startswith("test (")
    assert made == site("GET", f"{ENDPOINTS}/{made['id']}").json
    assert site("GET", ENDPOINTS).json == {"items": [made], "nextCursor": None}
    assert made["headers"] == ["Authorization"]
    assert made["filter"] == {
        "rule": {"eq": "revenue"},
        "threshold": {"gte": 10_000, "exists": True},
        "details.team": {"in": ["North", 3]},
    }
    assert made["defaultContact"] == {"name": "Ada", "email": None, "phone": "+49 30 12345"}
    assert (made["rateLimit"], made["holdOut"], made["owner"], made["version"]) == (2.5, 10, "chat:-1001", 1)


def test_an_endpoint_without_more_than_an_address_gets_everything_in_the_standard_format(site: ApiSite) -> None:
    made = site.endpoint()
    assert (made["events"], made["format"], made["state"], made["url"]) == (["*"], "standard", "active", URL)
    assert made["health"] == {"failures": 0, "failingSince": None, "openUntil": None, "lastError": ""}


def test_a_ghl_address_is_never_shown_whole_again(site: ApiSite) -> None:
    made = site.endpoint(GHL, format="ghl")
    shown = "https://services.leadconnectorhq.test/…9abc"
    path = f"{ENDPOINTS}/{made['id']}"
    answers = [
        made,
        site("GET", path).json,
        site("GET", ENDPOINTS).json["items"][0],
        site("PATCH", path, {"description": "x"}).json,
        site("POST", f"{path}/pause").json,
        site("POST", f"{path}/resume").json,
        site("POST", f"{path}/rotate").json,
    ]
    assert [answer["url"] for answer in answers] == [shown] * len(answers)
    assert "Loc4tion1d" not in json.dumps(answers)
    refused = site("PATCH", path, {"url": shown})
    assert refused.status == 400
    assert "leave url out" in refused.error
    site("POST", f"{path}/test")
    site.deliver()
    assert str(site.received[0].url) == GHL


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://crm.test/hook", "https"),
        ("https://private.test/hook", "public"),
        ("https://127.0.0.1/hook", ""),
        ("https://[::ffff:169.254.169.254]/latest", ""),
        ("https://0x7f000001/", ""),
        ("https://nowhere.example/hook", "does not exist"),
        ("https://ada:pass@crm.test/hook", ""),
        ("ftp://crm.test/hook", "https"),
        ("crm.test/hook", "https"),
        ("https://", ""),
        ("", ""),
        ("https://crm.test/" + "x" * 3000, ""),
    ],
)
def test_an_address_that_cairn_does_not_call_is_refused_when_it_is_made_and_when_it_is_changed(
    site: ApiSite, url: str, reason: str
) -> None:
    made = site.endpoint()
    for answer in (
        site("POST", ENDPOINTS, {"url": url}),
        site("PATCH", f"{ENDPOINTS}/{made['id']}", {"url": url}),
    ):
        assert answer.status == 400
        assert reason in answer.error
        assert "private.test" not in answer.error
    assert site("GET", ENDPOINTS).json["items"][0]["url"] == URL


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": URL, "events": []},
        {"url": URL, "events": ["nonsense"]},
        {"url": URL, "events": ["with space"]},
        {"url": URL, "format": "xml"},
        {"url": URL, "filter": {"rule": {"regex": ".*"}}},
        {"url": URL, "filter": {"rule": ["a"]}},
        {"url": URL, "filter": [1]},
        {"url": URL, "headers": {"Host": "evil.test"}},
        {"url": URL, "headers": {"webhook-id": "1"}},
        {"url": URL, "headers": {"Content-Length": "1"}},
        {"url": URL, "headers": {"X-A": "a\r\nX-B: b"}},
        {"url": URL, "headers": {"X-A": 5}},
        {"url": URL, "headers": {"X-A": "☃"}},
        {"url": URL, "rateLimit": 0},
        {"url": URL, "rateLimit": -1},
        {"url": URL, "rateLimit": 10**9},
        {"url": URL, "holdOut": 100},
        {"url": URL, "holdOut": 0.5},
        {"url": URL, "owner": "ada"},
        {"url": URL, "owner": "user:"},
        {"url": URL, "defaultContact": {}},
        {"url": URL, "defaultContact": {"email": "no address"}},
        {"url": URL, "description": "a\nb"},
        {"url": URL, "description": "x" * 201},
        {"url": URL, "secret": "whsec_of_mine"},
        {"url": [URL]},
        {"url": URL, "events": "*"},
    ],
    ids=lambda body: json.dumps(body)[:60],
)
def test_hostile_or_mistaken_input_is_refused_and_makes_nothing(site: ApiSite, body: dict[str, Any]) -> None:
    answer = site("POST", ENDPOINTS, body)
    assert answer.status == 400, answer.text
    assert answer.error
    assert site("GET", ENDPOINTS).json["items"] == []


def test_what_receives_the_same_already_is_refused_and_named(site: ApiSite) -> None:
    made = site.endpoint(events=["user_created", "payment_failed"])
    twin = site("POST", ENDPOINTS, {"url": URL, "events": ["payment_failed", "user_created"], "description": "again"})
    assert twin.status == 409
    assert made["id"] in twin.error
    assert site.endpoint(events=["user_created"])["id"] != made["id"]
    assert len(site("GET", ENDPOINTS).json["items"]) == 2


def test_a_repeat_with_the_same_key_gets_the_same_answer_and_makes_no_second_endpoint(site: ApiSite) -> None:
    header = {"idempotency-key": "setup-1"}
    first, second = (site("POST", ENDPOINTS, {"url": URL}, headers=header) for _ in range(2))
    assert (first.status, second.status) == (201, 201)
    assert first.json == second.json
    assert len(site("GET", ENDPOINTS).json["items"]) == 1
    other = site("POST", ENDPOINTS, {"url": URL, "events": ["user_created"]}, headers=header)
    assert other.status == 409
    assert "Idempotency-Key" in other.error
    assert site("POST", ENDPOINTS, {"url": URL}, headers={"idempotency-key": "setup-2"}).status == 201
    assert site("POST", ENDPOINTS, {"url": URL}, headers=header, scopes=("admin",)).json["id"] != first.json["id"]


def test_the_secret_is_not_answered_again_after_a_day(site: ApiSite) -> None:
    header = {"idempotency-key": "setup-1"}
    site("POST", ENDPOINTS, {"url": URL}, headers=header)
    site.clock.advance_to(now() + 25 * HOUR)
    assert site("POST", ENDPOINTS, {"url": URL}, headers=header).status == 409


def test_two_identical_requests_at_the_same_moment_make_one_endpoint(site: ApiSite) -> None:
    caller = site.endpoint(events=["user_created"])["createdBy"]
    body = schemas.NewEndpoint(url=URL)
    made = []
    with before_next_write(management().endpoints._table, lambda: made.append(management().create(body, caller, None))):
        refused = site("POST", ENDPOINTS, {"url": URL})
    assert refused.status == 409
    assert made[0].id in refused.error
    assert len(site("GET", ENDPOINTS).json["items"]) == 2


def test_there_is_a_limit_to_the_number_of_endpoints(site: ApiSite) -> None:
    for number in range(MAX_ENDPOINTS):
        site.endpoint(f"https://crm.test/{number}")
    refused = site("POST", ENDPOINTS, {"url": URL})
    assert refused.status == 409
    assert "100 endpoints" in refused.error


def test_a_change_touches_only_what_is_sent_and_null_removes(site: ApiSite) -> None:
    made = site.endpoint(
        rateLimit=5, owner="user:ada", filter={"rule": "revenue"}, headers={"X-A": "1", "X-B": "2"}, description="d"
    )
    path = f"{ENDPOINTS}/{made['id']}"
    changed = site("PATCH", path, {"description": "The CRM", "headers": {"x-a": "3", "X-C": "4"}}).json
    assert changed["headers"] == ["X-B", "x-a", "X-C"]
    assert (changed["description"], changed["rateLimit"], changed["version"]) == ("The CRM", 5, 2)
    changed = site("PATCH", path, {"rateLimit": None, "owner": None, "filter": None, "headers": {"X-B": None}}).json
    assert (changed["rateLimit"], changed["owner"], changed["filter"], changed["headers"]) == (
        None,
        None,
        {},
        ["x-a", "X-C"],
    )
    site.publish()
    site.deliver()
    assert (site.received[0].headers["x-a"], site.received[0].headers["x-c"]) == ("3", "4")
    assert "x-b" not in site.received[0].headers
    assert site("PATCH", path, {}).json["version"] == 3
    assert site("PATCH", path, {"description": "The CRM"}).json["version"] == 3


@pytest.mark.parametrize("body", [{"url": None}, {"events": None}, {"format": None}, {"state": "paused"}, {"id": "x"}])
def test_a_change_cannot_take_what_an_endpoint_needs(site: ApiSite, body: dict[str, Any]) -> None:
    made = site.endpoint()
    assert site("PATCH", f"{ENDPOINTS}/{made['id']}", body).status == 400


def test_two_administrators_at_once_lose_nothing_of_each_other(site: ApiSite) -> None:
    path = f"{ENDPOINTS}/{site.endpoint()['id']}"
    by_ada = schemas.EndpointChange(description="by Ada")
    with before_next_write(management().endpoints._table, lambda: management().change(path[-15:], by_ada)):
        assert site("PATCH", path, {"url": "https://new.test/hook"}).status == 200
    after = site("GET", path).json
    assert (after["description"], after["url"], after["version"]) == ("by Ada", "https://new.test/hook", 3)


def test_who_names_the_version_that_they_saw_overwrites_nothing_that_they_did_not(site: ApiSite) -> None:
    path = f"{ENDPOINTS}/{site.endpoint()['id']}"
    by_ada = schemas.EndpointChange(description="by Ada")
    with before_next_write(management().endpoints._table, lambda: management().change(path[-15:], by_ada)):
        answer = site("PATCH", path, {"description": "by Grace", "version": 1})
    assert answer.status == 409
    assert "version is 2" in answer.error
    assert site("GET", path).json["description"] == "by Ada"


def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(site: ApiSite) -> None:
    made = site.endpoint()
    path = f"{ENDPOINTS}/{made['id']}"
    rotated = site("POST", f"{path}/rotate").json
    assert rotated["secret"] != made["secret"]
    assert from_iso(rotated["previousSecretUntil"]) == now() + 24 * HOUR
    site.publish()
    site.deliver()
    assert len(site.received[0].headers["webhook-signature"].split()) == 2
    site.clock.advance_to(now() + 25 * HOUR)
    assert site("GET", path).json["previousSecretUntil"] is None
    site.publish()
    site.deliver()
    assert len(site.received[1].headers["webhook-signature"].split()) == 1


def test_the_fifth_rotation_of_a_day_is_refused(site: ApiSite) -> None:
    path = f"{ENDPOINTS}/{site.endpoint()['id']}/rotate"
    assert [site("POST", path).status for _ in range(5)] == [200, 200, 200, 200, 409]


def test_a_sample_goes_to_this_endpoint_alone_also_while_it_is_paused(site: ApiSite) -> None:
    made, other = site.endpoint(events=["payment_failed"]), site.endpoint("https://other.test/")
    path = f"{ENDPOINTS}/{made['id']}"
    site("POST", f"{path}/pause")
    answer = site("POST", f"{path}/test")
    assert answer.status == 202
    assert site.message(answer.json["id"])["status"] == "pending"
    site.deliver()
    message = site.message(answer.json["id"])
    assert (message["status"], message["sample"], message["type"]) == ("sent", True, "payment_failed")
    assert [request.url.host for request in site.received] == ["crm.test"]
    assert site.bodies()[0]["data"]["sample"] is True
    assert site.messages(endpoint=other["id"]) == []
    chosen = site("POST", f"{path}/test", {"type": "user_created"}).json["id"]
    assert site.message(chosen)["type"] == "user_created"
    assert site("POST", f"{path}/test", {"type": "nonsense"}).status == 400


def test_a_sample_for_ghl_has_a_contact(site: ApiSite) -> None:
    made = site.endpoint(GHL, format="ghl")
    site("POST", f"{ENDPOINTS}/{made['id']}/test")
    site.deliver()
    assert site.bodies()[0]["email"]


def test_what_happens_while_an_endpoint_is_paused_is_kept_and_sent_after_it_resumed(site: ApiSite) -> None:
    made = site.endpoint()
    path = f"{ENDPOINTS}/{made['id']}"
    paused = site("POST", f"{path}/pause").json
    assert (paused["state"], paused["stateReason"]) == ("paused", "paused by a person")
    site.publish()
    site.deliver()
    assert site.received == []
    assert [one["status"] for one in site.messages(endpoint=made["id"])] == ["pending"]
    assert site("POST", f"{path}/resume").json["state"] == "active"
    assert site("POST", "/api/webhooks/process-queue").json == {"messages": 1, "endpoints": 1, "left": 0}
    site.deliver()
    assert [one["status"] for one in site.messages(endpoint=made["id"])] == ["sent"]


def test_a_deleted_endpoint_is_gone_and_is_sent_nothing(site: ApiSite) -> None:
    made = site.endpoint()
    path = f"{ENDPOINTS}/{made['id']}"
    assert site("DELETE", path).status == 204
    for method, place in (
        *(("GET", path), ("DELETE", path), ("POST", f"{path}/rotate"), ("POST", f"{path}/test")),
        *(("POST", f"{path}/{action}") for action in ("pause", "resume", "recover")),
    ):
        assert site(method, place).status == 404, (method, place)
    assert site("PATCH", path, {"description": "x"}).status == 404
    site.publish()
    site.deliver()
    assert site.received == []


@pytest.mark.parametrize(
    "id_", ["ep_x", "ep_1234567890123", "EP_123456789012", "ep_12345678901z", "endpoints", "ep_%00"]
)
def test_an_id_that_is_none_is_refused(site: ApiSite, id_: str) -> None:
    assert site("GET", f"{ENDPOINTS}/{id_}").status in (400, 404)


def test_recover_sends_what_failed_and_was_not_delivered_since(site: ApiSite) -> None:
    made = site.endpoint()
    path = f"{ENDPOINTS}/{made['id']}"
    site.respond = lambda _: httpx.Response(500)
    for _ in range(3):
        site.publish()
    site.deliver()
    fail_all(site, made["id"])
    site.clock.advance_to(now() + HOUR)
    assert site("POST", f"{path}/recover", {"dryRun": True}).json == {"messages": 3, "atLeast": False, "dryRun": True}
    site.respond = lambda _: httpx.Response(200)
    first = site.messages(status="failed")[0]["id"]
    site("POST", f"{MESSAGES}/{first}/resend")
    site.deliver()
    assert site("POST", f"{path}/recover").json["messages"] == 2
    site.deliver()
    assert {one["status"] for one in site.messages()} == {"sent"}
    assert site("POST", f"{path}/recover").json["messages"] == 0


def test_replay_counts_first_and_then_sends_what_it_counted_again(site: ApiSite) -> None:
    made = site.endpoint(filter={"amount": {"gte": 10}})
    path = f"{ENDPOINTS}/{made['id']}/replay"
    start = now()
    for amount in (5, 20, 30):
        site.publish(data={"amount": amount})
        site.publish("acme.refund", {"amount": amount})
        site.clock.advance_to(now() + HOUR)
    site.deliver()
    sent = len(site.received)
    assert sent == 4
    wanted = {"from": start.isoformat(), "events": ["acme.order_paid"]}
    assert site("POST", path, {**wanted, "dryRun": True}).json == {"messages": 2, "atLeast": False, "dryRun": True}
    assert site("POST", path, {**wanted, "dryRun": 0}).status == 400
    assert site("POST", path, {"from": "1999-01-01T00:00:00Z", "to": "2000-01-01T00:00:00Z"}).json["messages"] == 0
    assert len(site.received) == sent
    assert site("POST", path, wanted).json["messages"] == 2
    site.deliver()
    again = site.received[sent:]
    assert sorted(json.loads(request.content)["data"]["amount"] for request in again) == [20, 30]
    assert {request.headers["webhook-id"] for request in again} <= {
        request.headers["webhook-id"] for request in site.received[:sent]
    }
    since = (start + HOUR).isoformat()
    assert (
        site("POST", path, {"from": since, "to": (start + 2 * HOUR).isoformat(), "dryRun": True}).json["messages"] == 2
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"from": "yesterday"},
        {"from": 1764500000},
        {"from": "2026-11-30T00:00:00Z", "to": "2026-11-29T00:00:00Z"},
        {"from": "2026-11-01T00:00:00Z", "events": ["nonsense"]},
        {"from": "2026-11-01T00:00:00Z", "events": []},
        {"from": "0001-01-01T00:00:00+23:59"},
    ],
)
def test_a_replay_of_no_range_is_refused(site: ApiSite, body: dict[str, Any]) -> None:
    made = site.endpoint()
    assert site("POST", f"{ENDPOINTS}/{made['id']}/replay", body).status == 400


def test_nothing_is_sent_again_to_a_disabled_endpoint_until_it_is_resumed(site: ApiSite) -> None:
    made = site.endpoint()
    path = f"{ENDPOINTS}/{made['id']}"
    site.respond = lambda _: httpx.Response(410)
    site.publish()
    site.deliver()
    assert site("GET", path).json["state"] == "disabled"
    site.clock.advance_to(now() + HOUR)
    refused = site("POST", f"{path}/replay", {"from": "2026-11-01T00:00:00Z"})
    assert refused.status == 409
    assert "resume it first" in refused.error
    site.respond = lambda _: httpx.Response(200)
    assert site("POST", f"{path}/resume").json["state"] == "active"
    assert site("POST", f"{path}/replay", {"from": "2026-11-01T00:00:00Z"}).json["messages"] == 1
    site.deliver()
    assert site.messages()[0]["status"] == "sent"


def test_an_endpoint_that_cannot_be_decrypted_is_shown_without_its_address_and_hides_no_other(site: ApiSite) -> None:
    broken, other = site.endpoint(), site.endpoint("https://other.test/hook")
    key = {"pk": "endpoints", "sk": broken["id"]}
    site.aws.table("WEBHOOKS_TABLE").update_item(
        Key=key, UpdateExpression="SET sealed = :x", ExpressionAttributeValues={":x": b"not what was sealed here"}
    )
    FUNCTIONS.restart("api")
    assert {one["url"] for one in site("GET", ENDPOINTS).json["items"]} == {"https://crm.test/…", other["url"]}
    assert site("DELETE", f"{ENDPOINTS}/{broken['id']}").status == 204


def management() -> Management:
    """Another request's: the API handles one request at a time."""
    made: Management = FUNCTIONS["api"].dependencies.webhooks.management
    return made


def fail_all(site: ApiSite, endpoint_id: str) -> None:
    """As after the last retry."""
    table = site.aws.table("WEBHOOKS_TABLE")
    for item in table.scan()["Items"]:
        if item["pk"] == f"endpoint#{endpoint_id}":
            del item["due_endpoint"], item["due_at"]
            table.put_item(Item=item | {"status": "failed"})
    site("POST", f"{ENDPOINTS}/{endpoint_id}/resume")
