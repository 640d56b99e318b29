"""What is stored of a subject who is a person: their milestones, and their readings over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key

from cairn.aws.dynamodb import query_all
from cairn.aws.personal_data import PersonalItem, anonymised, deleted, kept
from cairn.model import Subject

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

ERASED_REASON = "erased"


class SubjectItems:
    """Items of the milestones table and the history table."""

    def __init__(self, milestones: Table, history: Table) -> None:
        self._milestones = milestones
        self._history = history

    def of(self, subject: Subject, anonymous_name: str) -> Iterator[PersonalItem]:
        """Readings over time are deleted."""
        yield from self.milestones_of(subject, anonymous_name)
        for item in query_all(self._history, Key("pk").eq(str(subject)), ConsistentRead=True):
            # The erasure itself is a reading too: one of zeros.
            yield deleted(self._history, item) if any(item["metrics"].values()) else kept(self._history, item)

    def milestones_of(self, subject: Subject, anonymous_name: str) -> Iterator[PersonalItem]:
        """Milestones stay without name and details, so that a late retry finds them recorded."""
        where = Key("pk").eq(str(subject)) & Key("sk").begins_with("milestone#")
        for item in query_all(self._milestones, where, ConsistentRead=True):
            # Why an operator reverted it may name the person.
            reason = {"reason": ERASED_REASON} if "reason" in item else {}
            yield anonymised(self._milestones, item, name=anonymous_name, details={}, **reason)
        marks = Key("pk").eq(str(subject)) & Key("sk").begins_with("mark#")
        for item in query_all(self._milestones, marks, ConsistentRead=True):
            yield kept(self._milestones, item)
