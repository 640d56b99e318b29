"""People who watch a live channel, by socket and by heartbeats, and what must hold once time has passed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from cairn.clock import from_iso, iso, now
from cairn.messages import CountViewers, load
from cairn.model import Reading
from cairn.readings.stats import Stats
from cairn.realtime.frames import number_of
from cairn.rooms import channel_room
from cairn.viewers import presence_slots
from cairn.viewers.announce import COUNT, MILESTONE
from cairn.viewers.counting import PER_SHARD, Counting
from cairn.viewers.counts import ViewerCount, ViewerCounts
from cairn.viewers.subjects import viewer_subject
from functions.viewer_heartbeat.requests import tab_of
from testing import api
from testing.account import Account, account
from testing.event_sources import changes
from testing.functions import InvocationFailedError, Invoke
from testing.readings import readings_of
from testing.websocket_client import Client, event
from tests.crash.channels.platforms import Platforms
from tests.crash.channels.way import items, silence
from tests.crash.explorer import Verdict
from tests.crash.in_turn import InTurn

CHANNEL = "demo"
ROOM = channel_room(CHANNEL)
BEAT, TIMEOUT = timedelta(seconds=30), timedelta(seconds=60)
MAX_CHECKS = 3
"""The next check, and some that it has replaced."""
RETRY_AFTER = timedelta(seconds=1)
"""After how long a page retries a join."""


class Page:
    """A viewer by heartbeats, as in web/watching.js: it retries a join, and never a leave."""

    def __init__(self, account: Account, name: str) -> None:
        self.viewer_id = _viewer_id(name)
        self.token: str | None = None
        self.beaten_at = now()
        self._account = account
        self._due: datetime | None = now()

    @property
    def connected(self) -> bool:
        return self.token is not None

    @property
    def tab(self) -> str:
        assert self.token
        return tab_of(self.token.partition(".")[2])

    def due(self) -> datetime | None:
        return self._due

    def step(self, invoke: Invoke) -> None:
        """Do what is due: a join, or a heartbeat, which is followed by the next one whatever its answer."""
        if self.token is None:
            self._join(invoke)
            return
        self._due, self.beaten_at = now() + BEAT, now()
        if self._ask(invoke, "heartbeat", token=self.token)["statusCode"] in (403, 404):
            self.token = None
            self._join(invoke)

    def sleep(self, time: timedelta) -> None:
        """Its machine sleeps, and it sends its next heartbeat when that wakes."""
        self._due = now() + time

    def leave(self) -> None:
        """As a page does when it closes, without waiting for the answer."""
        assert self.token
        self._ask(self._account.invoke, "leave", token=self.token)
        self.vanish()

    def vanish(self) -> None:
        """It closes without notice."""
        self._due = self.token = None

    def _join(self, invoke: Invoke) -> None:
        self._due = now() + RETRY_AFTER
        answer = self._ask(invoke, "join")
        if answer["statusCode"] == 200:
            joined = json.loads(answer["body"])
            assert joined["viewerId"] == self.viewer_id, joined
            assert joined["viewers"] >= 1, joined
            self.token, self._due, self.beaten_at = joined["token"], now() + BEAT, now()

    def _ask(self, invoke: Invoke, what: str, **more: str) -> dict[str, Any]:
        body = json.dumps({"channelId": CHANNEL, "viewerId": self.viewer_id, **more})
        request = api.event("POST", f"/api/viewer/{what}", body=body)
        request["requestContext"]["http"]["sourceIp"] = _address(self.viewer_id)
        try:
            answer: dict[str, Any] = invoke("viewer_heartbeat", request)
        except InvocationFailedError:
            return {"statusCode": 502}
        assert answer["statusCode"] in (200, 204, 403, 404, 500), answer
        return answer


class Watcher:
    """A viewer by socket: once closed, it reconnects as the same viewer, and joins after its last event."""

    def __init__(self, account: Account, name: str) -> None:
        self.viewer_id = _viewer_id(name)
        self.connections: list[Client] = []
        self.frames: list[dict[str, Any]] = []
        self.counts: list[dict[str, Any]] = []
        """Those received on joining, and since."""
        self._last: str | None = None
        self._account = account
        self._due: datetime | None = now()

    @property
    def connected(self) -> bool:
        return bool(self.connections) and self.connections[-1].connection_id in self._account.gateway.connected

    @property
    def tab(self) -> str:
        return f"s{self.connections[-1].connection_id}"

    @property
    def shown(self) -> dict[str, Any] | None:
        """The newest count that it has received."""
        return max(self.counts, key=lambda one: from_iso(one["asOf"]), default=None)

    def milestones(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["event"] == MILESTONE]

    def due(self) -> datetime | None:
        return self._due

    def step(self, invoke: Invoke) -> None:
        client = Client(f"{self.viewer_id.strip('-')}{len(self.connections)}", address=_address(self.viewer_id))
        self.connections.append(client)
        self._due = now() + RETRY_AFTER
        with suppress(InvocationFailedError):
            if self._join(invoke, client):
                self._due = None
                return
        self._close(invoke)

    def leave(self) -> None:
        """API Gateway reports the close once, even if that fails."""
        self._close(self._account.invoke)

    def stay_away(self) -> None:
        self._due = None

    def vanish(self) -> None:
        """It is closed, and API Gateway does not report it."""
        del self._account.gateway.connected[self.connections[-1].connection_id]

    def _close(self, invoke: Invoke) -> None:
        client = self.connections[-1]
        if self._account.gateway.connected.pop(client.connection_id, None):
            with suppress(InvocationFailedError):
                invoke("ws_connect", event(client, "$disconnect", "DISCONNECT"))

    def _join(self, invoke: Invoke, client: Client) -> bool:
        if invoke("ws_connect", event(client, "$connect", "CONNECT"))["statusCode"] != 200:
            return False
        self._account.gateway.connected[client.connection_id] = partial(self._receive, client)
        after = {"after": self._last} if self._last else {}
        request = json.dumps({"action": "join", "room": ROOM, "viewer": self.viewer_id} | after)
        answer = invoke("ws_connect", event(client, "$default", "MESSAGE", body=request))
        if "body" not in answer:
            return False
        joined = json.loads(answer["body"])
        if not self.connected:
            return False
        assert joined["event"] == "joined", joined
        assert joined["data"]["recovered"] is bool(after), joined
        self._last = self._last or joined["data"]["last"] or f"{ROOM}/0"
        if joined["data"]["count"]:
            self.counts.append(joined["data"]["count"])
        return True

    def _receive(self, client: Client, frame: dict[str, Any] | None) -> None:
        if frame is None:
            if client is self.connections[-1]:
                self._due = now()
            return
        self.frames.append(frame)
        if frame["event"] == COUNT:
            self.counts.append(frame["data"])
        elif _number(frame) > (number_of(ROOM, self._last or "") or 0):
            self._last = frame["id"]


@dataclass
class LiveWay:
    account: Account
    people: list[Page | Watcher] = field(default_factory=list)
    _batch: dict[str, Any] = field(default_factory=dict)

    # -- what people do

    def pages(self, *names: str) -> list[Page]:
        """People who join by heartbeats now."""
        return self._add([Page(self.account, name) for name in names])

    def watchers(self, *names: str) -> list[Watcher]:
        """People who join by sockets now."""
        return self._add([Watcher(self.account, name) for name in names])

    def absent(self, name: str) -> Watcher:
        """Somebody who has not joined yet."""
        watcher = Watcher(self.account, name)
        self.people.append(watcher)
        return watcher

    def crowd(self, size: int) -> None:
        """So many sockets that have been open for some seconds."""
        self.watchers(*(f"crowd{number}-" for number in range(size)))
        self.run(timedelta(seconds=10))

    def run(self, time: timedelta) -> None:
        """Do everything that is due in this time."""
        self.account.run(now() + time)

    def settle(self) -> None:
        """Let more than a timeout pass, after messages that a queue holds back were redelivered."""
        held = [message.visible_at for message in (*self.account.count.messages, *self.account.broadcast.messages)]
        self.account.run(max([now(), *held]) + TIMEOUT + BEAT + timedelta(seconds=5))

    def lose(self, number: int) -> None:
        """Close a socket for good, and do not report it."""
        person = self.people[number]
        assert isinstance(person, Watcher)
        person.vanish()

    def count(self) -> None:
        """Deliver what is due first in the count queue, whatever else is due."""

        def invoke(function: str, batch: dict[str, Any]) -> Any:
            self._batch = batch
            return self.account.invoke(function, batch)

        due = self.account.count.due()
        assert due
        self.account.clock.advance_to(due)
        self.account.count.step(invoke)

    def count_again(self) -> None:
        """Deliver the same messages to another function."""
        self.account.invoke("count_viewers", self._batch)

    def ask(self) -> None:
        """Request the count; if the last one is old, that makes one."""
        answer = self.account.invoke("viewer_heartbeat", api.event("GET", f"/api/viewer/count/{CHANNEL}"))
        assert answer["statusCode"] == 200, answer

    def join(self) -> None:
        self.watchers(f"joiner{len(self.people)}-")

    def leave(self) -> None:
        """The last one who joined leaves."""
        last = [one for one in self.people if one.connected][-1]
        last.leave()

    # -- what is stored

    def verdict(self, *, passed: int | None = None) -> Verdict:
        """Compare the channel with who is really present, and with the threshold that was passed."""
        present = [one for one in self.people if one.connected]
        truth = len({one.viewer_id for one in present}), len(present)
        wrong, lost = list[str](), list[str]()
        count = self._counted()
        if count is None or (count.viewers, count.connections) != truth:
            wrong.append(f"{truth} are present, and counted are {count}")
        wrong += self._slots(present) + self._readings(truth) + self._received(truth) + self._checks(bool(present))
        wrong += [f"{name}: {found}" for name, found in self.account.left_behind().items()]
        repeated = self._milestone(passed, lost, wrong)
        return Verdict(tuple(lost), tuple(wrong), repeated)

    def _counted(self) -> ViewerCount | None:
        state = ViewerCounts(self.account.cloud.table("PRESENCE_TABLE")).get(CHANNEL, now())
        return state.count if state else None

    def _slots(self, present: Iterable[Page | Watcher]) -> list[str]:
        """One item a viewer, with every open tab and no other; nothing half-written."""
        wanted: dict[str, set[str]] = {}
        for one in present:
            wanted.setdefault(one.viewer_id, set()).add(one.tab)
        found: dict[str, set[str]] = {}
        wrong = []
        for item in items("PRESENCE_TABLE"):
            if item["pk"].startswith(f"{CHANNEL}#"):
                tabs = set(item.get("tabs", ()))
                if item["sk"] in found or item.keys() != {"pk", "sk", "tabs", "over_at", "expires_at", "net"} | tabs:
                    wrong.append(f"half-written: {item}")
                found[item["sk"]] = tabs
        if found != wanted:
            wrong.append(f"the slots are {found}, not {wanted}")
        rooms = {
            f"s{item['pk'].partition('#')[2]}"
            for item in items("CONNECTIONS_TABLE")
            if item["sk"] == "socket" and "closed" not in item and "rooms" in item
        }
        open_ = {tab for tabs in wanted.values() for tab in tabs if tab.startswith("s")}
        return wrong + [f"socket {one} has no membership" for one in open_ - rooms]

    def _readings(self, truth: tuple[int, int]) -> list[str]:
        """The stats table has the last count, and the history each minute's last; the day's peak is the highest."""
        stored = Stats(self.account.cloud.table("STATS_TABLE")).get(viewer_subject(CHANNEL))
        if stored is None:
            return [] if truth == (0, 0) else ["no reading was ever stored"]
        wrong = [] if _numbers(stored) == truth else [f"{truth} are present, and the reading is {stored}"]
        readings = _readings()
        if stored.metrics["peak"] != max(one.metrics["viewers"] for one in readings):
            wrong.append(f"the peak is {stored.metrics['peak']}")
        minutes = {iso(one.as_of.replace(second=0, microsecond=0)): one.metrics for one in readings}
        kept = {item["sk"].removeprefix("reading#"): item["metrics"] for item in items("HISTORY_TABLE")}
        return wrong + ([] if kept == minutes else [f"the history is {kept}, not {minutes}"])

    def _received(self, truth: tuple[int, int]) -> list[str]:
        """Everybody with a socket has received the last count."""
        return [
            f"{one.viewer_id} is shown {one.shown}, not {truth}"
            for one in self.people
            if isinstance(one, Watcher) and one.connected
            if one.shown is None or (one.shown["viewers"], one.shown["connections"]) != truth
        ]

    def _checks(self, watched: bool) -> list[str]:
        """While anybody is present, the next check is scheduled."""
        state = ViewerCounts(self.account.cloud.table("PRESENCE_TABLE")).get(CHANNEL, now())
        check_at = state.check_at if state else None
        waiting = [message.at for message in self.waiting() if message.check]
        if len(waiting) > MAX_CHECKS:
            return [f"checks are scheduled at {waiting}"]
        if watched:
            late = check_at is None or check_at < now()
            return (
                [f"the next check is at {check_at}, scheduled are {waiting}"] if late or check_at not in waiting else []
            )
        return [f"nobody is present, and the next check is at {check_at}"] if check_at else []

    def waiting(self) -> Sequence[CountViewers]:
        """The messages of the count queue."""
        found = [load(message.body) for message in self.account.count.messages]
        return [message for message in found if isinstance(message, CountViewers)]

    def _milestone(self, passed: int | None, lost: list[str], wrong: list[str]) -> int:
        """How many repeats of the milestone somebody received."""
        recorded = [item["threshold"] for item in items("MILESTONES_TABLE") if item["sk"].startswith("milestone#")]
        if recorded != ([] if passed is None else [passed]):
            wrong.append(f"milestones are {recorded}")
        log = {item["sk"]: item for item in items("CONNECTIONS_TABLE") if item["pk"] == f"log#{ROOM}"}
        events = [json.loads(item["frame"]) for sk, item in log.items() if sk.startswith("event#")]
        if [one["data"]["threshold"] for one in events] != recorded:
            wrong.append(f"the log of the room is {events}")
        repeated = 0
        for one in self.people:
            if isinstance(one, Watcher) and one.connected:
                received = Counter(json.dumps(frame) for frame in one.milestones())
                lost += [
                    f"{one.viewer_id} did not receive {frame}"
                    for frame in events
                    if not received.pop(json.dumps(frame), 0)
                ]
                wrong += [f"{one.viewer_id} received {frame}" for frame in received]
                repeated = max(repeated, len(one.milestones()) - len(events))
        return repeated

    def _add(self, people: list[Any]) -> list[Any]:
        self.people += people
        self.account.sources += people
        for one in people:
            one.step(self.account.invoke)
        return people


def _readings() -> list[Reading]:
    """All that the stats table's stream has carried."""
    return readings_of(changes())


def _numbers(reading: Reading) -> tuple[int, int]:
    return int(reading.metrics["viewers"]), int(reading.metrics["connections"])


def _number(frame: dict[str, Any]) -> int:
    return number_of(ROOM, frame["id"]) or 0


def _address(viewer_id: str) -> str:
    """Everybody has their own."""
    return f"10.{'.'.join(str(byte) for byte in hashlib.sha256(viewer_id.encode()).digest()[:3])}"


def _viewer_id(name: str) -> str:
    return f"{name:-<22}"


@contextmanager
def live(*, per_shard: int = PER_SHARD) -> Iterator[LiveWay]:
    """A fresh account whose channel nobody has ever watched, spread from so many viewers on."""
    threads, defaults = vars(presence_slots)["ThreadPoolExecutor"], Counting.__init__.__kwdefaults__ or {}
    vars(presence_slots)["ThreadPoolExecutor"], defaults["per_shard"] = InTurn, per_shard
    try:
        with silence(), account(Platforms().answer) as made:
            yield LiveWay(made)
    finally:
        vars(presence_slots)["ThreadPoolExecutor"], defaults["per_shard"] = threads, PER_SHARD
