"""A platform's failures are retried within a time budget, become Cairn's errors, and never contain a key."""

from __future__ import annotations

from datetime import UTC, timedelta

import httpx
import pytest

from cairn.errors import PlatformUnavailableError
from cairn.upstream import MAX_WAIT, to_count
from tests.unit.scripted import NOON, FakeClock, Script, upstream


def test_a_failure_is_tried_again_after_a_pause_and_then_forgotten() -> None:
    clock, script = FakeClock(), Script([httpx.Response(503), httpx.Response(500), httpx.Response(200, json={"a": 1})])
    _, body = upstream(script, clock).call("GET", "/channels")
    assert body == {"a": 1}
    assert len(script.asked) == 3
    assert len(clock.slept) == 2
    assert all(0 <= pause <= 2 for pause in clock.slept)


def test_pauses_are_not_the_same_for_everybody() -> None:
    pauses = set()
    for _ in range(10):
        clock = FakeClock()
        with pytest.raises(PlatformUnavailableError):
            upstream(Script([httpx.Response(500)]), clock).call("GET", "/")
        pauses.add(tuple(clock.slept))
    assert len(pauses) > 1


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(502, text="<html>Bad Gateway</html>"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(200, text="<html>not JSON</html>"),
        httpx.Response(200, json=["a", "list"]),
        httpx.Response(200, content=b"\xff\xfe\x00"),
        httpx.Response(200, text=""),
        httpx.Response(200, json=None),
    ],
)
def test_what_keeps_failing_is_given_up_after_three_tries(answer: httpx.Response | Exception) -> None:
    clock, script = FakeClock(), Script([answer])
    with pytest.raises(PlatformUnavailableError, match="youtube does not answer"):
        upstream(script, clock).call("GET", "/channels")
    assert len(script.asked) == 3


def test_a_key_with_a_line_break_in_it_is_a_failure_of_the_platform_alone() -> None:
    with pytest.raises(PlatformUnavailableError, match="InvalidURL"):
        upstream(Script([httpx.Response(200, json={})]), FakeClock()).call("GET", "/bot123:AA\n/getChat")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
def test_a_rejected_request_is_not_retried(status: int) -> None:
    script = Script([httpx.Response(status, json={"error": {}})])
    response, _ = upstream(script, FakeClock()).call("GET", "/channels")
    assert response.status_code == status
    assert len(script.asked) == 1


def test_errors_hold_neither_the_address_nor_its_parameters() -> None:
    with pytest.raises(PlatformUnavailableError) as raised:
        upstream(Script([httpx.ConnectError("http://youtube.test/?key=AIza")]), FakeClock()).call(
            "GET", "/", params={"key": "AIza"}
        )
    assert "AIza" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        (" 30 ", 30),
        ("0", 0),
        ("Fri, 20 Nov 2026 12:02:00 GMT", 120),
        ("Fri, 20 Nov 2026 12:02:00 -0000", 120),
        ("Fri, 20 Nov 2026 13:02:00 +0100", 120),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0),
        ("", 60),
        ("soon", 60),
        ("-5", 60),
        ("²", 60),
        ("1.5", 60),
        ("9" * 30, 60),
        ("Fri, 31 Dec 9999 23:59:59 -1200", 86_400),
        ("999999999", 86_400),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date_and_nonsense_is_passed_over(header: str, seconds: int) -> None:
    response = httpx.Response(429, headers=[(b"retry-after", header.encode())] if header else [])
    until = upstream(Script([response]), FakeClock()).retry_at(response, timedelta(minutes=1))
    assert until - NOON == timedelta(seconds=seconds)
    assert until - NOON <= MAX_WAIT
    assert until.tzinfo is UTC or until.utcoffset() == timedelta(0)


def test_what_a_platform_says_of_our_key_is_not_passed_on() -> None:
    error = "Consumer 'api_key:AIzaSecret' has been suspended." + "x" * 500
    words = upstream(Script([httpx.Response(200)]), FakeClock(), "AIzaSecret").redact(error)
    assert "AIzaSecret" not in words
    assert len(words) <= 300


@pytest.mark.parametrize("value", [0, 1, "0", "10400", 10**14])
def test_a_count_comes_as_a_number_or_a_text(value: object) -> None:
    assert to_count(value) == int(str(value))


@pytest.mark.parametrize(
    "value", [None, True, -1, "-1", "", "many", 1.5, "1.5", [], {}, "9" * 40, 10**15, float("nan")]
)
def test_what_cannot_be_a_count_is_rejected(value: object) -> None:
    with pytest.raises(ValueError, match=r"count|int\(\)"):
        to_count(value)
