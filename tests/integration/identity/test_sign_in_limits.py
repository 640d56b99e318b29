"""A stranger's failures slow the stranger down, and nobody who signs in from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from cairn.aws import dynamodb
from cairn.errors import NotSignedInError, PlatformUnavailableError, TooManySignInsError
from cairn.identity.sign_in_limits import (
    FAILURES_OF_ADDRESS,
    FORGOTTEN_AFTER,
    FREE_FAILURES,
    LONGEST_WAIT,
    WINDOW,
    SignInLimits,
)
from cairn.identity.user_pool import Challenge
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.meter import Meter, metered

HOME, ELSEWHERE = "203.0.113.9", "198.51.100.4"
COGNITO_RESETS_AFTER = timedelta(minutes=15)
"""Cognito forgets a name's failures after so long without a try."""


@pytest.fixture
def meter(aws: Cloud) -> Iterator[Meter]:
    with metered() as made:
        yield made


@pytest.fixture
def limits(aws: Cloud, clock: ControlledClock) -> SignInLimits:
    return SignInLimits(dynamodb.table("signins_table"), clock.now)


def fail() -> None:
    raise NotSignedInError("wrong")


def succeed() -> str:
    return "tokens"


def half() -> Challenge:
    return Challenge("totp", "ada", "session")


def blocked(limits: SignInLimits, name: str = "ada", address: str = HOME) -> bool:
    """Try once with a wrong password; whether the limit answered instead of Cognito."""
    try:
        limits.guard(name, address, fail)
    except TooManySignInsError:
        return True
    except NotSignedInError:
        return False
    raise AssertionError


def failures(limits: SignInLimits, count: int, name: str = "ada", address: str = HOME) -> None:
    for _ in range(count):
        assert not blocked(limits, name, address)


def test_after_five_failures_a_name_waits_at_that_address_longer_each_time(
    limits: SignInLimits, clock: ControlledClock
) -> None:
    failures(limits, FREE_FAILURES)
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        with pytest.raises(TooManySignInsError) as rejection:
            limits.guard("ada", HOME, succeed)
        assert rejection.value.until - clock.now() == timedelta(minutes=minutes)
        clock.sleep(minutes * 60 - 1)
        assert blocked(limits)
        clock.sleep(1)
        assert not blocked(limits)


def test_from_elsewhere_the_same_name_signs_in_as_before(limits: SignInLimits) -> None:
    failures(limits, FREE_FAILURES)
    assert blocked(limits)
    assert limits.guard("ada", ELSEWHERE, succeed) == "tokens"
    assert limits.guard("grace", HOME, succeed) == "tokens"
    assert blocked(limits), "a success elsewhere is no success here"


def test_from_one_address_cognito_locks_a_name_for_seconds_at_most(
    limits: SignInLimits, clock: ControlledClock
) -> None:
    """Somebody who tries for a day, as often as they may. Cognito's lock is 2^(n-5) s after n failures in a row."""
    in_a_row = worst = tries = 0
    last = clock.now()
    ends = clock.now() + timedelta(days=1)
    while clock.now() < ends:
        if blocked(limits):
            clock.sleep(15)
            continue
        tries += 1
        in_a_row = 1 if clock.now() - last >= COGNITO_RESETS_AFTER else in_a_row + 1
        last, worst = clock.now(), max(worst, in_a_row)
    assert 2 ** (worst - 5) <= 16
    assert tries < 40


def test_a_success_ends_the_failures(limits: SignInLimits) -> None:
    for _ in range(3):
        failures(limits, FREE_FAILURES - 1)
        assert limits.guard("ada", HOME, succeed) == "tokens"


def test_the_right_password_without_the_code_changes_nothing(limits: SignInLimits) -> None:
    """Or else who knows the password could try one code after another."""
    failures(limits, FREE_FAILURES - 1)
    for _ in range(10):
        assert isinstance(limits.guard("ada", HOME, half), Challenge)
    assert not blocked(limits)
    assert blocked(limits)


def test_an_outage_is_nobodys_failure(limits: SignInLimits) -> None:
    def outage() -> None:
        raise PlatformUnavailableError("Cognito", "503")

    for _ in range(2 * FREE_FAILURES):
        with pytest.raises(PlatformUnavailableError):
            limits.guard("ada", HOME, outage)
    failures(limits, FREE_FAILURES)


def test_failures_are_forgotten_after_a_day(limits: SignInLimits, clock: ControlledClock) -> None:
    failures(limits, FREE_FAILURES)
    clock.sleep(FORGOTTEN_AFTER.total_seconds())
    failures(limits, FREE_FAILURES)


def test_an_address_has_so_many_failures_in_a_quarter_of_an_hour_whatever_the_names(
    limits: SignInLimits, clock: ControlledClock
) -> None:
    for number in range(FAILURES_OF_ADDRESS):
        assert not blocked(limits, f"name-{number}")
    assert blocked(limits, "another")
    assert not blocked(limits, "another", ELSEWHERE)
    clock.sleep(WINDOW.total_seconds())
    assert not blocked(limits, "another")


def test_an_office_signs_in_all_at_once(limits: SignInLimits) -> None:
    for number in range(3 * FAILURES_OF_ADDRESS):
        assert limits.guard(f"name-{number}", HOME, succeed) == "tokens"


def test_of_many_tries_at_the_same_time_no_more_reach_cognito(limits: SignInLimits) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: blocked(limits), range(40)))
    assert answers.count(False) <= FREE_FAILURES


@pytest.mark.parametrize(
    ("name", "address", "same"),
    [
        ("ADA", HOME, True),
        (" ada ", HOME, True),
        ("ada2", HOME, False),
        ("ada", "::ffff:203.0.113.9", True),
        ("ada", "203.0.113.10", False),
    ],
)
def test_what_is_the_same_name_and_address(limits: SignInLimits, name: str, address: str, same: bool) -> None:
    failures(limits, FREE_FAILURES)
    assert blocked(limits, name, address) is same


def test_an_ipv6_network_is_one_address(limits: SignInLimits) -> None:
    for number in range(FREE_FAILURES):
        assert not blocked(limits, "ada", f"2001:db8:1:2::{number}")
    assert blocked(limits, "ada", "2001:db8:1:2:ffff::9")
    assert not blocked(limits, "ada", "2001:db8:1:3::1")


def test_neither_names_nor_addresses_are_stored_and_everything_expires(
    limits: SignInLimits, aws: Cloud, clock: ControlledClock
) -> None:
    failures(limits, 1)
    items: list[dict[str, Any]] = aws.table("SIGNINS_TABLE").scan()["Items"]
    assert len(items) == 2
    assert "ada" not in str(items)
    assert HOME not in str(items)
    most = max(FORGOTTEN_AFTER, LONGEST_WAIT)
    assert all(clock.now().timestamp() < item["expires_at"] <= (clock.now() + most).timestamp() for item in items)


def test_what_a_sign_in_costs(meter: Meter, limits: SignInLimits) -> None:
    with meter.measuring() as usage:
        limits.guard("ada", HOME, succeed)
    assert (usage.write_units, usage.read_units) == (4, 1)
    failures(limits, FREE_FAILURES)
    with meter.measuring() as usage:
        assert blocked(limits)
    assert (usage.write_units, usage.read_units) == (1, 1)


def test_who_does_not_stop_trying_costs_one_write_a_try(meter: Meter, limits: SignInLimits) -> None:
    for _ in range(FAILURES_OF_ADDRESS):
        blocked(limits)
    with meter.measuring() as usage:
        assert blocked(limits)
    assert (usage.write_units, usage.read_units) == (1, 0)
