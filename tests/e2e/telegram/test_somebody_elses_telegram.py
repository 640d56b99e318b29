"""Tests our Telegram code against npm's telegram-test-api, which others wrote from Telegram's documentation.

It does not know the webhook's secret, so its updates are fetched and passed to the webhook, as `make run` does for the
real Telegram, which cannot call a laptop either.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cairn.clock import now
from cairn.model import Reading, Subject
from cairn.readings.stats import Stats
from testing.api import webhook_event
from testing.cloud import SECRETS, Cloud, Context, cloud
from testing.functions import FUNCTIONS
from testing.local_cloud import free_ports

HERE = Path(__file__).parent / "telegram_test_api"
TOKEN = SECRETS["TELEGRAM_SECRET"]["TELEGRAM_BOT_TOKEN"]
CHAT = 4711


@pytest.fixture(scope="module")
def telegram() -> Iterator[httpx.Client]:
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=HERE, check=True, capture_output=True)
    port = free_ports(1)
    command = ["node", "server.cjs", str(port)]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True, start_new_session=True) as server:
        try:
            assert server.stdout
            assert server.stdout.readline().strip() == "ready"
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                yield client
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # the group: `node` from the wheel is a wrapper around the real one


@pytest.fixture
def aws(telegram: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with cloud(httpx.HTTPTransport()) as made:
        monkeypatch.setenv("TELEGRAM_API_URL", str(telegram.base_url).rstrip("/"))
        yield made


def write(telegram: httpx.Client, text: str) -> None:
    """A person writes to the bot, and the update is passed to the webhook."""

    person = {"id": CHAT, "first_name": "Ada", "type": "private"}
    message = {
        "botToken": TOKEN,
        "from": person,
        "chat": person,
        "text": text,
        "entities": [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}],
    }
    telegram.post("/sendCommand", json=message).raise_for_status()
    updates = telegram.post(f"/bot{TOKEN}/getUpdates").json()["result"]
    assert [update["message"]["text"] for update in updates] == [text]
    for update in updates:
        assert FUNCTIONS["telegram_webhook"](webhook_event(update), Context())["statusCode"] == 200


def received(telegram: httpx.Client) -> list[str]:
    """What the bot has sent to this chat since the last call."""
    answer = telegram.post("/getUpdates", json={"token": TOKEN, "chatId": CHAT}).json()
    return [message["message"]["text"] for message in answer["result"]]


def test_a_person_subscribes_and_is_notified_of_a_milestone_through_it(telegram: httpx.Client, aws: Cloud) -> None:
    write(telegram, "/start hello")
    aws.flow()
    assert "You'll be notified" in received(telegram)[0]

    subject = Subject("channel", "youtube:UC1")
    stats = Stats(aws.table("STATS_TABLE"))
    for count in (990, 1010):
        stats.record(Reading(subject, "Tom & Jerry", {"subscribers": count}, now(), "test", "0" * 32))
    aws.flow()
    assert received(telegram) == ["🎉 <b>Tom &amp; Jerry</b> passed <b>1K</b> subscribers on YouTube!\nNow at 1,010."]

    write(telegram, "/stop")
    time.sleep(1.1)  # a chat is answered once a second
    aws.flow()
    assert "won't be notified any more" in received(telegram)[0]
    stats.record(Reading(subject, "Tom & Jerry", {"subscribers": 2500}, now(), "test", "0" * 32))
    aws.flow()
    assert received(telegram) == []
