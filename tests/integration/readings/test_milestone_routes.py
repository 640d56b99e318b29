"""Milestones and subscribers: newest first, page by page, for one subject or for all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cairn.clock import iso, now
from cairn.model import Milestone, Passed, Subject
from cairn.readings.milestones import Milestones
from cairn.telegram.subscribers import Subscribers
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.readings import channel_milestone

CATS, DOGS = Subject("channel", "youtube:cats"), Subject("channel", "telegram:-42")


def record(aws: Cloud, subject: Subject, threshold: int, *also: Passed) -> Milestone:
    value, name = threshold + 7, "Cats & <b>"
    milestone = channel_milestone(threshold, subject=subject, name=name, value=value, also=also, trace_id="t" * 32)
    Milestones(aws.table("MILESTONES_TABLE")).record(milestone)
    return milestone


@pytest.fixture
def three(aws: Cloud, clock: ControlledClock) -> None:
    for subject, threshold in ((CATS, 1000), (DOGS, 1000), (CATS, 5000)):
        clock.sleep(60)
        record(aws, subject, threshold, *([Passed(2500, "2.5K")] if threshold == 5000 else []))


def shown(answer: Any) -> list[tuple[str, int]]:
    return [(item["subject"], item["threshold"]) for item in answer.json["items"]]


@pytest.mark.usefixtures("three")
def test_a_milestone_is_shown_as_the_design_says(api: Api) -> None:
    assert api("GET", "/api/milestones", query={"limit": 1}).json["items"] == [
        {
            "id": "channel:youtube:cats/subscribers/all-time/5000",
            "subject": "channel:youtube:cats",
            "name": "Cats & <b>",
            "rule": "subscribers",
            "metric": "subscribers",
            "period": "all-time",
            "threshold": 5000,
            "label": "5K",
            "value": 5007,
            "alsoPassed": [{"threshold": 2500, "label": "2.5K"}],
            "achievedAt": "2026-11-20T12:03:00.000Z",
            "traceId": "t" * 32,
            "delivery": {"total": 0, "delivered": 0, "failed": 0},
            "revertedAt": None,
            "revertedBy": None,
            "reason": None,
        }
    ]


@pytest.mark.usefixtures("three")
def test_the_newest_come_first_for_all_subjects(api: Api) -> None:
    answer = api("GET", "/api/milestones")
    assert shown(answer) == [(str(CATS), 5000), (str(DOGS), 1000), (str(CATS), 1000)]
    assert answer.json["nextCursor"] is None
    assert shown(api("GET", "/api/milestones", query={"subject": str(CATS)})) == [(str(CATS), 5000), (str(CATS), 1000)]
    assert shown(api("GET", "/api/milestones", query={"subject": "rep:17"})) == []


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("subject", [{}, {"subject": str(CATS)}])
def test_a_list_goes_on_where_it_stopped(api: Api, subject: dict[str, str]) -> None:
    everything = shown(api("GET", "/api/milestones", query=subject))
    seen, cursor = [], None
    for _ in range(5):
        page = api("GET", "/api/milestones", query=subject | {"limit": "1"} | ({"cursor": cursor} if cursor else {}))
        assert page.status == 200, page.text
        seen += shown(page)
        cursor = page.json["nextCursor"]
        if cursor is None:
            break
    assert seen == everything


@pytest.mark.usefixtures("three")
def test_a_cursor_of_one_list_is_rejected_by_another(api: Api) -> None:
    cursor = api("GET", "/api/milestones", query={"limit": 1}).json["nextCursor"]
    for query in ({"subject": str(CATS)}, {"subject": str(DOGS)}, {"from": "2026-11-20T12:10:00Z", "to": "2027-01-01"}):
        answer = api("GET", "/api/milestones", query=query | {"cursor": cursor})
        assert answer.status == 400
        assert "cursor" in answer.error
    assert api("GET", "/api/channels", query={"cursor": cursor}).status == 400


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("subject", [{}, {"subject": str(CATS)}])
def test_a_range_holds_both_its_ends(api: Api, subject: dict[str, str]) -> None:
    query = subject | {"from": "2026-11-20T12:01:00Z", "to": "2026-11-20T12:01:00Z"}
    assert shown(api("GET", "/api/milestones", query=query)) == [(str(CATS), 1000)]
    assert shown(api("GET", "/api/milestones", query=subject | {"to": "2026-11-20T12:00:59Z"})) == []
    with_offset = subject | {"from": "2026-11-20T14:02:30+02:00"}
    assert shown(api("GET", "/api/milestones", query=with_offset)) == [(str(CATS), 5000)]


@pytest.mark.usefixtures("three")
def test_the_ends_of_time_are_no_surprise(api: Api) -> None:
    for query in (
        {"from": "0001-01-01"},
        {"to": "0001-01-01"},
        {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"},
        {"to": "0005-01-01T00:00:00Z"},
    ):
        assert api("GET", "/api/milestones", query=query).status == 200


def test_subscribers_are_counted_and_listed(api: Api, aws: Cloud, clock: ControlledClock) -> None:
    subscribers = Subscribers(aws.table("AUDIENCE_TABLE"))
    assert api("GET", "/api/subscribers").json == {"total": 0, "items": [], "nextCursor": None}
    for chat, kind in (("77", "private"), ("-5", "group"), ("-1001", "channel")):
        subscribers.add(chat, kind, "title", now())
        clock.sleep(1)
    answer = api("GET", "/api/subscribers").json
    assert answer["total"] == 3
    assert {"chatId": "77", "type": "private", "since": iso(now() - timedelta(seconds=3))} in answer["items"]
    first = api("GET", "/api/subscribers", query={"limit": 2}).json
    rest = api("GET", "/api/subscribers", query={"limit": 2, "cursor": first["nextCursor"]}).json
    assert first["items"] + rest["items"] == answer["items"]
    assert (len(first["items"]), rest["nextCursor"]) == (2, None)
