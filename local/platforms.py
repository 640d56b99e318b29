"""Joins the deployed stack to the platforms: their keys into its secrets, and its webhook to Telegram."""

from __future__ import annotations

import ipaddress
import json
import sys
from urllib.parse import urlsplit

from local.processes import Processes, child_environment
from local.settings import Settings
from operations.stack import Stack
from operations.telegram import TELEGRAM_API_URL, TelegramRefusedError, set_webhook, webhook_url

_CONNECTIONS = 4
"""Updates at once: each keeps a Lambda busy, which here is a process of this machine's."""


def fill_secrets(settings: Settings, stack: Stack) -> None:
    """Every platform's keys, real or standing in, where the functions read them."""
    for choice in settings.platforms:
        stack.clients.secretsmanager.put_secret_value(
            SecretId=stack.output(choice.platform.secret_output), SecretString=json.dumps(dict(choice.secret))
        )


def link_telegram(settings: Settings, processes: Processes) -> str:
    """Have Telegram's updates reach this machine, or say why they do not.

    A Telegram on this machine is told the webhook; the real one cannot call a laptop, so its updates are fetched.
    """
    choice = settings.choice("telegram")
    api_url = choice.url or TELEGRAM_API_URL
    token, secret = choice.secret["TELEGRAM_BOT_TOKEN"], choice.secret["TELEGRAM_WEBHOOK_SECRET"]
    if is_loopback(api_url):
        try:
            url = webhook_url(settings.api_url)
            set_webhook(api_url, token, url, secret, connections=_CONNECTIONS)
        except TelegramRefusedError as error:
            return f"the bot cannot be told the webhook, so its commands do not arrive: {error}"
        return f"the bot at {api_url} calls the webhook"
    environment = child_environment() | {"TELEGRAM_BOT_TOKEN": token, "TELEGRAM_WEBHOOK_SECRET": secret}
    command = [sys.executable, "-m", "local.bridge", "--telegram", api_url, "--webhook", webhook_url(settings.api_url)]
    processes.start("bridge", command, environment, needed=False)
    return f"the bot at {api_url}: its updates are fetched and handed to the webhook"


def is_loopback(url: str) -> bool:
    """Whether an address means this machine, as far as it can be told without asking DNS."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
