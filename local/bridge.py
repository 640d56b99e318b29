"""Polls Telegram for a real bot's updates and posts them to the local webhook, since Telegram cannot call this machine.

Only for a bot without a webhook, because Telegram offers either polling or a webhook. A webhook set elsewhere is kept.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

import httpx

_POLL_SECONDS = 50
_PAUSE_SECONDS = 5.0


class WebhookElsewhereError(Exception):
    """The bot already has a webhook elsewhere."""


class Bridge:
    """One bot and one webhook."""

    def __init__(
        self, telegram: httpx.Client, token: str, webhook: httpx.Client, webhook_url: str, secret: str
    ) -> None:
        self._telegram = telegram
        self._token = token
        self._webhook = webhook
        self._webhook_url = webhook_url
        self._headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
        self._offset = 0

    def turn(self) -> int:
        """Wait for updates and post them in order; how many. A rejected one is fetched and posted again."""
        answer = self._telegram.post(
            f"/bot{self._token}/getUpdates", json={"offset": self._offset, "timeout": _POLL_SECONDS}
        )
        if answer.status_code == httpx.codes.CONFLICT:
            raise WebhookElsewhereError(answer.json().get("description", answer.text))
        answer.raise_for_status()
        updates: list[dict[str, Any]] = answer.json()["result"]
        for update in updates:
            self._webhook.post(self._webhook_url, json=update, headers=self._headers).raise_for_status()
            self._offset = update["update_id"] + 1
        return len(updates)


def main() -> None:
    """Runs until stopped; exits by itself when the bot has a webhook elsewhere."""
    parser = argparse.ArgumentParser(prog="python -m local.bridge", description=__doc__)
    parser.add_argument("--telegram", required=True, metavar="URL")
    parser.add_argument("--webhook", required=True, metavar="URL")
    options = parser.parse_args()
    token, secret = os.environ["TELEGRAM_BOT_TOKEN"], os.environ["TELEGRAM_WEBHOOK_SECRET"]
    with (
        httpx.Client(base_url=options.telegram, timeout=_POLL_SECONDS + 15) as telegram,
        httpx.Client(trust_env=False, timeout=30) as webhook,
    ):
        bridge = Bridge(telegram, token, webhook, options.webhook, secret)
        while True:
            try:
                bridge.turn()
            except WebhookElsewhereError as error:
                sys.exit(f"The bot already has a webhook elsewhere, which is kept; use another bot here. ({error})")
            except httpx.HTTPError as error:
                # httpx's message contains the URL, and with it the token.
                print(str(error).replace(token, "TOKEN"), flush=True)
                time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main()
