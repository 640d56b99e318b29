"""Several senders that share only a table keep the whole bot within Telegram's limits, and waste little time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

import pytest

from cairn.errors import NotYetError
from cairn.telegram.bot import Bot
from cairn.telegram.deliveries import Deliveries
from cairn.telegram.send_slots import SendSlots
from cairn.telegram.subscribers import Subscribers
from functions.notify.audience import Audience, Recipient
from functions.notify.notifier import part_size
from functions.notify.pace import Pace
from functions.notify.sender import Sender
from testing.cloud import Cloud
from testing.virtual_time import VirtualTime, busiest_second

SENDERS = 8


class TimedBot(Bot):
    """Takes `latency` for each message, and records when it was sent."""

    def __init__(self, time: VirtualTime, latency: Callable[[], float]) -> None:
        self.sent: list[tuple[float, str]] = []
        self._time = time
        self._latency = latency

    def send_message(self, chat_id: str, text: str) -> None:
        self.sent.append((self._time.seconds(), chat_id))
        self._time.sleep(self._latency())


def run(aws: Cloud, bot: TimedBot, time: VirtualTime, parts: Sequence[tuple[str, int, Sequence[str]]]) -> None:
    """Run as many senders as the queue may start, each with the next waiting part."""
    audience = aws.table("AUDIENCE_TABLE")
    waiting = deque(parts)

    def work() -> None:
        while waiting:
            alert, number, chats = waiting.popleft()
            sender = Sender(
                bot=bot,
                deliveries=Deliveries(audience, aws.table("MILESTONES_TABLE")),
                audience=Audience(
                    subscribers=Subscribers(audience), announcement=None, creators=None, bot=bot, clock=time.clock
                ),
                pace=Pace(
                    send_slots=SendSlots(audience), messages_per_second=29.25, clock=time.clock, sleep=time.sleep
                ),
                progress_every=30,
            )
            recipients = [Recipient(chat, chat) for chat in chats]
            try:
                sender.deliver(
                    alert,
                    number,
                    owner=f"{alert}/{number}/{time.seconds()}",
                    text="hello",
                    recipients=recipients,
                    spacing=1.0,
                    seconds_left=lambda: 60.0,
                )
            except NotYetError as error:
                waiting.append((alert, number, chats))
                time.sleep((error.until - time.clock()) / timedelta(seconds=1))

    time.run(*[work] * SENDERS)


def parts_of(alert: str, count: int) -> list[tuple[str, int, list[str]]]:
    chats = [f"{number:04d}" for number in range(count)]
    size = part_size(count)
    return [(alert, start // size, chats[start : start + size]) for start in range(0, count, size)]


@pytest.mark.parametrize("latency", [0.001, 0.03, 0.08, 0.12])
def test_several_senders_stay_under_thirty_messages_in_any_second_and_near_it(aws: Cloud, latency: float) -> None:
    """300 messages are 10 s at Telegram's limit."""
    time = VirtualTime()
    bot = TimedBot(time, lambda: latency)
    run(aws, bot, time, parts_of("alert", 300))
    times = [at for at, _ in bot.sent]
    assert sorted(chat for _, chat in bot.sent) == [f"{number:04d}" for number in range(300)]
    assert busiest_second(times) <= 30
    assert max(times) - min(times) < 10.0 / 0.97


@pytest.mark.parametrize("stall", [0.0, 0.2, 0.9])
def test_stalls_lead_to_no_burst(aws: Cloud, stall: float) -> None:
    """Telegram takes 10 to 100 ms for a message, and for every fiftieth longer; its limit is about thirty a second."""
    time, dice = VirtualTime(), Random(7)  # noqa: S311 - the same sequence each time
    bot = TimedBot(time, lambda: dice.uniform(0.01, 0.1) + (stall if dice.random() < 0.02 else 0.0))
    run(aws, bot, time, parts_of("alert", 300))
    assert sorted(chat for _, chat in bot.sent) == [f"{number:04d}" for number in range(300)]
    assert busiest_second([at for at, _ in bot.sent]) <= 30


def test_two_alerts_to_the_same_chats_are_a_second_apart_in_every_chat(aws: Cloud) -> None:
    time = VirtualTime()
    bot = TimedBot(time, lambda: 0.03)
    run(aws, bot, time, [*parts_of("one", 45), *parts_of("two", 45)])
    for chat in {chat for _, chat in bot.sent}:
        first, second = (at for at, name in bot.sent if name == chat)
        assert second - first >= 1.0 - 0.03
    assert busiest_second([at for at, _ in bot.sent]) <= 30
