"""What leaves a live channel's own room: only what is about a channel that the operator named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cairn.messages import Message
from cairn.model import Milestone, Reversal
from cairn.readings.detection import Change
from cairn.rules import catalogue
from cairn.viewers.announce import ViewerAnnouncer
from cairn.viewers.subjects import viewer_subject
from testing.readings import channel_milestone


class Queue:
    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, messages: Sequence[Message]) -> None:
        self.sent.extend(messages)


class Subscribers:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def celebrate(self, milestone: Milestone) -> None:
        self.told.append("celebrate")

    def announce(self, milestone: Milestone) -> None:
        self.told.append("announce")

    def changed(self, changes: Sequence[Change]) -> None:
        self.told.append("changed")

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:
        self.told.append("reverted")


@pytest.mark.parametrize(("channel", "told"), [("demo", ["announce", "reverted"]), ("made-up", [])])
def test_a_milestone_and_its_reversal_leave_the_room_only_of_a_named_channel(channel: str, told: list[str]) -> None:
    queue, subscribers = Queue(), Subscribers()
    announcer = ViewerAnnouncer(
        broadcast=queue,  # type: ignore[arg-type]
        subscribers=subscribers,
        named={"demo"},
        rules={rule.name: rule for rule in catalogue()},
    )
    milestone = channel_milestone(100, subject=viewer_subject(channel), metric="viewers")
    announcer.celebrate(milestone)
    announcer.announce(milestone)
    announcer.reverted(replace(milestone, reverted=Reversal(milestone.achieved_at, "ops", "false")), [])
    assert subscribers.told == told
    assert len(queue.sent) == 2
