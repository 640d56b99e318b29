"""What is stored of a product's user, besides what webhooks said of them (`cairn.webhooks.personal_data`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key

from cairn.aws.dynamodb import get, query_all
from cairn.aws.personal_data import ANONYMISED, DELETED, PersonalItem, deleted, kept
from cairn.model import Subject
from cairn.readings.personal_data import SubjectItems
from cairn.usage.reading import ERASED, ERASED_USER

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

ERASURES = "erasures"


class UserItems:
    """Items of the stats, usage, milestones and history tables."""

    def __init__(self, *, stats: Table, usage: Table, milestones: Table, history: Table) -> None:
        self._stats = stats
        self._usage = usage
        self._history = history
        self._of_subject = SubjectItems(milestones, history)

    def of(self, subject: Subject, begin: Callable[[], object]) -> Iterator[PersonalItem]:
        """The stats item comes first: once `begin` has made it a tombstone, nothing new is written of the user.

        `begin` erases the profile with it, and notes that the erasure is under way.
        """
        reading = get(self._stats, {"subject": str(subject)}, consistent=True)
        if reading:
            erased = ERASED in reading.get("details", {})
            yield kept(self._stats, reading) if erased else PersonalItem(self._stats.name, reading, begin, ANONYMISED)
        for item in query_all(self._usage, Key("pk").eq(f"user#{subject.id}"), ConsistentRead=True):
            if item["sk"] != "profile":
                yield deleted(self._usage, item)
            else:
                yield (
                    kept(self._usage, item)
                    if ERASED in item
                    else PersonalItem(self._usage.name, item, begin, ANONYMISED)
                )
        under_way = get(self._usage, {"pk": ERASURES, "sk": subject.id}, consistent=True)
        if under_way:
            told = "contact" not in under_way
            yield kept(self._usage, under_way) if told else PersonalItem(self._usage.name, under_way, begin, DELETED)
        yield from self._of_subject.milestones_of(subject, ERASED_USER)
        for item in query_all(self._history, Key("pk").eq(str(subject)), ConsistentRead=True):
            yield deleted(self._history, item)
