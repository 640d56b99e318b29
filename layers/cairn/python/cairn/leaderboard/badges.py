"""Badges, in the milestones table: the catalogue, and who has earned which.

| pk | sk | holds |
|---|---|---|
| `badges` | id | a badge: its name, and the rule and threshold that earn it |
| subject | `badges` | the badges that the subject has earned, each in the attribute `#{id}` |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get_many, query_all, readable, rejected_item, transact
from cairn.clock import from_millis, to_millis
from cairn.codec import number
from cairn.model import Milestone, Number, Subject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

CATALOGUE = "badges"
CACHE_SECONDS = 30
"""For how long a warm Lambda may use an outdated catalogue."""


@dataclass(frozen=True, slots=True)
class Badge:
    """Earned by a milestone of the rule at or above the threshold. An inactive badge is not awarded, but kept."""

    id: str
    name: str
    description: str
    emoji: str
    rule: str
    threshold: Number
    active: bool = True


@dataclass(frozen=True, slots=True)
class Earned:
    """A badge that a subject has."""

    id: str
    name: str
    emoji: str
    at: datetime


INITIAL_CATALOGUE = (
    Badge("sales-rookie", "Sales Rookie", "20 sign-ups in a month", "🌱", "signups", 20),
    Badge("consistent-closer", "Consistent Closer", "30 sign-ups in a month", "🤝", "signups", 30),
    Badge("signup-master", "Signup Master", "40 sign-ups in a month", "🧲", "signups", 40),
    Badge("rising-star", "Rising Star", "$25,000 in a month", "🌟", "revenue", 25_000),
    Badge("top-earner", "Top Earner", "$50,000 in a month", "💵", "revenue", 50_000),
    Badge("revenue-king", "Revenue King", "$100,000 in a month", "👑", "revenue", 100_000),
    Badge("bonus-achiever", "Bonus Achiever", "Any bonus tier", "🎁", "bonus_tier", 15),
    Badge("goal-crusher", "Goal Crusher", "The goal of a month", "🏁", "goal", 100),
    Badge("top-performer", "Top Performer", "Among the first three of a month", "🏅", "rank", 1),
)
"""The catalogue of a new table."""


class Badges:
    def __init__(self, table: Table, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._clock = clock
        self._cached: tuple[float, tuple[Badge, ...]] | None = None

    # -- the catalogue

    def catalogue(self) -> tuple[Badge, ...]:
        """Every badge in the table. An empty table is filled with the initial catalogue first.

        One transaction stores all of it or none, because a catalogue that is not empty is never filled again.
        """
        found = tuple(readable(_to_badge, query_all(self._table, Key("pk").eq(CATALOGUE), ConsistentRead=True)))
        if not found:
            new = {"TableName": self._table.name, "ConditionExpression": "attribute_not_exists(pk)"}
            transact(self._table, [{"Put": {"Item": _to_item(badge), **new}} for badge in INITIAL_CATALOGUE])
            return self.catalogue()
        self._cached = (self._clock(), found)
        return found

    def put(self, badge: Badge) -> None:
        """Add or change a badge; subjects who have it keep it."""
        self.catalogue()  # fills an empty table first: with this badge in it, it would not be empty
        self._table.put_item(Item=_to_item(badge))
        self._cached = None

    # -- awards

    def award(self, milestone: Milestone) -> list[Badge]:
        """Award every badge that a milestone, or a threshold passed on the way to it, earns; returns the new ones.

        A repeat awards nothing and keeps the date of the first award.
        """
        earned = [
            badge
            for badge in self._cached_catalogue()
            if badge.active and badge.rule == milestone.rule and badge.threshold <= milestone.threshold
        ]
        if not earned:
            return []
        names = {f"#b{index}": f"#{badge.id}" for index, badge in enumerate(earned)}
        values: dict[str, Any] = {
            f":b{index}": {"name": badge.name, "emoji": badge.emoji, "at": to_millis(milestone.achieved_at)}
            for index, badge in enumerate(earned)
        }
        before = self._table.update_item(
            Key=_key(milestone.subject),
            UpdateExpression="SET "
            + ", ".join(f"#b{index} = if_not_exists(#b{index}, :b{index})" for index in range(len(earned))),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ReturnValues="ALL_OLD",
        ).get("Attributes", {})
        return [badge for badge in earned if f"#{badge.id}" not in before]

    def take_back(self, milestone: Milestone, standing: Iterable[Milestone]) -> list[str]:
        """Take back the badges of a reverted milestone, unless another one earns them; returns the ids of those gone.

        A badge that is kept has the date of the first milestone that stands. A repeat changes nothing.
        """
        catalogue = {badge.id: badge for badge in self.catalogue()}
        gone = []
        for earned in self.of([milestone.subject]).get(milestone.subject, []):
            badge = catalogue.get(earned.id)
            if badge is None or badge.rule != milestone.rule or earned.at != milestone.achieved_at:
                continue
            others = [one for one in standing if one.rule == badge.rule and one.threshold >= badge.threshold]
            first = min((one.achieved_at for one in others), default=None)
            try:
                self._table.update_item(
                    Key=_key(milestone.subject),
                    UpdateExpression="SET #badge.#at = :first" if first else "REMOVE #badge",
                    ConditionExpression="#badge.#at = :was",
                    ExpressionAttributeNames={"#badge": f"#{earned.id}", "#at": "at"},
                    ExpressionAttributeValues={
                        ":was": to_millis(earned.at),
                        **({":first": to_millis(first)} if first else {}),
                    },
                )
            except ClientError as error:
                rejected_item(error)
            else:
                gone += [] if first else [earned.id]
        return gone

    def of(self, subjects: Iterable[Subject]) -> dict[Subject, list[Earned]]:
        """The badges of these subjects, the newest first; a subject without badges is left out."""
        items = get_many(self._table, [_key(subject) for subject in subjects])
        return {Subject.parse(item["pk"]): _to_earned(item) for item in items}

    def _cached_catalogue(self) -> tuple[Badge, ...]:
        if self._cached is None or self._clock() - self._cached[0] > CACHE_SECONDS:
            return self.catalogue()
        return self._cached[1]


def _key(subject: Subject) -> Item:
    return {"pk": str(subject), "sk": "badges"}


def _to_item(badge: Badge) -> Item:
    return {"pk": CATALOGUE, "sk": badge.id, **asdict(badge)}


def _to_badge(item: Item) -> Badge:
    texts = {name: item[name] for name in ("id", "name", "description", "emoji", "rule")}
    return Badge(**texts, threshold=number(item["threshold"]), active=bool(item["active"]))


def _to_earned(item: Item) -> list[Earned]:
    earned = [
        Earned(name[1:], badge["name"], badge["emoji"], from_millis(int(badge["at"])))
        for name, badge in item.items()
        if name.startswith("#")
    ]
    return sorted(earned, key=lambda badge: (badge.at, badge.id), reverse=True)
