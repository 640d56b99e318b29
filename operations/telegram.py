"""Registers a bot's webhook with Telegram, which keeps one per bot: the last that was set."""

from __future__ import annotations

import httpx

TELEGRAM_API_URL = "https://api.telegram.org"

_UPDATES = ["message", "channel_post", "my_chat_member"]
_TIMEOUT_SECONDS = 15


class TelegramRejectedError(Exception):
    """Telegram, or its stand-in, rejected the call or did not respond."""


def webhook_url(api_url: str) -> str:
    """Where the deployed API receives Telegram's updates."""
    return f"{api_url}/api/telegram/webhook"


def set_webhook(
    telegram_url: str,
    token: str,
    url: str,
    secret: str,
    transport: httpx.BaseTransport | None = None,
    *,
    connections: int = 40,
) -> None:
    """Make Telegram send the bot's updates to `url` with `secret` in a header; TelegramRejectedError on failure.

    `connections` is how many updates Telegram may send concurrently, 1 to 100; 40 is its own default.
    """
    body = {"url": url, "secret_token": secret, "allowed_updates": _UPDATES, "max_connections": connections}
    trust_env = telegram_url.startswith("https:")
    try:
        with httpx.Client(transport=transport, timeout=_TIMEOUT_SECONDS, trust_env=trust_env) as http:
            response = http.post(f"{telegram_url}/bot{token}/setWebhook", json=body)
    except httpx.TransportError as error:
        raise TelegramRejectedError(f"{telegram_url} does not answer ({error})") from error
    if not (response.is_success and _is_ok(response)):
        raise TelegramRejectedError(f"{telegram_url} answered {response.status_code}: {response.text[:300]}")


def _is_ok(response: httpx.Response) -> bool:
    """Whether Telegram says that it worked; a proxy's page may be a 200, too."""
    try:
        answer = response.json()
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("ok") is True
