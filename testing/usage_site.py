"""A product's users in an account whose event sources run by themselves: what they do, and what a CRM is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from cairn.clock import iso, now
from cairn.habits.counting import with_freezes, with_goal, with_zone
from cairn.habits.model import Habits, from_text
from cairn.model import Reading, Subject
from cairn.readings.stats import Stats
from cairn.rules.counter import types_of
from cairn.usage.counting import Tracked
from cairn.usage.event_ids import EventIds
from cairn.usage.events import to_event
from cairn.usage.importing import Importing, Outcome
from cairn.usage.reading import User, anniversaries, changing, subject_of
from cairn.usage.rows import Row
from cairn.usage.totals import DayTotals, Totals
from cairn.usage.tracking import Tracking
from cairn.usage.users import Given, Profile, Users
from cairn.webhooks.model import Endpoint
from cairn.workspace.document import Workspace
from cairn.workspace.rule_book import RuleSet
from cairn.zones import Zones
from testing.webhook_site import WebhookSite, webhook_site

CALLER = "key"
HOUR = timedelta(hours=1)


@dataclass
class UsageSite:
    """`crm` is an endpoint that wants everything in the form of the usage webhooks' first plan."""

    webhooks: WebhookSite
    crm: Endpoint
    zone: str = "UTC"

    # -- what a product does

    def track(self, user_id: str = "ada", type_: str = "reply", count: int = 1, **given: Any) -> Tracked:
        """Count an event, as `POST /api/usage/track` does. Nothing follows before time passes."""
        fields = {"userId": user_id, "type": type_, **({"count": count} if type_ != "feature" else {}), **given}
        for name in ("at", "date"):
            if name in fields:
                fields[name] = str(fields[name]) if isinstance(fields[name], date) else iso(fields[name])
        types = types_of(Workspace().usage_types)
        return self.tracking.track(CALLER, to_event(fields, types))

    def put(
        self, user_id: str = "ada", *, zone: str | None = None, goal: int | None = None, freezes: int = 0, **who: Any
    ) -> None:
        """Say who a user is, as `PUT /api/users/{id}` does."""

        def change(user: User, now: datetime) -> User:
            habits = with_zone(user.habits, zone, now) if zone else user.habits
            habits = with_goal(habits, goal, now) if goal else habits
            habits = with_freezes(habits, freezes) if freezes else habits
            return User(who.get("name", user.name), habits, user.totals)

        changer = changing(user_id, change, zone=zone or self.zone, clock=now, source="api", rules_version=0)
        self.stats.update(subject_of(user_id), changer)
        given: dict[Given, Any] = who  # type: ignore[assignment]  # its keys are checked by those who call it
        self.users.store(user_id, given, now().date())

    def import_(self, *rows: Row) -> list[Outcome]:
        return self.importing.run(rows)

    # -- what there is then

    @property
    def stats(self) -> Stats:
        return Stats(self.table("STATS_TABLE"), keep_unreadable=True)

    @property
    def users(self) -> Users:
        return Users(self.table("USAGE_TABLE"))

    @property
    def tracking(self) -> Tracking:
        ids = EventIds(self.table("USAGE_TABLE"))
        return Tracking(stats=self.stats, ids=ids, rules=self.rules, clock=now)

    @property
    def importing(self) -> Importing:
        return Importing(
            stats=self.stats,
            history=self.table("HISTORY_TABLE"),
            usage=self.table("USAGE_TABLE"),
            rules=self.rules,
            clock=now,
        )

    @property
    def rules(self) -> RuleSet:
        return replace(RuleSet.of(Workspace()), zones=Zones.of(self.zone))

    @property
    def anniversaries(self) -> tuple[int, ...]:
        return anniversaries(self.rules.by_name)

    def table(self, variable: str) -> Any:
        return self.webhooks.account.cloud.table(variable)

    def reading(self, user_id: str = "ada") -> Reading:
        found = self.stats.get(Subject("user", user_id))
        assert found
        return found

    def habits(self, user_id: str = "ada") -> Habits:
        return from_text(self.reading(user_id).state)

    def profile(self, user_id: str = "ada") -> Profile:
        found = self.users.get(user_id)
        assert found
        return found

    def totals(self, first: date, last: date) -> list[DayTotals]:
        return Totals(self.table("USAGE_TABLE"), now).between(first, last)[0]

    # -- time

    def settle(self) -> None:
        """Until the stream is worked off and everything is told."""
        self.webhooks.settle()

    def run(self, duration: timedelta, step: timedelta = HOUR) -> None:
        """Let time pass, with a run of the schedule of each minute in every step."""
        end = now() + duration
        while now() < end:
            self.webhooks.account.run(min(end, now() + step))
            self.webhooks.account.days.put({"source": "schedule"})
            self.webhooks.settle()

    def until(self, instant: datetime, step: timedelta = HOUR) -> None:
        self.run(instant - now(), step)

    # -- what the CRM was told

    @property
    def told(self) -> list[dict[str, Any]]:
        """The bodies that the CRM was sent, in the order in which they came."""
        return self.webhooks.receiver(self.crm).bodies()

    def told_of(self, *events: str) -> list[dict[str, Any]]:
        return [body for body in self.told if body["event"] in events]


@contextmanager
def usage_site(zone: str = "UTC", **settings: Any) -> Iterator[UsageSite]:
    """A fresh account with a CRM, and without users, who begin in a zone."""
    with webhook_site(**settings) as webhooks:
        yield UsageSite(webhooks, webhooks.endpoint(format="source"), zone)
