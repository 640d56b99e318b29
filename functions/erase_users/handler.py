"""Completes the erasure of a product's users, once an hour: what a crash left, and what webhooks said of them.

Only a scan of the webhooks table finds that: one for all who wait for it, at most two for each user. Without an erasure
that is under way a run reads one item.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn.aws import dynamodb, sqs
from cairn.clock import now
from cairn.observability import logger
from cairn.readings.stats import Stats
from cairn.settings import from_environment
from cairn.usage.erasure import Erasing, Erasure, Erasures
from cairn.usage.personal_data import UserItems
from cairn.usage.reading import subject_of
from cairn.usage.users import Users
from cairn.webhooks.erasure import erasure_event, tell_of_erasure
from cairn.webhooks.personal_data import MOST_SUBJECTS, WebhookItems

RESERVE_SECONDS = 30.0


class ErasureError(Exception):
    """Some users were not erased; the next run retries them."""


@dataclass(frozen=True, slots=True)
class Settings:
    stats_table: str
    usage_table: str
    milestones_table: str
    history_table: str
    webhooks_table: str
    webhook_queue_url: str


class Dependencies:
    """The adapters of a warm function, made on first use."""

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def erasures(self) -> Erasures:
        return Erasures(dynamodb.table(self.settings.usage_table))

    @cached_property
    def erasing(self) -> Erasing:
        settings = self.settings
        stats, usage = dynamodb.table(settings.stats_table), dynamodb.table(settings.usage_table)
        return Erasing(
            stats=Stats(stats),
            users=Users(usage),
            erasures=self.erasures,
            items=UserItems(
                stats=stats,
                usage=usage,
                milestones=dynamodb.table(settings.milestones_table),
                history=dynamodb.table(settings.history_table),
            ),
            tell=tell_of_erasure(sqs.queue(settings.webhook_queue_url)),
            clock=now,
        )

    @cached_property
    def webhooks(self) -> WebhookItems:
        return WebhookItems(dynamodb.table(self.settings.webhooks_table))


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    def carry_on(waiting: Sequence[Erasure], seconds_left: Callable[[], float]) -> tuple[list[Erasure], list[Erasure]]:
        """Those who are erased but for what webhooks said, and those for whom something failed."""
        done, failed = list[Erasure](), list[Erasure]()
        for erasure in waiting:
            try:
                if dependencies.erasing.carry_on(erasure, seconds_left):
                    done.append(erasure)
            except Exception:
                logger.exception("user not erased", subject=str(subject_of(erasure.user_id)))
                failed.append(erasure)
        return done, failed

    def erase_what_webhooks_said(erasures: Sequence[Erasure], seconds_left: Callable[[], float]) -> None:
        """One scan. When the time is up, the next run goes on."""
        started, subjects = now(), [str(subject_of(erasure.user_id)) for erasure in erasures]
        for one in dependencies.webhooks.of_subjects(subjects):
            if seconds_left() <= 0:
                logger.warning("not all that webhooks said is erased; the next run continues")
                return
            if one.erase:
                one.erase()
        for erasure in erasures:
            dependencies.erasures.note_looked(erasure, started)

    def finish(erasure: Erasure) -> bool:
        """Forget an erasure that is complete, unless the CRM has yet to be told."""
        webhooks = dependencies.webhooks
        key = erasure_event(subject_of(erasure.user_id), erasure.at)
        for one in webhooks.of_event(key):
            if one.erase:
                one.erase()
            elif webhooks.is_owed(one.item):
                return False
        if not erasure.complete:
            return False
        dependencies.erasures.remove(erasure)
        logger.info("erasure complete", subject=str(subject_of(erasure.user_id)))
        return True

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """How many erasures are complete and how many wait; ErasureError when one failed, after all others."""

        def seconds_left() -> float:
            return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

        waiting = sorted(dependencies.erasures.waiting(), key=lambda one: one.at)
        done, failed = carry_on(waiting, seconds_left)
        to_look = [erasure for erasure in done if erasure.wants_look(now())]
        for some in dynamodb.chunks(to_look, MOST_SUBJECTS):
            erase_what_webhooks_said(some, seconds_left)
        looked = {erasure.user_id: erasure for erasure in dependencies.erasures.waiting()} if done else {}
        complete = sum(finish(looked[one.user_id]) for one in done if one.user_id in looked and seconds_left() > 0)
        if failed:
            raise ErasureError(f"{len(failed)} users were not erased, the first is {failed[0].user_id}")
        return {"complete": complete, "waiting": len(waiting) - complete}

    return handler


handler = create(Dependencies())
