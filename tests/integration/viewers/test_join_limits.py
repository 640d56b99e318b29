"""Joins are capped by address and minute, and few are written to the table."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cairn.aws import dynamodb
from cairn.errors import TooManyJoinsError
from cairn.viewers import join_limits
from cairn.viewers.join_limits import UNREPORTED_JOINS, JoinLimits
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.meter import Meter

HOME = "203.0.113.9"
CAP = 20


def lambdas(aws: Cloud, count: int = 1, most: int = CAP) -> list[JoinLimits]:
    """Concurrent Lambdas, each with its own memory."""
    return [JoinLimits(dynamodb.resource().Table("presence_table"), most) for _ in range(count)]


def let_in(one: JoinLimits, clock: ControlledClock, address: str = HOME, tries: int = 1) -> int:
    """How many of so many joins get in."""
    allowed = 0
    for _ in range(tries):
        try:
            one.allow(address, clock.now())
        except TooManyJoinsError:
            continue
        allowed += 1
    return allowed


def test_an_address_joins_as_often_as_the_cap_says(aws: Cloud, clock: ControlledClock) -> None:
    (one,) = lambdas(aws)
    assert let_in(one, clock, tries=2 * CAP) == CAP


def test_a_minute_is_one_for_joins_at_any_instant_of_it(aws: Cloud, clock: ControlledClock) -> None:
    one, other = lambdas(aws, 2)
    allowed = 0
    for lambda_ in (one, other) * CAP:
        allowed += let_in(lambda_, clock)
        clock.sleep(0.731_001)
    assert CAP <= allowed <= CAP + UNREPORTED_JOINS


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
def test_even_a_small_cap_is_kept(aws: Cloud, clock: ControlledClock, most: int) -> None:
    (one,) = lambdas(aws, most=most)
    assert let_in(one, clock, tries=10) == most


def test_a_rejected_join_says_when_the_minute_ends(aws: Cloud, clock: ControlledClock) -> None:
    (one,) = lambdas(aws, most=1)
    clock.sleep(20)
    one.allow(HOME, clock.now())
    with pytest.raises(TooManyJoinsError) as rejection:
        one.allow(HOME, clock.now())
    assert (rejection.value.status, rejection.value.until - clock.now()) == (429, timedelta(seconds=40))
    clock.sleep(40)
    one.allow(HOME, clock.now())


def test_many_lambdas_together_let_in_little_more_than_the_cap(aws: Cloud, clock: ControlledClock) -> None:
    several = lambdas(aws, 4)
    allowed = sum(let_in(one, clock) for _ in range(CAP) for one in several)
    assert CAP <= allowed <= CAP + UNREPORTED_JOINS * len(several)
    assert [let_in(one, clock, tries=3) for one in several] == [0, 0, 0, 0]


def test_an_addresss_first_joins_write_nothing(aws: Cloud, clock: ControlledClock, meter: Meter) -> None:
    (one,) = lambdas(aws)
    with meter.measuring() as usage:
        for last in range(100):
            assert let_in(one, clock, f"198.51.100.{last}", UNREPORTED_JOINS) == UNREPORTED_JOINS
    assert usage.total == 0


def test_each_further_join_is_one_write_and_one_beyond_the_cap_is_none(
    aws: Cloud, clock: ControlledClock, meter: Meter
) -> None:
    (one,) = lambdas(aws)
    with meter.measuring() as usage:
        assert let_in(one, clock, tries=CAP) == CAP
    assert (usage.write_units, usage.read_units) == (CAP - UNREPORTED_JOINS, 0)
    with meter.measuring() as usage:
        assert let_in(one, clock, tries=100) == 0
    assert usage.total == 1, "it learns once that the address is over the cap, and does not ask again"


@pytest.mark.parametrize(
    ("address", "others", "strangers"),
    [
        ("2001:db8:1:2::1", ["2001:db8:1:2:ffff::9", "2001:0DB8:1:2::1"], ["2001:db8:1:3::1"]),
        ("192.0.2.1", ["::ffff:192.0.2.1"], ["192.0.2.2"]),
        ("somewhere", ["somewhere"], ["elsewhere", ""]),
    ],
)
def test_what_is_one_address(
    aws: Cloud, clock: ControlledClock, address: str, others: list[str], strangers: list[str]
) -> None:
    (one,) = lambdas(aws, most=1)
    assert let_in(one, clock, address) == 1
    assert [let_in(one, clock, other) for other in others] == [0] * len(others)
    assert [let_in(one, clock, stranger) for stranger in strangers] == [1] * len(strangers)


def test_no_address_is_stored_and_what_is_stored_goes_in_minutes(aws: Cloud, clock: ControlledClock) -> None:
    (one,) = lambdas(aws)
    let_in(one, clock, tries=CAP)
    (item,) = aws.table("PRESENCE_TABLE").scan()["Items"]
    assert HOME not in str(item)
    assert item["joins"] == CAP
    assert item["expires_at"] == clock.now().timestamp() + 180


def test_a_lambda_remembers_so_many_addresses_and_no_more(
    aws: Cloud, clock: ControlledClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join_limits, "MAX_ADDRESSES", 2)
    (one,) = lambdas(aws, most=1)
    assert [let_in(one, clock, address) for address in ("a", "b", "b", "c")] == [1, 1, 0, 1]
    assert len(one._joins) == 2
    assert let_in(one, clock, "a") == 1, "the oldest is forgotten first"


def test_an_address_that_goes_on_is_not_forgotten_for_others(
    aws: Cloud, clock: ControlledClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join_limits, "MAX_ADDRESSES", 2)
    (one,) = lambdas(aws, most=1)
    assert [let_in(one, clock, address) for address in ("a", "b", "a", "c", "a")] == [1, 1, 0, 1, 0]


def test_a_write_that_fails_is_reported_with_the_next(aws: Cloud, clock: ControlledClock) -> None:
    (one,) = lambdas(aws, most=4)
    assert let_in(one, clock, tries=3) == 3
    table, one._table = one._table, dynamodb.resource().Table("nowhere")
    with pytest.raises(Exception, match="ResourceNotFound"):
        one.allow(HOME, clock.now())
    one._table = table
    assert let_in(one, clock) == 0, "it is the fifth, and the fourth was reported with it"
