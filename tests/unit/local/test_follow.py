"""The lines that `make run` prints while Cairn runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from local.follow import describe
from local.logs import Record, records
from local.names import Gathered

TRACE = "0af7651916cd43dd8448eb211c80319c"


class KnownNames:
    """Fixed names."""

    def subject(self, key: str) -> str:
        return {"channel:youtube:UC1": "Stone & Trail", "creator:c1": "Mira Vale"}[key]

    def change(self, key: str, count: float) -> str:
        assert (key, count) == ("channel:youtube:UC1", 100_012)
        return " (+12)"

    def message(self, chat_id: str) -> str:
        return f"to chat {chat_id}: Stone & Trail has 100K subscribers"

    def endpoint(self, endpoint_id: str) -> str:
        return {"ep_1": "demo CRM"}[endpoint_id]

    def payments(self, key: str, at: float) -> int:
        assert (key, at > 0) == ("creator:c1", True)
        return 1

    def first_synced(self, key: str) -> bool:
        return key == "creator:c1"


def lines(records: Iterable[Record]) -> list[tuple[str, str, str]]:
    """The lines for log records, each with the common fields added."""
    common = {"level": "INFO", "service": "notify", "trace_id": TRACE}
    events = describe([{**common, **record} for record in records], KnownNames())
    return [(event.kind, event.text, event.trace_id) for event in events]


def line(record: Mapping[str, object]) -> tuple[str, str, str] | None:
    shown = lines([record])
    return shown[0] if shown else None


def test_a_reading_is_shown_by_name_with_its_change() -> None:
    record = {"message": "reading stored", "subject": "channel:youtube:UC1", "metrics": {"subscribers": 100_012}}
    assert line(record) == ("reading", "Stone & Trail: 100,012 (+12) followers", TRACE)


def test_a_hidden_count_is_not_shown_as_a_number() -> None:
    record = {"message": "reading stored", "subject": "channel:youtube:UC1", "metrics": {"views": 5}}
    assert line(record) == ("reading", "Stone & Trail: count hidden", TRACE)


def test_a_milestone_and_its_delivery_are_shown_with_the_trace() -> None:
    assert line({"message": "milestone reached", "name_": "Stone & Trail", "label": "100K"}) == (
        "milestone",
        "Stone & Trail reached 100K",
        TRACE,
    )
    assert line({"message": "delivered", "chats": ["1001"]}) == (
        "telegram",
        "to chat 1001: Stone & Trail has 100K subscribers",
        TRACE,
    )


@pytest.mark.parametrize(
    ("id_", "label", "text"),
    [
        ("user:sam/replies/all-time/1", "1", "reached the first of their replies"),
        ("user:sam/replies/all-time/10", "10", "reached 10 replies"),
        ("user:sam/daily_goal/2026-11-30/3", "3 a day", "met the daily goal of 2026-11-30 (3 a day)"),
        ("user:sam/feature/write_like_me/1", "first use", "used write_like_me for the first time"),
        ("user:sam/streak/2026-11-24/7", "7 days", "reached a streak of 7 days"),
        ("user:sam/days_with_us/all-time/30", "30 days", "reached 30 days with us"),
        ("rep:17/revenue/2026-11/25000", "$25,000", "reached $25,000"),
        ("creator:c1/creator_followers/all-time/10000", "10K", "reached 10K followers"),
        ("creator:c1/creator_revenue/all-time/50000", "50K", "earned 50K"),
    ],
)
def test_what_a_products_user_reached_is_said_by_its_rule(id_: str, label: str, text: str) -> None:
    record = {"message": "milestone reached", "milestone_id": id_, "name_": "Sam", "label": label}
    assert line(record) == ("milestone", f"Sam {text}", TRACE)


def test_a_payment_that_fanvue_tells_of_is_shown_with_those_a_moment_before() -> None:
    told = {"message": "event of a webhook received", "event_type": "creator.payment.succeeded", "creator": "c1"}
    assert line(told) == ("payment", "Mira Vale: Fanvue tells of a payment", TRACE)
    assert line(told | {"event_type": "tip.new"}) is None
    gathered = Gathered(15)
    assert [gathered.add("creator:c1", at) for at in (100.0, 101.0, 114.9, 115.0, 116.0)] == [1, 0, 0, 3, 0]
    assert gathered.add("creator:c2", 116.0) == 1


def test_the_end_of_a_first_sync_is_shown() -> None:
    record = {"message": "first sync complete: from now on milestones are announced", "subject": "creator:c1"}
    assert line(record) == ("sync", "Mira Vale: the past is synced; milestones are announced from now on", TRACE)
    assert line(record | {"subject": "creator:said before"}) is None


def test_a_problem_is_shown_with_its_details() -> None:
    record = {
        "level": "WARNING",
        "message": "platform asks to wait",
        "reason": "quota",
        "function_name": "Cairn-FetchStats-1",
        "exception": "Traceback …\nValueError: no",
    }
    assert line(record) == ("warning", "notify: platform asks to wait (reason quota, ValueError: no)", TRACE)


def test_routine_log_lines_are_not_shown() -> None:
    assert line({"message": "batch fetched", "summary": {}}) is None
    assert line({"_aws": {}, "ReadingsStored": [1.0]}) is None


def test_lines_of_several_functions_are_shown_in_order_of_time() -> None:
    later = {"message": "milestone reached", "name_": "A", "label": "1K", "timestamp": "2026-11-20T12:00:02.000+00:00"}
    sooner = {"message": "delivered", "chats": ["1"], "timestamp": "2026-11-20T12:00:01.999+00:00"}
    assert [kind for kind, _, _ in lines([later, sooner])] == ["telegram", "milestone"]


def test_a_room_event_is_shown_when_the_room_has_sockets() -> None:
    told = {"message": "event broadcast", "event_id": "tv-display/12", "shard": None}
    assert line({**told, "sockets": 2}) == ("room", "tv-display/12 sent to 2 sockets", TRACE)
    assert line({**told, "sockets": 1}) == ("room", "tv-display/12 sent to 1 socket", TRACE)
    assert line({**told, "sockets": 0}) is None


def test_board_refreshes_and_room_states_are_not_shown() -> None:
    assert line({"message": "event broadcast", "event_id": "everyone/1795188900948", "sockets": 9}) is None
    count = {"message": "event broadcast", "event_id": "channel:demo/1795199812058", "sockets": 9}
    assert line(count | {"state": True}) is None
    assert line(count | {"state": False}) is not None


def test_many_milestones_at_once_are_counted_after_the_first_few() -> None:
    reached = {"message": "milestone reached", "label": "$25,000"}
    told = lines([{**reached, "name_": f"Rep {number}"} for number in range(20)])
    assert [text for _, text, _ in told[:2]] == ["Rep 0 reached $25,000", "Rep 1 reached $25,000"]
    assert told[5:] == [("milestone", "and 15 more milestones", "")]


def test_many_deliveries_of_an_alert_are_counted_after_the_first_few() -> None:
    told = lines(
        [
            {"message": "delivered", "chats": [str(chat) for chat in range(first, first + 25)]}
            for first in range(0, 500, 25)
        ]
    )
    assert len(told) == 6
    assert told[-1] == ("telegram", "and 495 more messages", TRACE)


def test_an_invocation_that_raised_is_one_error_with_its_last_line() -> None:
    lines = [
        "START RequestId: 1 Version: $LATEST",
        '{"level": "INFO", "message": "batch fetched"}',
        "Traceback (most recent call last):",
        '  File "/var/task/handler.py", line 1, in handler',
        "RuntimeError: boom",
        "END RequestId: 1",
        "REPORT RequestId: 1\tDuration: 5 ms",
    ]
    assert [record["message"] for record in records(lines, "api")] == ["batch fetched", "RuntimeError: boom"]


def test_a_time_out_is_an_error() -> None:
    (record,) = records(["START RequestId: 1", "Task timed out after 60.00 seconds"], "fetch_stats")
    assert record == {"level": "ERROR", "message": "Task timed out after 60.00 seconds", "service": "fetch_stats"}


def test_each_attempt_of_a_webhook_is_shown_with_its_outcome() -> None:
    sent = {"message": "webhook sent", "endpoint": "ep_1", "type": "milestone_reached", "status": 200, "ms": 12}
    assert line(sent) == ("webhook", "milestone_reached → demo CRM: 200 in 12 ms", TRACE)
    failed = {"message": "webhook failed", "endpoint": "ep_1", "type": "payment_failed", "reason": "HTTP 503"}
    assert line(failed) == ("webhook", "payment_failed → demo CRM: HTTP 503, not tried again", TRACE)
    again = line({**failed, "due": "2026-11-30T14:03:12.250Z"})
    assert again
    assert again[1].startswith("payment_failed → demo CRM: HTTP 503, tried again at ")
    skipped = {"message": "webhook skipped", "endpoint": "ep_1", "reason": "no e-mail or phone"}
    assert line(skipped) == ("webhook", "message → demo CRM: skipped, no e-mail or phone", TRACE)


def test_a_burst_of_webhooks_is_summed_up() -> None:
    record = {"message": "webhook sent", "endpoint": "ep_1", "type": "milestone_reached", "status": 200, "ms": 12}
    shown = lines([record] * 12)
    assert len(shown) == 6
    assert shown[-1][:2] == ("webhook", "and 7 more attempts")
