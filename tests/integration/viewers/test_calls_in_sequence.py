"""Between a viewer's join and the count on everybody's screen are few calls, one after the other."""

from __future__ import annotations

from datetime import timedelta

import pytest

from testing.workspace import know_settings
from tests.crash.viewers.audience import LiveWay, live

COUNTED = timedelta(seconds=4)
BUDGET = 13
"""Calls in sequence, the post of the count included (docs/performance.md)."""
BESIDE = {"record_history: dynamodb PutItem"}
"""What another reader of the stream does at the same time."""


def calls(here: LiveWay, by: str, name: str) -> list[str]:
    """The calls from a join by socket or by HTTP to the first frame with the new count."""
    here.run(timedelta(seconds=10))
    know_settings("count_viewers", "detect_milestone", "record_history", "viewer_heartbeat", "ws_connect")
    before = len(here.account.wire.calls)
    getattr(here, by)(name)
    here.run(COUNTED)
    made = here.account.wire.calls[before:]
    return [call for call in made[: made.index("broadcast: POST @connections") + 1] if call not in BESIDE]


def without(made: list[str], after: str, function: str) -> list[str]:
    """Without what the function does after this call, on which nobody waits."""
    last = max(number for number, call in enumerate(made) if call == f"{function}: {after}")
    return [call for number, call in enumerate(made) if number <= last or not call.startswith(function)]


@pytest.mark.undisturbed
@pytest.mark.parametrize("by", ["pages", "watchers"])
def test_from_a_join_to_the_posted_count(by: str) -> None:
    """By HTTP, and by socket."""
    function = {"pages": "viewer_heartbeat", "watchers": "ws_connect"}[by]
    with live() as here:
        here.watchers("first-viewer")
        for name in ("cold", "warm"):
            made = without(calls(here, by, name), "sqs SendMessageBatch", function)
            made = without(made, "dynamodb PutItem", "count_viewers")
            assert made[-4:] == [
                "detect_milestone: sqs SendMessageBatch",
                "broadcast: dynamodb GetItem",
                "broadcast: dynamodb Query",
                "broadcast: POST @connections",
            ]
            assert len(made) <= BUDGET, made
