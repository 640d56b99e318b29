"""Connects the deployed stack to the platforms: stores their keys in its secrets, and sets their webhooks."""

from __future__ import annotations

import json
import sys
from urllib.parse import urlsplit

import httpx

from local import foreign_pages
from local.processes import Processes, child_environment
from local.settings import Settings
from operations.stack import Stack
from operations.telegram import TELEGRAM_API_URL, TelegramRejectedError, set_webhook, webhook_url

CREATOR_HOOK = "/hooks/creators/fanvue"
_TIMEOUT_SECONDS = 10
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


def link_creators(settings: Settings, transport: httpx.BaseTransport | None = None) -> str:
    """Have the sandbox tell this cloud of each payment at once; a summary line.

    The real platform cannot call a laptop: what it would tell is read by the next sync.
    """
    choice = settings.choice("creator")
    if not choice.sandboxed:
        return f"creators' earnings are read from {choice.url or 'Fanvue'}; its webhooks cannot reach this machine"
    body = {"url": f"{settings.api_url}{CREATOR_HOOK}", "secret": choice.secret["CREATOR_WEBHOOK_SECRET"]}
    with httpx.Client(transport=transport, timeout=_TIMEOUT_SECONDS, trust_env=False) as sandbox:
        sandbox.put(f"{settings.sandbox_url}/control/fanvue/webhook", json=body).raise_for_status()
    return f"creators earn at the sandbox's Fanvue, {choice.url}, which tells {body['url']} of payments"


def is_loopback(url: str) -> bool:
    """Whether a URL means this machine, as far as that is known without DNS."""
    return foreign_pages.is_loopback(urlsplit(url).netloc)
