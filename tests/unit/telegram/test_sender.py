"""The bot keeps Telegram's limits by the clock alone, notifies nobody twice, and forgets nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cairn.errors import NotYetError, UnfinishedError
from cairn.telegram.bot import (
    ChatGoneError,
    ChatMigratedError,
    InDoubtError,
    RateLimitedError,
    RefusedError,
    UnavailableError,
)
from cairn.telegram.deliveries import Progress
from functions.notify.pace import LANES
from functions.notify.sender import ATTEMPTS
from testing.logs import Written
from testing.virtual_time import busiest_second
from tests.unit.scripted import NOON
from tests.unit.telegram.sending import INTERVAL, FakeDeliveries, Scenario, chats


def test_messages_are_sent_at_the_bots_pace_and_in_order() -> None:
    scenario = Scenario()
    progress = scenario.deliver(chats(30))
    assert progress == Progress(frozenset(chats(30)), frozenset())
    assert scenario.chats == chats(30)
    gaps = [later - sooner for (sooner, _), (later, _) in zip(scenario.sent, scenario.sent[1:], strict=False)]
    assert min(gaps) >= INTERVAL - 0.001
    assert busiest_second([time for time, _ in scenario.sent]) <= 30


def test_one_interval_is_leased_for_a_part() -> None:
    scenario = Scenario()
    scenario.deliver(chats(30))
    assert scenario.send_slots.leases == [timedelta(seconds=30 * LANES * INTERVAL)]


@pytest.mark.parametrize("spacing", [1.0, 3.0])
def test_two_alerts_to_the_same_chats_keep_the_chats_spacing(spacing: float) -> None:
    scenario = Scenario()
    scenario.deliver(chats(3), spacing)
    scenario.deliveries = FakeDeliveries()
    scenario.deliver(chats(3), spacing)
    for chat in chats(3):
        first, second = (time for time, name in scenario.sent if name == chat)
        assert second - first >= spacing - 0.001


def test_every_message_is_recorded_before_the_next_is_sent() -> None:
    scenario = Scenario()
    scenario.deliver(chats(5))
    assert scenario.recorded_before == [0, 1, 2, 3, 4]


def test_progress_may_be_recorded_less_often_and_is_never_lost_by_a_failure() -> None:
    scenario = Scenario(progress_every=10, errors={"5": [RateLimitedError(60)], "6": [RateLimitedError(60)]})
    with pytest.raises(NotYetError):
        scenario.deliver(chats(8))
    assert scenario.deliveries.writes == 1
    assert scenario.deliveries.delivered == chats(4)


@pytest.mark.parametrize("progress_every", [1, 10])
def test_everything_is_recorded_before_the_part_can_be_finished(progress_every: int) -> None:
    """The sender that finishes it may die, and a retry must find everybody notified."""
    scenario = Scenario(progress_every=progress_every, always={"2": RefusedError("no rights")})
    assert scenario.deliver(chats(8))
    assert sorted(scenario.deliveries.delivered + scenario.deliveries.failed) == chats(8)


def test_recipients_who_were_notified_are_not_notified_again() -> None:
    scenario = Scenario()
    scenario.deliveries.delivered, scenario.deliveries.failed = ["1", "2"], ["3"]
    progress = scenario.deliver(chats(5))
    assert scenario.chats == ["4", "5"]
    assert progress == Progress(frozenset({"1", "2", "4", "5"}), frozenset({"3"}))


def test_a_part_that_is_finished_is_not_started() -> None:
    scenario = Scenario()
    scenario.deliveries.finished = True
    assert scenario.deliver(chats(5)) is None
    assert scenario.sent == []


def test_a_part_that_another_sender_leased_is_left_to_it() -> None:
    scenario = Scenario()
    scenario.deliveries.owner = "another sender"
    with pytest.raises(NotYetError):
        scenario.deliver(chats(5))
    assert scenario.sent == []
    assert scenario.deliveries.owner == "another sender"


def test_a_chat_that_migrated_is_notified_under_its_new_id() -> None:
    scenario = Scenario(errors={"-5": [ChatMigratedError("-1005")]})
    progress = scenario.deliver(["-5", "7"], 3.0)
    assert progress == Progress(frozenset({"-5", "7"}), frozenset())
    assert scenario.chats == ["-1005", "7"]
    assert scenario.audience.migrated == [("-5", "-1005")]


def test_a_chat_that_migrated_and_is_gone_there_is_suspended() -> None:
    scenario = Scenario(errors={"-5": [ChatMigratedError("-1005")]}, always={"-1005": ChatGoneError("kicked")})
    progress = scenario.deliver(["-5", "7"], 3.0)
    assert progress == Progress(frozenset({"7"}), frozenset({"-5"}))
    assert scenario.audience.suspended == ["-1005"]


def test_chats_that_migrate_in_circles_are_given_up_for_now() -> None:
    scenario = Scenario(errors={"-5": [ChatMigratedError("-6")] * 9, "-6": [ChatMigratedError("-5")] * 9})
    with pytest.raises(UnfinishedError):
        scenario.deliver(["-5"])


def test_a_failed_attempt_is_retried_immediately() -> None:
    scenario = Scenario(errors={"2": [UnavailableError("HTTP 502")]})
    assert scenario.deliver(chats(3)) == Progress(frozenset(chats(3)), frozenset())
    assert scenario.chats == chats(3)


def test_a_chat_for_which_telegram_does_not_answer_waits_for_the_next_time_and_the_others_do_not() -> None:
    scenario = Scenario(errors={"2": [UnavailableError("HTTP 502")] * ATTEMPTS})
    with pytest.raises(UnfinishedError, match="1 recipients could not be notified"):
        scenario.deliver(chats(4))
    assert scenario.deliveries.delivered == ["1", "3", "4"]
    assert scenario.deliveries.failed == []
    assert scenario.deliver(chats(4)) == Progress(frozenset(chats(4)), frozenset())
    assert scenario.chats == ["1", "3", "4", "2"]


def test_a_message_without_an_answer_is_not_repeated_before_it_is_recorded_as_in_doubt() -> None:
    scenario = Scenario(errors={"2": [InDoubtError("time-out")]})
    with pytest.raises(UnfinishedError):
        scenario.deliver(chats(3))
    assert scenario.chats == ["1", "3"]
    assert scenario.deliveries.in_doubt == ["2"]
    scenario.deliver(chats(3))
    assert scenario.chats == ["1", "3", "2"]


def test_a_message_twice_without_an_answer_is_given_up_rather_than_sent_a_third_time() -> None:
    scenario = Scenario(errors={"2": [InDoubtError("time-out"), InDoubtError("time-out")]})
    with pytest.raises(UnfinishedError):
        scenario.deliver(chats(3))
    progress = scenario.deliver(chats(3))
    assert progress
    assert progress.failed == {"2"}
    assert progress.delivered == {"1", "3"}


def test_what_telegram_did_not_accept_is_not_in_doubt() -> None:
    """So one message without an answer later is not the second one."""
    scenario = Scenario(errors={"2": [*[UnavailableError("HTTP 502")] * ATTEMPTS, InDoubtError("time-out")]})
    for _ in range(2):
        scenario.attempt(chats(3))
        assert scenario.deliveries.failed == []
    assert scenario.deliver(chats(3)) == Progress(frozenset(chats(3)), frozenset())


def test_a_telegram_that_hangs_leaves_three_recipients_in_doubt_and_no_more() -> None:
    scenario = Scenario(always=dict.fromkeys(chats(30), InDoubtError("time-out")))
    assert scenario.attempt(chats(30)) == "3 recipients in a row could not be notified"
    assert scenario.tried == ["1", "2", "3"]


def test_recipients_who_are_given_up_hold_up_nobody() -> None:
    scenario = Scenario(always=dict.fromkeys(chats(4), InDoubtError("time-out")))
    scenario.deliveries.in_doubt = chats(4)
    progress = scenario.deliver(chats(6))
    assert progress
    assert (progress.failed, progress.delivered) == (frozenset(chats(4)), frozenset({"5", "6"}))


def test_when_telegram_is_down_nobody_else_is_tried_and_the_next_attempt_starts_with_others() -> None:
    scenario = Scenario(always=dict.fromkeys(chats(30), UnavailableError("HTTP 502")))
    with pytest.raises(UnfinishedError, match="3 recipients in a row"):
        scenario.deliver(chats(30))
    assert set(scenario.tried) == {"1", "2", "3"}
    scenario.attempt(chats(30))
    assert set(scenario.tried) == set(chats(6))


def test_when_time_runs_out_what_was_done_is_kept_and_the_part_is_free() -> None:
    scenario = Scenario()
    scenario.seconds_left = lambda: 3 - len(scenario.sent)
    with pytest.raises(UnfinishedError, match="out of time with 2 recipients left"):
        scenario.deliver(chats(5))
    assert scenario.deliveries.delivered == chats(3)
    assert scenario.deliveries.owner is None


def test_without_a_send_slot_soon_enough_nothing_is_sent() -> None:
    scenario = Scenario()
    scenario.send_slots.next_at = NOON + timedelta(seconds=60)
    with pytest.raises(NotYetError) as raised:
        scenario.deliver(chats(2))
    assert NOON < raised.value.until < NOON + timedelta(seconds=60)
    assert scenario.sent == []


def test_a_send_slot_that_is_fifteen_seconds_away_is_waited_for_and_no_later_one() -> None:
    scenario = Scenario()
    scenario.send_slots.next_at = NOON + timedelta(seconds=15)
    assert scenario.deliver(chats(1))
    assert scenario.sent[0][0] >= 15
    other = Scenario()
    other.send_slots.next_at = NOON + timedelta(seconds=15.5)
    assert "leased" in other.attempt(chats(1))


def test_after_a_stall_the_rest_is_sent_in_a_new_interval_and_not_in_a_burst() -> None:
    scenario = Scenario(stalls={"2": 2.5})
    scenario.deliver(chats(30))
    assert len(scenario.send_slots.leases) == 2
    assert busiest_second([time for time, _ in scenario.sent]) <= 30


def test_a_part_without_recipients_is_done() -> None:
    assert Scenario().deliver([]) == Progress(frozenset(), frozenset())


# -- the log


def test_an_attempt_writes_one_line_with_the_chats_that_it_notified(logs: Written) -> None:
    Scenario(always={"3": RefusedError("no rights")}).deliver(chats(5))
    (line,) = [line for line in logs.lines if line["message"] == "delivered"]
    assert line["chats"] == ["1", "2", "4", "5"]
    assert (line["part"], line["failed"], line["left"]) == (0, 1, 0)
    (refused,) = [line for line in logs.lines if line["level"] == "ERROR"]
    assert refused["chat_id"] == "3"


def test_an_attempt_that_is_interrupted_writes_whom_it_notified_before(logs: Written) -> None:
    scenario = Scenario(errors={"4": [RateLimitedError(60)], "5": [RateLimitedError(60)]})
    with pytest.raises(NotYetError):
        scenario.deliver(chats(8))
    (line,) = [line for line in logs.lines if line["message"] == "delivered"]
    assert (line["chats"], line["left"]) == (["1", "2", "3"], 5)


def test_a_chat_that_has_just_migrated_is_logged_under_its_new_id(logs: Written) -> None:
    Scenario(errors={"2": [ChatMigratedError("-1002")]}).deliver(chats(3))
    (line,) = [line for line in logs.lines if line["message"] == "delivered"]
    assert line["chats"] == ["1", "-1002", "3"]


def test_a_repeat_of_a_finished_part_writes_no_line(logs: Written) -> None:
    scenario = Scenario()
    scenario.deliveries.finished = True
    scenario.deliver(chats(5))
    assert [line for line in logs.lines if line["message"] == "delivered"] == []
