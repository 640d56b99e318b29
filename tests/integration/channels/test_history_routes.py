"""A channel's history for a chart: every day has a value, gaps are filled, and days end in the operator's zone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from cairn.clock import iso, now
from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import Cloud, cloud
from testing.platforms import FakePlatforms
from testing.workspace import begin_with

CATS = "UC" + "c" * 22
PATH = f"/api/channels/youtube:{CATS}"
HISTORY = f"{PATH}/history"


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms(youtube={CATS: {"subscriberCount": "100", "viewCount": "1000", "videoCount": "3"}})


def read(api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, at: str, subscribers: int) -> None:
    """Store a reading with that count at that time."""
    clock.advance_to(datetime.fromisoformat(at).replace(tzinfo=UTC))
    platforms.youtube[CATS]["subscriberCount"] = str(subscribers)
    if api("GET", PATH).status == 404:
        api("POST", "/api/channels", {"platform": "youtube", "handle": CATS})
    else:
        api("POST", f"{PATH}/refresh")
    aws.flow()
    catch_up()


def days(api: Api, **query: str) -> list[tuple[str, int | None, int | None]]:
    answer = api("GET", HISTORY, query=query)
    assert answer.status == 200, answer.text
    return [(item["day"], item["subscribers"], item["subscribersGained"]) for item in answer.json["items"]]


def test_each_day_has_the_values_it_ended_with_and_what_it_gained(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    read(api, aws, platforms, clock, "2026-11-20T13:00", 100)
    read(api, aws, platforms, clock, "2026-11-20T23:59", 110)
    read(api, aws, platforms, clock, "2026-11-21T00:01", 120)
    read(api, aws, platforms, clock, "2026-11-22T10:00", 115)
    assert days(api, **{"from": "2026-11-20"}) == [
        ("2026-11-20", 110, None),
        ("2026-11-21", 120, 10),
        ("2026-11-22", 115, -5),
    ]


def test_a_day_without_a_reading_goes_on_with_the_value_before_and_gains_nothing(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    read(api, aws, platforms, clock, "2026-11-20T13:00", 100)
    read(api, aws, platforms, clock, "2026-11-24T10:00", 140)
    clock.advance_to(datetime(2026, 11, 26, 9, tzinfo=UTC))
    assert days(api, **{"from": "2026-11-19"}) == [
        ("2026-11-19", None, None),
        ("2026-11-20", 100, None),
        ("2026-11-21", 100, 0),
        ("2026-11-22", 100, 0),
        ("2026-11-23", 100, 0),
        ("2026-11-24", 140, 40),
        ("2026-11-25", 140, 0),
        ("2026-11-26", 140, 0),
    ]
    assert days(api, **{"from": "2026-11-22", "to": "2026-11-23"}) == [("2026-11-22", 100, 0), ("2026-11-23", 100, 0)]
    assert days(api, **{"from": "2026-11-24", "to": "2026-11-24"}) == [("2026-11-24", 140, 40)]


def test_a_day_is_shown_as_the_design_says(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    read(api, aws, platforms, clock, "2026-11-20T13:00", 100)
    answer = api("GET", HISTORY, query={"from": "2026-11-20", "bucket": "day"})
    day = {"day": "2026-11-20", "subscribers": 100, "views": 1000, "videos": 3}
    gained = {"subscribersGained": None, "viewsGained": None, "videosGained": None}
    assert answer.json == {"id": f"youtube:{CATS}", "bucket": "day", "items": [day | gained], "nextCursor": None}


def test_without_a_range_the_last_thirty_days_are_shown(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    read(api, aws, platforms, clock, "2026-11-20T13:00", 100)
    shown = days(api)
    assert (shown[0][0], shown[-1][0], len(shown)) == ("2026-10-21", "2026-11-20", 31)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"from": "0001-01-01T00:00:00Z", "to": "0001-01-02T00:00:00Z"}, 0),
        ({"from": "1969-12-31", "to": "1970-01-01"}, 0),
        ({"from": "2099-01-01", "to": "2099-01-02"}, 0),
        ({"from": "9999-12-31T23:59:59Z", "to": "9999-12-31T23:59:59Z"}, 0),
        ({"from": "2026-11-20", "to": "9999-12-31T23:59:59Z"}, 1),
        ({"from": "2026-11-20T00:00:00+14:00", "to": "2026-11-20T00:00:00+14:00"}, 1),
    ],
)
def test_a_range_where_nothing_can_be_is_empty(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock, query: dict[str, str], count: int
) -> None:
    read(api, aws, platforms, clock, "2026-11-20T13:00", 100)
    assert len(days(api, **query)) == count


@contextmanager
def in_zone(zone: str, platforms: FakePlatforms) -> Iterator[tuple[Api, Cloud, ControlledClock]]:
    """An account whose operator lives in another time zone."""
    with controlled_clock() as clock, cloud(platforms.transport()) as aws:
        begin_with(time_zone=zone)
        yield Api(aws), aws, clock


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_ends_of_time_are_no_surprise_in_any_zone(zone: str, platforms: FakePlatforms) -> None:
    with in_zone(zone, platforms) as (api, _, _):
        api("POST", "/api/channels", {"platform": "youtube", "handle": CATS})
        for first, last in (("0001-01-01", "0001-01-02"), ("1970-01-01", "1970-01-03"), ("9999-12-31", "9999-12-31")):
            for bucket in ("day", "none"):
                assert api("GET", HISTORY, query={"from": first, "to": last, "bucket": bucket}).status == 200


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", [("2026-11-20", 110), ("2026-11-21", 130)]),
        ("America/New_York", [("2026-11-20", 120), ("2026-11-21", 130)]),
        ("Asia/Tokyo", [("2026-11-20", 100), ("2026-11-21", 130)]),
    ],
)
def test_a_day_ends_at_midnight_where_the_operator_lives(
    zone: str, expected: list[tuple[str, int]], platforms: FakePlatforms
) -> None:
    with in_zone(zone, platforms) as (api, aws, clock):
        for at, count in (
            ("2026-11-20T14:00", 100),
            ("2026-11-20T23:30", 110),
            ("2026-11-21T04:30", 120),
            ("2026-11-21T14:00", 130),
        ):
            read(api, aws, platforms, clock, at, count)
        assert [(day, count) for day, count, _ in days(api, **{"from": "2026-11-20T12:00Z"})] == expected


def test_single_readings_come_oldest_first_and_page_by_page(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    for hour, count in ((13, 100), (14, 101), (15, 101), (16, 102)):
        read(api, aws, platforms, clock, f"2026-11-20T{hour}:00", count)
    answer = api("GET", HISTORY, query={"bucket": "none"}).json
    shown = [(item["at"], item["subscribers"]) for item in answer["items"]]
    assert shown == [
        ("2026-11-20T13:00:00.000Z", 100),
        ("2026-11-20T14:00:00.000Z", 101),
        ("2026-11-20T16:00:00.000Z", 102),
    ]
    assert answer["items"][0] == {"at": shown[0][0], "subscribers": 100, "views": 1000, "videos": 3}
    first = api("GET", HISTORY, query={"bucket": "none", "limit": 2}).json
    rest = api("GET", HISTORY, query={"bucket": "none", "limit": 2, "cursor": first["nextCursor"]}).json
    assert first["items"] + rest["items"] == answer["items"]
    narrow = {"bucket": "none", "from": "2026-11-20T14:00:00Z", "to": "2026-11-20T14:00:00Z"}
    assert [item["at"] for item in api("GET", HISTORY, query=narrow).json["items"]] == [shown[1][0]]


def test_readings_past_their_time_are_not_shown_though_the_table_still_has_them(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    read(api, aws, platforms, clock, "2026-11-20T13:00", 100)
    clock.sleep(timedelta(days=31).total_seconds())
    query = {"bucket": "none", "from": "2026-11-01"}
    assert api("GET", HISTORY, query=query).json["items"] == []
    assert days(api, **{"from": iso(now())})[-1][1] == 100


def test_a_hidden_count_is_a_gap_whose_growth_nobody_knows(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    read(api, aws, platforms, clock, "2026-11-20T13:00", 100)
    platforms.youtube[CATS]["hiddenSubscriberCount"] = "true"
    read(api, aws, platforms, clock, "2026-11-21T13:00", 0)
    clock.advance_to(datetime(2026, 11, 22, 9, tzinfo=UTC))
    del platforms.youtube[CATS]["hiddenSubscriberCount"]
    read(api, aws, platforms, clock, "2026-11-23T13:00", 140)
    read(api, aws, platforms, clock, "2026-11-24T13:00", 150)
    assert days(api, **{"from": "2026-11-19"}) == [
        ("2026-11-19", None, None),
        ("2026-11-20", 100, None),
        ("2026-11-21", None, None),
        ("2026-11-22", None, None),
        ("2026-11-23", 140, None),
        ("2026-11-24", 150, 10),
    ]
    views = [item["viewsGained"] for item in api("GET", HISTORY, query={"from": "2026-11-20"}).json["items"]]
    assert views == [None, 0, 0, 0, 0]


def test_a_long_range_reads_days_and_not_readings(
    api: Api, aws: Cloud, platforms: FakePlatforms, clock: ControlledClock
) -> None:
    read(api, aws, platforms, clock, "2026-11-20T13:00", 100)
    assert api("GET", HISTORY, query={"from": "2023-11-21"}).status == 200
    answer = api("GET", HISTORY, query={"from": "2023-11-18"})
    assert answer.status == 400
    assert "from, to: at most 1098 days per request" in answer.error
