"""The announcer of each kind of subject, for detection and for the operator's `announce`: one line per system."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cairn.aws.sqs import Queue
from cairn.channels.announce import ChannelAnnouncer
from cairn.clock import now
from cairn.creators.announce import CreatorAnnouncer
from cairn.leaderboard.announce import RepAnnouncer
from cairn.leaderboard.avatars import Avatars
from cairn.leaderboard.badges import Badges
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.leaderboard.boards import Boards
from cairn.leaderboard.reps import KIND as REP
from cairn.leaderboard.reps import Reps
from cairn.model import Milestone, Subject
from cairn.readings.detection import Announcer, Change
from cairn.readings.stats import Stats
from cairn.rules.counter import KIND as USER
from cairn.rules.creators import KIND as CREATOR
from cairn.usage.announce import UsageAnnouncer
from cairn.usage.reading import anniversaries
from cairn.usage.users import Users
from cairn.viewers.announce import ViewerAnnouncer
from cairn.viewers.subjects import CATEGORY as LIVE
from cairn.webhooks.announce import ContactOf, ErasedContactError, WebhookAnnouncer
from cairn.webhooks.model import Contact
from cairn.workspace.document import Workspace
from cairn.workspace.rule_book import RuleSet

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The names of the tables, the URLs of the queues, and the settings that announcers need."""

    stats_table: str
    milestones_table: str
    leaderboard_table: str
    board_table: str
    connections_table: str
    notify_queue_url: str
    broadcast_queue_url: str
    webhook_queue_url: str
    avatar_hosts: str
    usage_table: str = ""
    """Empty while an upgrade has changed the code and not yet its environment: there are no users then."""


class Together:
    """Announcers of the same subjects, in their order. A retry repeats all of them, and each finds what it has done."""

    def __init__(self, *announcers: Announcer) -> None:
        self._announcers = announcers

    def celebrate(self, milestone: Milestone) -> None:
        for one in self._announcers:
            one.celebrate(milestone)

    def announce(self, milestone: Milestone) -> None:
        for one in self._announcers:
            one.announce(milestone)

    def changed(self, changes: Sequence[Change]) -> None:
        for one in self._announcers:
            one.changed(changes)

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:
        for one in self._announcers:
            one.reverted(milestone, standing)


def announcers(
    resources: Resources,
    workspace: Workspace,
    *,
    table: Callable[[str], Table],
    queue: Callable[[str], Queue],
) -> Mapping[str, Announcer]:
    """The announcers by kind of subject, or by category where a platform has its own."""
    rules = RuleSet.of(workspace)
    broadcast = queue(resources.broadcast_queue_url)
    users = Users(table(resources.usage_table)) if resources.usage_table else None
    webhooks = WebhookAnnouncer(
        webhooks=queue(resources.webhook_queue_url), rules=rules.by_name, contact_of=_contact_of(users)
    )
    channels = Together(ChannelAnnouncer(notify=queue(resources.notify_queue_url)), webhooks)
    viewers = ViewerAnnouncer(
        broadcast=broadcast,
        subscribers=channels,
        named=frozenset(workspace.live_channels),
        rules=rules.by_name,
    )
    reps = RepAnnouncer(
        broadcast=broadcast,
        reps=Reps(
            stats=Stats(table(resources.stats_table)),
            boards=Boards(table(resources.board_table), table(resources.leaderboard_table)),
            rules=rules,
            clock=now,
        ),
        badges=Badges(table(resources.milestones_table)),
        board_refresh=BoardRefresh(table(resources.connections_table)),
        avatars=Avatars.of(resources.avatar_hosts),
        rules=rules.by_name,
        clock=now,
    )
    creators = CreatorAnnouncer(
        broadcast=broadcast,
        notify=queue(resources.notify_queue_url),
        chat=workspace.creators_telegram_chat,
        rules=rules.by_name,
    )
    by_kind: dict[str, Announcer] = {
        "channel": channels,
        LIVE: viewers,
        REP: Together(reps, webhooks),
        CREATOR: Together(creators, webhooks),
    }
    if users:
        usage = UsageAnnouncer(users=users, tell=webhooks.tell, anniversaries=anniversaries(rules.by_name))
        by_kind[USER] = Together(usage, webhooks)
    return by_kind


def _contact_of(users: Users | None) -> ContactOf:
    """Whom a CRM knows a product's user as: by the user's record, which nobody has for other subjects."""

    def contact_of(subject: Subject) -> Contact | None:
        profile = users.get(subject.id) if users and subject.kind == USER else None
        if profile and profile.erased:
            raise ErasedContactError
        return Contact(profile.name, profile.email, profile.phone) if profile else None

    return contact_of
