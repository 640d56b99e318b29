"""Promises 1, 2 and 10 on bad days: a chat that always fails, false refusals, long holds, and clocks that jump."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from itertools import count

import pytest

from cairn.clock import now
from cairn.messages import Alert, dump
from cairn.readings.milestones import Milestones
from cairn.telegram.deliveries import Deliveries
from tests.crash.channels.platforms import Platforms
from tests.crash.channels.way import YOUTUBE, Expected, Scenario, way
from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict

PRIVATE = [str(chat) for chat in range(101, 131)]
BLOCKED = (403, "Forbidden: bot was blocked by the user")
UNKNOWN = (400, "Bad Request: chat not found")
NO_RIGHTS = (400, "Bad Request: not enough rights to send text messages to the chat")
FIVE = ["77", "78", "-5", "80", "81"]
HOUR = 3600


def pass_10k(here: Scenario, *, seconds: float) -> None:
    """The channel passes 10K, and so much time passes."""
    here.platforms.counts[YOUTUBE] = 10_100
    here.account.clock.sleep(300)
    here.account.schedule.put({"source": "schedule"})
    here.account.run(now() + timedelta(seconds=seconds))


def begin(here: Scenario, *chats: str) -> None:
    here.track({YOUTUBE: 9_500})
    here.subscribe(chats)
    here.tick()


def test_a_chat_that_fails_for_minutes_stops_only_itself_wherever_the_path_fails(prove: Prove) -> None:
    def always_failing(points: Explorer) -> Verdict:
        with way(telegram=Platforms(broken={"77"})) as here:
            begin(here, "77", "78", "-5")
            with points.at_every_call_of(here.account.wire, "notify"):
                pass_10k(here, seconds=5)
            here.account.run(now() + timedelta(minutes=8))
            notified = {chat for chat, _ in here.platforms.sent}
            here.platforms.broken.clear()
            here.account.settle()
            verdict = here.verdict(Expected(YOUTUBE, "10K", frozenset({"77", "78", "-5"})))
            late = sorted({"78", "-5"} - notified)
            return Verdict((*verdict.lost, *late), verdict.wrong, verdict.repeated)

    prove(always_failing, alike=1)


def test_false_refusals_for_all_lose_no_subscriber_and_no_alert_wherever_the_path_fails(prove: Prove) -> None:
    def refused(points: Explorer) -> Verdict:
        with way() as here:
            begin(here, *FIVE)
            return refuse(here, UNKNOWN, points)

    prove(refused, alike=1)


@pytest.mark.parametrize("refusal", [BLOCKED, UNKNOWN, NO_RIGHTS])
@pytest.mark.parametrize("chats", [FIVE[:1], FIVE[:2], FIVE])
def test_false_refusals_for_all_lose_nobody_however_few_they_are(chats: list[str], refusal: tuple[int, str]) -> None:
    with way() as here:
        begin(here, *chats)
        assert refuse(here, refusal) == Verdict()


def refuse(here: Scenario, refusal: tuple[int, str], points: Explorer | None = None) -> Verdict:
    """Telegram refuses every message for some minutes."""
    chats = here.subscribed()
    here.platforms.refusal = refusal
    with points.at_every_call_of(here.account.wire, "notify") if points else nullcontext():
        pass_10k(here, seconds=5)
    here.account.run(now() + timedelta(minutes=10))
    here.platforms.refusal = None
    here.account.settle()
    verdict = here.verdict(Expected(YOUTUBE, "10K", frozenset(chats)))
    left = sorted({*chats} - {*here.subscribed()})
    return Verdict((*verdict.lost, *left), verdict.wrong, verdict.repeated)


def test_three_chats_that_always_fail_delay_the_others_by_seconds() -> None:
    with way(telegram=Platforms(broken={*PRIVATE[:3]})) as here:
        begin(here, *PRIVATE)
        pass_10k(here, seconds=30)
        assert {chat for chat, _ in here.platforms.sent} == {*PRIVATE[3:]}
        here.account.settle()
        assert here.verdict(Expected(YOUTUBE, "10K", frozenset(PRIVATE[3:]), failed=3)) == Verdict()
        assert here.subscribed() == PRIVATE


def test_who_failed_is_notified_when_an_operator_asks_and_nobody_else_again() -> None:
    with way(telegram=Platforms(broken={"77"})) as here:
        begin(here, "77", *PRIVATE)
        pass_10k(here, seconds=30)
        here.account.settle()
        here.platforms.broken.clear()
        here.subscribe(["79"])
        assert announce_again(here) == 1
        assert here.verdict(Expected(YOUTUBE, "10K", frozenset({"77", *PRIVATE}))) == Verdict()
        assert announce_again(here) == 0
        assert here.verdict(Expected(YOUTUBE, "10K", frozenset({"77", *PRIVATE}))) == Verdict()


def announce_again(here: Scenario) -> int:
    """As the operator's `announce` does; how many chats are tried again."""
    table = here.account.cloud.table
    milestone = Milestones(table("MILESTONES_TABLE")).get(f"channel:{YOUTUBE}/subscribers/all-time/10000")
    assert milestone
    again = Deliveries(table("AUDIENCE_TABLE"), table("MILESTONES_TABLE")).reopen(milestone.id, now())
    here.account.notify.send({"MessageBody": dump(Alert(milestone))})
    here.account.settle()
    return again


@pytest.mark.parametrize("hours", [1, 10])
def test_a_chat_that_is_held_for_hours_waits_alone_and_becomes_no_dead_letter(hours: int) -> None:
    with way(telegram=Platforms(chat_holds={"78": hours * HOUR})) as here:
        begin(here, "77", "78", "79")
        pass_10k(here, seconds=60)
        assert [chat for chat, _ in here.platforms.sent] == ["77", "79"]
        here.account.settle()
        assert here.verdict(Expected(YOUTUBE, "10K", frozenset({"77", "78", "79"}))) == Verdict()
        assert here.platforms.sent_while_held == 0


def test_the_bot_may_be_held_more_often_than_sqs_receives_a_message() -> None:
    with way() as here:
        begin(here, "77", "78")
        for _ in range(40):
            here.platforms.holds[0] = 600
            pass_10k(here, seconds=300)
        assert here.platforms.sent == []
        here.account.settle()
        assert here.verdict(Expected(YOUTUBE, "10K", frozenset({"77", "78"}))) == Verdict()


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_senders_clock_may_jump_at_any_call(jump: timedelta) -> None:
    for turn in count():
        with way() as here:
            begin(here, "77", "-5")
            with here.account.wire.beside(turn, "notify", lambda: here.account.wire.jump_the_clock(jump)) as reached:
                pass_10k(here, seconds=25)
                here.account.settle()
            assert here.verdict(Expected(YOUTUBE, "10K", frozenset({"77", "-5"}))) == Verdict(), turn
            if not reached():
                return
