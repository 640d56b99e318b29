"""Reps and their badges as the leaderboard's routes answer them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cairn.clock import iso
from cairn.leaderboard.badges import Badges, Earned
from cairn.leaderboard.boards import RankedRow
from cairn.leaderboard.representation import milestone_json, ranked_row_json, rep_json
from cairn.leaderboard.reps import UpdateResult
from cairn.model import Reading
from cairn.rules.ladder import Ladder
from functions.api.leaderboard import schemas


def rep(reading: Reading, rank: int, earned: Sequence[Earned]) -> schemas.Rep:
    shown = rep_json(reading.subject.id, reading.name, reading.metrics, reading.details)
    badges = badge_list(earned)
    return schemas.Rep.model_validate({**shown, "rank": rank, "badges": badges, "asOf": iso(reading.as_of)})


def on_board(ranked: Iterable[RankedRow], badges: Badges) -> list[schemas.Rep]:
    """Ranked rows with their badges, which are read in one go."""
    rows = list(ranked)
    earned = badges.of([one.row.subject for one in rows])
    return [
        schemas.Rep.model_validate({**ranked_row_json(one), "badges": badge_list(earned.get(one.row.subject, []))})
        for one in rows
    ]


def milestones(result: UpdateResult, rules: Mapping[str, Ladder]) -> list[schemas.RepMilestone]:
    """The milestones that an update passed; `rules` are those of reps, by name."""
    shown = [milestone_json(one, rules[one.rule].wording(one)) for one in result.milestones]
    return [schemas.RepMilestone.model_validate(one) for one in shown]


def badge_list(earned: Iterable[Earned]) -> list[schemas.RepBadge]:
    return [schemas.RepBadge(id=one.id, name=one.name, emoji=one.emoji, awarded_at=one.at) for one in earned]
