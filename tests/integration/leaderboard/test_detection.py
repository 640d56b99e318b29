"""From a rep's change to the badges, the rooms and the board, whatever made the change and whatever died on the way."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cairn.aws import dynamodb
from cairn.clock import now, to_millis
from cairn.leaderboard.board_refresh import BoardRefresh
from cairn.messages import BoardChanged, RoomEvent
from cairn.model import Milestone, Number, Reading, Reversal, Subject
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from testing.adversarial_dynamodb import catch_up
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.leaderboard import REPS, Floor, boards_of
from testing.outages import failing

DONE: dict[str, list[object]] = {"batchItemFailures": []}


def table(name: str) -> Any:
    return dynamodb.resource().Table(f"{name}_table")


def job(rep: int, *, later: int = 0, **metrics: Number) -> Reading:
    """What another program's job writes about a rep: some numbers, and nothing that Cairn computes."""
    at = now() + timedelta(seconds=later)
    return Reading(Subject("rep", str(rep)), "Grace", metrics, at, "nightly-job", "j" * 32)


def history(floor: Floor, rep: int) -> Any:
    floor.clock.sleep(1)  # what happens at one instant is dated a moment apart
    return floor.api("GET", "/api/milestones", query={"subject": f"rep:{rep}"}).json["items"]


def ids(events: list[tuple[str, str, Any]], room: str = "tv-display") -> list[str]:
    return sorted(one["id"] for recipient, _, one in events if recipient == room)


# -- what is announced


def test_a_milestone_is_announced_to_the_rep_and_on_the_tv_with_the_sources_payload(floor: Floor) -> None:
    rep = floor.hire("Ada", team="North", avatar="🦊", userId=7)
    answer = floor.update(rep, monthlySignups=12)
    floor.stream()
    mine, tv = sorted((one for one in floor.said() if isinstance(one, RoomEvent)), key=lambda one: one.event)[::-1]
    assert (mine.room, mine.event) == ("user:7", "achievement:earned")
    assert (tv.room, tv.event) == ("tv-display", "achievement:celebration")
    assert tv.data == mine.data
    assert tv.key == f"rep:{rep}/signups/2026-11/10"
    assert tv.fresh_until == tv.at + timedelta(minutes=10)
    assert json.loads(tv.data) == {
        "userId": 7,
        "userName": "Ada",
        "achievementType": "milestone",
        "title": "10 sign-ups in a month",
        "description": "Signed up 10 customers this month.",
        "icon": "🎯",
        "timestamp": answer["rep"]["asOf"],
        "milestone": {
            "id": f"rep:{rep}/signups/2026-11/10",
            "type": "signups",
            "title": "10 sign-ups in a month",
            "description": "Signed up 10 customers this month.",
            "value": 10,
            "emoji": "🎯",
            "color": "bg-blue-500",
            "achievedAt": answer["rep"]["asOf"],
            "alsoPassed": [],
            "salesRep": {
                "id": rep,
                "name": "Ada",
                "avatar": "🦊",
                "team": "North",
                "monthlyRevenue": 0,
                "monthlySignups": 12,
                "goalProgress": 0,
                "currentBonusTier": 0,
            },
        },
    }
    assert answer["milestones"] == [json.loads(tv.data)["milestone"]]


def test_a_rep_who_is_no_user_is_celebrated_on_the_tv_alone(floor: Floor) -> None:
    floor.update(floor.hire(), monthlySignups=12)
    floor.stream()
    assert [(room, event) for room, event, _ in floor.celebrations()] == [("tv-display", "achievement:celebration")]


def test_every_announcement_has_the_readings_trace(floor: Floor) -> None:
    rep = floor.hire(userId="ada")
    floor.stream()
    floor.said()
    floor.update(rep, monthlySignups=12, monthlyRevenue=30_000)
    reading = Stats(table("stats")).get(Subject("rep", str(rep)))
    assert reading
    floor.stream()
    sent = [one for one in floor.said() if isinstance(one, RoomEvent)]
    assert len(sent) == 6
    assert {one.trace_id for one in sent} == {reading.trace_id}


def test_a_reps_milestone_is_nothing_for_the_telegram_subscribers(floor: Floor) -> None:
    floor.update(floor.hire(), monthlySignups=40, monthlyRevenue=120_000, goalProgress=100)
    floor.stream()
    assert len(floor.celebrations()) == 5
    assert floor.aws.messages("NOTIFY_QUEUE_URL") == []


def test_rep_milestones_are_in_the_history_with_the_channels(floor: Floor) -> None:
    rep = floor.hire()
    floor.update(rep, monthlyRevenue="26000.50")
    floor.stream()
    items = history(floor, rep)
    shown = {one["rule"]: (one["threshold"], one["value"], one["label"]) for one in items}
    assert shown == {"revenue": (25_000, 26_000.5, "$25,000"), "rank": (3, 3, "#1")}


# -- the board's refresh


def test_a_burst_of_changes_requests_the_board_once(floor: Floor) -> None:
    reps = [floor.hire() for _ in range(3)]
    floor.stream()
    for rep in reps:
        floor.update(rep, monthlySignups=3)
    floor.stream()
    (first,) = floor.refreshes()
    assert BoardRefresh(table("connections")).acquire(first.key, now())
    floor.api("PATCH", f"{REPS}/{reps[0]}", {"team": "North"})
    floor.stream()
    (again,) = floor.refreshes()
    assert again.key != first.key


def test_the_board_is_repaired_before_anybody_is_notified(floor: Floor) -> None:
    rep = floor.hire()
    floor.stream()
    floor.said()
    Stats(table("stats")).record(job(rep, later=1, monthly_revenue=700))
    floors: Any = FUNCTIONS["detect_milestone"].dependencies.detection._announcers["rep"]._announcers[0]
    with failing(floors._reps._boards._table, "PutItem", when=lambda call: "sk" in call["Item"]):
        assert FUNCTIONS["detect_milestone"]({"Records": floor.aws.changes()}, Context())["batchItemFailures"]
    assert floor.refreshes() == []


def test_a_retry_that_finds_its_request_unanswered_sends_it_again(floor: Floor) -> None:
    floor.hire()
    changes = floor.aws.changes()
    floors: Any = FUNCTIONS["detect_milestone"].dependencies.detection._announcers["rep"]._announcers[0]
    with failing(floors._broadcast._sqs, "SendMessageBatch"):
        assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context())["batchItemFailures"]
    assert floor.refreshes() == []
    keys = set()
    for _ in range(2):
        assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == DONE
        keys |= {refresh.key for refresh in floor.refreshes()}
    assert len(keys) == 2  # a key that the queue has had in the last five minutes is dropped


# -- whatever made the change, and whatever died on the way


def test_what_another_job_writes_is_detected_and_ranked_like_any_update(floor: Floor) -> None:
    first = floor.hire("Ada", monthlyRevenue=100_000)
    floor.stream()
    floor.said()
    rep = 17
    assert Stats(table("stats")).record(job(rep, monthly_revenue=9_000))  # what was there before Cairn is not announced
    floor.stream()
    floor.said()
    assert Stats(table("stats")).record(job(rep, later=1, monthly_revenue=51_000, monthly_signups=26))
    floor.stream()
    celebrated = floor.celebrations()
    assert ids(celebrated) == [
        f"rep:{rep}/bonus_tier/2026-11/25",
        f"rep:{rep}/revenue/2026-11/50000",
        f"rep:{rep}/signups/2026-11/25",
    ]
    assert floor.ranks() == {first: 1, rep: 2}
    catch_up()
    shown = floor.rep(rep)
    assert (shown["monthlyRevenue"], shown["currentBonusTier"], shown["yearlyRevenue"]) == (51_000, 3, 0)
    assert {badge["id"] for badge in shown["badges"]} == {
        *("rising-star", "top-earner", "sales-rookie", "bonus-achiever", "top-performer")
    }
    assert floor.board()["items"][1] == shown | {"asOf": floor.board()["items"][1]["asOf"]}
    assert floor.in_line()


def test_what_is_computed_here_is_computed_for_another_jobs_write_too(floor: Floor) -> None:
    Stats(table("stats")).record(job(17, monthly_signups=26, bonus_tier=6))
    floor.stream()
    (shown,) = floor.board()["items"]
    assert (shown["monthlySignups"], shown["currentBonusTier"], shown["monthlyRevenue"]) == (26, 3, 0)
    assert floor.update(17, monthlySignups=27)["milestones"] == []


def test_after_another_jobs_write_an_update_answers_what_is_new_and_nothing_else(floor: Floor) -> None:
    rep = floor.hire()
    floor.update(rep, monthlyRevenue=5_000)
    floor.stream()
    item = table("stats").get_item(Key={"subject": f"rep:{rep}"})["Item"]
    item["metrics"] |= {"monthly_revenue": 60_000, "monthly_signups": 3}
    table("stats").put_item(Item=item | {"as_of": int(item["as_of"]) + 1})
    floor.stream()
    assert f"rep:{rep}/revenue/2026-11/50000" in ids(floor.celebrations())
    assert floor.update(rep, monthlyRevenue=61_000)["milestones"] == []
    (answered,) = floor.update(rep, monthlyRevenue=76_000)["milestones"]
    floor.stream()
    assert ids(floor.celebrations()) == [answered["id"]]
    assert answered["alsoPassed"] == []


def test_a_job_that_keeps_last_months_peaks_hides_no_milestone_of_this_month(floor: Floor) -> None:
    rep = floor.hire()
    floor.update(rep, monthlyRevenue=120_000)
    floor.stream()
    floor.said()
    floor.clock.sleep(86_400 * 31)
    for revenue in (5_000, 76_000):
        item = table("stats").get_item(Key={"subject": f"rep:{rep}"})["Item"]
        item["metrics"]["monthly_revenue"] = revenue
        table("stats").put_item(Item=item | {"as_of": to_millis(now()) + revenue})
        floor.stream()
    assert f"rep:{rep}/revenue/2026-12/75000" in ids(floor.celebrations())


def test_an_update_that_died_before_it_moved_its_row_is_completed_by_the_stream(floor: Floor) -> None:
    ada, grace = floor.hire("Ada", monthlyRevenue=100), floor.hire("Grace", userId="grace")
    floor.stream()
    floor.said()
    with failing(FUNCTIONS["api"].dependencies.boards._table, "PutItem", when=lambda call: "sk" in call["Item"]):
        assert floor.try_update(grace, {"monthlyRevenue": 26_000}).status == 500
    assert floor.ranks() == {ada: 1, grace: 2}
    floor.stream()
    assert floor.ranks() == {grace: 1, ada: 2}
    events = floor.celebrations()
    assert (
        ids(events)
        == ids(events, "user:grace")
        == [f"rep:{grace}/rank/2026-11/3", f"rep:{grace}/revenue/2026-11/25000"]
    )
    assert floor.in_line()


def test_an_update_that_died_before_it_stored_its_podium_step_is_completed_by_the_stream(floor: Floor) -> None:
    rep = floor.hire()
    floor.stream()
    with failing(
        FUNCTIONS["api"].dependencies.stats._table,
        "PutItem",
        when=lambda call: call["Item"]["metrics"].get("podium") == 3,
    ):
        assert floor.try_update(rep, {"monthlyRevenue": 50}).status == 500
    floor.stream()
    assert ids(floor.celebrations()) == [f"rep:{rep}/rank/2026-11/3"]


def test_a_retry_announces_and_awards_nothing_twice(floor: Floor) -> None:
    rep = floor.hire(userId=7)
    floor.update(rep, monthlyRevenue=50_000)
    changes = floor.aws.changes()
    for _ in range(2):
        assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == DONE
    keys = [(one.room, one.key) for one in floor.said() if isinstance(one, RoomEvent)]
    assert len(keys) == len(set(keys)) == 4
    catch_up()
    first = floor.rep(rep)["badges"]
    floor.clock.sleep(60)
    assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == DONE
    assert floor.celebrations() == []
    catch_up()
    assert floor.rep(rep)["badges"] == first


@pytest.mark.parametrize(("operation", "calls"), [("UpdateItem", 6), ("PutItem", 2)])
def test_whatever_fails_on_the_way_is_done_by_the_retry(floor: Floor, operation: str, calls: int) -> None:
    """Each call to the milestones table in turn: high-water marks and badges, the history."""
    rep = floor.hire()
    floor.stream()
    floor.said()
    answer = floor.update(rep, monthlyRevenue=50_000)
    changes = floor.aws.changes()
    for number in range(calls):
        calls_before = count(-number)
        milestones = FUNCTIONS["detect_milestone"].dependencies.detection._milestones._table
        with failing(milestones, operation, times=1, when=lambda _, before=calls_before: next(before) >= 0):  # type: ignore[misc]  # mypy infers no default
            try:
                FUNCTIONS["detect_milestone"]({"Records": changes}, Context())
            except ClientError:
                continue
    assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == DONE
    assert set(ids(floor.celebrations())) == {one["id"] for one in answer["milestones"]}
    catch_up()
    assert {badge["id"] for badge in floor.rep(rep)["badges"]} == {"rising-star", "top-earner", "top-performer"}
    assert len(history(floor, rep)) == 2


def test_a_rep_who_retires_leaves_the_board_and_the_board_is_shown_again(floor: Floor) -> None:
    rep = floor.hire(monthlyRevenue=100)
    floor.stream()
    (first,) = floor.refreshes()
    BoardRefresh(table("connections")).acquire(first.key, now())
    with failing(FUNCTIONS["api"].dependencies.boards._table, "TransactWriteItems"):
        assert floor.api("DELETE", f"{REPS}/{rep}").status == 500
    floor.stream()
    assert [type(one) for one in floor.said()] == [BoardChanged]
    gone = boards_of(floor.aws).row(Subject("rep", str(rep)))
    assert gone
    assert gone.left
    assert floor.in_line()


# -- told, then recorded; a batch at a time


def milestones_of(rep: int) -> list[Milestone]:
    return list(Milestones(table("milestones")).of(Subject("rep", str(rep))))


def test_a_milestone_is_told_before_it_is_recorded_and_a_retry_records_it(floor: Floor) -> None:
    rep = floor.hire()
    floor.stream()
    floor.said()
    answer = floor.update(rep, monthlySignups=22)
    changes = floor.aws.changes()
    with failing(FUNCTIONS["detect_milestone"].dependencies.detection._milestones._table, "PutItem"):
        assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context())["batchItemFailures"]
    assert ids(floor.celebrations()) == [f"rep:{rep}/bonus_tier/2026-11/20"]
    assert (milestones_of(rep), floor.rep(rep)["badges"]) == ([], [])
    assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == DONE
    assert {one.id for one in milestones_of(rep)} == {one["id"] for one in answer["milestones"]}
    catch_up()
    assert {badge["id"] for badge in floor.rep(rep)["badges"]} == {"sales-rookie", "bonus-achiever"}


def test_what_was_reverted_between_two_tries_is_not_told_again(floor: Floor) -> None:
    rep = floor.hire()
    floor.stream()
    floor.said()
    floor.update(rep, monthlySignups=12)
    changes = floor.aws.changes()
    milestones = FUNCTIONS["detect_milestone"].dependencies.detection._milestones._table
    told = "SET told = :height"
    with failing(milestones, "UpdateItem", when=lambda call: call["UpdateExpression"] == told):
        assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context())["batchItemFailures"]
    assert len(floor.celebrations()) == 1
    (recorded,) = milestones_of(rep)
    assert Milestones(table("milestones")).revert([recorded], [], Reversal(now(), "grace", "typed twice"))
    floor.clock.sleep(600)
    assert FUNCTIONS["detect_milestone"]({"Records": changes}, Context()) == DONE
    assert floor.celebrations() == []


@pytest.mark.undisturbed
def test_a_batch_is_two_reads_of_the_board_and_one_request_however_many_changes_it_has(floor: Floor) -> None:
    reps = [floor.hire(monthlyRevenue=9_000 - number) for number in range(4)]
    floor.stream()
    floor.said()
    floor.clock.sleep(11)  # nobody waits for the request of before
    for revenue in (4, 5):
        for rep in reps:
            floor.update(rep, monthlyRevenue=9_000 - rep + revenue, monthlySignups=revenue)
    batch = floor.aws.changes()
    calls: list[str] = []
    client = FUNCTIONS["detect_milestone"].dependencies.detection._milestones._table.meta.client
    client.meta.events.register("before-call.*.*", lambda model, **_: calls.append(model.name))
    assert FUNCTIONS["detect_milestone"]({"Records": batch}, Context()) == DONE
    assert calls == ["BatchGetItem", "Query", "UpdateItem"]
    assert len(floor.refreshes()) == 1


def test_the_last_change_of_a_batch_is_what_its_row_shows_when_every_writer_died(floor: Floor) -> None:
    rep, other = floor.hire(), floor.hire(monthlyRevenue=150)
    floor.stream()
    with failing(FUNCTIONS["api"].dependencies.boards._table, "PutItem", when=lambda call: "sk" in call["Item"]):
        for revenue in (100, 300, 200):
            assert floor.try_update(rep, {"monthlyRevenue": revenue}).status == 500
    floor.stream()
    assert floor.ranks() == {rep: 1, other: 2}
    assert floor.rep(rep)["monthlyRevenue"] == 200
    assert floor.in_line()
