"""A join is counted although a call to the queue failed or a message was lost, and nobody is forgotten too early."""

from __future__ import annotations

import os
from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from cairn.aws.sqs import Queue
from cairn.clock import now
from cairn.messages import CountViewers
from cairn.viewers.presence import Presence
from testing.clock import START, ControlledClock
from testing.cloud import Cloud
from testing.outages import failing
from testing.small_pages import small_pages
from testing.viewer_site import Site

MILLISECOND = timedelta(milliseconds=1)
ADA, BOB = "ada" * 8, "bob" * 8


@pytest.fixture
def sqs(aws: Cloud) -> object:
    return boto3.client("sqs")


@pytest.fixture
def presence(aws: Cloud, sqs: object) -> Presence:
    """As in a function that has just started."""
    queue = Queue(sqs, os.environ["COUNT_QUEUE_URL"])  # type: ignore[arg-type]  # boto3's stubs do not name its client
    return Presence.of(aws.table("PRESENCE_TABLE"), queue, now)


def requested(aws: Cloud) -> list[CountViewers]:
    """The requests on the queue for a count that is not a scheduled check."""
    return [one for one in aws.drain("COUNT_QUEUE_URL") if isinstance(one, CountViewers) and not one.check]


def test_who_joins_an_unwatched_channel_is_told_when_no_count_could_be_requested(
    aws: Cloud, sqs: object, presence: Presence
) -> None:
    """Nobody else would have the channel counted."""
    with failing(sqs, "SendMessageBatch"), pytest.raises(ClientError):
        presence.enter("demo", ADA, "h1", now() + timedelta(minutes=1))
    presence.enter("demo", ADA, "h1", now() + timedelta(minutes=1))
    (request,) = requested(aws)
    assert request.at > now()


def test_a_count_begins_after_everybody_who_joined_in_its_half_second_whose_clock_is_late(
    aws: Cloud, presence: Presence, clock: ControlledClock
) -> None:
    for milliseconds in (0, 499, 1):  # the last one at 500
        clock.sleep(milliseconds / 1000)
        presence.enter("demo", ADA, "h1", now() + timedelta(minutes=1))
    assert [(one.at - START) / MILLISECOND for one in requested(aws)] == [550, 1050]


def test_a_heartbeat_requests_a_count_when_the_scheduled_one_is_a_quarter_of_a_minute_late(
    site: Site, aws: Cloud, clock: ControlledClock
) -> None:
    """The message of the scheduled one was lost; a channel would never be counted again."""
    tab = site.join()
    (check,) = [one for one in aws.drain("COUNT_QUEUE_URL") if isinstance(one, CountViewers) and one.check]
    while now() < check.at + timedelta(seconds=14):
        clock.sleep(min(25, (check.at - now()).total_seconds() + 14))
        assert site.beat(tab).status == 200
    assert requested(aws) == []
    clock.sleep(12)  # a flood of heartbeats is not accepted sooner
    assert site.beat(tab).status == 200
    assert len(requested(aws)) == 1


def test_a_viewer_is_stored_for_three_hours_after_their_last_sign_of_life(
    aws: Cloud, presence: Presence, clock: ControlledClock
) -> None:
    """A socket lasts for two hours and ten minutes, and tabs that leave an item keep the others."""

    def stored_for() -> timedelta:
        (item,) = (one for one in aws.table("PRESENCE_TABLE").scan()["Items"] if one["sk"] == ADA)
        return timedelta(seconds=int(item["expires_at"]) - int(now().timestamp()))

    slot = presence.enter("demo", ADA, "h1", now() + timedelta(minutes=1))
    assert stored_for() == timedelta(hours=3)
    clock.sleep(30)
    presence.keep_alive(slot, now() + timedelta(minutes=1))
    assert stored_for() == timedelta(hours=3)


def test_viewers_who_do_not_fit_into_one_answer_of_the_table_are_all_counted_and_served(
    aws: Cloud, presence: Presence
) -> None:
    for number, viewer in enumerate((ADA, BOB, "eve" * 8)):
        for tab in (f"h{number}", f"s{number}"):
            presence.enter("demo", viewer, tab, now() + timedelta(minutes=1), network=f"net{number}")
    presence.enter("demo", "dan" * 8, "s9", now() + timedelta(minutes=1), network="net0")
    with small_pages(presence.slots._table):
        headcount = presence.slots.count("demo", 0, now(), now() + timedelta(seconds=29))
        assert (headcount.viewers, headcount.connections) == (4, 7)
        networks = presence.slots.networks("demo", 0, now() + timedelta(seconds=29))
        assert networks + headcount.received == {"net0": 2, "net1": 1, "net2": 1}
        assert {slot.tab for slot, _ in presence.sockets("demo", (0, 1))} == {"s0", "s1", "s2", "s9"}
