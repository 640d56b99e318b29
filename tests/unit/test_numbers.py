"""The numbers that users, operators, clients, platforms and AWS rely on, written out.

A test that imports one of them follows it wherever it goes. Who changes one here changes a promise: look for it in
README.md, docs/ and the API's document, too.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NUMBERS: dict[str, object] = {
    # what a client is told, and what it may send
    "functions.api.auth.MAX_BYTES": 64 * 1024,
    "functions.api.auth.LARGER_MAX_BYTES": {"/api/leaderboard/bulk-update": 512 * 1024, "/api/users": 1024 * 1024},
    "functions.api.leaderboard.schemas.MAX_UPDATES": 1000,
    "functions.ws_connect.frame_limits.BURST": 100,
    "functions.ws_connect.frame_limits.PER_SECOND": 2,
    "functions.ws_connect.frame_limits.PATIENCE": 50,
    "functions.ws_connect.request_handler.MAX_FRAME_LENGTH": 4096,
    "functions.ws_connect.request_handler.FRAMES_RETRY_SECONDS": 10,
    "functions.ws_connect.request_handler.TABS_RETRY_SECONDS": 60,
    "cairn.realtime.membership.MAX_ROOMS": 20,
    "cairn.realtime.membership.SHARDS": 16,  # a stored socket stays in its shard
    "cairn.realtime.event_log.MAX_REPLAY": 250,
    "cairn.realtime.event_log.MAX_PUBLIC_REPLAY_BYTES": 32 * 1024,
    "cairn.viewers.presence_slots.MAX_TABS": 20,
    "cairn.viewers.join_limits.UNREPORTED_JOINS": 3,
    "cairn.leaderboard.reps.CLOCK_SKEW": 5 * MINUTE,
    "cairn.readings.stats.MAX_AHEAD": 5 * MINUTE,
    # who tries to sign in
    "cairn.identity.sign_in_limits.FREE_FAILURES": 5,
    "cairn.identity.sign_in_limits.FAILURES_OF_ADDRESS": 30,
    "cairn.identity.sign_in_limits.WINDOW": 15 * MINUTE,
    "cairn.identity.sign_in_limits.LONGEST_WAIT": HOUR,
    "cairn.identity.sign_in_limits.FORGOTTEN_AFTER": DAY,
    "cairn.identity.cognito.KEYS_SECONDS": 3600,
    # what is shown, and for how long
    "cairn.leaderboard.announce.CELEBRATED_FOR": 10 * MINUTE,
    "cairn.viewers.announce.CELEBRATED_FOR": 10 * MINUTE,
    "cairn.leaderboard.badges.CACHE_SECONDS": 30,
    "cairn.leaderboard.board_refresh.INTERVAL": SECOND,
    "cairn.readings.history.RETENTION": 30 * DAY,
    "cairn.readings.unannounced.ENDED_LATELY": DAY,
    "cairn.viewers.subjects.UNNAMED_RETENTION": 30 * DAY,
    "cairn.viewers.counts.LEVEL_DELAY": 3 * SECOND,  # by then every Lambda knows the new level
    "cairn.channels.plausibility.CONFIRMED_AFTER": MINUTE,
    # Telegram's limits, and how long Cairn tries
    "functions.notify.pace.CHAT_SECONDS": 1.0,
    "functions.notify.pace.GROUP_SECONDS": 3.0,
    "functions.notify.pace.SHORT_HOLD_SECONDS": 5,
    "functions.notify.notifier.LONGEST_WAIT": 3 * DAY,
    "functions.notify.notifier.FRESH": MINUTE,
    "functions.notify.part.MAX_TRIES": 20,
    "functions.notify.sender.LEASE": 75 * SECOND,
    "functions.notify.text.LIMIT": 4096,
    "functions.notify.audience.RECHECK_NAME": DAY,
    "functions.telegram_webhook.command_handler.CHAT_PAUSE": SECOND,
    "functions.telegram_webhook.command_handler.GROUP_PAUSE": 3 * SECOND,
    "cairn.telegram.bot.LONGEST_HOLD_SECONDS": 86_400,
    "cairn.telegram.send_slots.TOGETHER": MINUTE,
    "cairn.telegram.subscribers.SUSPENDED_FOR": 30 * DAY,
    # limits of YouTube and AWS
    "cairn.channels.fetching.BATCH_SIZE": 50,
    "cairn.aws.sqs.LONGEST_DELAY": 15 * MINUTE,
    "cairn.aws.sqs.LONGEST_VISIBILITY_SECONDS": 12 * 3600,
    "cairn.realtime.frames.MAX_FRAME_BYTES": 128 * 1024,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_others_rely_on_is_what_it_was(name: str) -> None:
    module, _, constant = name.rpartition(".")
    assert getattr(import_module(module), constant) == NUMBERS[name]
