"""An account with tracked channels and subscribers, and what must hold when everything has settled."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
from boto3.dynamodb.types import TypeDeserializer

from cairn.channels.registry import Channel, Channels
from cairn.clock import iso, now
from cairn.model import DeliveryTally, Reading, Subject, new_trace_id
from cairn.observability import logger
from cairn.readings.stats import Stats, to_reading
from cairn.rules.ladder import FOLLOWER_STEPS
from cairn.telegram.subscribers import Subscribers
from testing.account import Account, account
from testing.dynamodb import stored
from testing.event_sources import changes
from testing.readings import readings_of
from tests.crash.channels.platforms import Platforms
from tests.crash.explorer import Verdict

YOUTUBE = "youtube:UC" + "a" * 22
TELEGRAM = "telegram:-1001"
INSTAGRAM = "instagram:17841"
NAMES = {YOUTUBE: "Cats & Dogs", TELEGRAM: "News", INSTAGRAM: "Pics"}


@dataclass(frozen=True)
class Expected:
    """A milestone that must have been recorded once, and of which each of these chats must have been notified."""

    channel: str
    label: str
    notified: frozenset[str]
    failed: int = 0
    also_passed: tuple[str, ...] = ()


@dataclass
class Scenario:
    account: Account
    platforms: Platforms

    def track(self, counts: Mapping[str, int | None]) -> None:
        """Track channels; nothing is fetched yet."""
        self.platforms.counts.update(counts)
        for channel_id in counts:
            platform, _, native_id = channel_id.partition(":")
            channel = Channel(platform, native_id, f"@{native_id}", NAMES[channel_id], now())
            Channels(self.account.cloud.table("CHANNELS_TABLE")).add(channel)

    def track_failing(self, answers: Mapping[str, httpx.Response]) -> None:
        """Track channels for which their platform never has a count, but always this answer."""
        self.platforms.failing.update(answers)
        for channel_id in answers:
            platform, _, native_id = channel_id.partition(":")
            channel = Channel(platform, native_id, f"@{native_id}", native_id, now())
            Channels(self.account.cloud.table("CHANNELS_TABLE")).add(channel)

    def subscribe(self, chats: Iterable[str]) -> None:
        subscribers = Subscribers(self.account.cloud.table("AUDIENCE_TABLE"))
        for chat in chats:
            subscribers.add(chat, "group" if chat.startswith("-") else "private", "somebody", now())

    def subscribed(self) -> list[str]:
        """The subscribed chats; AssertionError when the stored count differs."""
        subscribers = Subscribers(self.account.cloud.table("AUDIENCE_TABLE"))
        chats = [one.chat_id for one in subscribers.between(None, None)]
        assert subscribers.count() == len(chats)
        return chats

    def receive(self, number: int, chat: int, text: str) -> None:
        """A private message to the bot, five seconds after the one before."""
        self.account.clock.sleep(5)
        message = {"chat": {"id": chat, "type": "private", "first_name": "Ada"}, "text": text}
        self.account.updates.put({"update_id": 1000 + number, "message": message})
        self.account.settle()

    def tick(self, **counts: int | None) -> None:
        """The schedule's next tick, five minutes later, with the platforms' counts changed by then."""
        self.platforms.counts.update(
            {{"youtube": YOUTUBE, "telegram": TELEGRAM, "instagram": INSTAGRAM}[k]: v for k, v in counts.items()}
        )
        self.account.clock.sleep(timedelta(minutes=5).total_seconds())
        self.account.schedule.put({"source": "schedule"})
        self.account.settle()

    def catch_up(self) -> None:
        """Let the schedule tick, as it does anyway, until every stored count equals the platform's."""
        while self._counts() != self.platforms.counts:
            self.tick()

    def _counts(self) -> dict[str, int | None]:
        readings = map(to_reading, items("STATS_TABLE"))
        return {
            one.subject.id: int(one.metrics["subscribers"]) if "subscribers" in one.metrics else None
            for one in readings
        }

    def write(self, channel: str, count: int) -> None:
        """Write a reading directly, as another source of readings would."""
        self.account.clock.sleep(1)
        reading = Reading(
            Subject("channel", channel), NAMES[channel], {"subscribers": count}, now(), "api", new_trace_id()
        )
        assert Stats(self.account.cloud.table("STATS_TABLE")).record(reading)

    def verdict(self, *expected: Expected) -> Verdict:
        """Compare the account with what is expected of it."""
        lost, wrong, repeated = [], list[str](), 0
        milestones = [item for item in items("MILESTONES_TABLE") if item["sk"].startswith("milestone#")]
        recorded = {(item["subject"], item["label"]): item for item in milestones}
        texts = {one: f"<b>{html.escape(NAMES[one.channel])}</b> passed <b>{one.label}</b>" for one in expected}
        for one in expected:
            milestone = recorded.pop((f"channel:{one.channel}", one.label), None)
            if milestone is None:
                lost.append(f"{one.channel} {one.label} is not recorded")
                continue
            if (also := tuple(passed["label"] for passed in milestone["also_passed"])) != one.also_passed:
                wrong.append(f"{one.channel} {one.label} also passed {also}")
            tally = DeliveryTally(*(int(milestone[name]) for name in ("total", "delivered", "failed")))
            if tally != DeliveryTally(len(one.notified) + one.failed, len(one.notified), one.failed):
                wrong.append(f"{one.channel} {one.label} {tally}")
            notified = [chat for chat, text in self.platforms.sent if texts[one] in text]
            lost += [f"{chat} was not notified of {one.channel} {one.label}" for chat in one.notified - set(notified)]
            wrong += [f"{chat} was notified of {one.channel} {one.label}" for chat in set(notified) - one.notified]
            repeated += len(notified) - len(set(notified))
        wrong += [f"{subject} {label} should not have been recorded" for subject, label in recorded]
        if len(milestones) != len({(item["subject"], item["label"]) for item in milestones}):
            wrong.append("a milestone was recorded twice")
        wrong += [
            f"unexpected notification: {chat}: {text}"
            for chat, text in self.platforms.sent
            if " passed " in text and not any(expected_text in text for expected_text in texts.values())
        ]
        wrong += self._marks(expected) + self._history() + self._in_flight()
        return Verdict(tuple(lost), tuple(wrong), repeated)

    def _marks(self, expected: Iterable[Expected]) -> list[str]:
        marks = {item["pk"]: item for item in items("MILESTONES_TABLE") if item["sk"].startswith("mark#")}
        wrong = []
        for item in items("STATS_TABLE"):
            reading = to_reading(item)
            steps = [step for step in FOLLOWER_STEPS if step <= self.highest(reading.subject.id)]
            mark = marks.get(str(reading.subject), {}).get("height")
            if mark != (steps[-1] if steps else 0):
                wrong.append(f"{reading.subject} is at {reading.metrics}, its high-water mark at {mark}")
        return wrong

    def highest(self, channel: str) -> int:
        """The highest count that the stream ever carried for a channel."""
        return max(
            int(reading.metrics.get("subscribers", 0)) for reading in self._readings() if reading.subject.id == channel
        )

    def _readings(self) -> list[Any]:
        return readings_of(changes())

    def _history(self) -> list[str]:
        """Check that the history has each stored reading, and that each ended day is closed with its last values."""
        entries = {(item["pk"], item["sk"]): item for item in items("HISTORY_TABLE")}
        wrong, last = list[str](), dict[str, Any]()
        for reading in self._readings():
            key = str(reading.subject)
            entry = entries.pop((key, f"reading#{iso(reading.as_of)}"), None)
            if entry is None or entry["metrics"] != reading.metrics:
                wrong.append(f"the history has {entry} for {reading}")
            before = last.get(key)
            if before and before.as_of.date() < reading.as_of.date():
                day = entries.pop((key, f"day#{before.as_of.date().isoformat()}"), None)
                if day is None or day["metrics"] != before.metrics:
                    wrong.append(f"the history closed {before.as_of.date()} of {key} with {day}")
            last[key] = reading
        return wrong + [f"the history has an unexpected {key}" for key in entries]

    def _in_flight(self) -> list[str]:
        wrong = [f"{name}: {found}" for name, found in self.account.left_behind().items()]
        wrong += [f"{source} is not empty" for source in self.account.sources if source.due()]
        for item in items("AUDIENCE_TABLE"):
            if item["sk"].startswith("part#") and ("finished_at" not in item or "leased_until" in item):
                wrong.append(f"a part is unfinished: {item}")
        return wrong


def items(variable: str) -> list[dict[str, Any]]:
    """Everything in a table."""
    read = TypeDeserializer().deserialize
    return [{key: read(value) for key, value in item.items()} for item in stored(variable).items()]


@contextmanager
def silence() -> Iterator[None]:
    """Suppress the output of thousands of invocations, each of which is meant to fail."""
    level = logger.log_level
    logger.setLevel("CRITICAL")
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def way(*, announcement_chat: str = "", telegram: Platforms | None = None) -> Iterator[Scenario]:
    """A fresh account without channels and subscribers."""
    platforms = telegram or Platforms()
    with silence(), account(platforms.answer, telegram_announcement_chat=announcement_chat) as made:
        platforms.clock = made.clock
        yield Scenario(made, platforms)
