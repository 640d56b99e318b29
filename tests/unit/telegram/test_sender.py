"""The bot keeps Telegram's limits by the clock alone, notifies nobody twice, and forgets nobody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from cairn.errors import NotYetError, UnfinishedError
from cairn.telegram.bot import (
    Bot,
    ChatGoneError,
    ChatMigratedError,
    InDoubtError,
    MessageRejectedError,
    RateLimitedError,
    TelegramError,
    UnavailableError,
)
from cairn.telegram.deliveries import Deliveries, Progress
from cairn.telegram.send_slots import BOT, SendSlots
from cairn.telegram.subscribers import Subscribers
from functions.notify.sender import ATTEMPTS, LANES, SHORT_HOLD_SECONDS, Recipient, Sender
from testing.virtual_time import busiest_second
from tests.unit.scripted import NOON, FakeClock

INTERVAL = 1 / 29.25
BOTS = {f"{BOT}#{lane}" for lane in range(LANES)}


class FakeSendSlots(SendSlots):
    """A single timeline; `next_at` and `held_until` are as in the table."""

    def __init__(self) -> None:
        self.next_at = NOON
        self.held_until = NOON
        self.leases: list[timedelta] = []

    def lease(self, scope: str, now: datetime, length: timedelta, max_wait: timedelta) -> datetime:
        assert scope in BOTS
        if self.held_until > now:
            raise NotYetError("held", self.held_until)
        if self.next_at > now + max_wait:
            raise NotYetError("leased", self.next_at - max_wait)
        start = max(now, self.next_at)
        self.next_at = start + length
        self.leases.append(length)
        return start

    def hold(self, scope: str, now: datetime, until: datetime) -> None:
        assert scope in BOTS
        self.held_until = max(self.held_until, until)


class FakeDeliveries(Deliveries):
    """The progress of one part."""

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.failed: list[str] = []
        self.in_doubt: list[str] = []
        self.owner: str | None = None
        self.writes = 0
        self.finished = False

    def acquire(self, delivery: str, number: int, owner: str, now: datetime, lease: timedelta) -> Progress | None:
        if self.finished:
            return None
        if self.owner:
            raise NotYetError("another sender has leased the part", now + lease)
        self.owner = owner
        return Progress(frozenset(self.delivered), frozenset(self.failed), frozenset(self.in_doubt))

    def record_progress(
        self,
        delivery: str,
        number: int,
        owner: str,
        delivered: Sequence[str] = (),
        failed: Sequence[str] = (),
        in_doubt: Sequence[str] = (),
    ) -> None:
        assert self.owner == owner
        self.in_doubt += in_doubt
        self.writes += 1
        self.delivered += delivered
        self.failed += failed

    def release(self, delivery: str, number: int, owner: str) -> None:
        self.owner = None


class FakeSubscribers(Subscribers):
    def __init__(self) -> None:
        self.removed: list[str] = []
        self.migrated: list[tuple[str, str]] = []

    def remove(self, chat_id: str) -> bool:
        self.removed.append(chat_id)
        return True

    def migrate(self, old: str, new: str) -> bool:
        self.migrated.append((old, new))
        return True


@dataclass
class Scenario:
    """A sender whose chats answer as scripted, each error once; and what was sent, when."""

    errors: dict[str, list[TelegramError]] = field(default_factory=dict)
    stalls: dict[str, float] = field(default_factory=dict)
    latency: float = 0.01
    progress_every: int = 1
    clock: FakeClock = field(default_factory=FakeClock)
    send_slots: FakeSendSlots = field(default_factory=FakeSendSlots)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    subscribers: FakeSubscribers = field(default_factory=FakeSubscribers)
    sent: list[tuple[float, str]] = field(default_factory=list)
    recorded_before: list[int] = field(default_factory=list)
    seconds_left: Callable[[], float] = lambda: 60.0

    def answer(self, chat_id: str) -> None:
        self.recorded_before.append(len(self.deliveries.delivered))
        started = (self.clock() - NOON).total_seconds()
        self.clock.advance(self.latency + self.stalls.pop(chat_id, 0))
        if self.errors.get(chat_id):
            raise self.errors[chat_id].pop(0)
        self.sent.append((started, chat_id))

    def deliver(self, chats: Sequence[str], spacing: float = 1.0, owner: str = "me") -> Progress | None:
        sender = Sender(
            bot=FakeBot(self),
            deliveries=self.deliveries,
            send_slots=self.send_slots,
            subscribers=self.subscribers,
            messages_per_second=29.25,
            progress_every=self.progress_every,
            clock=self.clock,
            sleep=self.clock.sleep,
        )
        return sender.deliver(
            "alert",
            0,
            owner=owner,
            text="hello",
            recipients=[Recipient(chat, chat) for chat in chats],
            spacing=spacing,
            seconds_left=self.seconds_left,
        )

    @property
    def chats(self) -> list[str]:
        return [chat for _, chat in self.sent]


class FakeBot(Bot):
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    def send_message(self, chat_id: str, text: str) -> None:
        assert text == "hello"
        self.scenario.answer(chat_id)


def chats(count: int) -> list[str]:
    return [str(number) for number in range(1, count + 1)]


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
    scenario = Scenario(progress_every=10, errors={"5": [RateLimitedError(60)]})
    with pytest.raises(NotYetError):
        scenario.deliver(chats(8))
    assert scenario.deliveries.writes == 1
    assert scenario.deliveries.delivered == chats(4)


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


def test_a_chat_that_is_gone_is_unsubscribed_and_the_others_are_notified() -> None:
    scenario = Scenario(errors={"2": [ChatGoneError("Forbidden: bot was blocked by the user")]})
    progress = scenario.deliver(chats(3))
    assert progress == Progress(frozenset({"1", "3"}), frozenset({"2"}))
    assert scenario.subscribers.removed == ["2"]


def test_a_message_that_is_rejected_fails_for_that_chat_alone_which_stays_subscribed() -> None:
    scenario = Scenario(errors={"2": [MessageRejectedError("Bad Request")]})
    progress = scenario.deliver(chats(3))
    assert progress == Progress(frozenset({"1", "3"}), frozenset({"2"}))
    assert scenario.subscribers.removed == []


def test_a_chat_that_migrated_is_notified_under_its_new_id() -> None:
    scenario = Scenario(errors={"-5": [ChatMigratedError("-1005")]})
    progress = scenario.deliver(["-5", "7"], 3.0)
    assert progress == Progress(frozenset({"-5", "7"}), frozenset())
    assert scenario.chats == ["-1005", "7"]
    assert scenario.subscribers.migrated == [("-5", "-1005")]


def test_a_chat_that_migrated_and_is_gone_there_is_unsubscribed() -> None:
    scenario = Scenario(errors={"-5": [ChatMigratedError("-1005")], "-1005": [ChatGoneError("kicked")]})
    progress = scenario.deliver(["-5"], 3.0)
    assert progress == Progress(frozenset(), frozenset({"-5"}))
    assert scenario.subscribers.removed == ["-1005"]


def test_chats_that_migrate_in_circles_are_given_up_for_now() -> None:
    scenario = Scenario(errors={"-5": [ChatMigratedError("-6")] * 9, "-6": [ChatMigratedError("-5")] * 9})
    with pytest.raises(UnfinishedError):
        scenario.deliver(["-5"])


def test_a_short_hold_is_waited_for_and_nobody_is_left_out() -> None:
    scenario = Scenario(errors={"3": [RateLimitedError(2)]})
    progress = scenario.deliver(chats(5))
    assert progress == Progress(frozenset(chats(5)), frozenset())
    before, after = (time for time, chat in scenario.sent if chat in ("2", "3"))
    assert after - before >= 2
    assert scenario.chats == chats(5)


def test_a_hold_also_stops_the_other_senders() -> None:
    scenario = Scenario(errors={"1": [RateLimitedError(SHORT_HOLD_SECONDS + 30)]})
    with pytest.raises(NotYetError) as raised:
        scenario.deliver(chats(2))
    assert raised.value.until >= NOON + timedelta(seconds=SHORT_HOLD_SECONDS + 30)
    assert scenario.send_slots.held_until == raised.value.until
    assert scenario.deliveries.owner is None
    other = Scenario(send_slots=scenario.send_slots)
    with pytest.raises(NotYetError):
        other.deliver(chats(2))
    assert other.sent == []


def test_a_short_hold_is_not_waited_for_when_time_is_short() -> None:
    scenario = Scenario(errors={"1": [RateLimitedError(3)]}, seconds_left=lambda: 1.0)
    with pytest.raises(NotYetError):
        scenario.deliver(chats(2))


def test_a_failed_attempt_is_retried_immediately() -> None:
    scenario = Scenario(errors={"2": [UnavailableError("HTTP 502")]})
    assert scenario.deliver(chats(3)) == Progress(frozenset(chats(3)), frozenset())
    assert scenario.chats == chats(3)


def test_a_chat_for_which_telegram_does_not_answer_waits_for_the_next_time_and_the_others_do_not() -> None:
    scenario = Scenario(errors={"2": [UnavailableError("HTTP 502")] * ATTEMPTS})
    with pytest.raises(UnfinishedError, match="did not answer for 1 recipients"):
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


def test_when_telegram_is_down_nobody_else_is_tried() -> None:
    scenario = Scenario(errors={chat: [UnavailableError("HTTP 502")] * 99 for chat in chats(30)})
    with pytest.raises(UnfinishedError, match="30 recipients left"):
        scenario.deliver(chats(30))
    tried = [chat for chat, errors in scenario.errors.items() if len(errors) < 99]
    assert tried == ["1", "2", "3"]


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


def test_after_a_stall_the_rest_is_sent_in_a_new_interval_and_not_in_a_burst() -> None:
    scenario = Scenario(stalls={"2": 2.5})
    scenario.deliver(chats(30))
    assert len(scenario.send_slots.leases) == 2
    assert busiest_second([time for time, _ in scenario.sent]) <= 30


def test_a_part_without_recipients_is_done() -> None:
    assert Scenario().deliver([]) == Progress(frozenset(), frozenset())
