"""What a small and a large user pay a month: the meter's counts times AWS's prices, with the assumptions."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from aws_cdk import App
from aws_cdk.assertions import Template

from bench.account import PLATFORM_LINES, Work
from bench.audience import Period
from bench.figures import Section
from bench.ranks import MILESTONES, SOCKETS, UPDATES, FloorSpent
from bench.units import BATCH, PART, Spent
from bench.units import MANY as MANY_CHANNELS
from bench.viewers import BEATS, HOUR, INTERVAL_SECONDS, INTERVALS, MANY, PINGS, ViewersSpent
from infra.settings import Settings
from infra.stack import Cairn
from testing import meter

DAYS = 30
CHANGED = 0.25
"""Of the readings; the others repeat their values."""
MEMORY_MB, API_MEMORY_MB, BROADCAST_MEMORY_MB = 512, 1024, 1769
METRICS = 17
"""EMF metrics with their dimensions, if each is reported in every hour of the month."""
POLLERS, POLL_SECONDS = 5, 20
"""Lambda's connections to an empty queue, and how long each of their calls waits."""
BATCH_SECONDS, STREAM_SECONDS, API_SECONDS = 1.0, 0.1, 0.1
"""Assumed, because an emulator does not show how long AWS and YouTube take."""
VIEWER_SECONDS, COUNT_SECONDS, POSTS_A_SECOND = 0.02, 0.05, 5_000
"""Also assumed: the time of a viewer's request, of a count without its waits, and the rate of posts to sockets."""
PAGE_REQUESTS, EVENT_SOURCE_REQUESTS = HOUR // 10, HOUR
"""A page without a socket requests the count every ten seconds (web/watching.js), an EventSource every second."""
HISTORY_ITEM_BYTES = 300
GB = 1e9


@dataclass(frozen=True, slots=True)
class User:
    """An operator of Cairn, with their load for a month."""

    name: str
    channels: int
    subscribers: int
    milestones: int
    every_minutes: int
    requests: int

    @property
    def ticks(self) -> int:
        return DAYS * 24 * 60 // self.every_minutes

    @property
    def changed(self) -> float:
        return self.ticks * self.channels * CHANGED

    @property
    def messages(self) -> int:
        return self.milestones * self.subscribers


USERS = (
    User("small", channels=10, subscribers=100, milestones=5, every_minutes=5, requests=10_000),
    User("large", channels=10_000, subscribers=50_000, milestones=2_000, every_minutes=30, requests=1_000_000),
    User(
        "large, every 5 min", channels=10_000, subscribers=50_000, milestones=2_000, every_minutes=5, requests=1_000_000
    ),
)


def bill(user: User, spent: Spent, seconds_a_message: float) -> dict[str, float]:
    """Dollars per month, by item."""
    sweep, alert = _sweep(user, spent), _alert(user, spent)
    work = (
        sweep * user.ticks
        + spent.changed * user.changed
        + spent.crossing * user.milestones
        + alert * user.milestones
        + spent.page * user.requests
    )
    batches = user.ticks * max(1, user.channels / BATCH)
    stream_batches = 2 * user.ticks * min(user.channels * CHANGED, max(1, user.channels / BATCH))
    resources = _resources()
    polls = resources["AWS::Lambda::EventSourceMapping"] * POLLERS * DAYS * 86_400 / POLL_SECONDS
    stored = user.changed * HISTORY_ITEM_BYTES / GB
    return {
        "DynamoDB writes": work.write_units * meter.WRITE_UNIT,
        "DynamoDB reads": work.read_units * meter.READ_UNIT,
        "DynamoDB storage and backup": stored * (meter.STORAGE_GB_MONTH + meter.BACKUP_GB_MONTH),
        "SQS, messages": work.sqs_requests * meter.SQS_REQUEST,
        "SQS, Lambda's polling of empty queues": polls * meter.SQS_REQUEST,
        "Lambda, fetching": meter.lambda_dollars(batches, BATCH_SECONDS, MEMORY_MB),
        "Lambda, detection and history": meter.lambda_dollars(stream_batches, STREAM_SECONDS, MEMORY_MB),
        "Lambda, sending": meter.lambda_dollars(
            alert.invocations * user.milestones,
            user.messages * seconds_a_message / max(1, alert.invocations * user.milestones),
            MEMORY_MB,
        ),
        "Lambda, API": meter.lambda_dollars(user.requests, API_SECONDS, API_MEMORY_MB),
        "Scheduler": user.ticks * meter.SCHEDULER_INVOCATION,
        "CloudWatch Logs": work.logged / GB * meter.LOG_GB,
        "CloudWatch alarms": resources["AWS::CloudWatch::Alarm"] * meter.ALARM_MONTH,
        "CloudWatch metrics": METRICS * meter.METRIC_MONTH,
        "Secrets Manager": resources["AWS::SecretsManager::Secret"] * meter.SECRET_MONTH,
    }


def measure(spent: Spent, floor: FloorSpent, viewing: ViewersSpent, seconds_a_message: float) -> Section:
    """Nothing is measured here: the counts of other sections, times AWS's prices."""
    tables = (markdown(spent, seconds_a_message), floor_markdown(floor), viewers_markdown(viewing))
    return Section("Costs", "The counts of the other sections, times AWS's prices.", (), "\n\n".join(tables))


def markdown(spent: Spent, seconds_a_message: float) -> str:
    """The tables, and their assumptions."""
    bills = [bill(user, spent, seconds_a_message) for user in USERS]
    head = ["per month", *(user.name for user in USERS)]
    counts = [
        ("channels", *(f"{user.channels:,}" for user in USERS)),
        ("one fetch every", *(f"{user.every_minutes} min" for user in USERS)),
        ("subscribers", *(f"{user.subscribers:,}" for user in USERS)),
        ("milestones", *(f"{user.milestones:,}" for user in USERS)),
        ("messages to Telegram", *(f"{user.messages:,}" for user in USERS)),
        ("API requests", *(f"{user.requests:,}" for user in USERS)),
    ]
    rows = [(name, *(_dollars(costs[name]) for costs in bills)) for name in bills[0]]
    totals = [sum(costs.values()) for costs in bills]
    total = ("**total**", *(f"**{_dollars(amount)}**" for amount in totals))
    large = USERS[1]
    days = large.messages / 30 / 86_400
    units = large.channels // BATCH * 24 * 60 // 5
    assumed = (
        f"Prices: us-east-1, on demand, November 2026, without free tier, tax and traffic. Assumptions: {CHANGED:.0%} "
        f"of the readings change; a batch of {BATCH} takes {BATCH_SECONDS:g} s to fetch; a stream batch and an API "
        f"request (a list of {BATCH} channels, the most expensive one) take {API_SECONDS:g} s. Sending takes "
        f"{seconds_a_message:.2f} s of Lambda time per message, including the wait for its send slot, as in the run "
        "above with 80 ms. Lambda reads streams for free. CloudFront is not included, nor any storage except the "
        "history's. The meter counts calls, units and log lines."
    )
    limits = (
        f"The large user exceeds the free limits of the platforms. {large.messages / 1e6:.0f} million messages take "
        f"one bot {days:.0f} days at 30 a second: this needs a second bot or Telegram's paid broadcasts. "
        f"{large.channels:,} YouTube channels every 5 minutes use {units:,} quota units a day, and Google grants "
        "10,000: this needs a fetch interval of 30 minutes, or a larger quota. See docs/scale.md."
    )
    return "\n".join([_table(head, [*counts, *rows, total]), "", assumed, "", limits])


def floor_markdown(spent: FloorSpent) -> str:
    """The cost of a million updates of reps, by part, and the assumptions."""
    update, refresh = spent.update, spent.refresh
    functions = {MEMORY_MB: update.detected + update.recorded, BROADCAST_MEMORY_MB: update.broadcast + refresh}
    seconds = meter.lambda_dollars(1, API_SECONDS, API_MEMORY_MB) + sum(
        meter.lambda_dollars(work.invocations, STREAM_SECONDS, memory) for memory, work in functions.items()
    )
    parts = {
        "the update and its rank": _calls(update.requested),
        "detection and history": _calls(update.detected + update.recorded),
        "celebrations": _calls(update.broadcast),
        "the board, read again after each update": _calls(refresh),
        f"its frames to {SOCKETS} sockets": SOCKETS * spent.frame * meter.SOCKET_MESSAGE,
        "Lambda": seconds,
        "CloudWatch Logs": (update.total + update.broadcast + refresh).logged / GB * meter.LOG_GB,
    }
    rows = [(name, _dollars(1e6 * dollars)) for name, dollars in parts.items()]
    total = ("**total**", f"**{_dollars(1e6 * sum(parts.values()))}**")
    open_sockets = SOCKETS * DAYS * 24 * 60 * meter.SOCKET_MINUTE
    assumed = (
        f"On a floor of {update.reps:,} reps, with at most one update a second: for several in the same second, the "
        f"board is read and sent once. Of {len(UPDATES)} updates, {MILESTONES} pass a milestone, which is sent to a TV "
        f"and the rep. Each function is assumed to run for {STREAM_SECONDS:g} s. In addition, {SOCKETS} sockets that "
        f"are open all month cost {_dollars(open_sockets)}."
    )
    return "\n".join([_table(["a million updates of reps", "dollars"], [*rows, total]), "", assumed])


def viewers_markdown(spent: ViewersSpent) -> str:
    """The cost of a million viewer-hours by socket, by heartbeat and by the naive design, and the assumptions."""
    naive_heartbeat = replace(
        spent.heartbeat.own,
        write_units=spent.naive.heartbeat.write_units,
        read_units=spent.naive.reads[MANY] * (BEATS + 1),
        sqs_requests=0,
    )
    ways = (_hour(spent.socket.own, pings=PINGS), _hour(spent.heartbeat.own), _hour(naive_heartbeat))
    shares = [_change(spent.change) * INTERVALS / MANY] * 2 + [0.0]
    frames = [INTERVALS * meter.SOCKET_MESSAGE, 0.0, 0.0]
    requests = [0.0, *(_request(reads) for reads in (spent.requested.read_units, spent.naive.reads[MANY]))]
    parts = [(name, [way[name] for way in ways]) for name in ways[0]]
    sums = ("**total of a viewer's own calls**", [sum(way.values()) for way in ways])
    more = [
        (f"share of counting and broadcasting, if the count changes every {INTERVAL_SECONDS} s", shares),
        (f"a frame to each socket every {INTERVAL_SECONDS} s", frames),
        (
            f"or a request for the count by our page every ten seconds, {PAGE_REQUESTS:,} an hour",
            [PAGE_REQUESTS * request for request in requests],
        ),
        (
            f"or an EventSource, {EVENT_SOURCE_REQUESTS:,} requests an hour",
            [EVENT_SOURCE_REQUESTS * request for request in requests],
        ),
    ]
    rows = [(name, *map(_million, dollars)) for name, dollars in (*parts, sums, *more)]
    still = spent.still.total
    hour = _calls(still) + _counting(spent.still) + _logs(still)
    assumed = (
        f"Channels of {MANY:,} viewers. Assumptions: a viewer's request runs for {VIEWER_SECONDS * 1000:g} ms with "
        f"{MEMORY_MB} MB; a count runs for {COUNT_SECONDS * 1000:g} ms with {BROADCAST_MEMORY_MB} MB, plus the wait "
        f"for its due time (in simulated time {spent.change.waited / max(1, spent.change.counts):.2f} s, for a count "
        f"that a joining viewer requested); broadcasting takes a second for each {POSTS_A_SECOND:,} sockets; "
        f"everything else runs for {STREAM_SECONDS:g} s. A viewer by socket sends a join and {PINGS} pings, and each "
        "gets a response. By heartbeat, the response to each beat contains the count; the naive design counts again "
        "for each. A frame is sent only when the count has changed. So the cost of sockets depends on how often it "
        "changes, and a longer `viewer_count_update_interval` lowers it. A channel whose viewers neither join nor "
        f"leave costs {_dollars(30 * 24 * hour)} a month in addition."
    )
    head = ["a million viewer-hours", "by socket", "by heartbeat", "naive, by heartbeat"]
    return "\n".join([_table(head, rows), "", assumed])


def _hour(own: Work, *, pings: int | None = None) -> dict[str, float]:
    """Dollars for a viewer's own calls; `pings` are sent by sockets only."""
    messages, minutes = (0, 0) if pings is None else (2 * (1 + pings), 60)
    return {
        "DynamoDB writes": own.write_units * meter.WRITE_UNIT,
        "DynamoDB reads": own.read_units * meter.READ_UNIT,
        "SQS": own.sqs_requests * meter.SQS_REQUEST,
        "Lambda": meter.lambda_dollars(own.invocations, VIEWER_SECONDS, MEMORY_MB),
        "API Gateway, the viewer's messages": messages * meter.SOCKET_MESSAGE,
        "API Gateway, open sockets": minutes * meter.SOCKET_MINUTE,
        "CloudWatch Logs": _logs(own),
    }


def _request(reads: float) -> float:
    """Dollars for a request for the count that reads this much."""
    lines = PLATFORM_LINES / GB * meter.LOG_GB
    return reads * meter.READ_UNIT + meter.lambda_dollars(1, VIEWER_SECONDS, MEMORY_MB) + lines


def _change(period: Period) -> float:
    """Dollars for one change of a count of MANY, without the frames."""
    small = period.detected + period.recorded
    seconds = meter.lambda_dollars(small.invocations, STREAM_SECONDS, MEMORY_MB)
    seconds += meter.lambda_dollars(period.broadcast.invocations, MANY / POSTS_A_SECOND, BROADCAST_MEMORY_MB)
    return _calls(period.total) + _counting(period) + seconds + _logs(period.total)


def _counting(period: Period) -> float:
    """Dollars for the counting function's time."""
    invocations = period.counting.invocations
    each = COUNT_SECONDS + period.waited / max(1.0, invocations)
    return meter.lambda_dollars(invocations, each, BROADCAST_MEMORY_MB)


def _logs(work: Work) -> float:
    return work.logged / GB * meter.LOG_GB


def _million(amount: float) -> str:
    return _dollars(1e6 * amount) if amount else "–"


def _calls(work: Work) -> float:
    """Dollars for units and SQS requests."""
    return (
        work.write_units * meter.WRITE_UNIT + work.read_units * meter.READ_UNIT + work.sqs_requests * meter.SQS_REQUEST
    )


def _sweep(user: User, spent: Spent) -> Work:
    """A tick over this many channels, interpolated between the measured ones."""
    if user.channels in spent.sweep:
        return spent.sweep[user.channels]
    few, many = min(spent.sweep), MANY_CHANNELS
    each = (spent.sweep[many] - spent.sweep[few]) * (1 / (many - few))
    return spent.sweep[few] + each * (user.channels - few)


def _alert(user: User, spent: Spent) -> Work:
    """An alert to this many chats: splitting the audience into parts, and the parts."""
    if user.subscribers in spent.alert:
        return spent.alert[user.subscribers]
    ((few, low), (many, high)) = next(pairwise(sorted(spent.expansion.items())))
    each = (high - low) * (1 / (many - few))
    return low + each * (user.subscribers - few) + spent.part * (user.subscribers / PART)


def _resources() -> dict[str, int]:
    """The number of the stack's resources that have a fixed price."""
    root = Path(__file__).parents[1]
    context = json.loads((root / "cdk.json").read_text())["context"]
    settings = Settings.from_context(context.get)
    app = App(context={**context, "aws:cdk:bundling-stacks": []}, analytics_reporting=False)
    template = Template.from_stack(Cairn(app, settings.stack_name, settings=settings))
    found = {
        kind: len(template.find_resources(kind)) for kind in ("AWS::CloudWatch::Alarm", "AWS::SecretsManager::Secret")
    }
    mappings = template.find_resources("AWS::Lambda::EventSourceMapping").values()
    queues = [mapping for mapping in mappings if "StartingPosition" not in mapping["Properties"]]
    return found | {"AWS::Lambda::EventSourceMapping": len(queues)}


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}"


def _table(head: list[str], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
