"""Fanvue as Cairn uses it: earnings by pages that shift, audiences, limits, tokens that are used once, webhooks."""

import base64
import json
from typing import Any

import httpx
import pytest

from local.sandbox.fanvue_accounts import uuid_of
from local.sandbox.fanvue_pushes import signature
from local.sandbox.fanvue_tokens import CLIENT_ID, CLIENT_SECRET
from tests.unit.sandbox.helpers import FakeClock, FakeWebhook, Sandbox

pytestmark = pytest.mark.anyio
MIRA = uuid_of("Mira")
EARNINGS = f"/creators/{MIRA}/insights/earnings"
HOOK = "http://127.0.0.1:9/hooks/creators/fanvue"


async def done(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


async def creator(sandbox: Sandbox, **body: object) -> dict[str, Any]:
    return dict(await done(await sandbox.control("PUT", f"/fanvue/creators/{MIRA}", {"name": "Mira", **body})))


async def sell(sandbox: Sandbox, gross: int, **body: object) -> list[dict[str, Any]]:
    answer = await sandbox.control("POST", f"/fanvue/creators/{MIRA}/sales", {"gross": gross, "push": False, **body})
    return list((await done(answer))["transactions"])


async def consent(sandbox: Sandbox, creator: str | None = None) -> dict[str, str]:
    return dict(await done(await sandbox.control("POST", "/fanvue/tokens", {"creator": creator})))


async def refresh(sandbox: Sandbox, token: str, client: str = f"{CLIENT_ID}:{CLIENT_SECRET}") -> httpx.Response:
    headers = {"Authorization": f"Basic {base64.b64encode(client.encode()).decode()}"}
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return await sandbox.client.post("/fanvue/oauth2/token", data=form, headers=headers)


async def test_earnings_are_listed_the_newest_first_up_to_the_end_which_is_excluded(
    sandbox: Sandbox, clock: FakeClock
) -> None:
    await creator(sandbox)
    for gross in (100, 200, 300):
        await sell(sandbox, gross)
        clock.advance(10)
    body = await done(await sandbox.fanvue(EARNINGS))
    assert [row["gross"] for row in body["data"]] == [300, 200, 100]
    assert body["nextCursor"] is None
    newest = body["data"][0]
    assert set(newest["user"]) == {"uuid", "handle", "displayName", "nickname", "isTopSpender"}
    span = {"startDate": body["data"][2]["date"], "endDate": newest["date"]}
    assert [row["gross"] for row in (await done(await sandbox.fanvue(EARNINGS, **span)))["data"]] == [200, 100]
    only = await done(await sandbox.fanvue(EARNINGS, source="message,post"))
    assert only == {"data": [], "nextCursor": None}


async def test_a_cursor_is_a_position_which_a_new_row_shifts(sandbox: Sandbox, clock: FakeClock) -> None:
    await creator(sandbox)
    for gross in (1, 2, 3, 4):
        await sell(sandbox, gross)
        clock.advance(1)
    first = await done(await sandbox.fanvue(EARNINGS, size=2))
    assert [row["gross"] for row in first["data"]] == [4, 3]
    await sell(sandbox, 5)
    second = await done(await sandbox.fanvue(EARNINGS, size=2, cursor=first["nextCursor"]))
    assert [row["gross"] for row in second["data"]] == [3, 2]


async def test_a_refund_is_a_row_of_its_own_that_names_what_it_reverses(sandbox: Sandbox) -> None:
    await creator(sandbox, currency="EUR")
    (sale,) = await sell(sandbox, 1000, net=700)
    order = sale["transactionOrderId"]
    for gross in (300, 300):
        await done(await sandbox.control("POST", f"/fanvue/creators/{MIRA}/refunds", {"order": order, "gross": gross}))
    rows = (await done(await sandbox.fanvue(EARNINGS)))["data"]
    assert [(row["gross"], row["net"], row.get("reversedTransactionOrderId")) for row in rows] == [
        (-300, -210, order),
        (-300, -210, order),
        (1000, 700, None),
    ]
    truth = await done(await sandbox.control("GET", f"/fanvue/creators/{MIRA}"))
    assert truth["totals"] == {"EUR": {"gross": 400, "net": 280, "count": 3}}


async def test_a_late_row_a_hidden_one_equal_ones_and_odd_ones_are_made_by_the_control_api(
    sandbox: Sandbox, clock: FakeClock
) -> None:
    await creator(sandbox)
    await sell(sandbox, 100, seconds_ago=86_400)
    await sell(sandbox, 200, listed_after=60)
    one, two = await sell(sandbox, 300, times=2, equal=True)
    assert one == two
    await sell(sandbox, 400, raw={"gross": 4.5, "user": None, "currency": None})
    rows = (await done(await sandbox.fanvue(EARNINGS)))["data"]
    assert [row["gross"] for row in rows] == [4.5, 300, 300, 100]
    clock.advance(60)
    assert len((await done(await sandbox.fanvue(EARNINGS)))["data"]) == 5
    changed = await sandbox.control(
        "PUT", f"/fanvue/creators/{MIRA}/rows/{rows[3]['transactionOrderId']}", {"gross": 1}
    )
    assert (await done(changed))["gross"] == 1


async def test_the_demos_sales_are_the_same_however_often_somebody_looks(sandbox: Sandbox, clock: FakeClock) -> None:
    await creator(sandbox, sales_every=5, subscribers=10)
    other = uuid_of("Juno")
    await sandbox.control("PUT", f"/fanvue/creators/{other}", {"sales_every": 5})
    for _ in range(60):
        clock.advance(5)
        await sandbox.fanvue(EARNINGS)
    seen = await done(await sandbox.control("GET", f"/fanvue/creators/{MIRA}"))
    assert seen["rows"] == 60
    assert any(row["gross"] < 0 for row in seen["transactions"])
    sandbox.world.reset()
    clock.time -= 300
    await creator(sandbox, sales_every=5, subscribers=10)
    clock.advance(300)
    again = await done(await sandbox.control("GET", f"/fanvue/creators/{MIRA}"))
    assert again == seen


async def test_audiences_are_counts_of_lists_and_pages_of_chats_and_posts(sandbox: Sandbox) -> None:
    await creator(sandbox, subscribers=7, followers=20, chats=101, posts=50)
    lists = await done(await sandbox.fanvue(f"/creators/{MIRA}/chats/lists/smart"))
    assert {one["uuid"]: one["count"] for one in lists}["subscribers"] == 7
    pages = [await done(await sandbox.fanvue(f"/creators/{MIRA}/chats", page=n, size=50)) for n in (2, 3, 4)]
    assert [(len(page["data"]), page["pagination"]["hasMore"]) for page in pages] == [
        (50, True),
        (1, False),
        (0, False),
    ]
    posts = await done(await sandbox.fanvue(f"/creators/{MIRA}/posts", size=50))
    assert (len(posts["data"]), posts["pagination"]) == (50, {"page": 1, "size": 50, "hasMore": False})


async def test_the_total_of_subscribers_is_a_net_sum_that_may_be_negative(sandbox: Sandbox) -> None:
    await creator(sandbox)
    for day, counts in {"2026-09-20": {"new": 1, "ended": 4}, "2026-09-21": {"new": 2, "ended": 0}}.items():
        await done(await sandbox.control("PUT", f"/fanvue/creators/{MIRA}/days/{day}", counts))
    span = {"startDate": "2026-09-20T00:00:00Z", "endDate": "2026-09-22T00:00:00Z"}
    days = (await done(await sandbox.fanvue(f"/creators/{MIRA}/insights/subscribers", **span)))["data"]
    assert [(one["total"], one["newSubscribersCount"], one["cancelledSubscribersCount"]) for one in days] == [
        (-1, 2, 0),
        (-3, 1, 4),
    ]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        (EARNINGS, {"size": 51}, 400),
        (EARNINGS, {"size": 0}, 400),
        (EARNINGS, {"cursor": "nonsense"}, 400),
        (EARNINGS, {"startDate": "soon"}, 400),
        (f"/creators/{uuid_of('nobody')}/insights/earnings", {}, 404),
        ("/insights/earnings", {}, 403),
        ("/agencies/earnings", {}, 400),
    ],
)
async def test_wrong_requests_are_refused(sandbox: Sandbox, path: str, query: dict[str, Any], status: int) -> None:
    await creator(sandbox)
    answer = await sandbox.fanvue(path, **query)
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)


async def test_the_version_is_required_and_a_retired_one_names_the_next(sandbox: Sandbox) -> None:
    headers = {"Authorization": "Bearer sandbox-fanvue-key"}
    assert (await sandbox.client.get("/fanvue/users/me", headers=headers)).status_code == 400
    await sandbox.control("PUT", "/fanvue/versions", {"current": "2027-01-01", "retired": ["2025-06-26"]})
    answer = await sandbox.fanvue("/users/me")
    assert (answer.status_code, answer.json()["nextVersion"]) == (410, "2027-01-01")
    assert (await sandbox.fanvue("/users/me", token="nonsense")).status_code == 401
    assert (await sandbox.fanvue("/users/me", token=None)).status_code == 401


async def test_each_creator_has_a_limit_of_its_own_and_all_of_agencies_one(sandbox: Sandbox, clock: FakeClock) -> None:
    await creator(sandbox)
    other = uuid_of("Juno")
    await sandbox.control("PUT", f"/fanvue/creators/{other}", {})
    await sandbox.control("PUT", "/limits", {"fanvue_calls_a_minute": 2})
    left = [(await sandbox.fanvue(EARNINGS)).headers["X-RateLimit-Remaining"] for _ in range(2)]
    assert left == ["1", "0"]
    clock.advance(20)
    refused = await sandbox.fanvue(f"/creators/{MIRA}/chats")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "40")
    assert int(refused.headers["X-RateLimit-Reset"]) == int(clock.now()) + 40
    assert (await sandbox.fanvue(f"/creators/{other}/chats")).status_code == 200
    span = {"startDate": "2026-09-20T00:00:00Z", "endDate": "2026-09-22T00:00:00Z"}
    calls = [await sandbox.fanvue(f"/agencies/{path}", **span) for path in ("earnings", "subscribers", "earnings")]
    assert [answer.status_code for answer in calls] == [200, 200, 429]
    clock.advance(40)
    assert (await sandbox.fanvue(EARNINGS)).status_code == 200


async def test_an_agency_sees_sums_by_creator_and_day(sandbox: Sandbox) -> None:
    await creator(sandbox)
    await sell(sandbox, 100)
    await sell(sandbox, -40)
    span = {"startDate": "2026-09-01T00:00:00Z", "endDate": "2026-10-01T00:00:00Z"}
    (row,) = (await done(await sandbox.fanvue("/agencies/earnings", **span)))["data"]
    assert (row["creatorUuid"], row["gross"], row["currency"]) == (MIRA, 60, "USD")
    listed = await done(await sandbox.fanvue("/creators"))
    assert [one["uuid"] for one in listed["data"]] == [MIRA]


async def test_a_creators_own_token_reads_itself_alone_for_an_hour(sandbox: Sandbox, clock: FakeClock) -> None:
    await creator(sandbox, followers=5)
    await sell(sandbox, 100)
    token = (await consent(sandbox, MIRA))["access_token"]
    assert (await done(await sandbox.fanvue("/users/me", token=token)))["uuid"] == MIRA
    assert len((await done(await sandbox.fanvue("/insights/earnings", token=token)))["data"]) == 1
    assert (await sandbox.fanvue(EARNINGS, token=token)).status_code == 403
    assert (await sandbox.fanvue("/agencies/subscribers", token=token)).status_code == 403
    clock.advance(3600)
    assert (await sandbox.fanvue("/users/me", token=token)).status_code == 401


async def test_a_refresh_token_is_used_once_and_its_second_use_ends_them_all(sandbox: Sandbox) -> None:
    await creator(sandbox)
    first = await consent(sandbox)
    wrong = await refresh(sandbox, first["refresh_token"], client="somebody:else")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    second = await done(await refresh(sandbox, first["refresh_token"]))
    assert (second["expires_in"], second["token_type"]) == (3600, "bearer")
    assert (await sandbox.fanvue(EARNINGS, token=second["access_token"])).status_code == 200
    assert (await sandbox.fanvue(EARNINGS, token=first["access_token"])).status_code == 200
    reused = await refresh(sandbox, first["refresh_token"])
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    assert (await refresh(sandbox, second["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await sandbox.fanvue(EARNINGS, token=second["access_token"])).status_code == 401


async def test_a_sale_is_told_by_a_signed_webhook_before_the_list_shows_it(
    sandbox: Sandbox, webhook: FakeWebhook, clock: FakeClock
) -> None:
    await creator(sandbox)
    await sandbox.control("PUT", "/fanvue/webhook", {"url": HOOK, "secret": "hush"})
    await sell(sandbox, 1250, push=True, listed_after=30)
    await sandbox.world.fanvue.pushes.settled()
    (request,) = webhook.requests
    body = json.loads(request.content)
    assert body["type"] == "creator.payment.succeeded"
    assert {"object": "payment", "gross": 1250, "creator": {"uuid": MIRA}}.items() <= body["data"].items()
    assert request.headers["X-Fanvue-Signature"] == signature("hush", request.content, int(clock.now()))
    assert (await done(await sandbox.fanvue(EARNINGS)))["data"] == []


async def test_a_webhook_that_fails_is_tried_again_and_given_up(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    await creator(sandbox)
    await sandbox.control("PUT", "/fanvue/webhook", {"url": HOOK})
    webhook.answers = [httpx.Response(500), httpx.ConnectError("no"), httpx.Response(204)]
    await sell(sandbox, 100, push=True)
    await sandbox.world.fanvue.pushes.settled()
    webhook.answers = [httpx.Response(503)] * 5
    await sandbox.control("POST", "/fanvue/send", {"body": {"tip": 5}, "age": 400})
    await sandbox.world.fanvue.pushes.settled()
    deliveries = (await done(await sandbox.control("GET", "/fanvue/webhook")))["deliveries"]
    assert [(one["outcome"], one["tries"]) for one in deliveries] == [("delivered", 3), ("gave_up", 5)]


async def test_growth_is_told_as_it_is_due(sandbox: Sandbox, webhook: FakeWebhook, clock: FakeClock) -> None:
    await sandbox.control("PUT", "/fanvue/webhook", {"url": HOOK})
    await creator(sandbox, sales_every=5)
    clock.advance(25)
    sandbox.world.fanvue.pushes.push_due()
    await sandbox.world.fanvue.pushes.settled()
    told = [json.loads(request.content)["data"]["gross"] for request in webhook.requests]
    rows = (await done(await sandbox.fanvue(EARNINGS)))["data"]
    assert sorted(told) == sorted(row["gross"] for row in rows if row["user"])


async def test_a_subscriptions_secret_is_shown_once(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    headers = {"Authorization": "Bearer sandbox-fanvue-key", "X-Fanvue-API-Version": "2025-06-26"}
    body = {"url": HOOK, "events": ["creator.payment.succeeded"]}
    made = await done(await sandbox.client.post("/fanvue/webhooks/subscriptions", json=body, headers=headers))
    assert made["signingSecret"]
    (listed,) = (await done(await sandbox.fanvue("/webhooks/subscriptions")))["data"]
    assert listed == {key: value for key, value in made.items() if key != "signingSecret"}
    await creator(sandbox)
    await sandbox.control("POST", "/fanvue/send", {"body": {"type": "follow.new"}})
    await sell(sandbox, 100, push=True)
    await sandbox.world.fanvue.pushes.settled()
    assert len(webhook.requests) == 1


async def test_creators_are_on_the_page_and_a_reset_removes_them(sandbox: Sandbox) -> None:
    await creator(sandbox, history_days=3)
    assert "Mira" in (await sandbox.client.get("/")).text
    await sandbox.control("POST", "/reset")
    assert (await done(await sandbox.control("GET", "/fanvue/creators")))["creators"] == []


async def test_the_demos_creators_have_earned_before(sandbox: Sandbox) -> None:
    known = (await done(await sandbox.control("POST", "/demo")))["creators"]
    assert len(known) == 3
    for one in known:
        found = await done(await sandbox.control("GET", f"/fanvue/creators/{one['externalId']}"))
        assert found["name"] == one["name"]
        assert found["rows"] > 300
        assert set(found["totals"]) == {"USD"}
