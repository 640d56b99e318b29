"""What a small and a large user pay a month: the meter's counts times AWS's prices, and the assumptions said aloud."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from aws_cdk import App
from aws_cdk.assertions import Template

from bench.account import PLATFORM_LINES, Work
from bench.audience import Passed
from bench.ranks import MILESTONES, SOCKETS, UPDATES, FloorSpent
from bench.units import BATCH, PART, Spent
from bench.units import MANY as MANY_CHANNELS
from bench.viewers import BEATS, HOUR, INTERVAL_SECONDS, INTERVALS, MANY, PINGS, ViewersSpent
from infra.settings import Settings
from infra.stack import Cairn
from testing import meter

DAYS = 30
CHANGED = 0.25
"""Of the readings; the others bring the same values again."""
MEMORY_MB, API_MEMORY_MB, BROADCAST_MEMORY_MB = 512, 1024, 1769
METRICS = 17
"""Names of EMF metrics with their dimensions, if each is seen in every hour of the month."""
POLLERS, POLL_SECONDS = 5, 20
"""Lambda's connections to a queue that is empty, and how long each call of theirs waits."""
BATCH_SECONDS, STREAM_SECONDS, API_SECONDS = 1.0, 0.1, 0.1
"""Assumed: an emulator cannot say how long AWS and YouTube take."""
VIEWER_SECONDS, COUNT_SECONDS, POSTS_A_SECOND = 0.02, 0.05, 5_000
"""Assumed as well: of a viewer's request, of a count besides its waiting, and of sockets."""
LOOKS, POLLS = HOUR // 10, HOUR
"""A page without a socket looks at the count every ten seconds (web/watching.js); an EventSource, each second."""
HISTORY_ITEM_BYTES = 300
GB = 1e9


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who runs Cairn."""

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
    """Dollars a month, by what is paid for."""
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


def markdown(spent: Spent, seconds_a_message: float) -> str:
    """The tables, and what they rest on."""
    bills = [bill(user, spent, seconds_a_message) for user in USERS]
    head = ["a month", *(user.name for user in USERS)]
    counts = [
        ("channels", *(f"{user.channels:,}" for user in USERS)),
        ("a fetch every", *(f"{user.every_minutes} min" for user in USERS)),
        ("subscribers", *(f"{user.subscribers:,}" for user in USERS)),
        ("milestones", *(f"{user.milestones:,}" for user in USERS)),
        ("messages to Telegram", *(f"{user.messages:,}" for user in USERS)),
        ("API requests", *(f"{user.requests:,}" for user in USERS)),
    ]
    rows = [(name, *(_dollars(one[name]) for one in bills)) for name in bills[0]]
    totals = [sum(one.values()) for one in bills]
    everything = ("**in all**", *(f"**{_dollars(total)}**" for total in totals))
    large = USERS[1]
    days = large.messages / 30 / 86_400
    units = large.channels // BATCH * 24 * 60 // 5
    assumed = (
        f"us-east-1, on demand, November 2026, without free tier, tax and traffic. {CHANGED:.0%} of the readings "
        f"change. A batch of {BATCH} is taken to be fetched in {BATCH_SECONDS:g} s, a batch of a stream and an API "
        f"request (a list of {BATCH} channels, the dearest) to be answered in {API_SECONDS:g} s. Sending takes "
        f"{seconds_a_message:.2f} s of Lambda's time a message, waiting for its turn included, as in the run above "
        "with 80 ms. A stream that Lambda reads is free; CloudFront, and storage but the history's, are left out. "
        "Calls, units and log lines are counted by the meter."
    )
    limits = (
        f"The large user is beyond what is free elsewhere. {large.messages / 1e6:.0f} million messages take one bot "
        f"{days:.0f} days at 30 a second: that needs a second bot or paid broadcast. And {large.channels:,} YouTube "
        f"channels every 5 minutes are {units:,} quota units a day where Google gives 10,000: so a fetch every 30 "
        "minutes, or more quota asked for. See docs/scale.md."
    )
    return "\n".join([_table(head, [*counts, *rows, everything]), "", assumed, "", limits])


def floor_markdown(spent: FloorSpent) -> str:
    """What a million updates of reps cost, part by part, and what that rests on."""
    update, refresh = spent.update, spent.refresh
    functions = {MEMORY_MB: update.detected + update.remembered, BROADCAST_MEMORY_MB: update.told + refresh}
    seconds = meter.lambda_dollars(1, API_SECONDS, API_MEMORY_MB) + sum(
        meter.lambda_dollars(work.invocations, STREAM_SECONDS, memory) for memory, work in functions.items()
    )
    parts = {
        "the update and its rank": _called(update.asked),
        "detection and history": _called(update.detected + update.remembered),
        "celebrations": _called(update.told),
        "the board read anew after each": _called(refresh),
        f"its frames to {SOCKETS} sockets": SOCKETS * spent.frame * meter.SOCKET_MESSAGE,
        "Lambda": seconds,
        "CloudWatch Logs": (update.whole + update.told + refresh).logged / GB * meter.LOG_GB,
    }
    rows = [(name, _dollars(1e6 * dollars)) for name, dollars in parts.items()]
    everything = ("**in all**", f"**{_dollars(1e6 * sum(parts.values()))}**")
    open_sockets = SOCKETS * DAYS * 24 * 60 * meter.SOCKET_MINUTE
    assumed = (
        f"On a floor of {update.reps:,} reps, each update alone in its second: for several in one, the board is read "
        f"and shown once. Of {len(UPDATES)} updates {MILESTONES} pass a milestone, told to a TV and the rep. A "
        f"function is taken to run for {STREAM_SECONDS:g} s. Besides, {SOCKETS} sockets that are open all month are "
        f"{_dollars(open_sockets)}."
    )
    return "\n".join([_table(["a million updates of reps", "dollars"], [*rows, everything]), "", assumed])


def viewers_markdown(spent: ViewersSpent) -> str:
    """What a million viewer-hours cost by socket, by heartbeat and by the naive design, and what that rests on."""
    naive = replace(
        spent.heartbeat.own,
        write_units=spent.naively.heartbeat.write_units,
        read_units=spent.naively.reads[MANY] * (BEATS + 1),
        sqs_requests=0,
    )
    ways = (_hour(spent.socket.own, pings=PINGS), _hour(spent.heartbeat.own), _hour(naive))
    shares = [_change(spent.change) * INTERVALS / MANY] * 2 + [0.0]
    told = [INTERVALS * meter.SOCKET_MESSAGE, 0.0, 0.0]
    asked = [0.0, *(_ask(reads) for reads in (spent.asked.read_units, spent.naively.reads[MANY]))]
    parts = [(name, [way[name] for way in ways]) for name in ways[0]]
    sums = ("**all that a viewer does**", [sum(way.values()) for way in ways])
    more = [
        (f"its share of counting and telling, if the count changes every {INTERVAL_SECONDS} s", shares),
        (f"a frame to each socket every {INTERVAL_SECONDS} s", told),
        (f"or a look at the count by our page every ten seconds, {LOOKS:,} an hour", [LOOKS * one for one in asked]),
        (f"or an EventSource, which asks {POLLS:,} times an hour", [POLLS * one for one in asked]),
    ]
    rows = [(name, *map(_million, dollars)) for name, dollars in (*parts, sums, *more)]
    still = spent.still.whole
    hour = _called(still) + _counting(spent.still) + _logged(still)
    assumed = (
        f"Channels of {MANY:,} viewers. A viewer's request is taken to run for {VIEWER_SECONDS * 1000:g} ms with "
        f"{MEMORY_MB} MB, a count for {COUNT_SECONDS * 1000:g} ms with {BROADCAST_MEMORY_MB} MB besides what it waits "
        f"for its time (by simulated time, {spent.change.waited / max(1, spent.change.counts):.2f} s of a count that "
        f"somebody's coming asked for), telling for a second each {POSTS_A_SECOND:,} sockets, the rest for "
        f"{STREAM_SECONDS:g} s. A viewer by socket sends a join and {PINGS} pings, each of which is answered. By "
        "heartbeat, the answer to each beat says how many there are, for which the naive design counts anew. A frame "
        "comes only when the count has changed: what sockets cost is how often that is, and a longer "
        f"`viewer_count_update_interval` is the way to pay less. A channel whose viewers neither come nor go costs "
        f"{_dollars(30 * 24 * hour)} a month besides."
    )
    head = ["a million viewer-hours", "by socket", "by heartbeat", "naive, by heartbeat"]
    return "\n".join([_table(head, rows), "", assumed])


def _hour(own: Work, *, pings: int | None = None) -> dict[str, float]:
    """Dollars of a viewer's own calls; `pings` are a socket's."""
    messages, minutes = (0, 0) if pings is None else (2 * (1 + pings), 60)
    return {
        "DynamoDB writes": own.write_units * meter.WRITE_UNIT,
        "DynamoDB reads": own.read_units * meter.READ_UNIT,
        "SQS": own.sqs_requests * meter.SQS_REQUEST,
        "Lambda": meter.lambda_dollars(own.invocations, VIEWER_SECONDS, MEMORY_MB),
        "API Gateway, the viewer's messages": messages * meter.SOCKET_MESSAGE,
        "API Gateway, open sockets": minutes * meter.SOCKET_MINUTE,
        "CloudWatch Logs": _logged(own),
    }


def _ask(reads: float) -> float:
    """Dollars of a request for a count that reads so much."""
    lines = PLATFORM_LINES / GB * meter.LOG_GB
    return reads * meter.READ_UNIT + meter.lambda_dollars(1, VIEWER_SECONDS, MEMORY_MB) + lines


def _change(passed: Passed) -> float:
    """Dollars of one change of a count of MANY, without the frames."""
    small = passed.detected + passed.remembered
    seconds = meter.lambda_dollars(small.invocations, STREAM_SECONDS, MEMORY_MB)
    seconds += meter.lambda_dollars(passed.told.invocations, MANY / POSTS_A_SECOND, BROADCAST_MEMORY_MB)
    return _called(passed.whole) + _counting(passed) + seconds + _logged(passed.whole)


def _counting(passed: Passed) -> float:
    """Dollars of the counting function's time."""
    invocations = passed.counting.invocations
    each = COUNT_SECONDS + passed.waited / max(1.0, invocations)
    return meter.lambda_dollars(invocations, each, BROADCAST_MEMORY_MB)


def _logged(work: Work) -> float:
    return work.logged / GB * meter.LOG_GB


def _million(amount: float) -> str:
    return _dollars(1e6 * amount) if amount else "–"


def _called(work: Work) -> float:
    """Dollars for units and messages."""
    return (
        work.write_units * meter.WRITE_UNIT + work.read_units * meter.READ_UNIT + work.sqs_requests * meter.SQS_REQUEST
    )


def _sweep(user: User, spent: Spent) -> Work:
    """A tick over this many channels: between what was measured, in proportion."""
    if user.channels in spent.sweep:
        return spent.sweep[user.channels]
    few, many = min(spent.sweep), MANY_CHANNELS
    each = (spent.sweep[many] - spent.sweep[few]) * (1 / (many - few))
    return spent.sweep[few] + each * (user.channels - few)


def _alert(user: User, spent: Spent) -> Work:
    """An alert to this many chats: cutting the audience into parts, and the parts."""
    if user.subscribers in spent.alert:
        return spent.alert[user.subscribers]
    ((few, cheap), (many, dear)) = next(pairwise(sorted(spent.expansion.items())))
    each = (dear - cheap) * (1 / (many - few))
    return cheap + each * (user.subscribers - few) + spent.part * (user.subscribers / PART)


def _resources() -> dict[str, int]:
    """How many of the things that cost by being there the stack has."""
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
