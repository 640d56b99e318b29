"""Records each change of the stats table in the history; the first reading of a day also closes the day before it.

Of a product's users and of creators only the days that are over are recorded: they change thousands of times a day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb
from cairn.aws.streams import Failures, process_in_order
from cairn.observability import logger
from cairn.readings.history import History
from cairn.readings.stats import change_of
from cairn.rules.counter import KIND as USER
from cairn.rules.creators import KIND as CREATOR
from cairn.settings import from_environment
from cairn.usage.days import Days
from cairn.viewers.subjects import CATEGORY as LIVE
from cairn.workspace.store import Workspaces

ONCE_A_MINUTE = frozenset({LIVE})
"""The categories of subjects that change every few seconds: their history keeps one reading a minute."""


@dataclass(frozen=True, slots=True)
class Settings:
    history_table: str
    failures_url: str
    settings_table: str
    initial_settings: str


class Dependencies:
    """The adapters of a warm function, made on first use."""

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def failures(self) -> Failures:
        return Failures(self.settings.failures_url)

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @cached_property
    def history(self) -> History:
        return History(dynamodb.table(self.settings.history_table))

    @cached_property
    def days(self) -> Days:
        return Days(dynamodb.table(self.settings.history_table))


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    def record_change(record: dict[str, Any]) -> None:
        """The old image holds the last values of its day, so closing a day needs no read and no schedule."""
        old, new = change_of(record)
        if new.subject.kind == USER:
            dependencies.days.record(old, new)
            return
        with logger.append_context_keys(trace_id=new.trace_id, subject=str(new.subject)):
            if new.subject.kind != CREATOR:
                dependencies.history.add(new, once_a_minute=new.subject.category in ONCE_A_MINUTE)
            if old:
                zones = dependencies.workspaces.current().zones
                if (day := zones.day(old.as_of)) < zones.day(new.as_of):
                    dependencies.history.close_day(old, day)

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        answer = process_in_order(event, record_change, dependencies.failures)
        logger.info("readings recorded", readings=len(event["Records"]), failed=len(answer["batchItemFailures"]))
        return answer

    return handler


handler = create(Dependencies())
