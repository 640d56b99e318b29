"""One typical invocation of each function, or a few: what `bench.imports` and `bench.cpu` run.

Each case prepares what its invocation needs through the other functions and returns the event, which can be handled
once. Numbers make the events of one case different.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import boto3

from cairn.aws.sqs import Queue
from cairn.channels.registry import Channel, Channels
from cairn.clock import now
from cairn.creators.agencies import Agencies
from cairn.creators.model import Creator, Earning, transactions
from cairn.creators.registry import Creators
from cairn.creators.transactions import Transactions
from cairn.identity.api_keys import ApiKeys
from cairn.messages import Alert, CountViewers, SyncCreator, dump
from cairn.model import Subject, new_trace_id
from cairn.readings.milestones import Milestones
from cairn.realtime.membership import Sockets
from cairn.realtime.tickets import Holder, Tickets
from cairn.rules import Rule, catalogue
from cairn.webhooks.announce import milestone_event, queued
from cairn.webhooks.model import Endpoint, Secret, new_endpoint_id
from cairn.webhooks.signing import new_secret
from testing import websocket_client
from testing.api import event, webhook_event
from testing.cloud import Cloud, Context
from testing.creator_platform import FakeCreatorPlatform, earning
from testing.creator_site import payment, signed
from testing.event_sources import changes
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms, counts
from testing.product import Product
from testing.readings import channel_milestone
from testing.records import sqs_record
from testing.rooms import sockets_of
from testing.subscribers import subscribe_many
from testing.viewer_site import Site

CHANNELS, CHATS = 50, 30
BEFORE, AFTER = 9_000, 10_500
"""Monthly revenues of a rep before and after an update that passes a threshold."""
LEADERS = 170_000, 160_000, 150_000
CHANNEL = "evening-show"
SCHEDULED = {"source": "schedule"}

Event = dict[str, Any]


@dataclass
class Stage:
    """An account with tracked channels, subscribers, a sales floor with a TV, and a channel with a viewer."""

    aws: Cloud
    platforms: FakePlatforms
    _channels: list[Channel] = field(default_factory=list)
    _below: Iterator[Channel] = field(default_factory=lambda: iter(()))
    """The channels that have not passed a threshold."""

    def __post_init__(self) -> None:
        key = ApiKeys(self.aws.table("KEYS_TABLE")).create("bench", ["admin"], now())
        self._bearer = {"authorization": f"Bearer {key}"}
        self.product = Product(self.aws)
        self.sockets: Sockets = sockets_of(self.aws)
        tv = self.sockets.open("socket-of-a-tv", Holder("tv", "TV", frozenset({"leaderboard"})), now())
        self.sockets.join(tv, "tv-display", now())
        subscribe_many(self.aws, CHATS)
        channels = Channels(self.aws.table("CHANNELS_TABLE"))
        for number in range(CHANNELS):
            native_id = f"UC{number:022d}"
            channel = Channel("youtube", native_id, f"@channel-{number:06d}", f"Channel {number:06d}", now())
            channels.add(channel)
            self._channels.append(channel)
        for monthly_revenue in LEADERS:
            self.hire(monthly_revenue)
        self._earnings = FakeCreatorPlatform()
        self._creator = self._hire_creator()
        self.run("sync_transactions", self.creator_sync(0))
        self._below = iter(self._channels)
        self.run("fetch_stats", self.sweep(0))
        self.run("detect_milestone", {"Records": self.changes()})
        self.discard()

    # -- what the cases need

    def run(self, function: str, event: Event) -> Any:
        """The result of an invocation that succeeds."""
        result = FUNCTIONS[function](event, Context())
        if isinstance(result, dict) and (result.get("batchItemFailures") or result.get("statusCode", 200) >= 300):
            raise RuntimeError(f"{function} failed: {result}")
        return result

    def api_event(self, method: str, path: str, body: object = None) -> Event:
        return event(method, path, headers=self._bearer, body=None if body is None else json.dumps(body))

    def changes(self) -> list[Event]:
        """The stream records since the last call."""
        return self.aws.changes()

    def messages(self, queue: str) -> list[Event]:
        """All messages of a queue, which are deleted."""
        records = []
        while found := self.aws.messages(queue):
            for record in found:
                self.aws.delete(queue, record)
            records += found
        return records

    def discard(self) -> None:
        """Forget what is under way."""
        self.changes()
        for queue in (
            "NOTIFY_QUEUE_URL",
            "FETCH_QUEUE_URL",
            "BROADCAST_QUEUE_URL",
            "COUNT_QUEUE_URL",
            "WEBHOOK_QUEUE_URL",
            "CREATORS_QUEUE_URL",
        ):
            self.messages(queue)

    def hire(self, monthly_revenue: int) -> int:
        body = {"name": "Ada Lovelace", "team": "North", "userId": "ada", "monthlyRevenue": monthly_revenue}
        rep = json.loads(self.run("api", self.api_event("POST", "/api/leaderboard/sales-reps", body))["body"])
        return int(rep["id"])

    def update(self, rep: int, monthly_revenue: int = AFTER) -> Event:
        """The request that raises a rep's monthly revenue; as it is by default, over a threshold."""
        path = f"/api/leaderboard/sales-reps/{rep}/update-stats"
        return self.api_event("POST", path, {"monthlyRevenue": monthly_revenue})

    def crossing(self) -> Event:
        """The stream record of a rep who passes a threshold."""
        rep = self.hire(BEFORE)
        self.changes()
        self.run("api", self.update(rep))
        return {"Records": self.changes()[-1:]}

    def sweep(self, number: int) -> Event:
        """A tick of the schedule that finds a new count of every second channel; it fetches so many by itself."""
        for position, channel in enumerate(self._channels):
            changes = number if position % 2 else 0
            self.platforms.youtube[channel.native_id] = counts(10_100 + position * 7 + changes, 1_234_567, 321)
        return SCHEDULED

    def crossing_sweep(self) -> Event:
        """A tick that finds one more channel over a threshold."""
        channel = next(self._below)
        self.platforms.youtube[channel.native_id] = counts(25_300)
        return SCHEDULED

    # -- the cases

    def connect(self, number: int) -> Event:
        ticket = Tickets(self.aws.table("SESSIONS_TABLE")).issue(
            Holder("ada", "Ada", frozenset({"leaderboard"})), now()
        )
        client = websocket_client.Client(f"connecting-{number}=")
        query = {"queryStringParameters": {"ticket": ticket}, "headers": {"Host": "x"}}
        return websocket_client.event(client, "$connect", "CONNECT", **query)

    def join(self, number: int) -> Event:
        client = websocket_client.Client(f"joining-{number:05}=", address=f"198.51.100.{number % 250}")
        self.sockets.open(client.connection_id, None, now())
        body = json.dumps({"action": "join", "room": f"channel:{CHANNEL}"})
        return websocket_client.event(client, "$default", "MESSAGE", body=body)

    def viewer_join(self, number: int) -> Event:
        return _viewer("POST", "join", {"channelId": CHANNEL}, number)

    def heartbeat(self, number: int) -> Event:
        tab = Site(f"203.0.113.{number % 250}").join(CHANNEL)
        return _viewer("POST", "heartbeat", tab.body, number)

    def viewers_to_count(self, number: int) -> Event:
        Site(f"192.0.2.{number % 250}").join(f"{CHANNEL}-{number}")
        self.messages("COUNT_QUEUE_URL")
        queue = Queue(boto3.client("sqs"), os.environ["COUNT_QUEUE_URL"])
        queue.send([CountViewers(f"{CHANNEL}-{number}", now() - timedelta(seconds=1), False, new_trace_id())])
        return {"Records": self.messages("COUNT_QUEUE_URL")}

    def alert(self, number: int) -> Event:
        milestone = channel_milestone(10_000, subject=Subject("channel", f"youtube:UC{number:022}"), value=10_100)
        Milestones(self.aws.table("MILESTONES_TABLE")).record(milestone)
        Queue(boto3.client("sqs"), os.environ["NOTIFY_QUEUE_URL"]).send([Alert(milestone)])
        return {"Records": self.messages("NOTIFY_QUEUE_URL")}

    def webhook_event(self, number: int) -> Event:
        """An event that one endpoint wants."""
        endpoints = FUNCTIONS["deliver_webhook"].dependencies.endpoints
        if not endpoints.all():
            made = Endpoint(new_endpoint_id(), "https://crm.test/crm", "standard", ("*",), (Secret(new_secret()),))
            endpoints.add(made)
        self.messages("WEBHOOK_QUEUE_URL")
        milestone = channel_milestone(10_000, subject=Subject("channel", f"youtube:UC{number:022}"), value=10_100)
        queue = Queue(boto3.client("sqs"), os.environ["WEBHOOK_QUEUE_URL"])
        queue.send([queued(milestone_event(milestone, _subscribers()))])
        return {"Records": self.messages("WEBHOOK_QUEUE_URL")}

    def webhook_attempt(self, number: int) -> Event:
        """The first attempt of one."""
        self.run("deliver_webhook", self.webhook_event(number))
        return {"Records": self.messages("WEBHOOK_QUEUE_URL")}

    def celebration(self, _: int) -> Event:
        self.messages("BROADCAST_QUEUE_URL")
        self.run("detect_milestone", self.crossing())
        events = [record for record in self.messages("BROADCAST_QUEUE_URL") if '"room_event"' in record["body"]]
        return {"Records": events}

    def usage_event(self, number: int, *, with_id: bool = False) -> Event:
        """A reply of a user who has had some, and passes no threshold."""
        user = f"user-{number}" + ("-with-id" if with_id else "")
        self.run("ingest_usage", self.product.request("/api/usage/track", {"userId": user, "type": "reply"}))
        fields = {"userId": user, "type": "reply"} | ({"id": f"reply-{number}"} if with_id else {})
        return self.product.request("/api/usage/track", fields)

    def creator_payment(self, number: int) -> Event:
        return signed(payment(self._creator, self._sale(number), number=str(number)))

    def creator_sync(self, number: int) -> Event:
        """The sync of a creator who has had a first one, and sold something since."""
        self._earnings.add(self._creator.external_id, self._sale(number))
        message = SyncCreator(self._creator.id, "schedule", "", deep=False, at=now(), trace_id=new_trace_id())
        return {"Records": [sqs_record(dump(message), f"sync-{number}", "r", {"ApproximateReceiveCount": "1"})]}

    def creator_row(self, number: int) -> Event:
        rows = transactions(self._creator, [self._sale(number)], trace_id=new_trace_id(), silent=False)
        for row in rows:
            Transactions(self.aws.table("CREATORS_TABLE")).put(row)
        return {"Records": changes("CREATORS_TABLE", "transactions#")[-1:]}

    def _sale(self, number: int) -> Earning:
        return earning(now() - timedelta(seconds=number + 1), 1000 + number, payer=f"fan-{number % 5}")

    def _hire_creator(self) -> Creator:
        table = self.aws.table("CREATORS_TABLE")
        agency = Agencies(table).make("North", now()).agency
        made = Creators(table).make(
            agency_id=agency.id, name="Mia", platform="fanvue", external_id="fv-mia", now=now() - timedelta(days=1)
        )
        FUNCTIONS.creator_platform = lambda creator: self._earnings.of(creator.external_id)
        return made

    def command(self, number: int) -> Event:
        chat = {"id": 4_000_000_000 + number, "type": "private", "first_name": "Ada"}
        return webhook_event(
            {"update_id": number, "message": {"message_id": 1, "date": 1, "chat": chat, "text": "/start"}}
        )


def _subscribers() -> Rule:
    return next(rule for rule in catalogue() if rule.name == "subscribers")


def _viewer(method: str, path: str, body: object, number: int) -> Event:
    headers = {"x-cairn-viewer": f"203.0.113.{number % 250}"}
    return event(method, f"/api/viewer/{path}", headers=headers, body=json.dumps(body))


@dataclass(frozen=True, slots=True)
class Case:
    """A typical invocation."""

    function: str
    what: str
    event: Callable[[Stage, int], Event]


CASES = (
    Case("detect_milestone", "a rep passes a threshold", lambda stage, _: stage.crossing()),
    Case("broadcast", "a celebration in two rooms, one socket", Stage.celebration),
    Case("ws_connect", "a connect with a ticket", Stage.connect),
    Case("ws_connect", "a join", Stage.join),
    Case("viewer_heartbeat", "a join", Stage.viewer_join),
    Case("viewer_heartbeat", "a heartbeat", Stage.heartbeat),
    Case("count_viewers", "a count", Stage.viewers_to_count),
    Case("ingest_usage", "an event", Stage.usage_event),
    Case("ingest_usage", "an event with an id", lambda stage, number: stage.usage_event(number, with_id=True)),
    Case("api", "an update of a rep", lambda stage, _: stage.update(stage.hire(BEFORE))),
    Case("api", f"a list of {CHANNELS} channels", lambda stage, _: stage.api_event("GET", "/api/channels")),
    Case("record_history", "a reading", lambda stage, _: stage.crossing()),
    Case("notify", f"an alert to {CHATS} chats", Stage.alert),
    Case("fetch_stats", f"{CHANNELS} channels, half of them changed", Stage.sweep),
    Case("deliver_webhook", "an event that an endpoint wants", Stage.webhook_event),
    Case("deliver_webhook", "an attempt that succeeds", Stage.webhook_attempt),
    Case("telegram_webhook", "a command", Stage.command),
    Case("creator_webhook", "a payment", Stage.creator_payment),
    Case("sync_transactions", "a creator with a new row", Stage.creator_sync),
    Case("roll_up_transactions", "a row", Stage.creator_row),
    Case("month_rollover", "nothing to do", lambda *_: SCHEDULED),
    Case("check_milestones", "a check of all readings", lambda *_: SCHEDULED),
    Case("erase_retired_reps", "nothing to do", lambda *_: SCHEDULED),
    Case("erase_users", "nothing to do", lambda *_: SCHEDULED),
    Case("day_rollover", "nothing is due", lambda *_: SCHEDULED),
)
