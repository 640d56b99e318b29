"""What the analytics routes refuse, and in which words."""

from __future__ import annotations

import pytest

from testing.agency import AgencySite

BOTH = ("dashboard", "transactions")


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"timeRange": "7d", "startDate": "2026-11-01"}, "not together"),
        ({"timeRange": "7d", "endDate": "2026-11-01"}, "not together"),
        ({"timeRange": "14d"}, "timeRange"),
        ({"startDate": "2026-11-02", "endDate": "2026-11-01"}, "startDate: must not be after endDate"),
        ({"startDate": "2026-11-22"}, "startDate: must not be after today"),
        ({"endDate": "2026-11-01"}, "startDate: needed"),
        ({"startDate": "2014-12-31", "endDate": "2015-02-01"}, "startDate: must not be before 2015-01-01"),
        ({"startDate": "2026-11-01", "endDate": "2028-01-01"}, "endDate: must not be more than a year from now"),
        ({"startDate": "2026-02-29", "endDate": "2026-03-01"}, "startDate"),
        ({"startDate": "20261101", "endDate": "2026-11-02"}, "startDate: must be an ISO 8601 date"),
        ({"startDate": "0000-00-00"}, "startDate"),
        ({"timeZone": "Mars/Olympus"}, "timeZone: must be a time zone"),
        ({"timeZone": "../etc/passwd"}, "timeZone: must be a time zone"),
        ({"timeZone": ""}, "timeZone"),
        ({"agencyId": ""}, "agencyId"),
        ({"modelId": ""}, "modelId"),
        ({"format": "xlsx"}, "format"),
    ],
)
def test_a_range_that_cannot_be_is_refused_in_words(
    site: AgencySite, path: str, query: dict[str, str], words: str
) -> None:
    answer = site.ask(path, **query)
    assert answer.status == 400, answer.text
    assert words in answer.error


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("dashboard", {"interval": "hour"}, "interval"),
        ("dashboard", {"compare": "last year"}, "compare"),
        ("dashboard", {"startDate": "2020-01-01", "interval": "day"}, "1,100 buckets"),
        ("transactions", {"category": "gifts"}, "category"),
        ("transactions", {"currency": "usd"}, "currency"),
        ("transactions", {"status": "lost"}, "status"),
        ("transactions", {"limit": "0"}, "limit"),
        ("transactions", {"limit": "101"}, "limit: at most 100"),
        ("transactions", {"limit": "10001", "format": "csv"}, "limit"),
        ("transactions", {"cursor": "eyJwayI6ICJhZ2VuY2llcyJ9"}, "cursor: not issued by this list"),
    ],
)
def test_a_parameter_of_one_route_that_cannot_be_is_refused(
    site: AgencySite, path: str, query: dict[str, str], words: str
) -> None:
    answer = site.ask(path, **query)
    assert answer.status == 400, answer.text
    assert words in answer.error


def test_the_29th_of_february_is_a_day_in_a_leap_year_alone(site: AgencySite) -> None:
    assert len(site.dashboard(startDate="2024-02-28", endDate="2024-03-01")["chartData"]) == 3
    assert site.ask(startDate="2026-02-29").status == 400


@pytest.mark.parametrize("path", BOTH)
def test_an_unknown_agency_or_creator_is_not_found(site: AgencySite, path: str) -> None:
    for query in ({"agencyId": "nobody"}, {"modelId": "nobody"}, {"agencyId": "a/../b"}):
        answer = site.ask(path, **query)
        assert (answer.status, "there is no such" in answer.error) == (404, True)


@pytest.mark.parametrize("path", BOTH)
def test_a_creator_of_another_agency_is_not_found_in_this_one(site: AgencySite, path: str) -> None:
    mia, other = site.creator(), site.agency()
    assert site.ask(path, agencyId=site.agency_id, modelId=mia.id).status == 200
    assert site.ask(path, modelId=mia.id).status == 200
    assert "in this agency" in site.ask(path, agencyId=other, modelId=mia.id).error
