"""Calls and capacity units of Cairn's operations, each counted once by the meter; nothing is timed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bench.account import Account, Work, metered_account
from bench.figures import Figure, Section, at_most
from cairn.clock import iso, now, to_millis
from cairn.model import Reading
from cairn.readings.history import History
from cairn.readings.stats import Stats
from testing.functions import FUNCTIONS
from testing.workspace import begin_with

BATCH = 50
PART = 30
DAYS = 30
MANY = 250
"""The channels of five batches, two of which a sweep queues."""
READINGS = (10, 1_000, 8_000)


@dataclass(frozen=True, slots=True)
class Spent:
    """The usage that the monthly costs are computed from."""

    sweep: dict[int, Work]
    """By the number of channels: a tick that finds nothing new, with the batches it queues."""
    changed: Work
    """One changed reading, with its share of the batches of a sweep, detection and history."""
    crossing: Work
    """Detection of one milestone."""
    alert: dict[int, Work]
    """By the number of chats: everything that follows a milestone."""
    expansion: dict[int, Work]
    """By the number of chats: splitting an audience into parts, without sending."""
    part: Work
    """One full part of an alert."""
    message_bytes: float
    """Of a message to Telegram, without TLS."""
    page: Work
    """GET /api/channels with 50 channels."""
    page_bytes: float
    """Of its response."""


def measure() -> tuple[list[Section], Spent]:
    """Everything that is counted, not timed."""
    readings, sweep, changed, crossing = _readings()
    alerts, alert, part = _alerts()
    charts, page, page_bytes = _charts()
    # The function that splits an audience also delivers the first part.
    expansion = {chats: _expansion(chats) - part for chats in (1_000, 3_000)}
    return [readings, alerts, charts], Spent(
        sweep, changed, crossing, alert, expansion, part, _message_bytes(), page, page_bytes
    )


def _readings() -> tuple[Section, dict[int, Work], Work, Work]:
    with metered_account(channels=BATCH) as account:
        unchanged = account.sweep()
        for number, channel in enumerate(account.channels):
            account.count(channel, 11_000 + number)
        stored, detected, recorded = account.sweep(), account.detect(), account.record_history()
        account.count(account.channels[0], 25_300)
        account.sweep()
        crossing, _ = account.detect(), account.record_history()
        closing = _first_of_a_day(account)
    own = stored - unchanged
    per_reading = (own + detected + recorded) * (1 / BATCH)
    with metered_account(channels=MANY) as account:
        many = account.sweep()
    with metered_account(channels=10) as account:
        ten = account.sweep()
    section = Section(
        "Readings",
        f"A tick of the schedule over {BATCH} YouTube channels: first nothing has changed, then everything has. "
        "Recording that a batch was checked is one write, whatever the result.",
        (
            at_most("a changed reading: stats and history", per_reading.write_units, 2, unit="WRU"),
            at_most("an unchanged reading", unchanged.write_units - 1, 0, unit="WRU"),
            Figure(f"in addition, for each batch of {BATCH}: when it was checked", f"{unchanged.write_units:g} WRU"),
            Figure("in addition, for the first reading of a day: the end of the day before", f"{closing:g} WRU"),
            Figure("reads of a tick, for each channel", f"{unchanged.read_units / BATCH:.2f} RRU"),
            at_most(f"detection of {BATCH} changes without a crossing", detected.calls, 0, unit="AWS calls"),
            Figure(
                "detection of one crossing: claim, history, queue, announced",
                f"{crossing.calls:g} AWS calls, {crossing.write_units:g} WRU",
            ),
        ),
    )
    return section, {10: ten, MANY: many}, per_reading, crossing


def _first_of_a_day(account: Account) -> float:
    """The history's write units when a reading is the first of its day."""
    stats, subject = Stats(account.aws.table("STATS_TABLE")), account.channels[1].subject
    last = stats.get(subject)
    assert last is not None
    tomorrow = Reading(
        subject, last.name, {"subscribers": 11_111}, last.as_of + timedelta(days=1), "schedule", last.trace_id
    )
    stats.record(tomorrow)
    account.detect()
    return account.record_history().write_units - 1


def _alerts() -> tuple[Section, dict[int, Work], Work]:
    every = _alert(PART, 1)
    sixth = _alert(PART, 6)
    hundred, first_full_part = _alert_in_parts(100)
    section = Section(
        "An alert",
        f"One milestone sent to {PART} Telegram chats by a warm function, including Lambda's calls to receive and "
        "delete the message. As deployed (`telegram_progress_every` 1), the progress is recorded after each message, "
        "so that a killed sender repeats at most one. 30 messages then need 30 records, and the budget cannot be met "
        "with that guarantee. With 6, a killed sender may repeat six messages, and the budget is met. See "
        "docs/decisions.md.",
        (
            at_most("AWS calls, each message recorded", every.calls, 12, shown=f"{every.calls:g}"),
            at_most("AWS calls, every sixth message recorded", sixth.calls, 12),
            Figure(
                "writes, each message recorded", f"{every.write_units:g} WRU, {every.write_units / PART:.2f} per chat"
            ),
            Figure(
                "writes, every sixth message recorded",
                f"{sixth.write_units:g} WRU, {sixth.write_units / PART:.2f} per chat",
            ),
            Figure("the same alert to 100 chats, each message recorded", f"{hundred.write_units:g} WRU"),
        ),
    )
    return section, {PART: every, 100: hundred}, first_full_part


def _alert(chats: int, progress_every: int) -> Work:
    with metered_account(channels=1, chats=chats) as account:
        begin_with(telegram_progress_every=progress_every)
        _cross(account)
        work = account.notify()
        assert len(account.platforms.sent) == chats
        return work


def _alert_in_parts(chats: int) -> tuple[Work, Work]:
    """The whole alert, and its first full part."""
    with metered_account(channels=1, chats=chats) as account:
        _cross(account)
        whole = account.expand()
        (first, *rest) = account.aws.messages("NOTIFY_QUEUE_URL")
        part = account.deliver("NOTIFY_QUEUE_URL", FUNCTIONS["notify"], first)
        for message in rest:
            whole += account.deliver("NOTIFY_QUEUE_URL", FUNCTIONS["notify"], message)
        assert len(account.platforms.sent) == chats
        return whole + part, part


def _expansion(chats: int) -> Work:
    with metered_account(channels=1, chats=chats) as account:
        _cross(account)
        return account.expand()


def _cross(account: Account) -> None:
    """Cause a milestone that is detected and on the queue."""
    account.count(account.channels[0], 25_300)
    account.sweep()
    account.detect()


def _message_bytes() -> float:
    with metered_account(channels=1, chats=PART) as account:
        _cross(account)
        account.notify()
        return account.platforms.message_bytes / PART


def _charts() -> tuple[Section, Work, float]:
    figures = []
    reads = []
    for count in READINGS:
        with metered_account(channels=1) as account:
            _fill(account, count)
            since = iso(now() - timedelta(days=DAYS - 1))
            work = account.get(f"/api/channels/{account.channels[0].id}/history", {"from": since})
            reads.append(work.read_units)
            figures.append(
                Figure(f"{DAYS} days, {count:,} readings stored", f"{work.read_units:g} RRU, {work.calls:g} AWS calls")
            )
    with metered_account(channels=BATCH) as account:
        page = account.get("/api/channels", {"limit": str(BATCH)})
        page_bytes = len(json.dumps(account.result))
    section = Section(
        "Reading charts and lists",
        "Warm API calls with a cached key. A chart reads one item per day.",
        (
            *figures,
            at_most(
                f"the chart's reads with {READINGS[-1]:,} readings, compared with {READINGS[0]}",
                reads[-1] / reads[0],
                1,
                unit="×",
            ),
            Figure(f"`GET /api/channels`, {BATCH} channels", f"{page.read_units:g} RRU, {page.calls:g} AWS calls"),
        ),
    )
    return section, page, page_bytes


def _fill(account: Account, count: int) -> None:
    """Write this many readings over the days of the chart, and each day's end, as record_history would have."""
    last = Stats(account.aws.table("STATS_TABLE")).get(account.channels[0].subject)
    assert last is not None
    table = account.aws.table("HISTORY_TABLE")
    history, step = History(table), timedelta(days=DAYS) / count
    with table.batch_writer() as batch:
        for number in range(1, count):
            at = last.as_of - number * step
            batch.put_item(Item=_history_item(last, at))
    for day in range(1, DAYS + 1):
        at = last.as_of - timedelta(days=day)
        history.close_day(last, at.date())


def _history_item(reading: Reading, at: datetime) -> dict[str, Any]:
    return {
        "pk": str(reading.subject),
        "sk": f"reading#{iso(at)}",
        "metrics": dict(reading.metrics),
        "as_of": to_millis(at),
        "expires_at": int((at + timedelta(days=30)).timestamp()),
    }
