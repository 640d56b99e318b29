"""With a failure at any single call of track and batch, what a product repeats until it is answered is counted once."""

from __future__ import annotations

from typing import Any

from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict
from tests.crash.usage.counting import UsageWay, usage


def reply(user: str = "ada", **fields: Any) -> dict[str, Any]:
    return {"userId": user, "type": "reply", **fields}


def milestones(**values: tuple[int, ...]) -> dict[str, int]:
    """The ids of the milestones of users, each as its threshold and value: `ada=(1, 1, 10, 12)`."""
    return {
        f"user:{user}/replies/all-time/{threshold}": value
        for user, pairs in values.items()
        for threshold, value in zip(pairs[::2], pairs[1::2], strict=True)
    }


def test_an_event_with_an_id_is_counted_once_wherever_its_way_fails(prove: Prove) -> None:
    def events(points: Explorer) -> Verdict:
        with usage() as way:
            with points.at_every_call_of(way.account.wire):
                for number in range(3):
                    assert way.track(reply(id=f"e{number}", count=5))
                assert way.track(reply(id="e1", count=5))
            return way.verdict({"ada": 15}, milestones(ada=(1, 5, 10, 10)), ids=3)

    prove(events, pairs=7)


def test_an_event_without_an_id_that_is_sent_once_is_counted_once_or_was_not_answered(prove: Prove) -> None:
    def events(points: Explorer) -> Verdict:
        with usage() as way:
            assert way.track(reply(count=9))
            with points.at_every_call_of(way.account.wire):
                answered = way.track(reply(), tries=1)
            total = _total(way)
            if answered and total != 10:
                way.wrong.append(f"{total} after an answer")
            passed = (1, 9, 10, 10) if total == 10 else (1, 9)
            return way.verdict({"ada": (9, 10)}, milestones(ada=passed), ids=0)

    prove(events)


def test_a_batch_is_counted_once_wherever_its_way_fails(prove: Prove) -> None:
    def batch(points: Explorer) -> Verdict:
        with usage() as way:
            assert way.track(reply("grace", id="g0", count=8))
            users = ("ada", "grace", "linus")
            events = [reply(user, id=f"{user} {number}") for number in range(4) for user in users]
            with points.at_every_call_of(way.account.wire):
                way.batch([*events, events[0], reply("grace", id="g0", count=8)])
            passed = milestones(ada=(1, 4), grace=(1, 8, 10, 12), linus=(1, 4))
            return way.verdict({"ada": 4, "grace": 12, "linus": 4}, passed, ids=13)

    prove(batch, pairs=11)


def test_more_ids_than_a_transaction_has_room_for_are_counted_once(prove: Prove) -> None:
    def batch(points: Explorer) -> Verdict:
        with usage() as way:
            with points.at_every_call_of(way.account.wire):
                way.batch([reply(id=str(number)) for number in range(120)])
            # One milestone for each write; the next announces what came after it.
            return way.verdict({"ada": 120}, milestones(ada=(50, 99, 100, 120)), ids=120)

    prove(batch)


def test_a_correction_that_is_repeated_takes_away_once(prove: Prove) -> None:
    def correction(points: Explorer) -> Verdict:
        with usage() as way:
            assert way.track(reply(id="e1", count=3))
            with points.at_every_call_of(way.account.wire):
                assert way.track(reply(id="fix", count=-3))
            return way.verdict({"ada": 0}, milestones(ada=(1, 3)), ids=2)

    prove(correction)


def _total(way: UsageWay) -> int:
    item = way.account.cloud.table("STATS_TABLE").get_item(Key={"subject": "user:ada"}, ConsistentRead=True)["Item"]
    return int(item["metrics"]["replies"])
