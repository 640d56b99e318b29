"""The adapters that the routes work with, made on first use; and the two things every route asks of a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from cairn import dynamo, http, people, queue
from cairn.api_keys import ApiKeys
from cairn.badges import Badges
from cairn.boards import Boards
from cairn.channels import Channels
from cairn.errors import BadInputError
from cairn.fetching import Fetching
from cairn.history import History
from cairn.instants import now
from cairn.milestones import Milestones
from cairn.model import Milestone
from cairn.people import IdTokens, People, SigningKeys
from cairn.platforms import Platforms
from cairn.queue import Queue
from cairn.reps import KIND, Reps
from cairn.rules import Rule, Words, catalogue
from cairn.rules.ladder import Ladder
from cairn.settings import from_environment
from cairn.standings import Standings
from cairn.stats import Stats
from cairn.subscribers import Subscribers
from cairn.tickets import Tickets

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    milestones_table: str
    history_table: str
    audience_table: str
    channels_table: str
    connections_table: str
    leaderboard_table: str
    fetch_queue_url: str
    refresh_age_seconds: int
    stale_after_seconds: int
    ladders: str
    time_zone: str
    user_pool_id: str
    user_pool_client_id: str
    user_pool_issuer: str
    user_pool_jwks_url: str
    websocket_url: str


@cache
def settings() -> Settings:
    return from_environment(Settings)


@cache
def _tables() -> Callable[[str], Table]:
    return dynamo.resource().Table


@cache
def stats() -> Stats:
    return Stats(_tables()(settings().stats_table))


@cache
def milestones() -> Milestones:
    return Milestones(_tables()(settings().milestones_table))


@cache
def history() -> History:
    return History(_tables()(settings().history_table))


@cache
def subscribers() -> Subscribers:
    return Subscribers(_tables()(settings().audience_table))


@cache
def api_keys() -> ApiKeys:
    return ApiKeys(_tables()(settings().audience_table))


@cache
def user_pool() -> People:
    return People(people.client(), settings().user_pool_id, settings().user_pool_client_id)


@cache
def id_tokens() -> IdTokens:
    keys = SigningKeys(http.client(), settings().user_pool_jwks_url)
    return IdTokens(keys, settings().user_pool_issuer, settings().user_pool_client_id)


@cache
def tickets() -> Tickets:
    return Tickets(_tables()(settings().connections_table))


@cache
def channels() -> Channels:
    return Channels(_tables()(settings().channels_table))


@cache
def platforms() -> Platforms:
    return Platforms(http.client())


@cache
def fetching() -> Fetching:
    fetch_queue = Queue(queue.client(), settings().fetch_queue_url)
    return Fetching(channels=channels(), stats=stats(), platforms=platforms(), queue=fetch_queue)


@cache
def standings() -> Standings:
    return Standings(
        channels=channels(),
        stats=stats(),
        milestones=milestones(),
        rules=rules(),
        stale_after=timedelta(seconds=settings().stale_after_seconds),
        clock=now,
    )


@cache
def rules() -> tuple[Rule, ...]:
    return catalogue(json.loads(settings().ladders), settings().time_zone)


@cache
def rep_rules() -> dict[str, Ladder]:
    return {rule.name: rule for rule in rules() if rule.kind == KIND and isinstance(rule, Ladder)}


def words(milestone: Milestone) -> Words:
    """How a rep's milestone is told."""
    return rep_rules()[milestone.rule].words(milestone)


@cache
def boards() -> Boards:
    return Boards(_tables()(settings().leaderboard_table))


@cache
def badges() -> Badges:
    return Badges(_tables()(settings().milestones_table))


@cache
def reps() -> Reps:
    return Reps(stats=stats(), boards=boards(), rules=rules(), time_zone=settings().time_zone, clock=now)


def span(
    since: datetime | None, until: datetime | None, present: datetime, default: timedelta
) -> tuple[datetime, datetime]:
    """The instants that `from` and `to` mean; without an offset they are UTC. BadInputError when they are reversed."""
    last = _utc(until) if until else present
    try:
        first = _utc(since) if since else last - default
    except OverflowError:
        first = datetime.min.replace(tzinfo=UTC)
    if first > last:
        raise BadInputError("from: must not be later than to")
    return first, last


def _utc(instant: datetime) -> datetime:
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        raise BadInputError("from, to: an instant between the years 1 and 9999") from None
