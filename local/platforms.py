"""Connects the deployed stack to the platforms: stores their keys in its secrets, and sets Telegram's webhook."""

from __future__ import annotations

import json
import sys
from urllib.parse import urlsplit

from local import foreign_pages
from local.processes import Processes, child_environment
from local.settings import Settings
from operations.stack import Stack
from operations.telegram import TELEGRAM_API_URL, TelegramRejectedError, set_webhook, webhook_url

_CONNECTIONS = 4
"""Concurrent updates; each occupies a Lambda, which here is a process on this machine."""


def fill_secrets(settings: Settings, stack: Stack) -> None:
    """Store every platform's keys, real or the sandbox's, where the functions read them."""
    for choice in settings.platforms:
        stack.clients.secretsmanager.put_secret_value(
            SecretId=stack.output(choice.platform.secret_output), SecretString=json.dumps(dict(choice.secret))
        )


def link_telegram(settings: Settings, processes: Processes) -> str:
    """Route the bot's updates to this machine; a summary line, which says why when that fails.

    A Telegram on this machine calls the webhook; the real one cannot call a laptop, so its updates are polled.
    """
    choice = settings.choice("telegram")
    api_url = choice.url or TELEGRAM_API_URL
    token, secret = choice.secret["TELEGRAM_BOT_TOKEN"], choice.secret["TELEGRAM_WEBHOOK_SECRET"]
    if is_loopback(api_url):
        try:
            url = webhook_url(settings.api_url)
            set_webhook(api_url, token, url, secret, connections=_CONNECTIONS)
        except TelegramRejectedError as error:
            return f"the webhook could not be set, so the bot receives no commands: {error}"
        return f"bot at {api_url} calls the webhook"
    environment = child_environment() | {"TELEGRAM_BOT_TOKEN": token, "TELEGRAM_WEBHOOK_SECRET": secret}
    command = [sys.executable, "-m", "local.bridge", "--telegram", api_url, "--webhook", webhook_url(settings.api_url)]
    processes.start("bridge", command, environment, needed=False)
    return f"bot at {api_url}: updates are polled and posted to the webhook"


def is_loopback(url: str) -> bool:
    """Whether a URL means this machine, as far as that is known without DNS."""
    return foreign_pages.is_loopback(urlsplit(url).netloc)
