"""Updates are posted to the bot's webhook, retried until accepted, or wait to be polled."""

import httpx
import pytest

from local.sandbox.messenger import CHANNEL_ADMINISTRATOR
from tests.unit.sandbox.helpers import FakeClock, FakeWebhook, Sandbox

pytestmark = pytest.mark.anyio
ADA, CREW, CLUB = 1001, -2001, -1_000_000_002_001
URL = "http://127.0.0.1:9/api/telegram/webhook"


async def listen(sandbox: Sandbox, **parameters: object) -> None:
    assert (await sandbox.bot("setWebhook", url=URL, **parameters)).json()["result"] is True


async def test_what_a_person_writes_is_posted_with_the_secret(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    await listen(sandbox, secret_token="s3cret_-")
    ids = await sandbox.write(ADA, "/start ref_1", title="Ada")
    (request,) = webhook.requests
    assert (request.method, str(request.url)) == ("POST", URL)
    assert request.headers["X-Telegram-Bot-Api-Secret-Token"] == "s3cret_-"
    assert webhook.updates == [
        {
            "update_id": ids["update_id"],
            "message": {
                "message_id": ids["message_id"],
                "from": {"id": ADA, "is_bot": False, "first_name": "Ada", "language_code": "en"},
                "chat": {"id": ADA, "first_name": "Ada", "type": "private"},
                "date": 1_790_000_000,
                "text": "/start ref_1",
                "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
            },
        }
    ]


async def test_without_a_secret_there_is_no_header(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    await listen(sandbox)
    await sandbox.write(ADA, "hi")
    assert "X-Telegram-Bot-Api-Secret-Token" not in webhook.requests[0].headers


async def test_a_group_adds_the_bot_and_then_writes(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    await listen(sandbox)
    await sandbox.write(CREW, "/start@cairn_sandbox_bot", type="group", title="Trail crew", **{"from": "Bela"})
    added, written = webhook.updates
    assert added["my_chat_member"]["old_chat_member"]["status"] == "left"
    assert added["my_chat_member"]["new_chat_member"]["status"] == "member"
    assert written["message"]["chat"] == {"id": CREW, "title": "Trail crew", "type": "group"}
    assert written["message"]["from"]["first_name"] == "Bela"
    assert written["update_id"] == added["update_id"] + 1


async def test_a_channel_posts_without_an_author(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    await listen(sandbox)
    await sandbox.write(CLUB, "/start", type="channel", title="News")
    added, post = webhook.updates
    assert set(CHANNEL_ADMINISTRATOR) <= set(added["my_chat_member"]["new_chat_member"])
    assert post["channel_post"]["sender_chat"]["id"] == CLUB
    assert "from" not in post["channel_post"]


async def test_an_update_is_retried_until_it_is_accepted(
    sandbox: Sandbox, webhook: FakeWebhook, clock: FakeClock
) -> None:
    webhook.answers = [httpx.Response(500), httpx.ConnectError("refused"), httpx.Response(302), httpx.Response(204)]
    await listen(sandbox)
    await sandbox.write(ADA, "/start")
    assert len({update["update_id"] for update in webhook.updates}) == 1
    assert len(webhook.updates) == 4
    assert clock.slept == [1, 2, 4]
    (update,) = (await sandbox.control("GET", "/telegram/updates")).json()["updates"]
    assert (update["outcome"], update["tries"]) == ("delivered", 4)
    info = (await sandbox.bot("getWebhookInfo")).json()["result"]
    assert (info["url"], info["pending_update_count"]) == (URL, 0)
    assert info["last_error_message"] == "Wrong response from the webhook: 302 Found"


async def test_after_five_tries_the_update_is_given_up_and_the_next_one_comes(
    sandbox: Sandbox, webhook: FakeWebhook, clock: FakeClock
) -> None:
    webhook.answers = [httpx.Response(503)] * 5
    await listen(sandbox)
    await sandbox.write(ADA, "first")
    await sandbox.write(ADA, "second")
    updates = (await sandbox.control("GET", "/telegram/updates")).json()["updates"]
    assert [(update["outcome"], update["tries"]) for update in updates] == [("gave_up", 5), ("delivered", 1)]
    assert clock.slept == [1, 2, 4, 8]


async def test_a_chat_whose_updates_fail_holds_back_no_other(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    for chat_id in (1, 2):
        await sandbox.write(chat_id, "hi")
    webhook.broken_chats = {1}
    await listen(sandbox)
    await sandbox.world.messenger.updates.settled()
    assert [update["message"]["chat"]["id"] for update in webhook.updates] == [1, 2, 1, 1, 1, 1]


async def test_updates_of_a_chat_keep_their_order_through_retries(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    for text in ("one", "two", "three"):
        await sandbox.write(ADA, text)
    webhook.answers = [httpx.Response(500), httpx.Response(200), httpx.Response(500)]
    await listen(sandbox)
    await sandbox.world.messenger.updates.settled()
    assert [update["message"]["text"] for update in webhook.updates] == ["one", "one", "two", "two", "three"]


async def test_a_webhooks_response_may_contain_a_call(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    webhook.answers = [httpx.Response(200, json={"method": "sendMessage", "chat_id": ADA, "text": "Welcome"})]
    await listen(sandbox)
    await sandbox.write(ADA, "/start")
    assert [(message["chat_id"], message["text"]) for message in await sandbox.sent()] == [(ADA, "Welcome")]


async def test_blocking_and_unblocking_send_one_update_each(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    await sandbox.chat(ADA)
    await listen(sandbox)
    for action in ("block", "block", "unblock", "unblock"):
        await sandbox.control("POST", f"/telegram/chats/{ADA}/{action}")
        await sandbox.world.messenger.updates.settled()
    changes = [update["my_chat_member"] for update in webhook.updates]
    assert [(c["old_chat_member"]["status"], c["new_chat_member"]["status"]) for c in changes] == [
        ("member", "kicked"),
        ("kicked", "member"),
    ]
    assert changes[0]["new_chat_member"]["user"]["is_bot"] is True


async def test_a_migration_sends_an_update_in_both_chats(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    await sandbox.chat(CREW, title="Trail crew")
    await listen(sandbox)
    await sandbox.control("POST", f"/telegram/chats/{CREW}/migrate", {})
    await sandbox.world.messenger.updates.settled()
    service = {update["message"]["chat"]["id"]: update["message"] for update in webhook.updates}
    new_id = service[CREW]["migrate_to_chat_id"]
    assert new_id < -(10**12)
    assert service[new_id]["migrate_from_chat_id"] == CREW


async def test_a_user_who_has_blocked_the_bot_cannot_write_to_it(sandbox: Sandbox) -> None:
    await sandbox.chat(ADA)
    await sandbox.control("POST", f"/telegram/chats/{ADA}/block")
    answer = await sandbox.control("POST", f"/telegram/chats/{ADA}/message", {"text": "hi"})
    assert answer.status_code == 409
    assert "unblock" in answer.json()["error"]


async def test_without_a_webhook_updates_wait_to_be_fetched_and_an_offset_confirms_them(sandbox: Sandbox) -> None:
    first, second = [await sandbox.write(ADA, text) for text in ("one", "two")]
    fetched = (await sandbox.bot("getUpdates", limit=1)).json()["result"]
    assert [update["update_id"] for update in fetched] == [first["update_id"]]
    fetched = (await sandbox.bot("getUpdates", offset=second["update_id"])).json()["result"]
    assert [update["message"]["text"] for update in fetched] == ["two"]
    assert (await sandbox.bot("getUpdates", offset=-1)).json()["result"] == fetched
    assert (await sandbox.bot("getUpdates", offset=second["update_id"] + 1)).json()["result"] == []


async def test_while_a_webhook_is_set_nothing_can_be_fetched(sandbox: Sandbox) -> None:
    await listen(sandbox)
    answer = await sandbox.bot("getUpdates")
    assert answer.status_code == 409
    assert answer.json()["description"].startswith("Conflict: can't use getUpdates method while webhook is active")
    assert (await sandbox.bot("deleteWebhook")).json()["description"] == "Webhook was deleted"
    assert (await sandbox.bot("getUpdates")).status_code == 200


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"url": "ftp://x"}, "bad webhook: An HTTPS URL must be provided for webhook"),
        ({"url": URL, "secret_token": "a b"}, "secret token contains unallowed characters"),
        ({"url": URL, "secret_token": "x" * 257}, "secret token is too long"),
        ({"url": URL, "allowed_updates": "[1]"}, "allowed updates must be an Array of String"),
        ({"url": URL, "allowed_updates": "["}, "can't parse allowed updates JSON object"),
    ],
)
async def test_an_invalid_webhook_is_rejected(sandbox: Sandbox, parameters: dict[str, str], why: str) -> None:
    answer = await sandbox.bot("setWebhook", **parameters)
    assert (answer.status_code, answer.json()["description"]) == (400, f"Bad Request: {why}")
    assert (await sandbox.bot("getWebhookInfo")).json()["result"]["url"] == ""


async def test_a_webhook_gets_only_the_kinds_that_it_requested(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    await listen(sandbox, allowed_updates=["message"])
    await sandbox.write(CREW, "hi", type="group")
    assert [set(update) for update in webhook.updates] == [{"update_id", "message"}]
    assert (await sandbox.bot("getWebhookInfo")).json()["result"]["allowed_updates"] == ["message"]


async def test_setting_a_webhook_again_says_so_and_an_empty_one_removes_it(sandbox: Sandbox) -> None:
    descriptions = [(await sandbox.bot("setWebhook", url=url)).json()["description"] for url in (URL, URL, "", "")]
    assert descriptions == [
        "Webhook was set",
        "Webhook is already set",
        "Webhook was deleted",
        "Webhook is already deleted",
    ]


async def test_pending_updates_can_be_dropped(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    await sandbox.write(ADA, "old")
    await listen(sandbox, drop_pending_updates=True)
    await sandbox.world.messenger.updates.settled()
    assert webhook.requests == []


async def test_ids_are_never_used_twice_even_after_a_reset(sandbox: Sandbox) -> None:
    before = await sandbox.write(ADA, "one")
    await sandbox.control("POST", "/reset")
    after = await sandbox.write(ADA, "two")
    assert after["update_id"] > before["update_id"]
    assert after["message_id"] > before["message_id"]
