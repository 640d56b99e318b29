"""What is stored of a rep, and of the person as whom a rep signs in.

A rep stays as a number without a name, so that sums, ranks and boards of past months stay right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Attr

from cairn.aws.dynamodb import get, get_many
from cairn.aws.personal_data import PersonalItem, anonymised, deleted, kept, scan
from cairn.clock import Clock
from cairn.leaderboard.boards import LIVE
from cairn.leaderboard.former_rows import former_key
from cairn.leaderboard.reps import ERASED, FORMER_REP, KIND, Reps
from cairn.leaderboard.rows import row_key
from cairn.model import Subject
from cairn.readings.milestones import Milestones
from cairn.readings.personal_data import SubjectItems
from cairn.rules import Rule

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

FIRST_BOARD = (2020, 1)
"""Before the month of the oldest board that can be stored."""
FORMER_OPERATOR = "former operator"
STREAM_RETENTION = timedelta(hours=24)


class RepItems:
    """Items of the stats, milestones, history and board tables, and what is left of reps in the leaderboard table."""

    def __init__(
        self,
        *,
        reps: Reps,
        rules: Sequence[Rule],
        stats: Table,
        milestones: Table,
        history: Table,
        board: Table,
        leaderboard: Table,
        clock: Clock,
    ) -> None:
        self._reps = reps
        self._rules = [rule for rule in rules if rule.kind == KIND]
        self._stats = stats
        self._milestones = milestones
        self._board = board
        self._leaderboard = leaderboard
        self._of_subject = SubjectItems(milestones, history)
        self._clock = clock

    # -- of a rep

    def of(self, subject: Subject) -> Iterator[PersonalItem]:
        """The rep's own item comes first: once it is erased, nothing new is written about the rep."""
        erase = partial(self._erase, subject)
        item = get(self._stats, {"subject": str(subject)}, consistent=True)
        if item:
            erased = ERASED in item.get("details", {})
            yield kept(self._stats, item) if erased else PersonalItem(self._stats.name, item, erase, "anonymised")
        row = get(self._board, row_key(LIVE, subject), consistent=True)
        if row and "score" in row:
            yield deleted(self._board, row, erase)
        former = get(self._leaderboard, former_key(LIVE, subject.id), consistent=True)
        if former:
            yield deleted(self._leaderboard, former)
        boards = [f"{LIVE}#{month}" for month in self._months()]
        for archived in get_many(self._board, [row_key(board, subject) for board in boards], consistent=True):
            yield anonymised(self._board, archived, name=FORMER_REP, details={})
        former_keys = [former_key(board, subject.id) for board in boards]
        for archived in get_many(self._leaderboard, former_keys, consistent=True):
            yield anonymised(self._leaderboard, archived, name=FORMER_REP, details={})
        badges = get(self._milestones, {"pk": str(subject), "sk": "badges"}, consistent=True)
        if badges:
            yield deleted(self._milestones, badges)
        yield from self._of_subject.of(subject, FORMER_REP)

    def _erase(self, subject: Subject) -> None:
        """The marks are closed first: stream records from before the erasure then announce nothing."""
        now, milestones = self._clock(), Milestones(self._milestones)
        for rule in (one for one in self._rules if one.kind == subject.kind):
            for period in {rule.period(now): None, rule.period(now - STREAM_RETENTION): None}:
                if period is None:
                    continue
                milestones.close(subject, rule.name, period)
        self._reps.erase(subject)

    def _months(self) -> Iterator[str]:
        year, month = FIRST_BOARD
        last = self._clock() + timedelta(days=1)  # wherever the operator's time zone is
        while (year, month) <= (last.year, last.month):
            yield f"{year}-{month:02d}"
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)

    # -- of a person who signs in

    def of_user(self, user_id: str) -> Iterator[PersonalItem]:
        """What names the person as a rep's user. Only the name is erased: the rep is a person of their own."""
        for item in scan(self._stats, Attr("details.user_id").exists()):
            if is_user(item["details"], user_id):
                yield PersonalItem(self._stats.name, item, partial(self._unlink, item["subject"]), "anonymised")
        for item in scan(self._board, Attr("details.user_id").exists()):
            if is_user(item["details"], user_id):
                if item["pk"] == LIVE:
                    subject = f"{KIND}:{int(item['sk'])}"
                    yield PersonalItem(self._board.name, item, partial(self._unlink, subject), "anonymised")
                else:
                    yield anonymised(self._board, item, details=_without_user(item["details"]))
        for item in scan(self._leaderboard, Attr("details.user_id").exists()):
            if is_user(item["details"], user_id):
                yield anonymised(self._leaderboard, item, details=_without_user(item["details"]))
        for item in scan(self._milestones, Attr("details.user_id").exists()):
            if is_user(item["details"], user_id):
                yield anonymised(self._milestones, item, details=_without_user(item["details"]))
        for item in scan(self._milestones, Attr("reverted_by").exists()):
            if is_user(item, user_id, "reverted_by"):
                yield anonymised(self._milestones, item, reverted_by=FORMER_OPERATOR)

    def _unlink(self, subject: str) -> None:
        self._reps.unlink(Subject.parse(subject))


def is_user(details: Mapping[str, Any], user_id: str, name: str = "user_id") -> bool:
    """Whether this names the person; Cognito does not distinguish upper and lower case."""
    return details.get(name) is not None and str(details[name]).casefold() == user_id.casefold()


def _without_user(details: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in details.items() if name != "user_id"}


# -- in the events of rooms


def without_rep(data: Any, subject: Subject) -> Any:
    """A celebration's data without its rep; the same object if it is not of this rep."""
    rep = _celebrated(data)
    if rep is None or str(rep.get("id")) != subject.id or data.get("userName") == FORMER_REP:
        return data
    anonymous = {**rep, "name": FORMER_REP, "avatar": None, "team": None}
    milestone = {**data["milestone"], "salesRep": anonymous}
    return {**data, "userId": None, "userName": FORMER_REP, "milestone": milestone}


def without_user(data: Any, user_id: str) -> Any:
    """A celebration's data without the name with which its rep signs in; the same object if it is another one."""
    return {**data, "userId": None} if isinstance(data, dict) and is_user(data, user_id, "userId") else data


def shows_rep(data: Any, subject: Subject) -> bool:
    """Whether a frame's data is a board on which the rep stands."""
    return any(str(row.get("id")) == subject.id for row in _rows(data))


def shows_user(data: Any, user_id: str) -> bool:
    """Whether a frame's data is a board that names the person as a rep's user."""
    return any(is_user(row, user_id, "userId") for row in _rows(data))


def _celebrated(data: Any) -> dict[str, Any] | None:
    milestone = data.get("milestone") if isinstance(data, dict) else None
    rep = milestone.get("salesRep") if isinstance(milestone, dict) else None
    return rep if isinstance(rep, dict) else None


def _rows(data: Any) -> list[dict[str, Any]]:
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
