"""Between a crossing and the first message by Telegram are few calls, one after the other."""

from __future__ import annotations

import pytest

from tests.crash.channels.platforms import Platforms
from tests.crash.channels.way import YOUTUBE, way

BUDGET = 8
"""Calls in sequence, the message included (docs/performance.md)."""


@pytest.mark.undisturbed
@pytest.mark.parametrize("chats", [1, 45])
@pytest.mark.parametrize("announcement_chat", ["", "-100"])
def test_from_a_crossing_to_the_first_message(chats: int, announcement_chat: str) -> None:
    """Its claim, record and alert; then the recipients, the plan with the first part, and the send slots.

    One more if the announcement channel has to be read, and one if there are other parts, which begin meanwhile.
    """
    with way(announcement_chat=announcement_chat, telegram=Platforms()) as here:
        here.track({YOUTUBE: 9_500})
        here.subscribe([str(1000 + number) for number in range(chats)])
        here.tick()
        before = len(here.account.wire.calls)
        here.tick(youtube=10_100)
        calls = here.account.wire.calls[before:]
        made = calls[: calls.index("notify: POST sendMessage") + 1]
        made = [call for call in made if call.startswith(("detect_milestone", "notify"))]
        made.remove("detect_milestone: dynamodb UpdateItem")  # that it was announced, which nobody waits for
        for function in ("detect_milestone", "notify"):
            made.remove(f"{function}: dynamodb GetItem")  # of the settings, which a warm function keeps
        made.remove("detect_milestone: sqs SendMessageBatch")  # to the webhook queue, after that to the notify queue
        made.remove("notify: secrets-manager GetSecretValue")  # which a warm function keeps
        more = bool(announcement_chat) + (chats > 30)
        assert len(made) == 7 + more, made
        assert len(made) <= BUDGET or more == 2
