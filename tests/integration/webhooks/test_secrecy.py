"""Signing secrets, header values and a secret address are in no answer, log line, audit line, message or table.

What the guarded client says about a call that failed has no address either: tests/unit/guarded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cairn.clock import now
from testing.api import Answer
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.logs import Written
from tests.integration.webhooks.api_site import ENDPOINTS, MESSAGES, URL, ApiSite, api_site

GHL = "https://services.leadconnectorhq.test/hooks/Loc4tion1d/webhook-trigger/6f1c2d3e-aaaa-bbbb-cccc-123456789abc"
HEADER = "Bearer k3y-of-the-receiver"
HOUR = timedelta(hours=1)


@pytest.fixture
def site() -> Iterator[ApiSite]:
    with api_site() as made:
        yield made


def test_a_secret_is_said_once_and_found_nowhere_else(site: ApiSite, logs: Written) -> None:
    answers: list[Answer] = []

    def ask(method: str, path: str, body: Any = None) -> Answer:
        answer = site(method, path, *([body] if body is not None else []))
        answers.append(answer)
        return answer

    made = site.endpoint(GHL, format="ghl", headers={"Authorization": HEADER}, defaultContact={"email": "a@b.test"})
    rotated = site("POST", f"{ENDPOINTS}/{made['id']}/rotate").json
    secrets = [made["secret"], rotated["secret"], HEADER, "k3y-of-the-receiver", GHL, "Loc4tion1d", "6f1c2d3e-aaaa"]
    path = f"{ENDPOINTS}/{made['id']}"
    ask("GET", ENDPOINTS)
    ask("GET", path)
    ask("PATCH", path, {"description": "x"})
    ask("PATCH", path, {"headers": {"Authorization": HEADER + "\n"}})
    ask("PATCH", path, {"headers": {"Host": HEADER}})
    ask("PATCH", path, {"url": GHL.replace("https", "http")})
    ask("POST", ENDPOINTS, {"url": GHL, "format": "ghl", "headers": {"X-Other": HEADER}})
    ask("POST", ENDPOINTS, {"url": GHL.replace(".test", ".example"), "headers": {"webhook-id": HEADER}})
    ask("POST", f"{path}/test")
    for respond in (
        lambda _: httpx.Response(500, text="no"),
        lambda _: httpx.Response(302, headers={"location": "https://elsewhere.test/"}),
        _timeout,
        lambda _: httpx.Response(410),
    ):
        site.respond = respond
        site.publish()
        site.deliver()
        ask("GET", path)
        for message in site.messages():
            ask("GET", f"{MESSAGES}/{message['id']}")
    ask("POST", f"{path}/recover")
    ask("POST", f"{path}/resume")
    ask("POST", "/api/webhooks/process-queue", {})
    ask("GET", "/api/webhooks/stats")
    said = [answer.text for answer in answers] + [json.dumps(answer.headers) for answer in answers]
    said += [json.dumps(line, default=str) for line in logs.lines]
    said += [str(item) for item in _plain_items(site)]
    said += [record["body"] for record in site.aws.messages("WEBHOOK_QUEUE_URL")]
    assert len(said) > 50
    assert site.received, "they reached the receiver, which is whom they are for"
    assert site.received[0].headers["authorization"] == HEADER
    assert [(secret, text[:300]) for secret in secrets for text in said if secret in text] == []


def test_a_dead_letter_names_an_endpoint_by_its_id(site: ApiSite, logs: Written) -> None:
    """What becomes of a message whose endpoint cannot be decrypted any more."""
    made = site.endpoint(GHL, format="ghl", headers={"X-Key": HEADER})
    site.publish()
    site.aws.table("WEBHOOKS_TABLE").update_item(
        Key={"pk": "endpoints", "sk": made["id"]},
        UpdateExpression="SET data_key = :x",
        ExpressionAttributeValues={":x": b"of another key"},
    )
    FUNCTIONS.restart()
    bodies = []
    for record in site.aws.messages("WEBHOOK_QUEUE_URL"):
        bodies.append(record["body"])
        FUNCTIONS["deliver_webhook"]({"Records": [record]}, Context())
    for record in site.aws.messages("WEBHOOK_QUEUE_URL"):
        bodies.append(record["body"])
        FUNCTIONS["deliver_webhook"]({"Records": [record]}, Context())
    said = bodies + [json.dumps(line, default=str) for line in logs.lines]
    assert made["id"] in " ".join(bodies)
    assert [text for text in said for secret in (GHL, "Loc4tion1d", HEADER, made["secret"]) if secret in text] == []


def test_an_address_that_is_no_ghl_secret_is_shown_to_who_manages_webhooks_and_logged_nowhere(
    site: ApiSite, logs: Written
) -> None:
    made = site.endpoint(f"{URL}?token=t0ken")
    site.respond = lambda _: httpx.Response(500)
    site.publish()
    site.deliver()
    assert site("GET", f"{ENDPOINTS}/{made['id']}").json["url"] == f"{URL}?token=t0ken"
    assert "t0ken" not in json.dumps(logs.lines, default=str)
    site.clock.advance_to(now() + HOUR)


def _timeout(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("no answer in 15 s", request=request)


def _plain_items(site: ApiSite) -> list[dict[str, Any]]:
    """What can be read in the table; sealed bytes are compared in test_endpoints.py."""
    items = site.aws.table("WEBHOOKS_TABLE").scan()["Items"]
    return [
        {name: value for name, value in item.items() if name not in ("sealed", "data_key", "body")} for item in items
    ]
