"""Fetches a real bot's updates and hands them to the local webhook, since Telegram cannot call this machine.

Runs only where the bot has no webhook: Telegram gives updates to one of the two. A webhook set elsewhere is left alone.
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
    """The bot's updates go to a webhook already."""


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
        """Wait for updates and hand them over, in order; how many. One that the webhook does not take comes again."""
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
    """Hand updates over until ended; ends by itself when the bot has a webhook."""
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
                sys.exit(f"The bot has a webhook elsewhere, which is left alone; use a bot of its own here. ({error})")
            except httpx.HTTPError as error:
                # The address in httpx's message holds the token.
                print(str(error).replace(token, "TOKEN"), flush=True)
                time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main()
