"""What Fanvue answers, as documented and otherwise: nothing is guessed, and no row is left out unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from cairn.creators.model import Earning
from cairn.errors import KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from tests.unit.creators.listing import CREATOR, UUID, Bearing, fanvue, page, row, scripted
from tests.unit.scripted import NOON, FakeClock, Script

HOUR = timedelta(hours=1)


def read(*answers: httpx.Response, clock: FakeClock | None = None) -> list[Earning]:
    platform, _ = scripted(*answers, clock=clock)
    return list(platform.rows(NOON - HOUR, NOON + HOUR).earnings)


def test_a_row_is_read_as_documented() -> None:
    (earning,) = read(page(row(NOON, 1250, net=1000, reversedTransactionOrderId="o0")))
    assert (earning.at, earning.gross, earning.net, earning.currency) == (NOON, 1250, 1000, "USD")
    assert (earning.source, earning.payer, earning.payer_name) == ("tip", "u1", "Ada")
    assert (earning.order, earning.reverses) == ("o1", "o0")


def test_a_refund_is_negative() -> None:
    (earning,) = read(page(row(NOON, -500)))
    assert (earning.gross, earning.net) == (-500, -500)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gross": 12.0, "net": 10.0}, {"gross": 12, "net": 10}),
        ({"currency": None}, {"currency": None}),
        ({"currency": ""}, {"currency": None}),
        ({"currency": "eur"}, {"currency": "EUR"}),
        ({"user": None}, {"payer": None, "payer_name": None}),
        ({"user": {"uuid": "u2"}}, {"payer": "u2", "payer_name": None}),
        ({"user": {"handle": "ada"}}, {"payer": None, "payer_name": "ada"}),
        ({"source": None}, {"source": "unknown"}),
        ({"source": "fanExperience"}, {"source": "fanExperience"}),
        ({"transactionOrderId": None}, {"order": None}),
        ({"date": "2026-11-20T13:00:00+01:00"}, {"at": NOON}),
    ],
)
def test_what_may_be_missing_or_written_otherwise(change: dict[str, object], expected: dict[str, object]) -> None:
    (earning,) = read(page(row(NOON) | change))
    assert {name: getattr(earning, name) for name in expected} == expected


@pytest.mark.parametrize(
    "change",
    [
        {"gross": 12.5},
        {"gross": "1250"},
        {"gross": None},
        {"gross": True},
        {"gross": 10**15},
        {"gross": -(10**15)},
        {"net": None},
        {"net": 0.1},
        {"net": {"amount": 1}},
        {"currency": 840},
        {"currency": "dollars"},
        {"date": None},
        {"date": "yesterday"},
        {"date": "2026-11-20T12:00:00"},
        {"date": 1790000000},
    ],
)
def test_an_amount_or_an_instant_that_cannot_be_read_fails_the_creators_sync(change: dict[str, object]) -> None:
    with pytest.raises(PlatformUnavailableError, match="unexpected answer"):
        read(page(row(NOON), row(NOON - HOUR / 2) | change))


@pytest.mark.parametrize("missing", ["date", "gross", "net"])
def test_a_row_without_what_it_is_about_fails_the_creators_sync(missing: str) -> None:
    with pytest.raises(PlatformUnavailableError):
        read(page({name: value for name, value in row(NOON).items() if name != missing}))


@pytest.mark.parametrize(
    "body",
    [
        *({}, [], None, 5, "text", {"data": []}),
        *({"data": None, "nextCursor": None}, {"data": {}, "nextCursor": None}, {"data": [], "nextCursor": 5}),
        *({"data": ["row"], "nextCursor": None}, {"data": [None], "nextCursor": None}),
    ],
)
def test_an_answer_that_is_no_page_is_the_platforms_failure(body: object) -> None:
    with pytest.raises(PlatformUnavailableError):
        read(httpx.Response(200, json=body))


def test_numbers_that_json_does_not_know_are_refused() -> None:
    for number in ("NaN", "Infinity", "1e400"):
        content = b'{"data": [{"date": "2026-11-20T12:00:00Z", "gross": %s, "net": 1}], "nextCursor": null}'
        with pytest.raises(PlatformUnavailableError):
            read(httpx.Response(200, content=content % number.encode()))


def test_a_limit_is_obeyed_for_as_long_as_the_platform_says() -> None:
    clock = FakeClock()
    platform, script = scripted(httpx.Response(429, headers={"Retry-After": "40"}, text="slow down"), clock=clock)
    with pytest.raises(PlatformPausedError) as paused:
        platform.rows(NOON - HOUR, NOON)
    assert paused.value.until == NOON + timedelta(seconds=40)
    with pytest.raises(PlatformPausedError):
        platform.audience("")
    assert len(script.asked) == 1, "the same bucket is not asked before"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_credentials_that_do_not_open_the_creator_are_for_a_person_to_mend(status: int) -> None:
    with pytest.raises(KeyRejectedError):
        read(httpx.Response(status, json={"message": "no"}))


def test_a_retired_version_says_what_to_do() -> None:
    with pytest.raises(PlatformUnavailableError, match=r"2025-06-26 of its API has ended, the next is 2027-01-01"):
        read(httpx.Response(410, json={"nextVersion": "2027-01-01"}))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"message": "size"}),
        httpx.Response(400, text="<html>"),
        httpx.Response(418, json=[]),
        httpx.Response(204),
        httpx.Response(302, headers={"Location": "http://elsewhere.test"}),
        httpx.Response(503),
    ],
)
def test_whatever_else_is_passing_and_stops_this_creator_alone(answer: httpx.Response) -> None:
    with pytest.raises(PlatformUnavailableError) as failed:
        read(answer)
    assert not isinstance(failed.value, KeyRejectedError)


def test_a_failure_is_tried_again() -> None:
    assert len(read(httpx.Response(503), httpx.Response(502), page(row(NOON)))) == 1


def test_no_error_quotes_the_key() -> None:
    with pytest.raises(KeyRejectedError) as rejected:
        read(httpx.Response(403, json={"message": "FV-key may not read this"}))
    assert "FV-key" not in str(rejected.value)


def test_a_token_that_ended_early_is_replaced_once() -> None:
    script = Script([httpx.Response(401), page(row(NOON)), page()])
    bearing = Bearing("old", own=True, others=["new"])
    platform = fanvue(script, credentials=bearing)
    assert len(platform.rows(NOON - HOUR, NOON + HOUR).earnings) == 1
    platform.rows(NOON - HOUR, NOON)
    assert [one.headers["authorization"] for one in script.asked] == ["Bearer old", "Bearer new", "Bearer new"]
    assert bearing.refused == ["old"]
    assert script.asked[0].url.path == "/insights/earnings"


def test_a_second_refusal_is_not_answered_with_a_third_token() -> None:
    bearing = Bearing("old", others=["new", "newer"])
    platform = fanvue(Script([httpx.Response(401)]), credentials=bearing)
    with pytest.raises(KeyRejectedError):
        platform.rows(NOON - HOUR, NOON)
    assert bearing.refused == ["old"]


@pytest.mark.parametrize("external_id", ["", "..", f"{UUID}/../../agencies", f"{UUID}?x=", "ä" * 36, UUID + chr(10)])
def test_an_external_id_leads_to_no_other_path(external_id: str) -> None:
    with pytest.raises(KeyRejectedError, match="external id"):
        fanvue(Script([page()]), creator=replace(CREATOR, external_id=external_id))


def test_whose_credentials_they_are_is_asked_of_the_platform() -> None:
    platform, script = scripted(httpx.Response(200, json={"uuid": "u9"}))
    assert platform.account() == "u9"
    assert script.asked[0].url.path == "/users/me"
