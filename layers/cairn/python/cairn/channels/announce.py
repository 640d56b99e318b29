"""Announces a channel's milestones to everybody who subscribed by Telegram."""

from __future__ import annotations

from collections.abc import Sequence

from cairn.aws.sqs import Queue
from cairn.messages import Alert
from cairn.model import Milestone
from cairn.readings.detection import Change


class ChannelAnnouncer:
    """`notify` is the notify queue."""

    def __init__(self, *, notify: Queue) -> None:
        self._notify = notify

    def celebrate(self, milestone: Milestone) -> None:
        """No room shows it. A message's deliveries are counted with the stored milestone, so it comes after that."""

    def announce(self, milestone: Milestone) -> None:
        self._notify.send([Alert(milestone)])

    def changed(self, changes: Sequence[Change]) -> None:
        """Changes of a channel's count between two milestones are not announced."""

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:
        """A message in a chat stays; a person corrects it in words."""
