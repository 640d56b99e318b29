"""Promises 1 and 2 on the sales floor: whatever fails, everybody receives every milestone, under one id."""

from __future__ import annotations

import pytest

from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict
from tests.crash.leaderboard.floor import REPS, Earned, sales_floor

TV = "tv-display"


def test_a_leap_is_celebrated_and_earns_its_badges_wherever_detection_fails(prove: Prove) -> None:
    """With a new table: detection finds no catalogue of badges yet."""

    def leap(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada, _ = here.hire("Ada"), here.hire("Bob")
            here.visit("tv", TV)
            with points.at_every_call_of(here.account.wire, "detect_milestone"):
                here.update(ada, monthlyRevenue=26_000)
                here.account.settle()
            return here.verdict(
                Earned(ada, "revenue", 25_000, (10_000,), badges=("rising-star",)),
                Earned(ada, "rank", 3, (1, 2), badges=("top-performer",)),
            )

    prove(leap, alike=2)


def test_two_updates_in_one_batch_are_each_announced_wherever_detection_fails(prove: Prove) -> None:
    def batch(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada, _ = here.hire("Ada", user="ada"), here.hire("Bob")
            here.visit("ada", "user:ada", TV)
            here.update(ada, monthlyRevenue=1_000)
            here.account.settle()
            here.earned.append(Earned(ada, "rank", 3, (1, 2), badges=("top-performer",)))
            here.update(ada, monthlyRevenue=26_000)
            here.update(ada, monthlyRevenue=60_000)
            with points.at_every_call_of(here.account.wire, "detect_milestone"):
                here.account.settle()
            return here.verdict(
                Earned(ada, "revenue", 25_000, (10_000,), badges=("rising-star",)),
                Earned(ada, "revenue", 50_000, badges=("top-earner",)),
            )

    prove(batch, alike=1)


def test_everybody_in_a_room_receives_everything_wherever_broadcast_fails(prove: Prove) -> None:
    """Also a visitor who was away meanwhile, once they are back."""

    def broadcast(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada, _ = here.hire("Ada", user="ada"), here.hire("Bob")
            here.visit("tv", TV)
            here.visit("ada", "user:ada")
            away = here.visit("away", TV)
            away.vanish()
            with points.at_every_call_of(here.account.wire, "broadcast"):
                here.update(ada, monthlyRevenue=26_000)
                here.account.settle()
            away.come_back()
            here.account.settle()
            return here.verdict(
                Earned(ada, "revenue", 25_000, (10_000,), badges=("rising-star",)),
                Earned(ada, "rank", 3, (1, 2), badges=("top-performer",)),
            )

    prove(broadcast, alike=3)


def test_an_event_of_a_large_room_reaches_each_of_its_sockets_wherever_broadcast_fails(prove: Prove) -> None:
    def shards(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada, _ = here.hire("Ada", user="ada"), here.hire("Bob")
            here.visit("tv", TV)
            here.visit("stairs", TV)  # in another shard
            here.mark_sharded(TV)
            here.update(ada, monthlySignups=10)
            assert here.account.step()  # detection
            with points.at_every_call_of(here.account.wire, "broadcast"):
                here.broadcast()  # the event
                here.broadcast()  # ten of its shards
            here.account.settle()
            return here.verdict(Earned(ada, "signups", 10))

    prove(shards, alike=2)


def test_a_visitor_who_comes_back_receives_the_events_since_wherever_the_replay_fails(prove: Prove) -> None:
    def replay(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada, _ = here.hire("Ada", user="ada"), here.hire("Bob")
            visitor = here.visit("ada", "user:ada", TV)
            visitor.vanish()
            here.update(ada, monthlyRevenue=26_000)
            here.account.settle()
            with points.at_every_call_of(here.account.wire, "ws_connect"):
                visitor.come_back()
                here.account.settle()
            return here.verdict(
                Earned(ada, "revenue", 25_000, (10_000,), badges=("rising-star",)),
                Earned(ada, "rank", 3, (1, 2), badges=("top-performer",)),
            )

    prove(replay, alike=1)


def test_an_update_that_failed_changed_nothing_or_leads_to_all_that_follows(prove: Prove) -> None:
    def update(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada, bob = here.hire("Ada", goal=20_000), here.hire("Bob")
            here.visit("tv", TV)
            here.update(bob, monthlyRevenue=5_000)
            here.account.settle()
            here.earned.append(Earned(bob, "rank", 3, (1, 2), badges=("top-performer",)))
            here.answered.clear()
            with points.at_every_call_of(here.account.wire, "api"):
                stored = here.update(ada, monthlyRevenue=26_000)
            here.account.settle()
            deserved = [
                Earned(ada, "revenue", 25_000, (10_000,), badges=("rising-star",)),
                Earned(ada, "goal", 100, badges=("goal-crusher",)),
                Earned(ada, "rank", 3, (1, 2), badges=("top-performer",)),
            ]
            if here.answered and set(here.answered) != {one.id for one in deserved}:
                here.wrong.append(f"{here.answered} was answered")
            return here.verdict(*deserved if stored else ())

    prove(update)


def test_the_board_is_shown_as_it_is_at_last_at_whatever_instant_a_refresh_comes() -> None:
    """Each update dies before the board has it, so that detection has something to repair."""
    with sales_floor() as here:
        ada, _ = here.hire("Ada"), here.hire("Bob")
        here.visit("tv", TV)
        here.update(ada, monthlyRevenue=100)
        here.account.settle()
        for turn in range(100):
            here.update_and_die(ada, monthlyRevenue=200 + turn)
            with here.account.wire.beside(turn, "detect_milestone", here.broadcast) as reached:
                here.account.settle()
            assert here.verdict(Earned(ada, "rank", 3, (1, 2), badges=("top-performer",))) == Verdict(), turn
            if not reached():
                return
    pytest.fail("detection never ended")


def test_an_update_is_answered_what_is_announced_at_whatever_instant_the_stream_comes() -> None:
    with sales_floor() as here:
        for turn in range(100):
            rep = here.hire(f"Rep {turn}")
            here.answered.clear()
            with here.account.wire.beside(turn, "api", here.account.settle) as reached:
                here.update(rep, monthlyRevenue=10_000 + turn)
            here.account.settle()
            new = [Earned(rep, "revenue", 10_000), Earned(rep, "rank", 3, (1, 2), badges=("top-performer",))]
            assert here.answered == [one.id for one in new], turn
            here.earned += new
            assert here.verdict() == Verdict(), turn
            if not reached():
                return
    pytest.fail("the update never ended")


def test_an_update_that_is_made_again_leads_to_everything_once(prove: Prove) -> None:
    def again(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada, _ = here.hire("Ada"), here.hire("Bob")
            here.visit("tv", TV)
            with points.at_every_call_of(here.account.wire, "api: dynamodb PutItem"):
                here.update(ada, monthlyRevenue=26_000)
            here.update(ada, monthlyRevenue=26_000)
            here.account.settle()
            return here.verdict(
                Earned(ada, "revenue", 25_000, (10_000,), badges=("rising-star",)),
                Earned(ada, "rank", 3, (1, 2), badges=("top-performer",)),
            )

    prove(again)


def test_a_rep_who_is_hired_or_retires_is_on_the_board_or_off_it_wherever_it_fails(prove: Prove) -> None:
    def hire_and_retire(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada = here.hire("Ada")
            here.visit("ada", TV)
            with points.at_every_call_of(here.account.wire, "api"):
                here.ask("POST", REPS, {"name": "Bob"})
                here.retire(ada)
            here.account.settle()
            return here.verdict()

    prove(hire_and_retire, alike=1)


def test_a_month_ends_with_its_last_values_and_the_next_begins_at_zero_wherever_its_rollover_fails(
    prove: Prove,
) -> None:
    """Ada's last sale is on no board yet. Bob sells before the schedule fires, which begins the month for him."""

    def roll_over(points: Explorer) -> Verdict:
        with sales_floor() as here:
            ada, bob = here.hire("Ada"), here.hire("Bob")
            here.update(ada, monthlyRevenue=4_000)
            here.update(bob, monthlyRevenue=1_000)
            here.account.settle()
            here.earned += [
                Earned(ada, "rank", 3, (1, 2), badges=("top-performer",)),
                Earned(bob, "rank", 2, (1,), badges=("top-performer",)),
            ]
            here.begin_month("2026-11-30T23:59:00Z")
            here.visit("tv", TV)
            here.update_and_die(ada, monthlyRevenue=5_000)
            here.begin_month("2026-12-01T00:01:00Z")
            here.update(bob, monthlyRevenue=9_000)
            with points.at_every_call_of(here.account.wire, "month_rollover"):
                here.tick()
            here.tick()
            ended = {rep: row["metrics"]["monthly_revenue"] for rep, row in here.kept("2026-11").items()}
            if ended != {ada: 5_000, bob: 1_000}:
                here.wrong.append(f"November ended with {ended}")
            begun = {rep: reading.metrics["monthly_revenue"] for rep, reading in here.reps().items()}
            if begun != {ada: 0, bob: 9_000}:
                here.wrong.append(f"December began with {begun}")
            return here.verdict(Earned(bob, "rank", 3, (1, 2), month="2026-12"))

    prove(roll_over)
