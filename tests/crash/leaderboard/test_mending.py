"""What was never true is taken back wherever that fails, and what is true is celebrated, once."""

from __future__ import annotations

import pytest

from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict
from tests.crash.leaderboard.floor import Earned, sales_floor

TV = "tv-display"
CHECKED = ("check_milestones", "detect_milestone")


def test_a_reversal_that_failed_is_finished_by_its_repeat_and_the_next_truth_is_celebrated(prove: Prove) -> None:
    def reversal(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada = here.hire("Ada", user="ada")
            here.visit("ada", "user:ada", TV)
            for signups in (21, 2):
                here.update(ada, monthlySignups=signups)
                here.account.settle()
            false = [
                Earned(ada, "signups", 20, (10, 15), badges=("sales-rookie",), reverted=True),
                Earned(ada, "bonus_tier", 20, (15,), badges=("bonus-achiever",), reverted=True),
            ]
            with points.at_every_call_of(here.account.wire, "operator"):
                here.revert(false[0].id)
            if not here.revert(false[0].id):
                here.wrong.append("the repeat failed")
            here.account.settle()
            here.update(ada, monthlySignups=12)
            here.account.settle()
            return here.verdict(*false, Earned(ada, "signups", 10, revision=1))

    prove(reversal, alike=2)


def test_what_a_false_milestone_had_hidden_is_celebrated_wherever_detection_fails(prove: Prove) -> None:
    def hidden(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada = here.hire("Ada", user="ada")
            here.visit("tv", TV)
            for signups in (21, 12):
                here.update(ada, monthlySignups=signups)
                here.account.settle()
            false = Earned(ada, "signups", 20, (10, 15), reverted=True)
            assert here.revert(false.id)
            with points.at_every_call_of(here.account.wire, "detect_milestone"):
                here.account.settle()
            return here.verdict(
                false,
                Earned(ada, "bonus_tier", 20, (15,), reverted=True),
                Earned(ada, "signups", 10, revision=1),
            )

    prove(hidden, alike=1)


@pytest.mark.undisturbed  # TTL may delete the socket, whose two hours are over at the end
def test_what_detection_gave_up_is_celebrated_once_wherever_the_check_and_its_announcement_fail(prove: Prove) -> None:
    def given_up(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada = here.hire("Ada", user="ada")
            here.update(ada, monthlySignups=16)
            here.give_up()
            here.visit("tv", TV)  # a socket lasts two hours
            with points.at_every_call_of(here.account.wire, *CHECKED):
                here.check()
            here.check()  # two hours later
            return here.verdict(
                Earned(ada, "signups", 15, (10,)),
                Earned(ada, "bonus_tier", 15, badges=("bonus-achiever",)),
            )

    prove(given_up, alike=1)


def test_a_check_beside_detection_celebrates_nothing_twice_at_whatever_instant_it_comes() -> None:
    with sales_floor() as here:
        here.visit("tv", TV)
        for turn in range(100):
            rep = here.hire(f"Rep {turn}")
            here.update(rep, monthlySignups=10)
            with here.account.wire.beside(turn, "detect_milestone", here.check_alone) as reached:
                here.account.settle()
            here.earned.append(Earned(rep, "signups", 10))
            assert here.verdict() == Verdict(), turn
            if not reached():
                return
    pytest.fail("detection never ended")
