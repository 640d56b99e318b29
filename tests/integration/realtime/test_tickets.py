"""A ticket lets its holder in once, within a minute, and the table does not reveal it."""

from __future__ import annotations

import pytest

from cairn.clock import now
from cairn.realtime.tickets import Holder, Tickets
from testing.clock import ControlledClock
from testing.cloud import Cloud

ADA = Holder("ada", "Ada Lovelace", frozenset({"leaderboard", "analytics"}))


@pytest.fixture
def tickets(aws: Cloud) -> Tickets:
    return Tickets(aws.table("SESSIONS_TABLE"))


def test_a_ticket_says_whose_it_is_and_what_they_may_use(tickets: Tickets) -> None:
    assert tickets.redeem(tickets.issue(ADA, now()), now()) == ADA


def test_a_machine_is_nobodys_user(tickets: Tickets) -> None:
    machine = Holder(None, "the key of the TV", frozenset({"leaderboard"}))
    assert tickets.redeem(tickets.issue(machine, now()), now()) == machine


def test_a_person_without_modules_has_a_ticket_too(tickets: Tickets) -> None:
    nobody = Holder("eve", "Eve", frozenset())
    assert tickets.redeem(tickets.issue(nobody, now()), now()) == nobody


def test_a_ticket_is_good_once(tickets: Tickets) -> None:
    ticket = tickets.issue(ADA, now())
    assert tickets.redeem(ticket, now())
    assert tickets.redeem(ticket, now()) is None


def test_a_ticket_is_good_for_a_minute_though_the_table_still_has_it(
    tickets: Tickets, clock: ControlledClock, aws: Cloud
) -> None:
    early, late = tickets.issue(ADA, now()), tickets.issue(ADA, now())
    clock.sleep(59.9)
    assert tickets.redeem(early, now()) == ADA
    clock.sleep(0.1)
    assert tickets.redeem(late, now()) is None
    assert len(aws.table("SESSIONS_TABLE").scan()["Items"]) == 1


@pytest.mark.parametrize("ticket", ["", "made up", "tïcket", "x" * 10_000, "../..", "\0"])
def test_what_was_never_issued_lets_nobody_in(tickets: Tickets, ticket: str) -> None:
    tickets.issue(ADA, now())
    assert tickets.redeem(ticket, now()) is None


def test_the_table_holds_only_the_tickets_hash(tickets: Tickets, aws: Cloud) -> None:
    ticket = tickets.issue(ADA, now())
    (item,) = aws.table("SESSIONS_TABLE").scan()["Items"]
    assert ticket not in str(item)
    assert int(item["expires_at"]) >= now().timestamp() + 60


def test_no_two_tickets_are_the_same(tickets: Tickets) -> None:
    assert tickets.issue(ADA, now()) != tickets.issue(ADA, now())
