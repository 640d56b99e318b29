"""The tracked channels and the state of fetching: leases, checks, health issues and pauses, each by one condition."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cairn.channels.registry import Channel, Channels
from cairn.clock import now
from testing.clock import ControlledClock
from testing.cloud import Cloud

LEASE = timedelta(seconds=20)


@pytest.fixture
def channels(aws: Cloud) -> Channels:
    return Channels(aws.table("CHANNELS_TABLE"))


@pytest.fixture
def cats(channels: Channels) -> Channel:
    channel = Channel("youtube", "cats", "@cats", "Cats & <b> 🐱", now())
    assert channels.add(channel) is None
    return channel


def test_a_channel_is_tracked_once(channels: Channels, cats: Channel) -> None:
    assert channels.add(replace(cats, name="Other")) == cats
    assert channels.get(cats.id) == cats
    assert channels.all() == channels.all("youtube") == [cats]
    assert channels.all("telegram") == []
    channels.remove(cats)
    channels.remove(cats)
    assert channels.get(cats.id) is None


def test_the_page_of_a_channel_is_kept_and_one_from_before_has_none(channels: Channels, cats: Channel) -> None:
    dogs = replace(cats, native_id="dogs", page="https://www.youtube.com/channel/dogs")
    channels.add(dogs)
    assert channels.get_many([cats.id, dogs.id]) == [cats, dogs]
    assert cats.page is None


def test_channels_are_found_by_name_and_platform_in_the_order_of_ids(channels: Channels) -> None:
    made = [Channel("youtube", f"{number:03d}", "@x", "X", now()) for number in range(120)]
    made.append(Channel("you", "x", "@x", "X", now()))
    for channel in reversed(made):
        channels.add(channel)
    assert channels.all("youtube") == made[:-1]
    assert channels.get_many([channel.id for channel in made[:110]] + ["youtube:gone"]) == made[:110]
    assert channels.get_many([]) == []


def test_only_one_of_several_requests_gets_the_lease(channels: Channels, cats: Channel, clock: ControlledClock) -> None:
    assert channels.acquire_fetch(cats, "one", now(), now(), LEASE)
    assert not channels.acquire_fetch(cats, "two", now(), now(), LEASE)
    assert channels.leased_until(cats) == now() + LEASE
    channels.release_fetch(cats, "two", None)
    assert channels.leased_until(cats)
    clock.sleep(1)
    channels.release_fetch(cats, "one", now())
    assert channels.leased_until(cats) is None


def test_a_fetch_that_started_since_the_request_is_enough(
    channels: Channels, cats: Channel, clock: ControlledClock
) -> None:
    requested_at = now()
    clock.sleep(1)
    channels.acquire_fetch(cats, "one", requested_at, now(), LEASE)
    channels.release_fetch(cats, "one", now())
    assert not channels.acquire_fetch(cats, "two", requested_at, now(), LEASE)
    clock.sleep(1)
    assert channels.acquire_fetch(cats, "two", now(), now(), LEASE)


def test_a_lease_expires(channels: Channels, cats: Channel, clock: ControlledClock) -> None:
    channels.acquire_fetch(cats, "dead", now(), now(), LEASE)
    clock.sleep(20)
    assert channels.acquire_fetch(cats, "two", now(), now(), LEASE)
    channels.release_fetch(cats, "dead", now())
    assert channels.leased_until(cats) == now() + LEASE
    assert channels.checks("youtube", [cats]).last_found(cats) is None


def test_a_lease_of_a_clock_that_was_an_hour_ahead_holds_up_nobody(
    channels: Channels, cats: Channel, clock: ControlledClock
) -> None:
    channels.acquire_fetch(cats, "wrong", now(), now(), LEASE)
    clock.set_back(timedelta(hours=1))
    assert channels.acquire_fetch(cats, "two", now(), now(), LEASE)
    channels.release_fetch(cats, "two", now())
    clock.sleep(1)
    assert channels.acquire_fetch(cats, "three", now(), now(), LEASE)


def test_a_channel_was_seen_by_a_batch_or_by_itself(channels: Channels, cats: Channel, clock: ControlledClock) -> None:
    assert channels.checks("youtube", [cats]).last_found(cats) is None
    clock.sleep(60)
    channels.record_checked("youtube", 0, [("a", "d")], now(), complete=True)
    assert channels.checks("youtube", [cats]).last_found(cats) == now()
    clock.sleep(60)
    channels.acquire_fetch(cats, "one", now(), now(), LEASE)
    channels.release_fetch(cats, "one", now())
    assert channels.checks("youtube", [cats]).last_found(cats) == now()


def test_what_a_batch_could_not_check_still_counts_as_seen_by_the_one_before(
    channels: Channels, cats: Channel, clock: ControlledClock
) -> None:
    clock.sleep(60)
    complete = now()
    channels.record_checked("youtube", 0, [("a", "z")], complete, complete=True)
    clock.sleep(60)
    channels.record_checked("youtube", 0, [("a", "b")], now(), complete=False)
    assert channels.checks("youtube", [cats]).last_found(cats) == complete
    other = replace(cats, native_id="b")
    assert channels.checks("youtube", [cats, other]).last_found(other) == now()


def test_a_health_issue_is_recorded_once_and_keeps_when_it_began(
    channels: Channels, cats: Channel, clock: ControlledClock
) -> None:
    began = now()
    assert channels.record_health_issue(cats, "unknown_channel", "gone", began)
    clock.sleep(60)
    assert not channels.record_health_issue(cats, "unknown_channel", "still gone", now())
    tracked = channels.get(cats.id)
    assert tracked
    assert tracked.health_issue
    assert (tracked.health_issue.message, tracked.health_issue.since) == ("gone", began)
    assert channels.record_health_issue(cats, "hidden_count", "hidden", now())
    assert channels.clear_health_issue(cats)
    assert not channels.clear_health_issue(cats)
    assert channels.get(cats.id) == cats


def test_a_health_issue_does_not_bring_back_a_channel_that_was_removed(channels: Channels, cats: Channel) -> None:
    channels.remove(cats)
    assert not channels.record_health_issue(cats, "unknown_channel", "gone", now())
    assert not channels.clear_health_issue(cats)
    assert channels.get(cats.id) is None


def test_the_longer_of_two_pauses_holds_and_ends_by_itself(channels: Channels, clock: ControlledClock) -> None:
    assert channels.paused("youtube", now()) is None
    channels.pause("youtube", "quota", now() + timedelta(hours=2))
    channels.pause("youtube", "rate", now() + timedelta(minutes=1))
    pause = channels.paused("youtube", now())
    assert pause
    assert (pause.reason, pause.until) == ("quota", now() + timedelta(hours=2))
    assert channels.paused("telegram", now()) is None
    clock.sleep(7200)
    assert channels.paused("youtube", now()) is None
    channels.pause("youtube", "rate", now() + timedelta(minutes=1))
    assert channels.paused("youtube", now())
