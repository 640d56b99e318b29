from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cairn.clock import now, to_millis
from cairn.errors import ForbiddenError, NotFoundError, TooManyTabsError
from cairn.viewers.presence_slots import (
    MAX_TABS,
    Headcount,
    PresenceSlot,
    PresenceSlots,
    is_channel_id,
    is_viewer_id,
    partitions,
)
from testing.clock import ControlledClock
from testing.cloud import Cloud

SECOND = timedelta(seconds=1)
ADA, BOB = "ada" * 8, "bob" * 8


@pytest.fixture
def viewers(aws: Cloud) -> PresenceSlots:
    return PresenceSlots(aws.table("PRESENCE_TABLE"))


def slot(viewer: str = ADA, tab: str = "h1", level: int = 0, channel: str = "demo") -> PresenceSlot:
    return PresenceSlot(channel, viewer, tab, level)


def until(seconds: float) -> datetime:
    return now() + seconds * SECOND


def count(viewers: PresenceSlots, *, level: int = 0, ahead: float = 29) -> Headcount:
    return viewers.count("demo", level, now(), until(ahead))


def numbers(viewers: PresenceSlots, level: int = 0) -> tuple[int, int]:
    headcount = count(viewers, level=level)
    return headcount.viewers, headcount.connections


def test_a_viewer_with_two_tabs_counts_once_and_is_two_connections(viewers: PresenceSlots) -> None:
    viewers.enter(slot(tab="h1"), until(60), now())
    viewers.enter(slot(tab="ssocket="), until(7200), now())
    viewers.enter(slot(BOB), until(60), now())
    assert numbers(viewers) == (2, 3)


def test_a_tab_that_enters_again_is_one_tab(viewers: PresenceSlots) -> None:
    viewers.enter(slot(), until(60), now())
    viewers.enter(slot(), until(60), now())
    assert numbers(viewers) == (1, 1)


def test_an_expired_tab_is_not_counted_though_nothing_is_deleted(
    viewers: PresenceSlots, clock: ControlledClock
) -> None:
    viewers.enter(slot(), until(60), now())
    viewers.enter(slot(BOB), until(90), now())
    clock.sleep(59.999)
    assert numbers(viewers) == (2, 2)
    clock.sleep(0.001)
    assert numbers(viewers) == (1, 1)


def test_a_heartbeat_keeps_a_tab_and_no_other_of_the_viewer(viewers: PresenceSlots, clock: ControlledClock) -> None:
    viewers.enter(slot(tab="h1"), until(60), now())
    viewers.enter(slot(tab="h2"), until(60), now())
    clock.sleep(30)
    assert not viewers.keep_alive(slot(tab="h2"), until(60), now())
    clock.sleep(30)
    assert numbers(viewers) == (1, 1)


def test_a_short_lived_tab_does_not_shorten_a_sockets_presence(viewers: PresenceSlots, clock: ControlledClock) -> None:
    viewers.enter(slot(tab="ssocket"), until(7200), now())
    viewers.enter(slot(tab="h1"), until(60), now())
    clock.sleep(61)
    assert numbers(viewers) == (1, 1)
    assert viewers.prune(count(viewers).expired) == 1
    assert numbers(viewers) == (1, 1)


def test_a_remaining_tab_expires_on_time_though_one_that_would_last_longer_left(
    viewers: PresenceSlots, clock: ControlledClock
) -> None:
    viewers.enter(slot(tab="h1"), until(60), now())
    viewers.enter(slot(tab="ssocket"), until(7200), now())
    assert viewers.leave(slot(tab="ssocket"))
    assert numbers(viewers) == (1, 1)
    clock.sleep(60)
    assert numbers(viewers) == (0, 0)


def test_a_heartbeat_that_comes_late_brings_a_viewer_back(viewers: PresenceSlots, clock: ControlledClock) -> None:
    viewers.enter(slot(), until(60), now())
    clock.sleep(61)
    assert numbers(viewers) == (0, 0)
    assert viewers.keep_alive(slot(), until(60), now())
    assert numbers(viewers) == (1, 1)


def test_expired_tabs_are_pruned_unless_they_came_back_in_between(
    viewers: PresenceSlots, clock: ControlledClock
) -> None:
    viewers.enter(slot(), until(60), now())
    viewers.enter(slot(BOB), until(60), now())
    clock.sleep(61)
    expired = count(viewers).expired
    viewers.keep_alive(slot(BOB), until(60), now())
    assert viewers.prune(expired) == 1
    assert numbers(viewers) == (1, 1)
    with pytest.raises(NotFoundError):
        viewers.keep_alive(slot(), until(60), now())


def test_leaving_twice_is_leaving_once(viewers: PresenceSlots) -> None:
    viewers.enter(slot(), until(60), now())
    assert viewers.leave(slot())
    assert not viewers.leave(slot())
    assert numbers(viewers) == (0, 0)


def test_two_tabs_that_leave_at_the_same_instant_are_both_gone(aws: Cloud, viewers: PresenceSlots) -> None:
    viewers.enter(slot(tab="h1"), until(60), now())
    viewers.enter(slot(tab="h2"), until(60), now())
    left = [PresenceSlots(aws.table("PRESENCE_TABLE")), viewers]
    events = left[0]._table.meta.client.meta.events

    def other(**_: Any) -> None:
        events.unregister("before-call.dynamodb.UpdateItem", other)
        viewers._remove({"pk": "demo#0.0", "sk": ADA}, frozenset({"h2"}), 0, "contains(tabs, :tab)", {":tab": "h2"})

    events.register("before-call.dynamodb.UpdateItem", other)
    assert left[0].leave(slot(tab="h1"))
    assert numbers(viewers) == (0, 0)
    assert viewers.prune(count(viewers).expired) == 1
    assert count(viewers).expired == ()


def test_a_viewer_with_one_tab_left_is_filtered_out_of_a_count_again(
    aws: Cloud, viewers: PresenceSlots, clock: ControlledClock
) -> None:
    """A count does not receive such items: sockets that replace others must not make it slower and slower."""
    last = until(7200)
    viewers.enter(slot(tab="sold="), until(600), now())
    viewers.enter(slot(tab="snew="), last, now())
    assert viewers.leave(slot(tab="sold="))
    viewers.enter(slot(BOB, tab="h1"), until(60), now())
    viewers.enter(slot(BOB, tab="snew="), last, now())
    clock.sleep(61)
    assert viewers.prune(count(viewers).expired) == 1
    items = aws.table("PRESENCE_TABLE").scan()["Items"]
    assert [int(str(item["over_at"])) for item in items] == [to_millis(last)] * 2
    assert numbers(viewers) == (2, 2)


def test_one_viewer_can_neither_end_nor_prolong_another(viewers: PresenceSlots) -> None:
    viewers.enter(slot(), until(60), now())
    with pytest.raises(ForbiddenError):
        viewers.leave(slot(tab="h-forged"))
    with pytest.raises(ForbiddenError):
        viewers.keep_alive(slot(tab="h-forged"), until(600), now())
    with pytest.raises(NotFoundError):
        viewers.keep_alive(slot(BOB), until(60), now())
    with pytest.raises(NotFoundError):
        viewers.keep_alive(slot(channel="other"), until(60), now())
    assert numbers(viewers) == (1, 1)


def test_a_viewer_has_a_limited_number_of_tabs_and_expired_ones_make_room(
    viewers: PresenceSlots, clock: ControlledClock
) -> None:
    for number in range(MAX_TABS):
        viewers.enter(slot(tab=f"h{number}"), until(60 + number), now())
    with pytest.raises(TooManyTabsError):
        viewers.enter(slot(tab="h-more"), until(60), now())
    viewers.enter(slot(tab="h3"), until(90), now())
    clock.sleep(60)
    viewers.enter(slot(tab="h-more"), until(60), now())
    assert numbers(viewers) == (1, MAX_TABS)


def test_a_count_says_when_the_first_late_heartbeat_expires(viewers: PresenceSlots, clock: ControlledClock) -> None:
    viewers.enter(slot(), until(60), now())
    expiry = now() + 60 * SECOND
    assert count(viewers).next_expiry is None
    clock.sleep(32)
    viewers.enter(slot(BOB), until(60), now())
    assert count(viewers).next_expiry == expiry


def test_a_channel_grows_over_more_partition_keys_and_keeps_its_viewers(aws: Cloud, viewers: PresenceSlots) -> None:
    for number in range(40):
        viewers.enter(slot(f"{number:024}", level=number % 3), until(60), now())
    assert numbers(viewers, level=2) == (40, 40)
    keys = {item["pk"] for item in aws.table("PRESENCE_TABLE").scan()["Items"]}
    assert len(keys) > 10
    assert len(keys) <= partitions(2) == 21


def test_a_viewer_is_found_at_their_level(viewers: PresenceSlots) -> None:
    viewers.enter(slot(level=1), until(60), now())
    assert viewers.find("demo", ADA, range(3)) == 1
    assert viewers.find("demo", BOB, range(3)) is None


@pytest.mark.parametrize("shards", [1, 5, 16])
def test_each_socket_is_in_exactly_one_shard(viewers: PresenceSlots, shards: int) -> None:
    for number in range(30):
        viewers.enter(slot(f"{number:024}", tab=f"ssocket{number}", level=number % 3), until(7200), now())
    viewers.enter(slot(ADA, tab="h1"), until(60), now())
    found = [one.tab for shard in range(shards) for one, _ in viewers.sockets("demo", 2, now(), (shard, shards))]
    assert sorted(found) == sorted(f"ssocket{number}" for number in range(30))


def test_channels_do_not_mix(viewers: PresenceSlots) -> None:
    viewers.enter(slot(channel="demo1"), until(60), now())
    viewers.enter(slot(channel="demo#0"), until(60), now())
    assert numbers(viewers) == (0, 0)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("demo", True),
        ("youtube:UC_x5XG1OV2P6uZZ5FqM9Ttw", True),
        ("a" * 100, True),
        ("a" * 101, False),
        ("", False),
        ("a b", False),
        ("a#b", False),
        ("a/b", False),
        ("é", False),
        ("a\n", False),
        (".", False),
        ("..", False),
        ("...", True),
    ],
)
def test_a_channel_is_named_in_plain_letters(text: str, good: bool) -> None:
    assert is_channel_id(text) is good


def test_a_viewers_id_is_too_long_to_be_guessed() -> None:
    assert is_viewer_id("d9af7fa2-afe9-49c5-aadf-efb19ae5417d")
    assert not is_viewer_id("alice")
    assert not is_viewer_id("a" * 65)
