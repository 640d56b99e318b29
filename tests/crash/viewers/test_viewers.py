"""Promises 1 and 2 of a live channel: whatever fails, the count is right in the end, and its viewers receive it.

Present viewers keep sending heartbeats, and reconnect when closed; a leave is sent once, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from cairn.clock import now
from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict
from tests.crash.viewers.audience import BEAT, RETRY_AFTER, TIMEOUT, LiveWay, Watcher, live

COUNTED = timedelta(seconds=4)
"""After a change, when all goes well."""


def test_a_join_by_socket_is_counted_wherever_it_fails(prove: Prove) -> None:
    """Ada in a second tab, too."""

    def join(points: Explorer) -> Verdict:
        with live() as here:
            here.crowd(2)
            here.pages("ada")
            with points.at_every_call_of(here.account.wire, "ws_connect"):
                here.watchers("ada", "bob")
            here.settle()
            return here.verdict()

    prove(join, alike=1)


def test_a_leave_by_socket_is_counted_wherever_it_fails(prove: Prove) -> None:
    def leave(points: Explorer) -> Verdict:
        with live() as here:
            here.crowd(2)
            here.pages("ada")
            tab, bob = here.watchers("ada", "bob")
            here.run(COUNTED)
            with points.at_every_call_of(here.account.wire, "ws_connect"):
                tab.leave()
                bob.leave()
            here.settle()
            return here.verdict()

    prove(leave, alike=1)


def test_a_join_heartbeat_and_leave_by_http_are_counted_right_wherever_they_fail(prove: Prove) -> None:
    def join_and_leave(points: Explorer) -> Verdict:
        with live() as here:
            here.crowd(2)
            with points.at_every_call_of(here.account.wire, "viewer_heartbeat"):
                ada, _ = here.pages("ada", "bob")
                here.run(BEAT + RETRY_AFTER)
                ada.leave()
            here.settle()
            return here.verdict()

    prove(join_and_leave, alike=1)


def test_a_viewer_whose_heartbeat_is_too_late_is_present_again_wherever_it_fails(prove: Prove) -> None:
    """Ada was removed by then, Bob has expired and is not removed yet."""

    def late(points: Explorer) -> Verdict:
        with live() as here:
            here.crowd(1)
            ada, bob = here.pages("ada", "bob")
            ada.sleep(TIMEOUT + 2 * RETRY_AFTER)
            bob.sleep(TIMEOUT)
            here.run(TIMEOUT - RETRY_AFTER)
            with points.at_every_call_of(here.account.wire, "viewer_heartbeat"):
                here.run(4 * RETRY_AFTER)
            here.settle()
            return here.verdict()

    prove(late, alike=1)


def test_a_channels_first_viewer_is_counted_wherever_it_fails(prove: Prove) -> None:
    def first(points: Explorer) -> Verdict:
        with live() as here:
            with points.at_every_call_of(here.account.wire, "viewer_heartbeat", "count_viewers"):
                here.pages("ada")
                here.run(COUNTED)
            here.settle()
            return here.verdict()

    prove(first, alike=1)


def test_when_the_last_viewer_leaves_nobody_is_present_wherever_it_fails(prove: Prove) -> None:
    def last(points: Explorer) -> Verdict:
        with live() as here:
            (ada,) = here.pages("ada")
            here.run(COUNTED)
            with points.at_every_call_of(here.account.wire, "viewer_heartbeat", "count_viewers"):
                ada.leave()
                here.run(COUNTED)
            here.settle()
            return here.verdict()

    prove(last, alike=1)


def test_a_count_is_right_at_last_wherever_it_fails(prove: Prove) -> None:
    """Four join, two expire, and one is lost: ten remain, and that is a milestone."""

    def count(points: Explorer) -> Verdict:
        with live() as here:
            here.crowd(7)
            for page in here.pages("late", "later"):
                page.vanish()
            here.run(TIMEOUT - COUNTED)
            here.watchers("ada", "bob", "cat", "dan")
            here.lose(0)
            with points.at_every_call_of(here.account.wire, "count_viewers"):
                here.run(3 * COUNTED)
            here.settle()
            return here.verdict(passed=10)

    prove(count, alike=1)


def test_a_count_is_broadcast_and_recorded_wherever_that_fails(prove: Prove) -> None:
    def broadcast(points: Explorer) -> Verdict:
        with live() as here:
            here.crowd(7)
            here.watchers("ada", "bob", "cat")
            here.lose(0)
            here.watchers("dan")
            with points.at_every_call_of(here.account.wire, "detect_milestone", "record_history", "broadcast"):
                here.run(2 * COUNTED)
            here.settle()
            return here.verdict(passed=10)

    prove(broadcast, alike=1)


def test_a_channel_that_grows_is_counted_right_wherever_that_fails(prove: Prove) -> None:
    """The second tab goes into the first one's item, whichever Lambda knows the new level."""

    def grow(points: Explorer) -> Verdict:
        with live(per_shard=2) as here:
            here.watchers("ada", "bob")
            here.run(COUNTED)
            here.pages("cat")
            with points.at_every_call_of(here.account.wire, "count_viewers"):
                here.count()
            here.run(2 * COUNTED)
            here.pages("dan", "ada")
            here.settle()
            return here.verdict()

    prove(grow, alike=1)


def test_a_socket_that_is_closed_as_it_joins_leaves_nobody_behind_at_whatever_instant() -> None:
    """Before anything probes whether it is still open."""
    with live() as here:
        here.watchers("ada")
        for turn in range(30):
            bob = here.absent(f"bob{turn}-")
            with here.account.wire.beside(turn, "ws_connect: dynamodb", bob.leave) as reached:
                bob.step(here.account.invoke)
            bob.stay_away()
            if bob.connected:
                bob.leave()
            here.run(COUNTED)
            assert here.verdict() == Verdict(), turn
            if not reached():
                return
    pytest.fail("nobody ever joined")


def test_a_check_that_was_lost_is_replaced_by_the_next_heartbeat() -> None:
    with live() as here:
        _, bob = here.pages("ada", "bob")
        here.run(COUNTED)
        here.account.count.messages.clear()
        bob.vanish()
        here.settle()
        assert here.verdict() == Verdict()


def test_a_count_that_was_overtaken_changes_nothing_at_whatever_instant() -> None:
    """It began while Ada was present, and continues after another one has found that she had left."""
    with live() as here:
        for turn in range(30):
            (ada,) = here.watchers(f"ada{turn}-")

            def overtake(ada: Watcher = ada) -> None:
                ada.leave()
                here.account.clock.advance_to(now() + 3 * RETRY_AFTER)
                here.ask()

            with here.account.wire.beside(turn, "count_viewers", overtake) as reached:
                here.count()
            if ada.connected:
                ada.leave()
            here.settle()
            assert here.verdict() == Verdict(), turn
            if not reached():
                return
    pytest.fail("the count never ended")


def test_a_heartbeat_during_the_removal_keeps_the_viewer_at_whatever_instant() -> None:
    with live() as here:
        here.watchers("ada")
        (bob,) = here.pages("bob")
        for turn in range(30):
            bob.sleep(TIMEOUT + BEAT)
            here.run(bob.beaten_at + TIMEOUT - RETRY_AFTER - now())
            with here.account.wire.beside(turn, "count_viewers", lambda: bob.step(here.account.invoke)) as reached:
                here.run(3 * RETRY_AFTER)
            if not reached():
                bob.step(here.account.invoke)
            here.run(COUNTED)
            assert here.verdict() == Verdict(), turn
            if not reached():
                return
    pytest.fail("nobody was ever removed")


@pytest.mark.parametrize(
    "what",
    [LiveWay.count_again, LiveWay.ask, LiveWay.join, LiveWay.leave],
    ids=["repeat", "request", "join", "leave"],
)
def test_a_count_is_right_at_last_at_whatever_instant_another_comes(what: Callable[[LiveWay], None]) -> None:
    """Another function with the same message; a request that makes a count; a join; a leave."""
    with live() as here:
        here.watchers("ada")
        here.run(COUNTED)
        for turn in range(30):
            (bob,) = here.watchers(f"bob{turn}-")
            with here.account.wire.beside(turn, "count_viewers", lambda: what(here)) as reached:
                here.count()
            here.run(COUNTED)
            assert here.verdict() == Verdict(), turn
            if bob.connected:
                bob.vanish()
            here.settle()
            assert here.verdict() == Verdict(), turn
            if not reached():
                return
    pytest.fail("the count never came to its end")
