"""A count that jumps too far is neither stored nor announced until a second reading, a minute later, confirms it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cairn.channels.plausibility import CONFIRMED_AFTER
from cairn.clock import now
from cairn.model import Reading, Subject
from cairn.readings.stats import Stats
from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms, counts
from testing.workspace import begin_with
from tests.integration.channels.tracking import CATS, GOOD, PATH, STALE_AFTER

TICK = 300
MINUTE = CONFIRMED_AFTER.total_seconds()


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms(youtube={CATS: counts(9_900)})


@pytest.fixture(autouse=True)
def tracked(api: Api, aws: Cloud) -> None:
    api("POST", "/api/channels", GOOD)
    aws.flow()


class Channel:
    """The tracked channel, as its platform and Cairn show it."""

    def __init__(self, api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock) -> None:
        self._api = api
        self._aws = aws
        self._platforms = platforms
        self._clock = clock

    def tick(self, count: int | None, after: float = TICK) -> None:
        """The schedule fetches this count; None is a hidden one."""
        self._shows(count, after)
        FUNCTIONS["fetch_stats"]({"source": "schedule"}, Context())
        self._aws.flow()

    def refresh(self, count: int | None, after: float = TICK) -> Any:
        self._shows(count, after)
        answer = self._api("POST", f"{PATH}/refresh").json
        self._aws.flow()
        return answer

    def _shows(self, count: int | None, after: float) -> None:
        self._clock.sleep(after)
        hidden = {"hiddenSubscriberCount": "true"} if count is None else {}
        self._platforms.youtube[CATS] = counts(count or 0) | hidden

    @property
    def shown(self) -> Any:
        return self._api("GET", PATH).json

    @property
    def count(self) -> int | None:
        count: int | None = self.shown["subscribers"]
        return count

    @property
    def trouble(self) -> str | None:
        trouble = self.shown["trouble"]
        return trouble["code"] if trouble else None

    @property
    def announced(self) -> list[str]:
        catch_up()
        return [milestone["label"] for milestone in self._api("GET", "/api/milestones").json["items"]][::-1]

    @property
    def history(self) -> list[int | None]:
        catch_up()
        items = self._api("GET", f"{PATH}/history", query={"bucket": "none"}).json["items"]
        return [item["subscribers"] for item in items]


@pytest.fixture
def cats(api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock) -> Channel:
    return Channel(api, aws, platforms, clock)


def test_a_false_jump_is_neither_stored_nor_announced_and_the_next_milestone_still_is(cats: Channel) -> None:
    cats.tick(990_000)
    assert (cats.count, cats.trouble, cats.announced) == (9_900, "implausible_count", [])
    cats.tick(9_950)
    assert (cats.count, cats.trouble, cats.announced) == (9_950, None, [])
    cats.tick(10_050)
    assert (cats.count, cats.announced) == (10_050, ["10K"])
    assert cats.history == [9_900, 9_950, 10_050]


@pytest.mark.parametrize("count", [990_000, 1_010_000, 985_000])
def test_a_jump_that_a_second_reading_confirms_is_one_milestone(cats: Channel, count: int) -> None:
    cats.tick(990_000)
    cats.tick(count)
    assert (cats.count, cats.trouble) == (count, None)
    assert cats.announced == (["1M"] if count >= 1_000_000 else ["750K"])
    cats.tick(count)
    assert len(cats.announced) == 1


def test_a_button_pressed_again_within_a_minute_confirms_nothing(cats: Channel) -> None:
    cats.refresh(990_000)
    for _ in range(3):
        assert cats.refresh(990_000, after=MINUTE / 4)["subscribers"] == 9_900
    assert cats.announced == []
    assert cats.refresh(990_000, after=MINUTE / 4)["subscribers"] == 990_000
    assert cats.announced == ["750K"]


def test_the_stored_count_keeps_its_age_while_another_waits(cats: Channel) -> None:
    cats.tick(9_900)
    seen = cats.shown["asOf"]
    cats.tick(990_000)
    assert cats.shown["asOf"] == seen
    assert cats.refresh(990_000, after=1)["asOf"] == seen
    trouble = cats.shown["trouble"]
    assert (
        trouble["message"]
        == "youtube says 990,000 subscribers after 9,900 subscribers; a second reading has to confirm it"
    )
    assert trouble["since"] > seen
    cats._clock.sleep(STALE_AFTER)
    assert cats.shown["stale"] is True


def test_whoever_fetches_may_confirm_what_another_has_held(cats: Channel) -> None:
    cats.refresh(990_000)
    cats.tick(990_000)
    assert cats.announced == ["750K"]


def test_two_jumps_that_differ_confirm_nothing(cats: Channel) -> None:
    cats.tick(400_000)
    cats.tick(90_000_000)
    assert (cats.count, cats.trouble, cats.announced) == (9_900, "implausible_count", [])
    cats.tick(91_000_000)
    assert (cats.count, cats.announced) == (91_000_000, ["75M"])


def test_a_jump_is_held_anew_after_a_plausible_reading(cats: Channel) -> None:
    for count in (990_000, 9_950, 990_000, 9_960, 990_000, 9_970):
        cats.tick(count)
    assert (cats.count, cats.trouble, cats.announced) == (9_970, None, [])


def test_a_jump_is_held_anew_after_another_writers_reading(cats: Channel, aws: Cloud) -> None:
    cats.tick(990_000)
    cats._clock.sleep(10)
    subject = Subject("channel", f"youtube:{CATS}")
    Stats(aws.table("STATS_TABLE")).record(Reading(subject, "Cats", {"subscribers": 9_960}, now(), "import", "t"))
    cats.tick(990_000)
    assert (cats.count, cats.announced) == (9_960, [])
    cats.tick(990_000)
    assert cats.announced == ["750K"]


def test_a_count_that_reappears_is_compared_with_what_it_was(cats: Channel) -> None:
    cats.tick(None)
    assert (cats.count, cats.trouble) == (None, "hidden_count")
    cats.tick(990_000)
    assert (cats.count, cats.trouble, cats.announced) == (None, "implausible_count", [])
    cats.tick(10_050)
    assert (cats.count, cats.trouble, cats.announced) == (10_050, None, ["10K"])


def test_a_clock_that_was_set_back_confirms_nothing_and_holds_up_nothing_for_long(cats: Channel) -> None:
    cats.tick(990_000)
    cats._clock.set_back(timedelta(hours=1))
    cats.tick(990_000)
    assert cats.announced == []
    cats._clock.sleep(timedelta(hours=1).total_seconds())
    cats.tick(990_000)
    cats.tick(990_000)
    assert cats.announced == ["750K"]


def test_a_fall_is_believed_and_a_return_announces_nothing_again(cats: Channel) -> None:
    cats.tick(25_100)
    cats.tick(12)
    assert cats.count == 12
    cats.tick(25_200)
    cats.tick(25_200)
    assert (cats.count, cats.announced) == (25_200, ["25K"])


@pytest.mark.parametrize("count", [100_000, 198_000])
def test_a_jump_that_may_be_true_is_announced_at_once(cats: Channel, count: int) -> None:
    cats.tick(count)
    assert (cats.count, cats.announced) == (count, ["100K"])


def test_the_thresholds_are_the_operators(cats: Channel) -> None:
    begin_with(implausible_factor=2, implausible_increase=100)
    cats.tick(20_000)
    assert (cats.count, cats.trouble) == (9_900, "implausible_count")


def test_a_confirmation_whose_function_dies_costs_another_reading_and_no_milestone(cats: Channel, aws: Cloud) -> None:
    """It dies after it has used up what was held, and before it has stored the count."""
    cats.tick(990_000)
    channels = FUNCTIONS["fetch_stats"].dependencies.fetching._channels
    channel = channels.get(f"youtube:{CATS}")
    assert channels.clear_health_issue(channel, channel.health_issue)
    assert not channels.clear_health_issue(channel, channel.health_issue)
    cats.tick(990_000)
    assert cats.announced == []
    cats.tick(990_000)
    assert cats.announced == ["750K"]
