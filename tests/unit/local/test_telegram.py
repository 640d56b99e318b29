"""How a bot's updates reach the webhook: pushed by Telegram, or polled."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.bridge import Bridge, WebhookElsewhereError
from local.platforms import is_loopback
from operations.telegram import TelegramRejectedError, set_webhook, webhook_url

TOKEN = "123456:AA"
Answer = Callable[[httpx.Request], httpx.Response]


def test_the_webhook_is_set_with_its_secret_and_the_kinds_of_updates() -> None:
    requests: list[httpx.Request] = []

    def telegram(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"ok": True, "result": True})

    set_webhook("http://telegram", TOKEN, webhook_url("http://edge"), "secret", httpx.MockTransport(telegram))
    (request,) = requests
    assert str(request.url) == f"http://telegram/bot{TOKEN}/setWebhook"
    body = json.loads(request.content)
    assert body["url"] == "http://edge/api/telegram/webhook"
    assert body["secret_token"] == "secret"
    assert {"message", "my_chat_member"} <= set(body["allowed_updates"])


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda _: httpx.Response(401, json={"ok": False, "description": "Unauthorized"}), "Unauthorized"),
        (lambda _: httpx.Response(200, text="<html>Welcome</html>"), "Welcome"),
        (lambda _: httpx.Response(200, json={"status": "up"}), "up"),
        (lambda _: (_ for _ in ()).throw(httpx.ConnectError("refused")), "does not answer"),
    ],
)
def test_an_error_of_telegram_is_reported_without_the_token(answer: Answer, word: str) -> None:
    with pytest.raises(TelegramRejectedError, match=word) as refused:
        set_webhook("http://telegram", TOKEN, "http://edge", "secret", httpx.MockTransport(answer))
    assert TOKEN not in str(refused.value)


def bridge(telegram: Answer, webhook: Answer) -> Bridge:
    return Bridge(
        httpx.Client(base_url="http://telegram", transport=httpx.MockTransport(telegram)),
        TOKEN,
        httpx.Client(transport=httpx.MockTransport(webhook)),
        "http://edge/api/telegram/webhook",
        "secret",
    )


def updates(*ids: int) -> httpx.Response:
    return httpx.Response(200, json={"ok": True, "result": [{"update_id": number} for number in ids]})


def test_updates_are_posted_in_order_with_the_secret_and_then_confirmed() -> None:
    offsets: list[int] = []
    received: list[tuple[Any, str]] = []

    def telegram(request: httpx.Request) -> httpx.Response:
        offsets.append(json.loads(request.content)["offset"])
        return updates(7, 8)

    def webhook(request: httpx.Request) -> httpx.Response:
        received.append((json.loads(request.content)["update_id"], request.headers["X-Telegram-Bot-Api-Secret-Token"]))
        return httpx.Response(200)

    one = bridge(telegram, webhook)
    assert one.turn() == 2
    one.turn()
    assert received[:2] == [(7, "secret"), (8, "secret")]
    assert offsets == [0, 9]


def test_an_update_that_the_webhook_rejects_is_retried() -> None:
    offsets: list[int] = []

    def telegram(request: httpx.Request) -> httpx.Response:
        offsets.append(json.loads(request.content)["offset"])
        return updates(7)

    one = bridge(telegram, lambda _: httpx.Response(502))
    for _ in range(2):
        with pytest.raises(httpx.HTTPStatusError):
            one.turn()
    assert offsets == [0, 0]


def test_a_webhook_set_elsewhere_is_kept() -> None:
    conflict = httpx.Response(409, json={"ok": False, "description": "can't use getUpdates while webhook is active"})
    with pytest.raises(WebhookElsewhereError, match="webhook is active"):
        bridge(lambda _: conflict, lambda _: httpx.Response(200)).turn()


@pytest.mark.parametrize("url", ["http://127.0.0.1:4568/telegram", "http://localhost:9000", "http://[::1]:9000"])
def test_loopback_addresses_are_recognised(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize("url", ["https://api.telegram.org", "http://192.168.1.2", "http://localhost.example.org"])
def test_other_addresses_are_not_loopback(url: str) -> None:
    assert not is_loopback(url)
