"""What a small and a large user pay a month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.account import Work
from bench.costs.deployed import Deployed
from bench.costs.table import Bill, lines, sums, sums_beyond_free, table
from bench.units import BATCH, PART, Spent
from bench.units import MANY as MANY_CHANNELS
from bench.viewers import PING_SECONDS
from testing import prices
from testing.prices import HOURS, cdn_charges, dollars, dollars_beyond_free, lambda_charges, log_charges, total

DAYS = 30
CHANGED = 0.25
"""Of the readings; the others repeat their values."""
POLLERS, POLL_SECONDS = 5, 20
"""Lambda's connections to an empty queue, and how long each of their calls waits."""
BATCH_SECONDS, STREAM_SECONDS, API_SECONDS = 1.0, 0.1, 0.1
"""Assumed, because an emulator does not show how long AWS and YouTube take."""
SECRET_SECONDS = 300
"""How long a Lambda keeps a platform's key (cairn/aws/secrets.py)."""
HISTORY_ITEM_BYTES, HISTORY_MONTHS = 300, 1
KMS_SECONDS = 300
"""How long DynamoDB keeps the key of a table that it has from KMS."""
PAGE_FILES, PAGE_BYTES, REQUESTS_A_PAGE = 12, 60_000, 10
"""Of a page that no browser has cached, compressed; and the API requests that follow from opening one."""
CHECKS = DAYS * 12
"""Runs of check_milestones."""


@dataclass(frozen=True, slots=True)
class User:
    """An operator of Cairn, with their load for a month."""

    name: str
    channels: int
    subscribers: int
    milestones: int
    every_minutes: int
    requests: int
    people: int
    """Who sign in."""
    screens: int
    """Pages that are open all month, such as a TV."""

    @property
    def ticks(self) -> int:
        return DAYS * 24 * 60 // self.every_minutes

    @property
    def changed(self) -> float:
        return self.ticks * self.channels * CHANGED

    @property
    def messages(self) -> int:
        return self.milestones * self.subscribers


_LARGE = {
    "channels": 10_000,
    "subscribers": 50_000,
    "milestones": 2_000,
    "requests": 1_000_000,
    "people": 50,
    "screens": 10,
}
USERS = (
    User("small", channels=10, subscribers=100, milestones=5, every_minutes=5, requests=10_000, people=3, screens=1),
    User("large", every_minutes=30, **_LARGE),
    User("large, every 5 min", every_minutes=5, **_LARGE),
)
LARGE = 1
"""Which of them has the budget."""


def bills(spent: Spent, deployed: Deployed, metrics: Mapping[str, int], seconds_a_message: float) -> list[Bill]:
    """By user."""
    return [bill(user, spent, deployed, metrics, seconds_a_message) for user in USERS]


def bill(user: User, spent: Spent, deployed: Deployed, metrics: Mapping[str, int], seconds_a_message: float) -> Bill:
    sweep, alert, memory = _sweep(user, spent), _alert(user, spent), deployed.memory
    work = (
        sweep * user.ticks
        + spent.changed * user.changed
        + spent.crossing * user.milestones
        + alert * user.milestones
        + spent.page * user.requests
    )
    batches = user.ticks * max(1, user.channels / BATCH)
    stream_batches = user.ticks * min(user.channels * CHANGED, max(1, user.channels / BATCH))
    polls = POLLERS * DAYS * 86_400 / POLL_SECONDS
    stored = user.changed * HISTORY_ITEM_BYTES * HISTORY_MONTHS / prices.GB
    parts = max(1.0, alert.invocations * user.milestones)
    minutes = user.screens * HOURS * 60
    pings = 2 * minutes * 60 / PING_SECONDS
    periods = DAYS * 86_400 / SECRET_SECONDS
    opened = user.requests / REQUESTS_A_PAGE
    found: Bill = {
        "DynamoDB writes": {prices.WRITE_UNIT: work.write_units},
        "DynamoDB reads": {prices.READ_UNIT: work.read_units},
        "DynamoDB storage and backup": {prices.TABLE_GB_MONTH: stored, prices.BACKUP_GB_MONTH: stored},
        "KMS, keys of tables": {prices.KMS_REQUEST: deployed.tables_with_kms * DAYS * 86_400 / KMS_SECONDS},
        "SQS, messages": {prices.SQS_REQUEST: work.sqs_requests, prices.FIFO_REQUEST: work.fifo_requests},
        "SQS, Lambda's polling of empty queues": {
            prices.SQS_REQUEST: deployed.queues * polls,
            prices.FIFO_REQUEST: deployed.fifo_queues * polls,
        },
        "Lambda, fetching": lambda_charges(batches, BATCH_SECONDS, memory["fetch_stats"]),
        "Lambda, detection and history": total(
            lambda_charges(stream_batches, STREAM_SECONDS, memory["detect_milestone"]),
            lambda_charges(stream_batches, STREAM_SECONDS, memory["record_history"]),
        ),
        "Lambda, sending": lambda_charges(parts, user.messages * seconds_a_message / parts, memory["notify"]),
        "data to Telegram": {prices.DATA_OUT_GB: user.messages * spent.message_bytes / prices.GB},
        "Lambda, API": lambda_charges(user.requests, API_SECONDS, memory["api"]),
        "CloudFront, API": cdn_charges(user.requests, spent.page_bytes, user.requests),
        "CloudFront, pages": cdn_charges(opened * PAGE_FILES, PAGE_BYTES / PAGE_FILES),
        "API Gateway, open screens": {prices.SOCKET_MINUTE: minutes, prices.SOCKET_MESSAGE: pings},
        "Cognito": {prices.PERSON[deployed.user_pool]: user.people},
        "Scheduler": {prices.SCHEDULER_INVOCATION: user.ticks + CHECKS},
        "CloudWatch Logs": log_charges(work.logged + work.invocations * deployed.platform_lines),
        "CloudWatch alarms": {prices.ALARM_MONTH: deployed.alarms},
        "CloudWatch dashboard": {prices.DASHBOARD_MONTH: deployed.dashboards},
        "CloudWatch metrics": {prices.METRIC_HOUR: _metric_hours(user, metrics)},
        "Secrets Manager": {
            prices.SECRET_MONTH: deployed.secrets,
            prices.SECRET_CALL: min(batches, 2 * periods) + min(parts, deployed.senders * periods),
        },
    }
    return found


def _metric_hours(user: User, metrics: Mapping[str, int]) -> float:
    """A metric is billed for each hour in which it is sent: fetching's in all, others when something happens."""
    hours = {
        "fetch_stats": min(HOURS, user.ticks),
        "check_milestones": min(HOURS, CHECKS),
        "month_rollover": 3,
        **dict.fromkeys(("detect_milestone", "notify"), min(HOURS, user.milestones)),
    }
    return sum(number * hours.get(function, 0) for function, number in metrics.items())


def markdown(found: Sequence[Bill], seconds_a_message: float, deployed: Deployed) -> str:
    """The table, and its assumptions."""
    head = ["per month", *(user.name for user in USERS)]
    counts = [
        ("channels", *(f"{user.channels:,}" for user in USERS)),
        ("one fetch every", *(f"{user.every_minutes} min" for user in USERS)),
        ("subscribers", *(f"{user.subscribers:,}" for user in USERS)),
        ("milestones", *(f"{user.milestones:,}" for user in USERS)),
        ("messages to Telegram", *(f"{user.messages:,}" for user in USERS)),
        ("API requests", *(f"{user.requests:,}" for user in USERS)),
        ("people who sign in", *(f"{user.people:,}" for user in USERS)),
        ("screens that are open all month", *(f"{user.screens:,}" for user in USERS)),
    ]
    rows = [
        *counts,
        *lines(found),
        sums("total, without any free allowance", found),
        sums_beyond_free("if the account uses its free allowances for nothing else", found),
    ]
    large = USERS[LARGE]
    days = large.messages / 30 / 86_400
    units = large.channels // BATCH * 24 * 60 // 5
    assumed = (
        f"Assumptions: {CHANGED:.0%} of the readings change; a batch of {BATCH} takes {BATCH_SECONDS:g} s to fetch; a "
        f"stream batch and an API request (a list of {BATCH} channels, the most expensive one) take {API_SECONDS:g} s. "
        f"Sending takes {seconds_a_message:.2f} s of Lambda time per message, including the wait for its send slot, as "
        f"in the run above with 80 ms, with {deployed.memory['notify']} MB. Opening a page loads {PAGE_FILES} files of "
        f"{PAGE_BYTES // 1000} KB in all and leads to {REQUESTS_A_PAGE} API requests. Custom metrics are counted for "
        "the hours in which they are sent, those of failures not at all. Logs are counted as written; CloudWatch keeps "
        "them compressed. Lambda reads streams for free, and nothing is traced (X-Ray). Left out, because each is less "
        "than a few cents: S3's requests and storage, e-mails of alarms, requests to the origin, and what other tables "
        "than the history store. The free allowances are those that AWS gives every account each month for ever."
    )
    limits = (
        f"The large user exceeds the free limits of the platforms. {large.messages / 1e6:.0f} million messages take "
        f"one bot {days:.0f} days at 30 a second: this needs a second bot or Telegram's paid broadcasts. "
        f"{large.channels:,} YouTube channels every 5 minutes use {units:,} quota units a day, and Google grants "
        "10,000: this needs a fetch interval of 30 minutes, or a larger quota. See docs/scale.md."
    )
    return "\n".join([table(head, rows), "", assumed, "", limits])


def summary(found: Sequence[Bill]) -> str:
    """The README's table, of the first two users."""
    users, bills = USERS[:2], found[:2]

    def most(bill: Bill) -> str:
        parts = sorted(((dollars(charges), name) for name, charges in bill.items()), reverse=True)[:3]
        return ", ".join(f"{name} ${amount:.0f}" for amount, name in parts)

    totals = [total(*bill.values()) for bill in bills]
    rows = [
        ("channels, fetched every", *(f"{user.channels:,}, {user.every_minutes} minutes" for user in users)),
        ("subscribers", *(f"{user.subscribers:,}" for user in users)),
        ("milestones a month", *(f"{user.milestones:,}" for user in users)),
        ("**total**", *(f"**about ${dollars(charges):.0f}**" for charges in totals)),
        ("less AWS's free allowances", *(f"about ${dollars_beyond_free(charges):.0f}" for charges in totals)),
        ("most of it", *map(most, bills)),
    ]
    return table(["", *(user.name for user in users)], rows)


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
