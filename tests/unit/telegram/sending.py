"""A sender with everything around it replaced, whose chats answer as scripted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from cairn.errors import NotYetError, UnfinishedError
from cairn.telegram.bot import (
    Bot,
    TelegramError,
)
from cairn.telegram.deliveries import Deliveries, Progress
from cairn.telegram.send_slots import BOT, SendSlots
from functions.notify.audience import Audience, Recipient
from functions.notify.pace import LANES, Pace
from functions.notify.sender import Sender
from tests.unit.scripted import NOON, FakeClock

INTERVAL = 1 / 29.25
BOTS = {f"{BOT}#{lane}" for lane in range(LANES)}


class FakeSendSlots(SendSlots):
    """A single timeline for all lanes, each of which is held by itself."""

    def __init__(self) -> None:
        self.next_at = NOON
        self.held: dict[str, datetime] = {}
        self.leases: list[timedelta] = []
        self.refused: list[str] = []

    def lease(self, scope: str, now: datetime, length: timedelta, max_wait: timedelta) -> datetime:
        assert scope in BOTS
        if self.held.get(scope, now) > now:
            raise NotYetError("held", self.held[scope])
        if self.next_at > now + max_wait:
            raise NotYetError("leased", self.next_at - max_wait)
        start = max(now, self.next_at)
        self.next_at = start + length
        self.leases.append(length)
        return start

    def hold(self, scope: str, now: datetime, until: datetime) -> None:
        assert scope in BOTS
        self.held[scope] = max(self.held.get(scope, until), until)

    def is_second_refusal(self, chat_id: str, now: datetime) -> bool:
        self.refused.append(chat_id)
        return len(set(self.refused)) > 1


class FakeDeliveries(Deliveries):
    """The progress of one part."""

    def __init__(self) -> None:
        self.delivered: list[str] = []
        self.failed: list[str] = []
        self.in_doubt: list[str] = []
        self.tries: dict[str, int] = {}
        self.retried: frozenset[str] | None = None
        self.owner: str | None = None
        self.writes = 0
        self.finished = False

    def acquire(self, delivery: str, number: int, owner: str, now: datetime, lease: timedelta) -> Progress | None:
        if self.finished:
            return None
        if self.owner:
            raise NotYetError("another sender has leased the part", now + lease)
        self.owner = owner
        done = frozenset(self.delivered), frozenset(self.failed)
        return Progress(*done, frozenset(self.in_doubt), dict(self.tries), self.retried)

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

    def release(self, delivery: str, number: int, owner: str, tries: Mapping[str, int] | None = None) -> None:
        self.owner, self.tries = None, dict(tries or {})


class FakeAudience(Audience):
    """The subscriptions that Telegram's answers change."""

    def __init__(self) -> None:
        self.suspended: list[str] = []
        self.migrated: list[tuple[str, str]] = []
        self.held: dict[str, datetime] = {}

    def suspend(self, chat_id: str, reason: str) -> None:
        self.suspended.append(chat_id)

    def migrate(self, recipient: Recipient, chat_id: str) -> bool:
        self.migrated.append((recipient.chat_id, chat_id))
        return True

    def hold(self, recipient: Recipient, until: datetime) -> None:
        self.held[recipient.key] = until


@dataclass
class Scenario:
    """A sender whose chats answer as scripted, each error once, or always; and what was sent, when."""

    always: dict[str, TelegramError] = field(default_factory=dict)
    errors: dict[str, list[TelegramError]] = field(default_factory=dict)
    stalls: dict[str, float] = field(default_factory=dict)
    latency: float = 0.01
    progress_every: int = 1
    clock: FakeClock = field(default_factory=FakeClock)
    send_slots: FakeSendSlots = field(default_factory=FakeSendSlots)
    deliveries: FakeDeliveries = field(default_factory=FakeDeliveries)
    audience: FakeAudience = field(default_factory=FakeAudience)
    tried: list[str] = field(default_factory=list)
    sent: list[tuple[float, str]] = field(default_factory=list)
    recorded_before: list[int] = field(default_factory=list)
    seconds_left: Callable[[], float] = lambda: 60.0

    def answer(self, chat_id: str) -> None:
        self.recorded_before.append(len(self.deliveries.delivered))
        started = (self.clock() - NOON).total_seconds()
        self.clock.advance(self.latency + self.stalls.pop(chat_id, 0))
        self.tried.append(chat_id)
        if chat_id in self.always:
            raise self.always[chat_id]
        if self.errors.get(chat_id):
            raise self.errors[chat_id].pop(0)
        self.sent.append((started, chat_id))

    def deliver(
        self,
        chats: Sequence[str],
        spacing: float = 1.0,
        *,
        number: int = 0,
        owner: str = "me",
        patient: bool = True,
    ) -> Progress | None:
        sender = Sender(
            bot=FakeBot(self),
            deliveries=self.deliveries,
            audience=self.audience,
            pace=Pace(send_slots=self.send_slots, messages_per_second=29.25, clock=self.clock, sleep=self.clock.sleep),
            progress_every=self.progress_every,
        )
        return sender.deliver(
            "alert",
            number,
            owner=owner,
            text="hello",
            recipients=[Recipient(chat, chat, self.audience.held.get(chat)) for chat in chats],
            spacing=spacing,
            seconds_left=self.seconds_left,
            patient=patient,
        )

    def attempt(self, chats: Sequence[str]) -> str:
        """Deliver, and what an attempt that did not finish says."""
        with pytest.raises((UnfinishedError, NotYetError)) as raised:
            self.deliver(chats)
        return str(raised.value)

    def finish(self, chats: Sequence[str]) -> Progress | None:
        """Deliver; None when the attempt did not finish."""
        try:
            return self.deliver(chats)
        except UnfinishedError:
            return None

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
