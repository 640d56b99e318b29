"""A high-water mark only rises, and is claimed again by every retry until it has been announced, and then never."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cairn.aws.sqs import Queue
from cairn.channels.announce import ChannelAnnouncer
from cairn.clock import now
from cairn.messages import Alert, Message
from cairn.model import DeliveryTally, Milestone
from cairn.readings.detection import Detection
from cairn.readings.milestones import Milestones
from cairn.rules import ALL_TIME, Transition, catalogue
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.outages import failing
from testing.readings import CATS, channel_milestone, channel_reading
from testing.records import stream_record
from testing.workspace import rule_book


@pytest.fixture
def milestones(aws: Cloud) -> Milestones:
    return Milestones(aws.table("MILESTONES_TABLE"))


def claim(
    milestones: Milestones, passed: int, event: str, kind: Transition = Transition.CROSSED, period: str = ALL_TIME
) -> int | None:
    """The threshold up to which all was announced before; None when there is nothing to announce."""
    made = milestones.claim(CATS, "subscribers", period, passed, achieved_at=now(), event_id=event, transition=kind)
    return int(made.notified) if made else None


def announce(milestones: Milestones, passed: int, event: str, kind: Transition = Transition.CROSSED) -> int | None:
    """Claim, and record as announced."""
    before = claim(milestones, passed, event, kind)
    milestones.record_notified(CATS, "subscribers", ALL_TIME, passed)
    return before


def high_water_mark(milestones: Milestones) -> int | None:
    mark = milestones.high_water_marks([CATS], "subscribers", ALL_TIME).get(CATS)
    return int(mark.threshold) if mark else None


def test_the_first_crossing_is_claimed_from_zero(milestones: Milestones) -> None:
    assert claim(milestones, 1000, "e1") == 0
    assert high_water_mark(milestones) == 1000


def test_a_claim_says_up_to_which_threshold_was_announced_before(milestones: Milestones) -> None:
    announce(milestones, 1000, "e1")
    assert claim(milestones, 5000, "e2") == 1000


def test_a_threshold_that_was_claimed_and_never_announced_is_left_to_the_next(milestones: Milestones) -> None:
    announce(milestones, 1000, "e1")
    assert claim(milestones, 5000, "given up") == 1000
    assert claim(milestones, 5000, "retried") == 1000
    assert claim(milestones, 10_000, "e3") == 1000


def test_announcing_a_lower_threshold_does_not_count_for_a_high_water_mark_that_has_risen(
    milestones: Milestones,
) -> None:
    claim(milestones, 1000, "e1")
    claim(milestones, 5000, "e2")
    milestones.record_notified(CATS, "subscribers", ALL_TIME, 1000)
    assert claim(milestones, 5000, "e2") == 0


def test_the_same_threshold_and_a_lower_one_are_not_claimed_again(milestones: Milestones) -> None:
    announce(milestones, 5000, "e1")
    assert claim(milestones, 5000, "e2") is None
    assert claim(milestones, 1000, "e3") is None
    assert high_water_mark(milestones) == 5000


def test_a_repeat_of_the_same_event_is_answered_as_the_first_time_until_it_was_announced(
    milestones: Milestones,
) -> None:
    announce(milestones, 1000, "e1")
    first = claim(milestones, 5000, "e2")
    assert claim(milestones, 5000, "e2") == first == 1000
    assert announce(milestones, 5000, "e2") == first
    assert claim(milestones, 5000, "e2") is None


def test_an_event_that_came_too_late_claims_nothing(milestones: Milestones) -> None:
    claim(milestones, 1000, "e1")
    claim(milestones, 5000, "e2")
    assert claim(milestones, 1000, "e1") is None


def test_a_baseline_sets_the_high_water_mark_silently_at_every_repeat(milestones: Milestones) -> None:
    for _ in range(2):
        assert claim(milestones, 5000, "e1", Transition.BASELINE) is None
    assert high_water_mark(milestones) == 5000
    assert milestones.high_water_marks([CATS], "subscribers", ALL_TIME)[CATS].silent
    assert claim(milestones, 5000, "e2") is None
    assert claim(milestones, 10_000, "e3") == 5000


def test_a_later_baseline_raises_the_high_water_mark_and_never_lowers_it(milestones: Milestones) -> None:
    claim(milestones, 5000, "e1")
    assert claim(milestones, 1000, "e2", Transition.BASELINE) is None
    assert high_water_mark(milestones) == 5000
    assert claim(milestones, 50_000, "e3", Transition.BASELINE) is None
    assert high_water_mark(milestones) == 50_000


def test_a_baseline_below_the_first_threshold_sets_the_high_water_mark_to_zero(milestones: Milestones) -> None:
    assert claim(milestones, 0, "e1", Transition.BASELINE) is None
    assert high_water_mark(milestones) == 0
    assert claim(milestones, 100, "e2") == 0


def test_a_count_that_reappears_is_announced_only_above_the_old_high_water_mark(milestones: Milestones) -> None:
    assert claim(milestones, 5000, "e1", Transition.REAPPEARED) is None
    assert high_water_mark(milestones) == 5000
    assert claim(milestones, 5000, "e1", Transition.REAPPEARED) is None
    assert claim(milestones, 10_000, "e2", Transition.REAPPEARED) == 5000
    assert claim(milestones, 10_000, "e2", Transition.REAPPEARED) == 5000
    assert claim(milestones, 1000, "e3", Transition.REAPPEARED) is None


def test_a_period_has_a_high_water_mark_of_its_own(milestones: Milestones) -> None:
    claim(milestones, 5000, "e1", period="2026-11")
    assert claim(milestones, 1000, "e2", period="2026-12") == 0


def milestone(threshold: int, minutes: int = 0) -> Milestone:
    return channel_milestone(threshold, now() + timedelta(minutes=minutes))


def test_a_milestone_is_stored_once_and_its_tally_stays(aws: Cloud, milestones: Milestones) -> None:
    milestones.record(milestone(1000))
    aws.table("MILESTONES_TABLE").update_item(
        Key={"pk": str(CATS), "sk": aws.table("MILESTONES_TABLE").scan()["Items"][0]["sk"]},
        UpdateExpression="SET delivered = :three",
        ExpressionAttributeValues={":three": 3},
    )
    milestones.record(milestone(1000))
    ((shown, tally),) = milestones.page(None, now(), now(), 10, None).items
    assert (shown, tally) == (milestone(1000), DeliveryTally(0, 3, 0))


def test_a_milestone_is_found_by_its_id(milestones: Milestones) -> None:
    for minutes, threshold in enumerate((1000, 5000, 10_000)):
        milestones.record(milestone(threshold, minutes))
    assert milestones.get(milestone(5000, 1).id) == milestone(5000, 1)
    assert milestones.get(f"{CATS}/subscribers/all-time/7") is None
    assert milestones.get("nonsense") is None
    assert milestones.get("") is None


class BrokenQueue(Queue):
    """Rejects all messages while it is down, and records those it accepts later."""

    def __init__(self) -> None:
        self.down = True
        self.accepted: list[Message] = []

    def send(self, messages: Iterable[Message]) -> None:
        if self.down:
            raise ConnectionError
        self.accepted += messages


def test_a_record_given_up_after_its_claim_leaves_its_milestone_to_the_next(milestones: Milestones) -> None:
    queue = BrokenQueue()
    audience = ChannelAnnouncer(notify=queue)
    detection = Detection(milestones, {"channel": audience}, rule_book(*catalogue()))
    detection.process(change("e0", None, 4_000))
    for _ in range(20):
        with pytest.raises(ConnectionError):
            detection.process(change("e1", 4_000, 6_000))
    queue.down = False
    detection.process(change("e2", 6_000, 11_000))
    (alert,) = queue.accepted
    assert isinstance(alert, Alert)
    assert (alert.milestone.label, [passed.label for passed in alert.milestone.also_passed]) == ("10K", ["5K"])


def test_a_threshold_is_dated_when_it_was_first_reached_whatever_announces_it(
    milestones: Milestones, clock: ControlledClock
) -> None:
    queue = BrokenQueue()
    detection = Detection(milestones, {"channel": ChannelAnnouncer(notify=queue)}, rule_book(*catalogue()))
    detection.process(change("e0", None, 4_000))
    reached_at = now()
    with pytest.raises(ConnectionError):
        detection.process(change("e1", 4_000, 6_000))
    queue.down = False
    clock.sleep(3600)
    detection.process(change("e2", 4_000, 6_500))
    (alert,) = queue.accepted
    assert isinstance(alert, Alert)
    assert alert.milestone.achieved_at == reached_at
    (shown,) = milestones.page(CATS, reached_at, now(), 10, None).items
    assert shown[0].achieved_at == reached_at


def test_no_alert_is_sent_of_what_could_not_be_recorded(milestones: Milestones) -> None:
    """Its tally is stored with the milestone."""
    queue = BrokenQueue()
    queue.down = False
    detection = Detection(milestones, {"channel": ChannelAnnouncer(notify=queue)}, rule_book(*catalogue()))
    detection.process(change("e0", None, 4_000))
    crossing = change("e1", 4_000, 6_000)
    with failing(milestones._table, "PutItem"), pytest.raises(ClientError):
        detection.process(crossing)
    assert queue.accepted == []
    detection.process(crossing)
    assert len(queue.accepted) == 1


def change(event: str, old: int | None, new: int) -> dict[str, Any]:
    """A stream record of this subject's count."""
    return stream_record(channel_reading(new), None if old is None else channel_reading(old), event)
