"""Tells Telegram where a bot's updates go; Telegram keeps one webhook a bot, the last that was set."""

from __future__ import annotations

import httpx

TELEGRAM_API_URL = "https://api.telegram.org"

_UPDATES = ["message", "channel_post", "my_chat_member"]
_TIMEOUT_SECONDS = 15


class TelegramRefusedError(Exception):
    """Telegram, or what stands in for it, did not take the call."""


def webhook_url(api_url: str) -> str:
    """Where the deployed API takes Telegram's updates."""
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
    """Have the bot's updates sent to `url` with `secret` in a header; TelegramRefusedError when that fails.

    `connections` is how many updates may come at once, 1 to 100; 40 is Telegram's own default.
    """
    body = {"url": url, "secret_token": secret, "allowed_updates": _UPDATES, "max_connections": connections}
    trust_env = telegram_url.startswith("https:")
    try:
        with httpx.Client(transport=transport, timeout=_TIMEOUT_SECONDS, trust_env=trust_env) as http:
            answer = http.post(f"{telegram_url}/bot{token}/setWebhook", json=body)
    except httpx.TransportError as error:
        raise TelegramRefusedError(f"{telegram_url} does not answer ({error})") from error
    if not answer.is_success:
        raise TelegramRefusedError(f"{telegram_url} answered {answer.status_code}: {answer.text[:300]}")
