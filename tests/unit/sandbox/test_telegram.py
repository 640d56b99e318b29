"""The Bot API as Cairn uses it."""

from typing import Any

import httpx
import pytest

from local.sandbox import SANDBOX_TELEGRAM_TOKEN
from tests.unit.sandbox.helpers import Sandbox

pytestmark = pytest.mark.anyio
ADA, CREW, CLUB = 1001, -2001, -1_000_000_002_001


def error_of(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["ok"] is False
    assert body["error_code"] == answer.status_code
    return answer.status_code, body["description"]


async def test_a_message_arrives_with_its_markup_as_entities(sandbox: Sandbox) -> None:
    await sandbox.chat(ADA, title="Ada")
    answer = await sandbox.send(ADA, "<b>10K</b> &amp; more", parse_mode="HTML")
    message = answer.json()["result"]
    assert (message["text"], message["chat"]) == ("10K & more", {"id": ADA, "first_name": "Ada", "type": "private"})
    assert message["entities"] == [{"type": "bold", "offset": 0, "length": 3}]
    assert message["from"]["is_bot"] is True
    (sent,) = await sandbox.sent()
    assert (sent["text"], sent["source"], sent["parse_mode"]) == ("10K & more", "<b>10K</b> &amp; more", "HTML")
    assert (sent["message_id"], sent["chat_id"], sent["time"]) == (message["message_id"], ADA, 1_790_000_000_000)


@pytest.mark.parametrize(
    "call",
    [
        {"params": {"chat_id": "1001", "text": "hi & bye"}},
        {"data": {"chat_id": "1001", "text": "hi & bye"}},
        {"json": {"chat_id": 1001, "text": "hi & bye"}},
        {"files": {"chat_id": (None, "1001"), "text": (None, "hi & bye")}},
        {"params": {"chat_id": "1001", "text": "the body wins"}, "json": {"text": "hi & bye"}},
    ],
)
async def test_parameters_come_by_query_form_json_or_multipart(sandbox: Sandbox, call: dict[str, Any]) -> None:
    await sandbox.chat(ADA)
    answer = await sandbox.client.post(f"/telegram/bot{SANDBOX_TELEGRAM_TOKEN}/sendMessage", **call)
    assert answer.json()["result"]["text"] == "hi & bye"


async def test_the_api_is_mounted_at_the_root_too_and_ignores_verb_and_case(sandbox: Sandbox) -> None:
    answer = await sandbox.client.get(f"/bot{SANDBOX_TELEGRAM_TOKEN}/GETME")
    assert answer.json()["result"]["id"] == 123456


async def test_a_wrong_token_is_unauthorized_and_an_unknown_method_not_found(sandbox: Sandbox) -> None:
    assert error_of(await sandbox.client.get("/telegram/bot1:AAwrong/getMe")) == (401, "Unauthorized")
    assert error_of(await sandbox.client.get("/telegram/botnonsense/getMe")) == (404, "Not Found")
    assert error_of(await sandbox.bot("makeTea")) == (404, "Not Found")


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"text": "x"}, "chat_id is empty"),
        ({"chat_id": ADA}, "message text is empty"),
        ({"chat_id": ADA, "text": " \n"}, "message text is empty"),
        ({"chat_id": ADA, "text": "<b> </b>", "parse_mode": "HTML"}, "message text is empty"),
        ({"chat_id": ADA, "text": "x" * 4097}, "message is too long"),
        ({"chat_id": 404, "text": "x"}, "chat not found"),
        ({"chat_id": "@nobody", "text": "x"}, "chat not found"),
        ({"chat_id": "soup", "text": "x"}, "chat not found"),
        ({"chat_id": ADA, "text": "x", "parse_mode": "MarkdownV2"}, "unsupported parse_mode"),
        (
            {"chat_id": ADA, "text": "<p>", "parse_mode": "HTML"},
            'can\'t parse entities: Unsupported start tag "p" at byte offset 0',
        ),
        (
            {"chat_id": ADA, "text": "<b>x", "parse_mode": "HTML"},
            "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
    ],
)
async def test_invalid_messages_are_rejected_and_logged(sandbox: Sandbox, parameters: dict[str, Any], why: str) -> None:
    await sandbox.chat(ADA)
    assert error_of(await sandbox.bot("sendMessage", **parameters)) == (400, f"Bad Request: {why}")
    assert await sandbox.sent() == []
    (refused,) = (await sandbox.control("GET", "/telegram/refused")).json()["refused"]
    assert (refused["status"], refused["description"]) == (400, f"Bad Request: {why}")


async def test_4096_characters_count_after_the_markup_is_read(sandbox: Sandbox) -> None:
    await sandbox.chat(ADA)
    assert (await sandbox.send(ADA, f"<b>{'x' * 4095}</b>&amp;", parse_mode="HTML")).status_code == 200


async def test_without_a_parse_mode_markup_is_text(sandbox: Sandbox) -> None:
    await sandbox.chat(ADA)
    assert (await sandbox.send(ADA, "<p>")).json()["result"]["text"] == "<p>"


@pytest.mark.parametrize(
    ("chat_id", "kind", "action", "status", "why"),
    [
        (ADA, "private", "block", 403, "Forbidden: bot was blocked by the user"),
        (ADA, "private", "deactivate", 403, "Forbidden: user is deactivated"),
        (CREW, "group", "kick", 403, "Forbidden: bot was kicked from the group chat"),
        (CLUB, "supergroup", "kick", 403, "Forbidden: bot was kicked from the supergroup chat"),
        (CLUB, "channel", "kick", 403, "Forbidden: bot was kicked from the channel chat"),
        (CREW, "group", "deactivate", 403, "Forbidden: the group chat was deleted"),
        (CREW, "group", "migrate", 400, "Bad Request: group chat was upgraded to a supergroup chat"),
    ],
)
async def test_chats_that_no_longer_admit_the_bot(
    sandbox: Sandbox, chat_id: int, kind: str, action: str, status: int, why: str
) -> None:
    await sandbox.chat(chat_id, type=kind)
    assert (await sandbox.control("POST", f"/telegram/chats/{chat_id}/{action}")).status_code == 200
    assert error_of(await sandbox.send(chat_id)) == (status, why)


async def test_a_migrated_group_names_its_supergroup(sandbox: Sandbox) -> None:
    await sandbox.chat(CREW, title="Trail crew")
    await sandbox.control("POST", f"/telegram/chats/{CREW}/migrate", {"to": CLUB})
    assert (await sandbox.send(CREW)).json()["parameters"] == {"migrate_to_chat_id": CLUB}
    assert (await sandbox.send(CLUB)).json()["result"]["chat"] == {
        "id": CLUB,
        "title": "Trail crew",
        "type": "supergroup",
    }


async def test_a_public_channel_is_counted_without_membership_and_written_to_only_with_it(sandbox: Sandbox) -> None:
    channel = await sandbox.channel("telegram", "@night_trains", count=10_486)
    assert (await sandbox.bot("getChatMemberCount", chat_id="@night_trains")).json()["result"] == 10_486
    assert (await sandbox.bot("getChatMemberCount", chat_id=int(channel["id"]))).json()["result"] == 10_486
    assert error_of(await sandbox.send("@Night_Trains")) == (403, "Forbidden: bot is not a member of the channel chat")
    await sandbox.control("POST", "/telegram/chats/@night_trains/unblock")
    message = (await sandbox.send("@Night_Trains")).json()["result"]
    assert (message["chat"]["username"], message["sender_chat"]["type"]) == ("night_trains", "channel")


async def test_a_person_who_never_wrote_cannot_be_written_to(sandbox: Sandbox) -> None:
    await sandbox.chat(ADA, bot="absent")
    assert error_of(await sandbox.send(ADA)) == (403, "Forbidden: bot can't initiate conversation with a user")


async def test_get_chat_knows_title_and_username(sandbox: Sandbox) -> None:
    await sandbox.channel("telegram", "night_trains", name="Night Trains")
    chat = (await sandbox.bot("getChat", chat_id="@night_trains")).json()["result"]
    assert (chat["type"], chat["title"], chat["username"]) == ("channel", "Night Trains", "night_trains")


async def test_a_removed_channel_is_not_found(sandbox: Sandbox) -> None:
    await sandbox.channel("telegram", "night_trains")
    await sandbox.channel("telegram", "night_trains", remove=True)
    assert error_of(await sandbox.bot("getChat", chat_id="@night_trains")) == (400, "Bad Request: chat not found")


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"x"'])
async def test_a_body_that_is_not_a_json_object_is_rejected(sandbox: Sandbox, body: bytes) -> None:
    path = f"/telegram/bot{SANDBOX_TELEGRAM_TOKEN}/sendMessage"
    answer = await sandbox.client.post(path, content=body, headers={"content-type": "application/json"})
    assert error_of(answer)[0] == 400
