"""Calls and capacity units of what Cairn does, counted once each by the meter: no time is involved."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bench.account import Account, Work, account
from bench.figures import Figure, Section, at_most
from cairn.clock import iso, now, to_millis
from cairn.model import Reading
from cairn.readings.history import History, day_of
from cairn.readings.stats import Stats
from testing.functions import FUNCTIONS

BATCH = 50
PART = 30
DAYS = 30
MANY = 250
"""Channels of five batches, of which a sweep leaves two to the queue."""
READINGS = (10, 1_000, 8_000)


@dataclass(frozen=True, slots=True)
class Spent:
    """What the monthly costs are made of."""

    sweep: dict[int, Work]
    """By the number of channels: a tick that finds nothing new, with the batches it queues."""
    changed: Work
    """One changed reading, with its share of a sweep's, detection's and history's batches."""
    crossing: Work
    """Detection of one milestone."""
    alert: dict[int, Work]
    """By the number of chats: all that follows a milestone."""
    expansion: dict[int, Work]
    """By the number of chats: cutting an audience into parts, and nothing sent."""
    part: Work
    """One full part of an alert."""
    page: Work
    """GET /api/channels with 50 channels."""


def measure() -> tuple[list[Section], Spent]:
    """Everything that is counted and not timed."""
    readings, sweep, changed, crossing = _readings()
    alerts, alert, part = _alerts()
    charts, page = _charts()
    expansion = {chats: _expansion(chats) for chats in (1_000, 3_000)}
    return [readings, alerts, charts], Spent(sweep, changed, crossing, alert, expansion, part, page)


def _readings() -> tuple[Section, dict[int, Work], Work, Work]:
    with account(channels=BATCH) as made:
        unchanged = made.sweep()
        for number, channel in enumerate(made.channels):
            made.count(channel, 11_000 + number)
        stored, detected, remembered = made.sweep(), made.detect(), made.remember()
        made.count(made.channels[0], 25_300)
        made.sweep()
        crossing, _ = made.detect(), made.remember()
        closing = _first_of_a_day(made)
    own = stored - unchanged
    per_reading = (own + detected + remembered) * (1 / BATCH)
    with account(channels=MANY) as made:
        many = made.sweep()
    with account(channels=10) as made:
        ten = made.sweep()
    section = Section(
        "Readings",
        f"A tick of the schedule over {BATCH} YouTube channels: first nothing has changed, then everything has. That a "
        "batch was looked at is one write, whatever came of it.",
        (
            at_most("a changed reading: stats and history", per_reading.write_units, 2, unit="WRU"),
            at_most("an unchanged reading", unchanged.write_units - 1, 0, unit="WRU"),
            Figure(f"besides, for each batch of {BATCH}: when it was looked at", f"{unchanged.write_units:g} WRU"),
            Figure("besides, for the first reading of a day: the end of the day before", f"{closing:g} WRU"),
            Figure("reads of a tick, for each channel", f"{unchanged.read_units / BATCH:.2f} RRU"),
            at_most(f"detection of {BATCH} changes without a crossing", detected.calls, 0, unit="AWS calls"),
            Figure(
                "detection of one crossing: claim, history, queue, told",
                f"{crossing.calls:g} AWS calls, {crossing.write_units:g} WRU",
            ),
        ),
    )
    return section, {10: ten, MANY: many}, per_reading, crossing


def _first_of_a_day(made: Account) -> float:
    """Write units of the history when a reading is the first of its day."""
    stats, subject = Stats(made.aws.table("STATS_TABLE")), made.channels[1].subject
    last = stats.get(subject)
    assert last is not None
    tomorrow = Reading(
        subject, last.name, {"subscribers": 11_111}, last.as_of + timedelta(days=1), "schedule", last.trace_id
    )
    stats.record(tomorrow)
    made.detect()
    return made.remember().write_units - 1


def _alerts() -> tuple[Section, dict[int, Work], Work]:
    every = _alert(PART, "1")
    sixth = _alert(PART, "6")
    hundred, first_part = _alert_in_parts(100)
    section = Section(
        "An alert",
        f"One milestone told to {PART} Telegram chats by a warm function, with Lambda's receiving and deleting of the "
        "message. As deployed (`telegram_progress_every` 1) each message is noted before the next is sent, so that a "
        "killed sender repeats one message at most: 30 messages need 30 notes, and the budget cannot be met with that "
        "promise. With 6, a killed sender may repeat six, and the budget is met. See docs/decisions.md.",
        (
            at_most("AWS calls, each message noted", every.calls, 12, shown=f"{every.calls:g}"),
            at_most("AWS calls, each sixth message noted", sixth.calls, 12),
            Figure("writes, each message noted", f"{every.write_units:g} WRU, {every.write_units / PART:.2f} a chat"),
            Figure(
                "writes, each sixth message noted",
                f"{sixth.write_units:g} WRU, {sixth.write_units / PART:.2f} a chat",
            ),
            Figure("the same alert to 100 chats, each message noted", f"{hundred.write_units:g} WRU"),
        ),
    )
    return section, {PART: every, 100: hundred}, first_part


def _alert(chats: int, progress_every: str) -> Work:
    with account(channels=1, chats=chats) as made:
        os.environ["TELEGRAM_PROGRESS_EVERY"] = progress_every
        _cross(made)
        work = made.notify()
        assert len(made.platforms.sent) == chats
        return work


def _alert_in_parts(chats: int) -> tuple[Work, Work]:
    """All of an alert, and its first full part."""

    with account(channels=1, chats=chats) as made:
        _cross(made)
        whole = made.expand()
        (first, *others) = made.aws.messages("NOTIFY_QUEUE_URL")
        part = made.bring("NOTIFY_QUEUE_URL", FUNCTIONS["notify"], first)
        for other in others:
            whole += made.bring("NOTIFY_QUEUE_URL", FUNCTIONS["notify"], other)
        assert len(made.platforms.sent) == chats
        return whole + part, part


def _expansion(chats: int) -> Work:
    with account(channels=1, chats=chats) as made:
        _cross(made)
        return made.expand()


def _cross(made: Account) -> None:
    """A milestone, detected and on the queue."""
    made.count(made.channels[0], 25_300)
    made.sweep()
    made.detect()


def _charts() -> tuple[Section, Work]:
    figures = []
    seen = []
    for count in READINGS:
        with account(channels=1) as made:
            _fill(made, count)
            since = iso(now() - timedelta(days=DAYS - 1))
            work = made.get(f"/api/channels/{made.channels[0].id}/history", {"from": since})
            seen.append(work.read_units)
            figures.append(
                Figure(f"{DAYS} days, {count:,} readings stored", f"{work.read_units:g} RRU, {work.calls:g} AWS calls")
            )
    with account(channels=BATCH) as made:
        page = made.get("/api/channels", {"limit": str(BATCH)})
    section = Section(
        "Reading charts and lists",
        "Warm calls of the API by a key it knows. A chart reads one item a day.",
        (
            *figures,
            at_most(
                f"the chart's reads with {READINGS[-1]:,} readings, against {READINGS[0]}",
                seen[-1] / seen[0],
                1,
                unit="×",
            ),
            Figure(f"`GET /api/channels`, {BATCH} channels", f"{page.read_units:g} RRU, {page.calls:g} AWS calls"),
        ),
    )
    return section, page


def _fill(made: Account, count: int) -> None:
    """So many readings over the days of the chart, and each day's end, as record_history would have left them."""
    last = Stats(made.aws.table("STATS_TABLE")).get(made.channels[0].subject)
    assert last is not None
    table = made.aws.table("HISTORY_TABLE")
    history, step = History(table), timedelta(days=DAYS) / count
    with table.batch_writer() as batch:
        for number in range(1, count):
            at = last.as_of - number * step
            batch.put_item(Item=_history_item(last, at))
    for day in range(1, DAYS + 1):
        at = last.as_of - timedelta(days=day)
        history.close_day(last, day_of(at, "UTC"))


def _history_item(reading: Reading, at: datetime) -> dict[str, Any]:
    return {
        "pk": str(reading.subject),
        "sk": f"reading#{iso(at)}",
        "metrics": dict(reading.metrics),
        "as_of": to_millis(at),
        "expires_at": int((at + timedelta(days=30)).timestamp()),
    }
