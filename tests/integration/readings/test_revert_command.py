"""`./cairn revert`: the operator sees what would change, and then agrees, or does not."""

from __future__ import annotations

import argparse
import io
import os
from types import SimpleNamespace
from typing import Any

import pytest

from cairn.errors import BadInputError
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from operations import __main__ as command
from operations.clients import Clients
from operations.milestones import announce
from operations.stack import OperationError, Stack
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.readings import CATS, channel_reading

FALSE = f"{CATS}/subscribers/all-time/750000"


@pytest.fixture
def stack(aws: Cloud, clock: ControlledClock) -> Stack:
    """A channel with a false milestone, and one reading since."""
    for count in (9_900, 990_000, 9_950):
        clock.sleep(60)
        assert Stats(aws.table("STATS_TABLE")).record(channel_reading(count))
        aws.flow()
    clients = Clients.of_the_account()
    configuration = {"Environment": {"Variables": dict(os.environ)}}
    events: Any = clients.functions.meta.events
    events.register(
        "before-call.lambda.GetFunctionConfiguration", lambda **_: (SimpleNamespace(status_code=200), configuration)
    )
    outputs = {
        "MilestonesTable": "milestones_table",
        "StatsTable": "stats_table",
        "DetectMilestoneFunction": "detect",
        "SettingsTable": "settings_table",
    }
    return Stack("Cairn", clients, outputs, "")


def run(stack: Stack, *arguments: str) -> list[str]:
    return command._run(parsed(*arguments), stack)


def parsed(*arguments: str) -> argparse.Namespace:
    return command._parser().parse_args(["revert", *arguments, "--reason", "the platform sent nonsense"])


def is_reverted(stack: Stack) -> bool:
    milestone = Milestones(stack.clients.table("milestones_table")).get(FALSE)
    assert milestone
    return milestone.reverted is not None


def test_the_operator_sees_what_would_change_and_agrees(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    capsys.readouterr()
    assert run(stack, FALSE, "--by", "grace") == [f"{FALSE}: reverted"]
    shown = capsys.readouterr().out.splitlines()
    assert shown[:3] == [
        f"{CATS}: subscribers 9950 at 2026-11-20T12:03:00.000Z",
        f"  revert {FALSE}: Cats, 750K at 2026-11-20T12:02:00.000Z, also passed: 10K, 25K, 50K, 75K, 100K, 250K, 500K",
        "  high-water mark subscribers, all-time: from 750000 to 5000",
    ]
    assert is_reverted(stack)


@pytest.mark.parametrize("answer", ["n\n", "\n", "yellow\n"])
def test_without_a_clear_yes_nothing_changes(stack: Stack, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert run(stack, FALSE) == ["nothing was changed"]
    assert not is_reverted(stack)


def test_a_script_need_not_be_asked_and_may_repeat_itself(stack: Stack) -> None:
    for _ in range(2):
        assert run(stack, FALSE, "--yes") == [f"{FALSE}: reverted"]


def test_what_is_true_is_not_reverted(stack: Stack) -> None:
    with pytest.raises(BadInputError, match="is true"):
        run(stack, FALSE, "--yes", "--to", "800000")
    assert not is_reverted(stack)


@pytest.mark.parametrize("arguments", [("--to", "many"), ("--to", "-1"), ("--to", "nan"), ("--by", " ")])
def test_a_malformed_argument_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        parsed(FALSE, *arguments)


def test_a_reverted_milestone_is_not_announced_by_hand(stack: Stack) -> None:
    run(stack, FALSE, "--yes", "--by", "grace")
    with pytest.raises(OperationError, match="reverted by grace: the platform sent nonsense"):
        announce(stack, FALSE)
