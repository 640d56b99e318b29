"""The AWS calls that wait for each other from a change to what somebody sees; counted, not timed.

The functions are warm, and run against an account in this process in which each call takes the same time
(testing/call_order.py). Between two functions, a path continues with the message that leads to the frame first, at the
moment when it is sent. What AWS itself does in between (the stream, the queues, starting functions) is no call.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

import httpx

from bench.figures import Section, at_most
from bench.invocations import AFTER, BEFORE, CHATS, Event, Stage
from testing.call_order import Call, CallOrder, before, in_sequence
from testing.cloud import cloud
from testing.platforms import FakePlatforms
from testing.websocket_api import in_place_of_api_gateway
from testing.workspace import begin_with

FRAME, FRAME_ONTO_PODIUM, MESSAGE, COUNT = 6, 8, 8, 13
"""Budgets."""
ONTO_PODIUM = 140_000, 155_000
"""Monthly revenue before and after an update into the first three, of whom the last has 150,000."""
INTERVAL_MILLIS = 500
"""The shortest time between two counts, so that the second walk need not wait for long."""
POST, TELEGRAM = "post to @connections", "sendMessage"
_numbers = count()


@dataclass
class Path:
    """The calls of a path so far, by function."""

    steps: list[tuple[str, list[list[Call]]]] = field(default_factory=list)

    @property
    def length(self) -> int:
        return sum(len(calls) for _, calls in self.steps)

    def __str__(self) -> str:
        return "; ".join(f"`{function}` {_listed(calls)}" for function, calls in self.steps)


class Walk:
    """Follows messages and records from function to function."""

    def __init__(self, stage: Stage, order: CallOrder) -> None:
        self.stage = stage
        self._order = order
        self.path = Path()

    def invoke(self, function: str, event: Event) -> Sequence[Call]:
        """The calls of an invocation."""
        with self._order.recording() as calls:
            self.stage.run(function, event)
        return calls

    def goes_on(self, function: str, calls: Sequence[Call], last: Call) -> None:
        """The path goes through a function up to a call."""
        self.path.steps.append((function, in_sequence(before(calls, last))))

    def sent(self, function: str, calls: Sequence[Call], queue: str, wanted: str) -> Event:
        """The path goes on with the first call that sends a message with this text: the event of its messages."""
        last = next(call for call in calls if "QueueUrl" in call.request and wanted in json.dumps(call.request))
        self.goes_on(function, calls, last)
        bodies = {entry["MessageBody"] for entry in last.request.get("Entries", [last.request])}
        return {"Records": [record for record in self.stage.messages(queue) if record["body"] in bodies]}

    def ends(self, function: str, calls: Sequence[Call], name: str) -> None:
        """The path ends with the first call of this name."""
        self.goes_on(function, calls, next(call for call in calls if call.name == name))


def measure() -> Section:
    paths = {
        ("a rep's reading written → first frame posted", FRAME): _walked(_frame(BEFORE, AFTER)),
        ("the same, first onto the podium", FRAME_ONTO_PODIUM): _walked(_frame(*ONTO_PODIUM)),
        (f"a channel's crossing written → first sendMessage, {CHATS} chats", MESSAGE): _walked(_message),
        ("a viewer's join by socket → count posted", COUNT): _walked(_count(_join_by_socket)),
        ("a viewer's join by HTTP → count posted", COUNT): _walked(_count(_join_by_http)),
    }
    return Section(
        "Calls in sequence",
        "The AWS calls that wait for each other on each path, with warm functions; calls made side by side count once "
        "and are joined by ‖. The last call of each path is the post or the message itself. What AWS does between two "
        "functions (the stream, the queues, starting a function) is no call, nor are Lambda's own calls to receive and "
        "delete messages.",
        tuple(at_most(name, path.length, budget, unit="calls") for (name, budget), path in paths.items()),
        "\n".join(f"- {name}: {path}" for (name, _), path in paths.items()),
    )


def _walked(walk_along: Callable[[Walk], None]) -> Path:
    """A path, walked twice: the functions are warm when it is recorded."""
    platforms, order = FakePlatforms(), CallOrder()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/sendMessage"):
            order.end(TELEGRAM)
        return platforms.answer(request)

    with in_place_of_api_gateway() as poster, cloud(httpx.MockTransport(answer)) as aws:
        begin_with(viewer_count_update_interval=INTERVAL_MILLIS)
        order.watch()
        poster.before, poster.loop = lambda: order.end(POST), asyncio.new_event_loop  # with threads, as in AWS
        stage = Stage(aws, platforms)
        for _ in range(2):
            walk = Walk(stage, order)
            walk_along(walk)
            stage.discard()
    return walk.path


def _frame(before: int, after: int) -> Callable[[Walk], None]:
    def walk_along(walk: Walk) -> None:
        rep = walk.stage.hire(before)
        walk.stage.run("detect_milestone", {"Records": walk.stage.changes()})
        walk.stage.discard()
        walk.stage.run("api", walk.stage.update(rep, after))
        calls = walk.invoke("detect_milestone", {"Records": walk.stage.changes()})
        event = walk.sent("detect_milestone", calls, "BROADCAST_QUEUE_URL", "room_event")
        walk.ends("broadcast", walk.invoke("broadcast", event), POST)

    return walk_along


def _message(walk: Walk) -> None:
    walk.stage.run("fetch_stats", walk.stage.sweep(0))
    walk.stage.changes()
    walk.stage.run("fetch_stats", walk.stage.crossing_sweep())
    calls = walk.invoke("detect_milestone", {"Records": walk.stage.changes()})
    event = walk.sent("detect_milestone", calls, "NOTIFY_QUEUE_URL", "alert")
    walk.ends("notify", walk.invoke("notify", event), TELEGRAM)


def _join_by_socket(stage: Stage) -> tuple[str, Event]:
    return "ws_connect", stage.join(next(_numbers))


def _join_by_http(stage: Stage) -> tuple[str, Event]:
    return "viewer_heartbeat", stage.viewer_join(next(_numbers))


def _count(join: Callable[[Stage], tuple[str, Event]]) -> Callable[[Walk], None]:
    """A join in a channel where a socket waits for the count, and where none was made within the interval."""

    def walk_along(walk: Walk) -> None:
        walk.stage.run("ws_connect", walk.stage.join(next(_numbers)))
        walk.stage.discard()
        time.sleep(2 * INTERVAL_MILLIS / 1000)
        function, event = join(walk.stage)
        calls = walk.invoke(function, event)
        if not any(_stores_reading(call) for call in calls):
            event = walk.sent(function, calls, "COUNT_QUEUE_URL", "count_viewers")
            function, calls = "count_viewers", walk.invoke("count_viewers", event)
        walk.goes_on(function, calls, next(filter(_stores_reading, calls)))
        calls = walk.invoke("detect_milestone", {"Records": walk.stage.changes()})
        event = walk.sent("detect_milestone", calls, "BROADCAST_QUEUE_URL", "room_state")
        walk.ends("broadcast", walk.invoke("broadcast", event), POST)

    return walk_along


def _stores_reading(call: Call) -> bool:
    return call.name in ("PutItem stats", "UpdateItem stats")


def _listed(steps: Sequence[Sequence[Call]]) -> str:
    return " → ".join(" ‖ ".join(_grouped([call.name for call in calls])) for calls in steps)


def _grouped(names: Sequence[str]) -> list[str]:
    """Names without repeats, with how often each was there."""
    return [name if (times := names.count(name)) == 1 else f"{times} × {name}" for name in dict.fromkeys(names)]
