"""Promises 1, 2 and 10 without a crash, but with messages that come twice, late, simultaneously or unreadable."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from cairn.clock import now
from cairn.model import Reading, Subject
from cairn.readings.stats import Stats
from cairn.rules.ladder import FOLLOWER_STEPS, short
from testing.event_sources import changes
from testing.fault_injection import Failure
from testing.sqs import Message
from tests.crash.channels.platforms import Platforms
from tests.crash.channels.way import INSTAGRAM, TELEGRAM, YOUTUBE, Expected, Scenario, way
from tests.crash.explorer import Verdict

GOOD = Verdict()
PRIVATE = [str(chat) for chat in range(101, 132)]


@pytest.fixture
def here() -> Iterator[Scenario]:
    with way(telegram=Platforms(migrated={"-5": "-1005"})) as made:
        made.track({YOUTUBE: 9_500})
        made.tick()
        yield made


def test_every_message_may_come_twice(here: Scenario) -> None:
    here.subscribe([*PRIVATE, "-5"])
    here.account.notify.copies = here.account.fetch.copies = 2
    here.tick(youtube=10_100)
    assert here.verdict(Expected(YOUTUBE, "10K", frozenset({*PRIVATE, "-1005"}))) == GOOD


@pytest.mark.parametrize("seed", range(6))
def test_messages_may_come_in_any_order(here: Scenario, seed: int) -> None:
    here.track({TELEGRAM: 900})
    here.tick()
    here.subscribe([*PRIVATE, "-5"])
    chance = random.Random(seed)  # noqa: S311 - a shuffle that can be repeated
    here.account.notify.copies = 1 + seed % 2

    def any_of(visible: list[Message]) -> Message:
        return chance.choice(visible)

    here.account.notify.order = any_of
    here.tick(youtube=10_100, telegram=1_100)
    notified = frozenset({*PRIVATE, "-1005"})
    assert here.verdict(Expected(YOUTUBE, "10K", notified), Expected(TELEGRAM, "1K", notified)) == GOOD


def test_two_senders_may_process_the_same_part_at_any_instant(here: Scenario) -> None:
    """At each call of the first sender, a second one receives the same message and runs to its end."""
    here.subscribe(["77", "78", "-5"])
    expected = []
    for turn, step in enumerate(step for step in FOLLOWER_STEPS if step >= 10_000):
        here.platforms.counts[YOUTUBE] = int(step)
        here.account.schedule.put({"source": "schedule"})
        while not here.account.notify.messages:
            here.account.step()
        reached = _deliver_twice(here, turn)
        here.account.settle()
        expected.append(Expected(YOUTUBE, short(int(step)), frozenset({"77", "78", "-1005"})))
        assert here.verdict(*expected) == GOOD, f"with a second sender at call {turn}"
        if not reached:
            return
        here.account.clock.sleep(300)
    pytest.fail("the first sender never finished")


def _deliver_twice(here: Scenario, turn: int) -> bool:
    """Deliver a message, and again at call number `turn` of the first delivery; False when it makes fewer calls."""
    queue, wire = here.account.notify, here.account.wire
    record = queue.receive()
    assert record
    first_call, done = len(wire.calls), False

    def choose(number: int, _name: str) -> Failure | None:
        nonlocal done
        if number - first_call == turn and not done:
            done = True
            queue.deliver(record, here.account.invoke)
        return None

    wire.choose = choose
    queue.deliver(record, here.account.invoke)
    wire.choose = lambda _number, _name: None
    return done


def test_an_older_reading_after_a_newer_one_changes_nothing(here: Scenario) -> None:
    here.subscribe(["77"])
    earlier = now()
    here.tick(youtube=10_100)
    stats = Stats(here.account.cloud.table("STATS_TABLE"))
    late = Reading(Subject("channel", YOUTUBE), "Cats & Dogs", {"subscribers": 26_000}, earlier, "api", "0" * 32)
    assert not stats.record(late)
    here.account.settle()
    assert here.verdict(Expected(YOUTUBE, "10K", frozenset({"77"}))) == GOOD


def test_a_count_that_falls_and_returns_is_not_announced_again(here: Scenario) -> None:
    here.subscribe(["77"])
    for count in (10_100, 9_900, 10_200, 4_000, None, 10_300):
        here.tick(youtube=count)
    assert here.verdict(Expected(YOUTUBE, "10K", frozenset({"77"}))) == GOOD


def test_a_jump_is_one_celebration_that_names_what_it_passed(here: Scenario) -> None:
    here.subscribe(["77"])
    here.tick(youtube=80_000)
    expected = Expected(YOUTUBE, "75K", frozenset({"77"}), also_passed=("10K", "25K", "50K"))
    assert here.verdict(expected) == GOOD


def test_a_poison_record_holds_back_none_of_its_batch(here: Scenario) -> None:
    here.track({TELEGRAM: 900, INSTAGRAM: 900})
    here.tick()
    here.subscribe(["77"])
    stats = here.account.cloud.table("STATS_TABLE")
    here.write(TELEGRAM, 1_100)
    stats.put_item(Item={"subject": "channel:youtube:broken", "name": "no reading", "metrics": "none"})
    here.write(YOUTUBE, 10_100)
    here.write(INSTAGRAM, 1_200)
    poison = changes()[-3]["dynamodb"]["SequenceNumber"]
    here.account.settle()
    assert {one["sequence_number"] for one in here.account.set_aside} == {poison}
    assert len(here.account.set_aside) == 2, "detection and history"
    assert here.account.detection.discarded == here.account.history.discarded == []
    # Records of one subject have an order, and those of different subjects none.
    assert sorted((chat, text.split("<b>")[2].split("<")[0]) for chat, text in here.platforms.sent) == [
        ("77", "10K"),
        ("77", "1K"),
        ("77", "1K"),
    ]


def test_a_chat_that_subscribed_under_its_old_id_and_its_new_one_is_notified_once(here: Scenario) -> None:
    here.subscribe(["-1005", "-5", "77"])
    here.tick(youtube=10_100)
    assert here.verdict(Expected(YOUTUBE, "10K", frozenset({"77", "-1005"}))) == GOOD
    assert here.subscribed() == ["-1005", "77"]


def test_chats_that_could_not_be_notified_while_telegram_was_down_are_notified_when_it_is_back(here: Scenario) -> None:
    here.subscribe(["77"])

    def silent(_number: int, name: str) -> Failure | None:
        return Failure.FAILS_BEFORE if name.endswith("sendMessage") else None

    here.account.wire.choose = silent
    here.platforms.counts[YOUTUBE] = 10_100
    here.account.clock.sleep(300)
    here.account.schedule.put({"source": "schedule"})
    began = now()
    while now() - began < timedelta(hours=1):
        here.account.step()
    here.account.wire.choose = lambda _number, _name: None
    here.account.settle()
    assert here.verdict(Expected(YOUTUBE, "10K", frozenset({"77"}))) == GOOD


def test_an_outage_of_an_hour_loses_no_milestone(here: Scenario) -> None:
    """A number of tries would be used up within minutes."""
    here.subscribe(["77"])
    here.account.wire.choose = lambda _number, name: (
        Failure.FAILS_BEFORE if name.startswith("detect_milestone") else None
    )
    here.platforms.counts[YOUTUBE] = 10_100
    here.account.clock.sleep(300)
    here.account.schedule.put({"source": "schedule"})
    began = now()
    while now() - began < timedelta(hours=1):
        here.account.step()
    assert here.platforms.sent == []
    here.account.wire.choose = lambda _number, _name: None
    here.account.settle()
    assert here.verdict(Expected(YOUTUBE, "10K", frozenset({"77"}))) == GOOD
