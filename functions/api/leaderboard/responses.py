"""Reps and their badges as the leaderboard routes return them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cairn.clock import iso
from cairn.leaderboard.avatars import Avatars
from cairn.leaderboard.badges import Badges, Earned
from cairn.leaderboard.boards import RankedRow
from cairn.leaderboard.representation import milestone_json, ranked_row_json, rep_json
from cairn.leaderboard.reps import UpdateResult
from cairn.model import Reading
from cairn.rules.ladder import Ladder
from functions.api.leaderboard import schemas


def rep(reading: Reading, rank: int, earned: Sequence[Earned], avatars: Avatars) -> schemas.Rep:
    fields = rep_json(reading.subject.id, reading.name, reading.metrics, reading.details, avatars)
    badges = badge_list(earned)
    return schemas.Rep.model_validate({**fields, "rank": rank, "badges": badges, "asOf": iso(reading.as_of)})


def on_board(ranked_rows: Iterable[RankedRow], badges: Badges, avatars: Avatars) -> list[schemas.Rep]:
    """Ranked rows with their badges, read in one batch."""
    rows = list(ranked_rows)
    earned = badges.of([ranked.row.subject for ranked in rows])
    return [
        schemas.Rep.model_validate(
            {**ranked_row_json(ranked, avatars), "badges": badge_list(earned.get(ranked.row.subject, []))}
        )
        for ranked in rows
    ]


def milestones(result: UpdateResult, rules: Mapping[str, Ladder], avatars: Avatars) -> list[schemas.RepMilestone]:
    """The milestones that an update passed; `rules` are those of reps, by name."""
    announced = [milestone_json(passed, rules[passed.rule].wording(passed), avatars) for passed in result.milestones]
    return [schemas.RepMilestone.model_validate(milestone) for milestone in announced]


def badge_list(earned: Iterable[Earned]) -> list[schemas.RepBadge]:
    return [schemas.RepBadge(id=badge.id, name=badge.name, emoji=badge.emoji, awarded_at=badge.at) for badge in earned]
