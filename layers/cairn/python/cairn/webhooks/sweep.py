"""Takes up what is due, and what a crash left: each minute by a schedule, and when somebody asks for it.

| pk | sk | holds |
|---|---|---|
| `sweep` | `sweep` | until when it was checked that every event reached the endpoints that want it |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import get, rejected_item
from cairn.aws.sqs import Queue
from cairn.clock import Clock, from_millis, iso, to_millis
from cairn.observability import MetricUnit, logger, metrics, single_metric
from cairn.webhooks.circuit import is_open
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.model import Event, Message
from cairn.webhooks.sending import lanes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SETTLED = timedelta(minutes=15)
"""After so long, an event's first attempt has been noted, or was lost."""
FIRST_LOOK = timedelta(hours=3)
"""How far the first run looks back."""
LEFT_AT_LEAST = 5.0
_KEY = {"pk": "sweep", "sk": "sweep"}


@dataclass(frozen=True, slots=True)
class Swept:
    """How many endpoints have something due, and how many messages had been left by a crash."""

    endpoints: int
    left: int
    oldest: datetime | None
    """When the message that has been due longest was due."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """`queue` is the webhook queue, `lanes` how many lanes an endpoint has."""

    table: Table
    endpoints: Endpoints
    events: Events
    deliveries: Deliveries
    queue: Queue
    lanes: int
    clock: Clock

    def run(self, seconds_left: Callable[[], float]) -> Swept:
        """Queue all of it. A repeat is harmless; what is not done in time is done by the next run."""
        now = self.clock()
        due = list(self._wake(now))
        left = self._left_by_a_crash(now, seconds_left)
        oldest = min(due, default=None)
        age = (now - oldest).total_seconds() if oldest else 0.0
        metrics.add_metric("OldestWebhook", MetricUnit.Seconds, max(0.0, age))
        return Swept(len(due), left, oldest)

    def _wake(self, now: datetime) -> Iterator[datetime]:
        for endpoint in self.endpoints.all():
            oldest = self.deliveries.oldest_due(endpoint.id)
            if oldest is None or oldest > now:
                continue
            if endpoint.state == "paused":
                continue
            with single_metric(
                name="OldestWebhook", unit=MetricUnit.Seconds, value=(now - oldest).total_seconds()
            ) as one:
                one.add_dimension("endpoint", endpoint.id)
            yield oldest
            if not is_open(endpoint, now):
                self.queue.send(lanes(endpoint.id, self.lanes, f"sweep {iso(now)}"))

    def _left_by_a_crash(self, now: datetime, seconds_left: Callable[[], float]) -> int:
        stored = get(self.table, _KEY)
        checked = from_millis(int(stored["until"])) if stored else now - FIRST_LOOK
        until = now - SETTLED
        left = 0
        events, existing = self.events.between(checked, until), {endpoint.id for endpoint in self.endpoints.all()}
        while group := list(islice(events, 100)):
            if seconds_left() < LEFT_AT_LEAST:
                until = group[0].at
                break
            left += self._requeue(group, existing)
        if until > checked:
            self._checked(until)
        return left

    def _checked(self, until: datetime) -> None:
        try:
            self.table.put_item(
                Item=_KEY | {"until": to_millis(until)},
                ConditionExpression=Attr("until").not_exists() | Attr("until").lt(to_millis(until)),
            )
        except ClientError as error:  # another run was faster
            rejected_item(error)

    def _requeue(self, events: list[Event], existing: set[str]) -> int:
        """Note as due what was never noted. If its first attempt still comes, it finds that."""
        wanted = [(endpoint, event.key) for event in events for endpoint in event.endpoints if endpoint in existing]
        noted = self.deliveries.many(wanted)
        lost = [Message(*key, due_at=self.clock(), error="left by a crash") for key in wanted if key not in noted]
        left = sum(self.deliveries.decide(message) for message in lost)
        if left:
            logger.warning("messages left by a crash", messages=left, first=lost[0].id)
        return left
