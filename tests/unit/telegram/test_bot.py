"""Each failing answer of Telegram's is one type of error, and the token is in none of them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.telegram.bot import (
    LONGEST_HOLD_SECONDS,
    Bot,
    BotRefusedError,
    ChatGoneError,
    ChatMigratedError,
    InDoubtError,
    RateLimitedError,
    RefusedError,
    TelegramError,
    UnavailableError,
)
from tests.unit.channels.platforms.test_youtube import json_values
from tests.unit.scripted import Script

TOKEN = "123456:AA-test"


def bot(answer: httpx.Response | Exception, token: str = TOKEN) -> tuple[Bot, Script]:
    script = Script([answer])
    return Bot(script.client(), "http://telegram.test/", token), script


def error_answer(code: int, description: str, **parameters: object) -> httpx.Response:
    body = {"ok": False, "error_code": code, "description": description}
    return httpx.Response(code, json=body | ({"parameters": parameters} if parameters else {}))


def test_a_message_is_html_without_a_preview_of_links() -> None:
    sender, script = bot(httpx.Response(200, json={"ok": True, "result": {"message_id": 1}}))
    sender.send_message("77", "<b>hello</b>")
    assert script.asked[0].url == f"http://telegram.test/bot{TOKEN}/sendMessage"
    assert json.loads(script.asked[0].content) == {
        "chat_id": "77",
        "text": "<b>hello</b>",
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }


@pytest.mark.parametrize("result", [True, None, {}, [], "x", {"message_id": "x"}])
def test_a_message_that_was_accepted_is_never_mistaken_for_one_that_was_not(result: object) -> None:
    sender, _ = bot(httpx.Response(200, json={"ok": True, "result": result}))
    sender.send_message("77", "hello")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error_answer(429, "Too Many Requests: retry after 7", retry_after=7), RateLimitedError),
        (error_answer(403, "Forbidden: bot was blocked by the user"), ChatGoneError),
        (error_answer(403, "Forbidden: user is deactivated"), ChatGoneError),
        (error_answer(403, "Forbidden: bot was kicked from the supergroup chat"), ChatGoneError),
        (error_answer(400, "Bad Request: chat not found"), ChatGoneError),
        (error_answer(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1007), ChatMigratedError),
        (error_answer(400, "Bad Request: can't parse entities"), RefusedError),
        (error_answer(400, "Bad Request: message is too long"), RefusedError),
        (error_answer(413, "Request Entity Too Large"), RefusedError),
        (error_answer(400, "Bad Request: not enough rights to send text messages to the chat"), RefusedError),
        (error_answer(400, "Bad Request: TOPIC_CLOSED"), RefusedError),
        (error_answer(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), RefusedError),
        (error_answer(403, "Forbidden: CHAT_WRITE_FORBIDDEN"), RefusedError),
        (error_answer(403, "Forbidden: bot is not a member of the channel chat"), ChatGoneError),
        (error_answer(403, "Forbidden: the group chat was deleted"), ChatGoneError),
        (error_answer(401, "Unauthorized"), BotRefusedError),
        (error_answer(404, "Not Found"), BotRefusedError),
        (error_answer(408, "Request Timeout"), UnavailableError),
        (error_answer(409, "Conflict: terminated by other getUpdates request"), UnavailableError),
        (error_answer(500, "Internal Server Error"), UnavailableError),
        (httpx.Response(502, text="<html>"), UnavailableError),
        (httpx.Response(200, json=[]), InDoubtError),
        (httpx.Response(200, json={}), InDoubtError),
        (httpx.Response(200, json={"ok": True}), InDoubtError),
        (httpx.ReadTimeout(f"http://telegram.test/bot{TOKEN}/sendMessage"), InDoubtError),
        (httpx.RemoteProtocolError("closed"), InDoubtError),
        (httpx.ConnectTimeout("nobody"), UnavailableError),
        (httpx.ConnectError("refused"), UnavailableError),
    ],
)
def test_an_answer_is_one_kind_of_error(answer: httpx.Response | Exception, kind: type[TelegramError]) -> None:
    sender, _ = bot(answer)
    with pytest.raises(TelegramError) as raised:
        sender.send_message("77", "hello")
    assert type(raised.value) is kind
    assert TOKEN not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (error_answer(401, "Unauthorized"), "sendMessage: 401 Unauthorized"),
        (error_answer(403, "Forbidden: user is deactivated"), "Forbidden: user is deactivated"),
        (error_answer(400, "Bad Request: TOPIC_CLOSED"), "sendMessage: 400 Bad Request: TOPIC_CLOSED"),
        (error_answer(500, "Internal Server Error"), "sendMessage: 500 Internal Server Error"),
        (error_answer(429, "Too Many Requests", retry_after=7), "Telegram asks to wait 7 s"),
        (error_answer(400, "Bad Request", migrate_to_chat_id=-1007), "the chat has migrated to -1007"),
        (httpx.Response(502, text="<html>"), "sendMessage: HTTP 502 with a body that is not Telegram's"),
        (httpx.ConnectError("refused"), "sendMessage: ConnectError"),
        (httpx.ReadTimeout("slow"), "sendMessage: ReadTimeout"),
    ],
)
def test_an_error_says_what_telegram_said(answer: httpx.Response | Exception, reason: str) -> None:
    sender, _ = bot(answer)
    with pytest.raises(TelegramError) as raised:
        sender.send_message("77", "hello")
    assert str(raised.value) == reason


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 429, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        {"message": "Forbidden"},
        {"error": "chat not found"},
        {"ok": False},
        {"ok": False, "description": "Bad Request: chat not found"},
        {"ok": False, "error_code": 403},
        {"ok": False, "error_code": "403", "description": "Forbidden: bot was blocked by the user"},
        {"ok": "false", "error_code": 403, "description": "Forbidden: bot was blocked by the user"},
        {"error_code": 400, "description": "Bad Request: chat not found"},
    ],
)
def test_an_answer_of_a_proxy_is_not_taken_for_telegrams(status: int, body: object) -> None:
    sender, _ = bot(httpx.Response(status, json=body))
    with pytest.raises(TelegramError) as raised:
        sender.send_message("77", "hello")
    assert type(raised.value) is UnavailableError


def test_a_name_is_resolved_to_its_id() -> None:
    sender, script = bot(httpx.Response(200, json={"ok": True, "result": {"id": -1007, "type": "channel"}}))
    assert sender.chat_id_of("@cairn") == "-1007"
    assert script.asked[0].url.path.endswith("/getChat")
    assert json.loads(script.asked[0].content) == {"chat_id": "@cairn"}


@pytest.mark.parametrize("result", [None, [], {}, {"id": "x"}, {"id": True}])
def test_a_chat_without_an_id_is_no_answer(result: object) -> None:
    sender, _ = bot(httpx.Response(200, json={"ok": True, "result": result}))
    with pytest.raises(UnavailableError):
        sender.chat_id_of("@cairn")


def test_a_hold_says_for_how_long_and_a_migration_where_to() -> None:
    sender, _ = bot(error_answer(429, "Too Many Requests", retry_after=7))
    with pytest.raises(RateLimitedError) as held:
        sender.send_message("77", "hello")
    assert held.value.seconds == 7
    sender, _ = bot(error_answer(400, "Bad Request", migrate_to_chat_id=-1007))
    with pytest.raises(ChatMigratedError) as migrated:
        sender.send_message("-7", "hello")
    assert migrated.value.chat_id == "-1007"


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [(None, 1), ("soon", 1), (-3, 0), (10**12, LONGEST_HOLD_SECONDS), ([], 1), (2.5, 1)]
)
def test_a_hold_of_nonsense_is_a_short_one_and_never_longer_than_a_day(retry_after: object, seconds: int) -> None:
    sender, _ = bot(error_answer(429, "Too Many Requests", retry_after=retry_after))
    with pytest.raises(RateLimitedError) as held:
        sender.send_message("77", "hello")
    assert held.value.seconds == seconds


def test_a_token_with_a_line_break_is_no_answer() -> None:
    sender, _ = bot(httpx.Response(200), "123:AA\n")
    with pytest.raises(UnavailableError) as raised:
        sender.send_message("77", "hello")
    assert "123:AA" not in str(raised.value)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["ok", "result", "description", "parameters", "error_code"]), json_values),
    st.sampled_from([200, 400, 403, 429, 500]),
)
def test_an_answer_of_any_shape_is_accepted_or_a_telegram_error(body: Any, status: int) -> None:
    sender, _ = bot(httpx.Response(status, json=body))
    try:
        sender.send_message("77", "hello")
    except TelegramError:
        return
    assert body["ok"] is True
