"""CRMs keep what comes, verify it as a receiver does, and fail in every way that a receiver can."""

import base64
import hashlib
import hmac
import json
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from local.sandbox.crm import MOST_CRMS, CrmFailure
from local.sandbox.crm_routes import ENDLESS_PART, LARGEST_BODY, TRICKLED, endless, trickle
from tests.unit.sandbox.helpers import FakeClock, Sandbox
from tests.unit.sandbox.test_page import EVIL, page

pytestmark = pytest.mark.anyio
KEY = b"a key of thirty-two random bytes"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
EVENT = {"type": "milestone_reached", "timestamp": "2026-11-30T12:00:00Z", "data": {"label": "10K 🎉"}}


def signed(body: bytes, at: float, *, webhook_id: str = "msg_1", key: bytes = KEY) -> dict[str, str]:
    """The headers of a message, made here by the standard's words."""
    timestamp = str(int(at))
    digest = hmac.digest(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256)
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature}


async def deliver(sandbox: Sandbox, headers: dict[str, str] | None = None, *, event: object = EVENT) -> httpx.Response:
    body = json.dumps(event, ensure_ascii=False).encode()
    headers = signed(body, sandbox.world.clock.now()) if headers is None else headers
    return await sandbox.client.post("/crm/demo", content=body, headers=headers)


async def deliveries(sandbox: Sandbox, query: str = "") -> list[dict[str, Any]]:
    return list((await sandbox.control("GET", f"/crm/demo{query}")).json()["deliveries"])


@pytest.fixture
async def trusted(sandbox: Sandbox) -> Sandbox:
    """A sandbox whose demo CRM knows its endpoint's secret."""
    assert (await sandbox.control("PUT", "/crm/demo", {"secret": SECRET})).status_code == 200
    return sandbox


async def test_a_signed_message_is_accepted_and_verified(trusted: Sandbox) -> None:
    assert (await deliver(trusted)).status_code == 200
    (one,) = await deliveries(trusted)
    assert (one["verified"], one["problem"], one["type"], one["outcome"]) == (True, None, "milestone_reached", "200")
    assert json.loads(one["body"]) == EVENT


@pytest.mark.parametrize("seconds", [-300, 300])
async def test_a_clock_may_differ_by_five_minutes(trusted: Sandbox, clock: FakeClock, seconds: int) -> None:
    body = json.dumps(EVENT, ensure_ascii=False).encode()
    await deliver(trusted, signed(body, clock.now() + seconds))
    await deliver(trusted, signed(body, clock.now() + seconds + seconds // 300))
    assert [one["problem"] for one in await deliveries(trusted)] == [
        None,
        "webhook-timestamp is not within five minutes",
    ]


async def test_what_is_not_genuine_says_why(trusted: Sandbox, clock: FakeClock) -> None:
    right = signed(json.dumps(EVENT, ensure_ascii=False).encode(), clock.now())
    wrong = {
        "no webhook-id, webhook-timestamp, webhook-signature": {},
        "no webhook-id": right | {"webhook-id": ""},
        "webhook-timestamp is not within five minutes": right | {"webhook-timestamp": "soon"},
        "webhook-signature is wrong": right | {"webhook-id": "msg_2"},
    }
    for headers in wrong.values():
        assert (await deliver(trusted, headers)).status_code == 200
    assert [one["problem"] for one in await deliveries(trusted)] == list(wrong)


async def test_a_signature_is_of_these_very_bytes(trusted: Sandbox, clock: FakeClock) -> None:
    other = json.dumps(EVENT).encode()
    await deliver(trusted, signed(other, clock.now()))
    assert (await deliveries(trusted))[0]["problem"] == "webhook-signature is wrong"


async def test_one_right_signature_among_several_is_enough(trusted: Sandbox, clock: FakeClock) -> None:
    body = json.dumps(EVENT, ensure_ascii=False).encode()
    new, old = signed(body, clock.now(), key=b"new"), signed(body, clock.now())
    both = f"v1a,c29tZXRoaW5n {new['webhook-signature']} {old['webhook-signature']}"
    await deliver(trusted, old | {"webhook-signature": both})
    assert (await deliveries(trusted))[0]["verified"]


async def test_without_the_secret_nothing_is_verified(sandbox: Sandbox) -> None:
    await deliver(sandbox)
    assert (await deliveries(sandbox))[0]["problem"] == "the secret is not known here"


async def test_repeats_of_a_webhook_id_are_marked(trusted: Sandbox) -> None:
    await trusted.control("POST", "/crm/demo/failure", {"mode": "status", "status": 503, "requests": 1})
    for _ in range(3):
        await deliver(trusted)
    assert [(one["nth"], one["accepted_before"]) for one in await deliveries(trusted)] == [
        (1, False),
        (2, False),
        (3, True),
    ]


async def test_deliveries_can_be_followed_without_gap_or_repeat(trusted: Sandbox, clock: FakeClock) -> None:
    body = json.dumps(EVENT, ensure_ascii=False).encode()
    for webhook_id in ("msg_1", "msg_2", "msg_1"):
        await deliver(trusted, signed(body, clock.now(), webhook_id=webhook_id))
    assert [one["number"] for one in await deliveries(trusted, "?after=1")] == [2, 3]
    assert [one["number"] for one in await deliveries(trusted, "?webhook_id=msg_1")] == [1, 3]


async def test_credentials_are_kept_and_shown_nowhere(trusted: Sandbox) -> None:
    body = json.dumps(EVENT, ensure_ascii=False).encode()
    headers = signed(body, trusted.world.clock.now()) | {"authorization": "Bearer pit-0123456789"}
    await deliver(trusted, headers)
    for path in ("/control/crm/demo", "/control/state", "/"):
        answer = await trusted.client.get(path)
        assert SECRET not in answer.text
        assert "0123456789" not in answer.text
    assert (await deliveries(trusted))[0]["headers"]["authorization"] == "Bearer pit-…"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64", "sk_bm8="])
async def test_a_secret_of_another_form_is_refused(sandbox: Sandbox, secret: str) -> None:
    answer = await sandbox.control("PUT", "/crm/demo", {"secret": secret})
    assert (answer.status_code, "whsec_" in answer.json()["error"]) == (400, True)
    assert (await sandbox.control("GET", "/state")).json()["crms"] == []


async def fail(sandbox: Sandbox, mode: str, **body: object) -> None:
    answer = await sandbox.control("POST", "/crm/demo/failure", {"mode": mode, **body})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("status", [301, 410, 429, 500, 503])
async def test_a_crm_fails_with_a_status_until_it_is_told_to_stop(trusted: Sandbox, status: int) -> None:
    await fail(trusted, "status", status=status)
    answer = await deliver(trusted)
    assert (answer.status_code, "location" in answer.headers) == (status, status == 301)
    assert (await trusted.control("DELETE", "/crm/demo/failure")).status_code == 200
    assert (await deliver(trusted)).status_code == 200
    assert [one["outcome"] for one in await deliveries(trusted)] == [str(status), "200"]


async def test_retry_after_is_seconds_or_a_date(trusted: Sandbox, clock: FakeClock) -> None:
    await fail(trusted, "status", status=429, retry_after=7)
    assert (await deliver(trusted)).headers["retry-after"] == "7"
    await fail(trusted, "status", status=503, retry_after=30, retry_after_as="date")
    date = (await deliver(trusted)).headers["retry-after"]
    assert parsedate_to_datetime(date).timestamp() == clock.now() + 30


async def test_a_crm_that_hangs_answers_nothing(trusted: Sandbox, clock: FakeClock) -> None:
    await fail(trusted, "hang", delay=45)
    with pytest.raises(AssertionError):  # the transport requires complete responses
        await deliver(trusted)
    assert clock.slept == [45]


async def test_a_crm_that_trickles_sends_a_byte_at_a_time(clock: FakeClock) -> None:
    parts = [part async for part in trickle(CrmFailure("trickle", delay=3), clock)]
    assert b"".join(parts) == TRICKLED
    assert clock.slept == [3] * len(TRICKLED)


async def test_a_body_without_end_goes_on(clock: FakeClock) -> None:
    body = endless(clock)
    for _ in range(100):
        assert await anext(body) == ENDLESS_PART


async def test_a_crm_fails_for_a_share_of_the_requests(trusted: Sandbox) -> None:
    await fail(trusted, "status", percent=20)
    failed = [(await deliver(trusted)).status_code for _ in range(200)].count(500)
    assert 20 <= failed <= 60


async def test_a_failure_ends_after_its_requests_or_its_seconds(trusted: Sandbox, clock: FakeClock) -> None:
    await fail(trusted, "status", requests=2)
    assert [(await deliver(trusted)).status_code for _ in range(3)] == [500, 500, 200]
    await fail(trusted, "status", seconds=10)
    assert (await deliver(trusted)).status_code == 500
    clock.advance(10)
    assert (await deliver(trusted)).status_code == 200


async def test_only_the_crm_that_was_told_to_fail_fails(trusted: Sandbox) -> None:
    await fail(trusted, "status")
    assert (await trusted.client.post("/crm/other", content=b"{}")).status_code == 200


async def test_what_a_crm_does_not_take_is_refused(sandbox: Sandbox) -> None:
    assert (await sandbox.client.post("/crm/demo", content=b" " * (LARGEST_BODY + 1))).status_code == 413
    assert (await sandbox.client.post("/crm/Not%20a%20name", content=b"")).status_code == 404
    for number in range(MOST_CRMS - 1):
        assert (await sandbox.client.post(f"/crm/crm-{number}", content=b"")).status_code == 200
    assert (await sandbox.client.post("/crm/one-more", content=b"")).status_code == 429
    assert (await sandbox.control("PUT", "/crm/one-more", {"secret": SECRET})).status_code == 409


async def test_a_reset_forgets_what_came_and_keeps_the_secret(trusted: Sandbox) -> None:
    await fail(trusted, "status")
    await deliver(trusted)
    await trusted.control("POST", "/reset")
    assert await deliveries(trusted) == []
    assert (await deliver(trusted)).status_code == 200
    assert (await deliveries(trusted))[0]["verified"]
    await trusted.control("POST", "/reset", {"webhook": True})
    assert (await trusted.control("GET", "/state")).json()["crms"] == []


async def test_the_page_shows_what_came_newest_first(trusted: Sandbox) -> None:
    await deliver(trusted)
    await deliver(trusted, {}, event={"event": "payment_failed", "user": {"name": EVIL}})
    await deliver(trusted)
    text = (await page(trusted)).text
    for expected in ("verified · answered: 200", "not verified: no webhook-id", "2nd time, accepted before", "10K 🎉"):
        assert expected in text
    assert text.index("2nd time") < text.index("payment_failed")


async def test_a_visitor_makes_a_crm_fail_and_work_again(trusted: Sandbox) -> None:
    for choice, status in (("410", 410), ("works", 200), ("429", 429)):
        answer = await trusted.client.post("/crm/demo/failure", data={"mode": choice, "percent": "100"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert (await deliver(trusted)).status_code == status
    for wrong in ({"mode": "sulk", "percent": "5"}, {"mode": "410", "percent": "nan"}, {"mode": "410"}):
        assert (await trusted.client.post("/crm/demo/failure", data=wrong)).status_code == 400
    assert (await deliver(trusted)).status_code == 429
