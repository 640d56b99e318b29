"""Promises 1, 2 and 10 on bad days: an account that always fails, a platform that is down, a clock that jumps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from tests.crash.channels.way import INSTAGRAM, TELEGRAM, YOUTUBE, Expected, Scenario, way
from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict

GOOD = Verdict()
HOUR = timedelta(hours=1)
PERSON = frozenset({"77"})


def graph(code: int, status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": "no", "code": code}})


CLOSED = httpx.Response(403, json={"error": {"message": "closed", "errors": [{"reason": "channelClosed"}]}})
REFUSED = httpx.Response(403, json={"ok": False, "description": "Forbidden: bot was kicked from the channel chat"})
BAD = {
    "instagram:1": graph(100),
    "instagram:11": graph(10),
    "instagram:111": graph(2, 500),
    "telegram:-1": REFUSED,
    "telegram:-10": httpx.Response(502),
    "youtube:UC" + "9" * 22: CLOSED,
}
"""Each comes before the good channel of its platform."""


@pytest.fixture
def here() -> Iterator[Scenario]:
    with way() as made:
        made.track({YOUTUBE: 9_500, TELEGRAM: 900, INSTAGRAM: 2_400})
        made.subscribe(["77"])
        made.tick()
        yield made


def crossed() -> list[Expected]:
    return [Expected(YOUTUBE, "10K", PERSON), Expected(TELEGRAM, "1K", PERSON), Expected(INSTAGRAM, "2.5K", PERSON)]


def test_good_channels_among_ones_that_always_fail_lose_nothing_wherever_fetching_fails(prove: Prove) -> None:
    def among_bad_ones(points: Explorer) -> Verdict:
        with way() as here:
            here.track({YOUTUBE: 9_500, TELEGRAM: 900, INSTAGRAM: 2_400})
            here.track_failing(BAD)
            here.subscribe(["77"])
            here.tick()
            with points.at_every_call_of(here.account.wire, "fetch_stats"):
                here.tick(youtube=10_100, telegram=1_100, instagram=2_600)
            here.catch_up()
            return here.verdict(*crossed())

    prove(among_bad_ones, alike=2)


def test_a_jump_is_announced_once_it_is_confirmed_wherever_fetching_fails(prove: Prove) -> None:
    def jump(points: Explorer) -> Verdict:
        with way() as here:
            here.track({YOUTUBE: 9_500})
            here.subscribe(["77"])
            here.tick()
            here.tick(youtube=260_000)
            with points.at_every_call_of(here.account.wire, "fetch_stats"):
                here.tick()
            here.catch_up()
            passed = ("10K", "25K", "50K", "75K", "100K")
            return here.verdict(Expected(YOUTUBE, "250K", PERSON, also_passed=passed))

    prove(jump)


@pytest.mark.parametrize("platform", ["youtube", "telegram", "instagram"])
@pytest.mark.parametrize("answer", [httpx.Response(502), httpx.Response(401, json={}), httpx.Response(429, json={})])
def test_a_platform_that_is_down_stops_only_itself_and_goes_on_where_it_was(
    here: Scenario, platform: str, answer: httpx.Response
) -> None:
    here.platforms.failing[platform] = answer
    here.tick(youtube=10_100, telegram=1_100, instagram=2_600)
    assert here.verdict(*(one for one in crossed() if not one.channel.startswith(platform))) == GOOD
    here.account.clock.sleep(HOUR.total_seconds())
    del here.platforms.failing[platform]
    here.tick()
    assert here.verdict(*crossed()) == GOOD


def test_false_refusals_of_every_channel_lose_nothing(here: Scenario) -> None:
    here.platforms.failing |= {"youtube": httpx.Response(200, json={}), "telegram": REFUSED, "instagram": graph(10)}
    here.tick(youtube=10_100, telegram=1_100, instagram=2_600)
    assert here.verdict() == GOOD
    here.platforms.failing.clear()
    here.tick()
    assert here.verdict(*crossed()) == GOOD


def test_a_false_count_of_every_channel_is_announced_to_nobody(here: Scenario) -> None:
    here.tick(youtube=950_000, telegram=90_000, instagram=240_000)
    here.tick(youtube=10_100, telegram=1_100, instagram=2_600)
    assert here.verdict(*crossed()) == GOOD


def test_a_clock_that_jumps_forward_loses_nothing(here: Scenario) -> None:
    here.account.clock.sleep(HOUR.total_seconds())
    here.tick(youtube=10_100, telegram=1_100)
    here.tick(instagram=2_600)
    assert here.verdict(*crossed()) == GOOD


def test_a_clock_that_is_wrong_for_one_fetch_delays_the_next_and_loses_nothing(here: Scenario) -> None:
    here.account.clock.sleep(HOUR.total_seconds())
    here.tick(youtube=10_100)
    here.account.clock.set_back(HOUR)
    here.tick(telegram=1_100, youtube=10_200)
    here.tick(instagram=2_600, youtube=10_300)
    here.account.clock.sleep(HOUR.total_seconds())
    here.tick()
    assert here.verdict(*crossed()) == GOOD
