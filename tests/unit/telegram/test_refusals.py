"""Chats that fail or refuse hold up nobody else, and Telegram's false refusals are not believed."""

from __future__ import annotations

import pytest

from cairn.telegram.bot import (
    BotRefusedError,
    ChatGoneError,
    RefusedError,
    UnavailableError,
)
from cairn.telegram.deliveries import Progress
from functions.notify.part import MAX_TRIES
from tests.unit.scripted import NOON
from tests.unit.telegram.sending import Scenario, chats

GONE = ChatGoneError("Forbidden: bot was blocked by the user")
NO_RIGHTS = RefusedError("Bad Request: not enough rights to send text messages to the chat")


def test_a_chat_that_is_gone_is_suspended_and_the_others_are_notified() -> None:
    scenario = Scenario(always={"2": GONE})
    progress = scenario.deliver(chats(3))
    assert progress == Progress(frozenset({"1", "3"}), frozenset({"2"}))
    assert scenario.audience.suspended == ["2"]


def test_a_message_that_is_refused_fails_for_that_chat_alone_which_stays_subscribed() -> None:
    scenario = Scenario(always={"2": NO_RIGHTS})
    progress = scenario.deliver(chats(3))
    assert progress == Progress(frozenset({"1", "3"}), frozenset({"2"}))
    assert scenario.audience.suspended == []


@pytest.mark.parametrize("refusal", [GONE, ChatGoneError("Bad Request: chat not found"), NO_RIGHTS])
@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_when_telegram_refuses_everybody_nobody_is_given_up_and_all_are_notified_later(
    count: int, refusal: RefusedError
) -> None:
    scenario = Scenario(always=dict.fromkeys(chats(count), refusal))
    for _ in range(6):
        scenario.attempt(chats(count))
    assert (scenario.deliveries.failed, scenario.audience.suspended) == ([], [])
    assert len(scenario.tried) <= 6 * 3
    scenario.always.clear()
    assert scenario.deliver(chats(count)) == Progress(frozenset(chats(count)), frozenset())


@pytest.mark.parametrize(("count", "every"), [(5, 2), (12, 3), (30, 3)])
def test_many_refusals_at_once_are_telegrams_fault_though_others_are_notified(count: int, every: int) -> None:
    scenario = Scenario(always=dict.fromkeys(chats(count)[::every], GONE))
    scenario.attempt(chats(count))
    assert set(scenario.deliveries.delivered) == set(chats(count)) - set(chats(count)[::every])
    assert (scenario.deliveries.failed, scenario.audience.suspended) == ([], [])


def test_a_few_refusals_in_a_large_part_are_believed() -> None:
    scenario = Scenario(always=dict.fromkeys(["3", "9", "15", "21", "27"], GONE))
    progress = scenario.deliver(chats(30))
    assert progress
    assert progress.failed == {"3", "9", "15", "21", "27"}
    assert sorted(scenario.audience.suspended) == sorted(progress.failed)


def test_who_always_refuses_fails_in_the_end_and_is_not_forgotten_while_nobody_else_is_notified() -> None:
    scenario = Scenario(always={"1": GONE})
    for _ in range(MAX_TRIES - 1):
        scenario.attempt(["1"])
    assert scenario.deliver(["1"]) == Progress(frozenset(), frozenset({"1"}))
    assert scenario.audience.suspended == []


def test_an_answer_that_the_chat_refuses_is_not_tried_again() -> None:
    scenario = Scenario(always={"1": GONE})
    assert scenario.deliver(["1"], patient=False) == Progress(frozenset(), frozenset({"1"}))
    assert scenario.audience.suspended == []


@pytest.mark.parametrize("bad", [["1", "2", "3"], ["14", "15", "16"], ["28", "29", "30"], ["1", "15", "30"]])
def test_chats_that_always_fail_hold_up_nobody(bad: list[str]) -> None:
    scenario = Scenario(always=dict.fromkeys(bad, UnavailableError("HTTP 500")))
    scenario.attempt(chats(30))
    scenario.attempt(chats(30))
    assert sorted(scenario.deliveries.delivered) == sorted(set(chats(30)) - set(bad))


def test_chats_that_always_fail_are_given_up_in_the_end() -> None:
    bad = ["1", "2", "3", "4", "5"]
    scenario = Scenario(always=dict.fromkeys(bad, UnavailableError("HTTP 500")))
    attempts = 1
    while (progress := scenario.finish(chats(30))) is None:
        attempts += 1
    assert progress == Progress(frozenset(chats(30)) - set(bad), frozenset(bad))
    assert attempts < 30
    assert scenario.audience.suspended == []


def test_an_outage_gives_nobody_up() -> None:
    scenario = Scenario(always=dict.fromkeys(chats(2), UnavailableError("HTTP 500")))
    for _ in range(MAX_TRIES * 2):
        scenario.attempt(chats(2))
    scenario.always.clear()
    assert scenario.deliver(chats(2)) == Progress(frozenset(chats(2)), frozenset())


def test_with_a_wrong_token_one_call_is_made() -> None:
    scenario = Scenario(always=dict.fromkeys(chats(30), BotRefusedError("401 Unauthorized")))
    for _ in range(MAX_TRIES):
        scenario.attempt(chats(30))
    assert scenario.tried == ["1"] * MAX_TRIES
    scenario.always.clear()
    assert scenario.deliver(chats(30)) == Progress(frozenset(chats(30)), frozenset())


def test_a_chat_that_answers_slowly_with_an_error_is_not_retried_when_time_is_short() -> None:
    scenario = Scenario(always={"1": UnavailableError("HTTP 504")}, latency=20.0)
    scenario.seconds_left = lambda: 5 - (scenario.clock() - NOON).total_seconds()
    scenario.attempt(["1"])
    assert scenario.tried == ["1"]


def test_after_a_retry_was_requested_only_who_failed_is_tried() -> None:
    scenario = Scenario(always={"4": NO_RIGHTS})
    scenario.deliveries.delivered, scenario.deliveries.retried = ["1"], frozenset({"2", "4", "left"})
    progress = None
    while progress is None:
        progress = scenario.finish([*chats(4), "new"])
    assert scenario.chats == ["2"]
    assert progress == Progress(frozenset({"1", "2"}), frozenset({"4", "left"}))
