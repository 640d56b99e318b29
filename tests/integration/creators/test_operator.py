"""`./cairn creators …` and `./cairn agencies …`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cairn.clock import iso, now
from cairn.creators.agencies import Agencies
from cairn.creators.model import Creator
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncStates
from operations import __main__ as command
from operations import audit
from operations.stack import OperationError, Stack
from testing.adversarial_dynamodb import catch_up
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.operator import operators_stack

MINUTE = timedelta(minutes=1)


@pytest.fixture
def stack(aws: Cloud) -> Stack:
    assert aws.people
    return operators_stack()


@pytest.fixture
def creator(aws: Cloud) -> Creator:
    table = aws.table("CREATORS_TABLE")
    agency = Agencies(table).make("North", now()).agency.id
    made = Creators(table).make(agency_id=agency, name="Mia", platform="fanvue", external_id="uuid-1", now=now())
    catch_up()
    return made


def run(stack: Stack, *arguments: str) -> list[str]:
    return command._run(command._parser().parse_args(arguments), stack)


def test_an_operator_sees_what_is_old_and_what_fails(
    aws: Cloud, clock: ControlledClock, stack: Stack, creator: Creator
) -> None:
    states = SyncStates(aws.table("CREATORS_TABLE"))
    states.begin(creator.id, "w", now(), 2 * MINUTE)
    states.succeeded(creator.id, "w", at=now(), until=now())
    states.audience_failed(creator.id, at=now(), code="reconnect", message="connect again", not_before=now() + MINUTE)
    header, row = run(stack, "creators", "list")
    assert header.split() == ["ID", "NAME", "AGENCY", "ACCOUNT", "STATE", "TRANSACTIONS", "AUDIENCE", "ERROR"]
    assert row.split(maxsplit=5)[:5] == [creator.id, "Mia", creator.agency_id, "fanvue:uuid-1", "first"]
    assert f"{iso(now())}  never (stale)  reconnect since {iso(now())}: connect again" in row
    clock.sleep(17 * 60)
    assert "(stale)  never (stale)" in run(stack, "creators", "list")[1]


def test_an_operator_retires_a_creator_and_repeats_it(aws: Cloud, stack: Stack, creator: Creator) -> None:
    for _ in range(2):
        assert run(stack, "creators", "retire", creator.id) == [f"{creator.id} (Mia) is retired since {iso(now())}"]
    catch_up()
    assert len(run(stack, "creators", "list")) == 1
    assert " retired " in run(stack, "creators", "list", "--all")[1]
    assert run(stack, "agencies", "list")[1].split() == [creator.agency_id, "North", "0"]
    with pytest.raises(OperationError, match="No creator nobody"):
        run(stack, "creators", "retire", "nobody")


def test_only_the_command_that_changes_something_is_in_the_audit_trail() -> None:
    assert {"creators list", "agencies list"} <= audit.READS
    assert "creators retire" not in audit.READS
