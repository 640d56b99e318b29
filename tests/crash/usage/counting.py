"""A product that repeats what was not answered, and what must hold of its users' counts afterwards."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cairn.model import Milestone
from cairn.readings.detection import Change, Detection
from cairn.readings.milestones import Milestones
from cairn.readings.stats import to_reading
from cairn.usage import tracking
from cairn.workspace.rule_book import RuleBook
from testing.account import Account, account
from testing.dynamodb import stored
from testing.functions import FUNCTIONS, InvocationFailedError
from testing.product import Product
from tests.crash.channels.platforms import Platforms
from tests.crash.channels.way import items, silence
from tests.crash.explorer import Verdict
from tests.crash.in_turn import InTurn

TRIES = 4
"""More than there are failures."""
Event = dict[str, Any]


@dataclass
class UsageWay:
    account: Account
    product: Product
    answered: Counter[str] = field(default_factory=Counter)
    """The milestones of the answers, by id."""
    wrong: list[str] = field(default_factory=list)

    def track(self, event: Event, tries: int = TRIES) -> bool:
        """Send an event until it is answered; False if it never is."""
        for _ in range(tries):
            answer = self._post("/api/usage/track", event)
            if answer:
                self._note(answer)
                return True
        return False

    def batch(self, events: Sequence[Event]) -> None:
        """Send events until each has been counted: again what was rejected for now, or all if nothing was answered."""
        left = list(events)
        for _ in range(TRIES):
            answer = self._post("/api/usage/batch", {"events": left})
            if answer is None:
                continue
            pairs = list(zip(left, answer["results"], strict=True))
            for event, result in pairs:
                if result["status"] != "rejected":
                    self._note(result)
                elif not result["retry"]:
                    self.wrong.append(f"{event} was {result}")
            left = [event for event, result in pairs if result.get("retry")]
            if not left:
                return
        self.wrong.append(f"{len(left)} events were never counted")

    def _post(self, path: str, body: object) -> Any:
        """None for an answer that is to be repeated; the product waits a second before that."""
        self.account.clock.sleep(1)
        try:
            answer = self.account.invoke("ingest_usage", self.product.request(path, body))
        except InvocationFailedError:
            return None
        if answer["statusCode"] >= 500:
            return None
        if answer["statusCode"] != 200:
            self.wrong.append(f"{body} was answered by {answer}")
        return json.loads(answer["body"])

    def _note(self, result: Mapping[str, Any]) -> None:
        self.answered.update(one["id"] for one in result["milestones"])

    def verdict(
        self, totals: Mapping[str, int | tuple[int, ...]], milestones: Mapping[str, int], ids: int | None = None
    ) -> Verdict:
        """Compare the users' replies, the milestones that the stream announces with their values, and the ids."""
        found = {item["subject"]: to_reading(item).metrics["replies"] for item in items("STATS_TABLE")}
        wrong = [*self.wrong]
        lost = [f"{user} has no count" for user in totals if f"user:{user}" not in found]
        for user, expected in totals.items():
            count = found.get(f"user:{user}")
            if count is not None and count not in (expected if isinstance(expected, tuple) else (expected,)):
                (lost if isinstance(expected, int) and count < expected else wrong).append(f"{user} has {count}")
        announced = self._announced()
        heard = Counter(one.id for one in announced)
        lost += [f"{one} was not announced" for one in milestones if one not in heard]
        wrong += [f"{one} was announced {times} times" for one, times in heard.items() if times > 1]
        wrong += [f"{one} was announced" for one in heard if one not in milestones]
        wrong += [f"{one.id} at {one.value}" for one in announced if milestones.get(one.id) not in (None, one.value)]
        wrong += [f"{one} was answered and not announced" for one in self.answered if one not in heard]
        stored_ids = [item for item in items("USAGE_TABLE") if item["pk"].startswith("event#")]
        if ids is not None and len(stored_ids) != ids:
            wrong.append(f"{len(stored_ids)} ids are stored")
        return Verdict(tuple(lost), tuple(wrong))

    def _announced(self) -> list[Milestone]:
        """What detection makes of the stream, every record of which it sees twice."""
        heard = _Heard()
        table = self.account.cloud.table("MILESTONES_TABLE")
        rule_book = RuleBook(FUNCTIONS["ingest_usage"].dependencies.workspaces)
        detection = Detection(Milestones(table), {"user": heard}, rule_book)
        for record in stored("STATS_TABLE").records():
            if record["eventName"] != "REMOVE":
                for _ in range(2):
                    detection.process(record)
        return heard.milestones


@dataclass
class _Heard:
    milestones: list[Milestone] = field(default_factory=list)

    def celebrate(self, milestone: Milestone) -> None:
        """No room shows it."""

    def announce(self, milestone: Milestone) -> None:
        self.milestones.append(milestone)

    def changed(self, changes: Sequence[Change]) -> None:
        """What is between two milestones."""

    def reverted(self, milestone: Milestone, standing: Sequence[Milestone]) -> None:
        """Nothing is."""


@contextmanager
def usage() -> Iterator[UsageWay]:
    """A fresh account without users."""
    threads = vars(tracking)["ThreadPoolExecutor"]
    vars(tracking)["ThreadPoolExecutor"] = InTurn
    try:
        with silence(), account(Platforms().answer) as made:
            yield UsageWay(made, Product(made.cloud))
    finally:
        vars(tracking)["ThreadPoolExecutor"] = threads
