"""The control API describes itself, and invalid input changes nothing."""

import re

import pytest

from local.sandbox import SANDBOX_TELEGRAM_TOKEN, control
from tests.unit.sandbox.helpers import FakeClock, Sandbox

pytestmark = pytest.mark.anyio


async def test_every_route_is_described_and_every_example_is_right(sandbox: Sandbox) -> None:
    described = (await sandbox.client.get("/control")).json()["routes"]
    assert [(route["method"], route["path"]) for route in described] == [(a.method, a.path) for a in control.ACTIONS]
    for action in control.ACTIONS:
        if action.accepts is not control.Nothing:
            assert action.example is not None
            assert action.accepts.model_validate(action.example)


def test_the_docstring_names_every_route() -> None:
    text = str(control.__doc__)
    for action in control.ACTIONS:
        last = re.sub(r"\{.*?\}", "", action.path).rstrip("/").rpartition("/")[2]
        assert last in text, action.path


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "hint"),
    [
        ("PUT", "/channels/myspace/tom", {"count": 1}, 404, "youtube, telegram, instagram"),
        ("PUT", "/channels/youtube/a%20b", {"count": 1}, 400, "handle"),
        ("PUT", "/channels/youtube/a", {"count": -1}, 400, "count"),
        ("PUT", "/channels/youtube/a", {"counts": 1}, 400, "growth_per_second"),
        ("PUT", "/channels/youtube/a", {"growth_per_second": "fast"}, 400, "number"),
        ("PUT", "/channels/youtube/a", {"remove": True}, 404, "no channel a"),
        ("PUT", "/channels/telegram/a", {"hidden": True}, 400, "hide"),
        ("PUT", "/channels/telegram/a", {"id": "42"}, 400, "negative"),
        ("PUT", "/channels/youtube/a", [1], 400, "body"),
        ("POST", "/platforms/youtube/failure", {"mode": "sulk"}, 400, "malformed"),
        ("POST", "/platforms/youtube/failure", {"mode": "slow", "requests": 0}, 400, "requests"),
        ("POST", "/platforms/myspace/failure", {"mode": "slow"}, 404, "instagram"),
        ("POST", "/telegram/chats/ada/message", {"text": "hi"}, 400, "whole number"),
        ("POST", "/telegram/chats/0/message", {"text": "hi"}, 400, "positive"),
        ("POST", "/telegram/chats/5/message", {"text": "hi", "type": "group"}, 400, "negative"),
        ("POST", "/telegram/chats/5/message", {"text": ""}, 400, "text"),
        ("POST", "/telegram/chats/5/block", None, 404, "/message"),
        ("POST", "/telegram/fail_next", {"status": 200}, 400, "status"),
        ("PUT", "/limits", {"telegram_messages_a_second": 0}, 400, "telegram_messages_a_second"),
        ("GET", "/requests?platform=myspace", None, 400, "youtube"),
        ("GET", "/telegram/sent?after=soon", None, 400, "after"),
        ("GET", "/nowhere", None, 404, "Not Found"),
        ("DELETE", "/state", None, 405, "Method Not Allowed"),
    ],
)
async def test_wrong_input_says_what_to_change_and_changes_nothing(
    sandbox: Sandbox, method: str, path: str, body: object, status: int, hint: str
) -> None:
    before = (await sandbox.control("GET", "/state")).json()
    answer = await sandbox.control(method, path, body)
    assert answer.status_code == status, answer.text
    assert hint in answer.json()["error"]
    assert (await sandbox.control("GET", "/state")).json() == before


async def test_a_body_that_is_not_json_is_rejected(sandbox: Sandbox) -> None:
    answer = await sandbox.client.put("/control/channels/youtube/a", content=b"{count: 1}")
    assert answer.status_code == 400


async def test_only_the_given_fields_of_a_channel_change(sandbox: Sandbox, clock: FakeClock) -> None:
    await sandbox.channel("youtube", "stone", count=1000, views=5, videos=6, name="Stone", growth_per_second=2)
    clock.advance(10)
    changed = await sandbox.channel("youtube", "@Stone", videos=7)
    assert (changed["count"], changed["views"], changed["videos"], changed["name"]) == (1020, 5, 7, "Stone")
    changed = await sandbox.channel("youtube", "stone", growth_per_second=0)
    clock.advance(10)
    assert (await sandbox.channel("youtube", "stone"))["count"] == 1020


async def test_ids_may_be_chosen_but_neither_changed_nor_shared(sandbox: Sandbox) -> None:
    assert (await sandbox.channel("youtube", "stone", id="UC123"))["id"] == "UC123"
    for handle, body in (("stone", {"id": "UC124"}), ("other", {"id": "UC123"})):
        assert (await sandbox.control("PUT", f"/channels/youtube/{handle}", body)).status_code == 409
    await sandbox.chat(-1_000_000_000_001, type="channel")
    answer = await sandbox.control("PUT", "/channels/telegram/a", {"id": "-1000000000001"})
    assert answer.status_code == 409


async def test_an_action_that_does_not_fit_the_chat_is_rejected(sandbox: Sandbox) -> None:
    await sandbox.chat(1)
    await sandbox.chat(-2)
    for path, status in (("1/kick", 400), ("-2/block", 400), ("1/migrate", 409)):
        assert (await sandbox.control("POST", f"/telegram/chats/{path}")).status_code == status
    assert (await sandbox.control("PUT", "/telegram/chats/-2", {"type": "channel"})).status_code == 409
    await sandbox.control("POST", "/telegram/chats/-2/migrate", {"to": -1_000_000_000_002})
    answer = await sandbox.control("POST", "/telegram/chats/-2/message", {"text": "hi"})
    assert (answer.status_code, "-1000000000002" in answer.json()["error"]) == (409, True)
    await sandbox.control("POST", "/telegram/chats/1/deactivate")
    assert (await sandbox.control("POST", "/telegram/chats/1/message", {"text": "hi"})).status_code == 409


async def test_sent_messages_can_be_followed_without_gap_or_repeat(sandbox: Sandbox) -> None:
    await sandbox.chat(-1, title="a")
    await sandbox.chat(-2, title="b")
    for chat_id in (-1, -2, -1):
        await sandbox.send(chat_id)
    everything = await sandbox.sent()
    after = everything[0]["message_id"]
    assert (await sandbox.control("GET", f"/telegram/sent?after={after}")).json()["messages"] == everything[1:]
    of_one = (await sandbox.control("GET", f"/telegram/sent?chat_id=-1&after={after}")).json()["messages"]
    assert of_one == everything[2:]


async def test_a_reset_empties_the_world_and_leaves_the_webhook(sandbox: Sandbox) -> None:
    await sandbox.bot("setWebhook", url="http://127.0.0.1:9/hook")
    await sandbox.control("POST", "/demo")
    await sandbox.fail("youtube", "broken")
    await sandbox.control("PUT", "/limits", {"telegram_messages_a_second": 1})
    await sandbox.send(1001)
    await sandbox.control("POST", "/reset")
    state = (await sandbox.control("GET", "/state")).json()
    assert (state["channels"], state["failures"], state["telegram"]["chats"], state["telegram"]["sent"]) == (
        [],
        {},
        [],
        0,
    )
    assert state["limits"]["telegram_messages_a_second"] == 30
    assert state["telegram"]["webhook"] == "http://127.0.0.1:9/hook"
    assert (await sandbox.control("GET", "/requests")).json() == {"requests": []}
    await sandbox.control("POST", "/reset", {"webhook": True})
    assert (await sandbox.control("GET", "/state")).json()["telegram"]["webhook"] is None


@pytest.mark.parametrize("path", ["/control/reset", "/phone/1001"])
async def test_pages_of_other_sites_cannot_control_the_sandbox(sandbox: Sandbox, path: str) -> None:
    await sandbox.chat(1001)
    answer = await sandbox.client.post(path, headers={"origin": "https://evil.example"}, data={"text": "/stop"})
    assert answer.status_code == 403
    assert len((await sandbox.control("GET", "/state")).json()["telegram"]["chats"]) == 1
    assert (await sandbox.control("GET", "/telegram/updates")).json() == {"updates": []}


async def test_pages_of_other_sites_cannot_speak_for_the_bot_either(sandbox: Sandbox) -> None:
    """Telegram takes GET for every method, which an image's address is enough for."""
    await sandbox.chat(1001)
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    path = f"/telegram/bot{SANDBOX_TELEGRAM_TOKEN}/sendMessage"
    answer = await sandbox.client.get(path, params={"chat_id": 1001, "text": "hello"}, headers=image)
    assert answer.status_code == 403
    assert (await sandbox.control("GET", "/telegram/sent")).json()["messages"] == []


async def test_a_foreign_name_for_this_machine_is_rejected(sandbox: Sandbox) -> None:
    answer = await sandbox.client.get("/control/state", headers={"host": "rebound.example"})
    assert answer.status_code == 403
