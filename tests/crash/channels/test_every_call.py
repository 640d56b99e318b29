"""Promises 1 and 2 at every single call: whatever fails, and wherever, nothing is lost and nothing is sent twice."""

from __future__ import annotations

from tests.crash.channels.platforms import Platforms
from tests.crash.channels.way import INSTAGRAM, TELEGRAM, YOUTUBE, Expected, way
from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict

DAY_SECONDS = 24 * 3600


def test_a_first_reading_sets_the_mark_silently_wherever_it_fails(prove: Prove) -> None:
    def first(points: Explorer) -> Verdict:
        with way() as here:
            here.track({YOUTUBE: 9_500, INSTAGRAM: 90})
            here.subscribe(["77"])
            with points.at_every_call_of(here.account.wire):
                here.tick()
            here.catch_up()
            return here.verdict()

    prove(first)


def test_a_milestone_reaches_everybody_wherever_its_path_fails(prove: Prove) -> None:
    def crossing(points: Explorer) -> Verdict:
        telegram = Platforms(named={"@cairn": "-1009"})
        with way(announcement_chat="@cairn", telegram=telegram) as here:
            here.track({YOUTUBE: 9_500, TELEGRAM: 900})
            here.subscribe(["77", "-1009"])
            here.tick()
            here.account.clock.sleep(DAY_SECONDS)
            with points.at_every_call_of(here.account.wire):
                here.tick(youtube=10_100, telegram=2_600)
            here.catch_up()
            notified = frozenset({"77", "-1009"})
            return here.verdict(
                Expected(YOUTUBE, "10K", notified), Expected(TELEGRAM, "2.5K", notified, also_passed=("1K",))
            )

    prove(crossing, pairs=599)


def test_every_command_to_the_bot_is_answered_wherever_it_fails(prove: Prove) -> None:
    commands = [(88, "/start"), (99, "/start and more"), (99, "/status"), (88, "/stop")]

    def conversation(points: Explorer) -> Verdict:
        with way() as here:
            here.track({YOUTUBE: 9_500})
            here.tick()
            with points.at_every_call_of(here.account.wire):
                for number, (chat, text) in enumerate(commands):
                    here.receive(number, chat, text)
            verdict = here.verdict()
            answered = [chat for chat, _ in here.platforms.sent]
            lost = [f"an answer to {chat}" for chat in ("88", "99") if answered.count(chat) < 2]
            wrong = [] if here.subscribed() == ["99"] else [f"subscribed: {here.subscribed()}"]
            repeated = len(answered) - len(commands) + len(lost)
            return Verdict((*verdict.lost, *lost), (*verdict.wrong, *wrong), verdict.repeated + repeated)

    prove(conversation, pairs=599)


def test_an_alert_in_several_parts_continues_where_it_stopped(prove: Prove) -> None:
    def parts(points: Explorer) -> Verdict:
        private = [str(chat) for chat in range(101, 132)]
        platforms = Platforms(blocked={"110"}, migrated={"-5": "-1005"}, holds={3: 2, 12: 40})
        with way(telegram=platforms) as here:
            here.track({YOUTUBE: 9_500})
            here.subscribe([*private, "-5"])
            here.tick()
            with points.at_every_call_of(here.account.wire, "notify"):
                here.tick(youtube=10_100)
            notified = frozenset({*private, "-1005"} - {"110"})
            return here.verdict(Expected(YOUTUBE, "10K", notified, failed=1))

    prove(parts, alike=4)


def test_two_readings_in_one_batch_are_two_milestones_wherever_detection_fails(prove: Prove) -> None:
    def batch(points: Explorer) -> Verdict:
        with way() as here:
            here.track({YOUTUBE: 9_500})
            here.subscribe(["77"])
            here.tick()
            for count in (10_100, 9_000, 26_000):
                here.write(YOUTUBE, count)
            with points.at_every_call_of(here.account.wire, "detect_milestone"):
                here.account.settle()
            notified = frozenset({"77"})
            return here.verdict(Expected(YOUTUBE, "10K", notified), Expected(YOUTUBE, "25K", notified))

    prove(batch, pairs=31)
