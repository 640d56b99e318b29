"""Calls, capacity units and dollars of a delivered webhook message, counted by the meter beside the source's design."""

from __future__ import annotations

from datetime import timedelta

import httpx

from bench.figures import Figure, Section, at_most
from testing import prices
from testing.functions import FUNCTIONS
from testing.meter import Usage, metered
from testing.prices import Charges
from testing.webhook_site import Receiver, Respond, in_turn, ok, status, webhook_site

DATA = {"order": "A-1001", "items": [f"item number {number:03}, in the colour red" for number in range(24)]}
"""Makes a body of 1 KB."""
MEMORY_MB = 512
FAN_OUT_SECONDS, SEND_SECONDS = 0.03, 0.25
"""Of an invocation that stores an event, and of one that sends it to a receiver who answers in a fifth of a second."""
LOG_BYTES = 1_500
"""What both write."""
MILLION = 1_000_000
SOURCE_WRITES = 6
"""Of a design with a row a message and an index of pending ones: a row of 2 KB is put and changed once (4), and its
entry in the index is added and removed (2)."""
SOURCE_READS = 2
"""The row, and the person it is about."""
MINUTES_OF_A_MONTH = 43_200
PROSE = (
    "An event of 1 KB to one endpoint: stored, numbered, sent, and its outcome noted. The receiver answers with an "
    "empty 2xx unless the row says otherwise. Dollars are those of AWS's price list, without free allowances, for a "
    f"Lambda of {MEMORY_MB} MB that waits for a receiver who answers in {1000 * SEND_SECONDS:.0f} ms. The source's "
    "design is a row for each message, an index of the pending ones, and a cron each minute, which sends 50 rows at a "
    "time; its figures are computed, for the same Lambda time."
)


def measure() -> Section:
    """One message in each way, and a million of the first."""
    first = _usage(ok)
    with_answer = _usage(lambda _: httpx.Response(200, content=b"x" * 5_000))
    retried = _usage(in_turn(status(500), ok))
    charges = _charges(first)
    source = _source()
    return Section(
        "Webhooks: what a message costs",
        PROSE,
        (
            at_most("a message delivered at the first try, indexes included", first.write_units, 4, unit="WRU"),
            Figure("the same: reads, and AWS calls", f"{first.read_units:g} RRU, {first.total} calls"),
            Figure("in addition, for an answer of 4 KB", f"{with_answer.write_units - first.write_units:g} WRU"),
            Figure("in addition, for a retry", f"{retried.write_units - first.write_units:g} WRU"),
            Figure("a million messages", f"${MILLION * prices.dollars(charges):.2f}"),
            Figure("the source's design: a message", f"{SOURCE_WRITES} WRU, {SOURCE_READS} RRU"),
            Figure("the source's design: a million messages", f"${MILLION * prices.dollars(source):.2f}"),
            Figure("the source's design: a month without any message", f"${_idle():.2f}"),
        ),
    )


def _usage(respond: Respond) -> Usage:
    """Of one event, after another that warmed everything up."""
    with webhook_site() as site, metered() as meter:
        FUNCTIONS.forget()
        receiver = Receiver()
        site.endpoint(receiver)
        site.publish(data=DATA)
        site.settle()
        receiver.respond = respond
        with meter.measuring() as usage:
            site.publish(data=DATA)
            site.run(timedelta(minutes=1))
            site.settle()
        with meter.measuring() as idle:
            site.run(timedelta(minutes=1))
            site.settle()
    return _without(usage, idle)


def _without(usage: Usage, idle: Usage) -> Usage:
    """The usage without the schedule's, which comes each minute whatever there is to do."""
    return Usage(
        calls=usage.calls - idle.calls,
        write_units=usage.write_units - idle.write_units,
        read_units=usage.read_units - idle.read_units,
        sqs_requests=usage.sqs_requests - idle.sqs_requests,
        fifo_requests=usage.fifo_requests - idle.fifo_requests,
    )


def _charges(usage: Usage) -> Charges:
    seconds = (FAN_OUT_SECONDS + SEND_SECONDS) / 2
    # Lambda receives and deletes each message.
    received: Charges = {prices.FIFO_REQUEST: 4}
    return prices.total(
        usage.charges, received, prices.lambda_charges(2, seconds, MEMORY_MB), prices.log_charges(LOG_BYTES)
    )


def _source() -> Charges:
    units: Charges = {prices.WRITE_UNIT: SOURCE_WRITES, prices.READ_UNIT: SOURCE_READS}
    return prices.total(
        units, prices.lambda_charges(1 / 50, 50 * SEND_SECONDS, MEMORY_MB), prices.log_charges(LOG_BYTES)
    )


def _idle() -> float:
    """A cron that looks each minute; Cairn's schedule costs the same."""
    polled: Charges = {prices.READ_UNIT: MINUTES_OF_A_MONTH, prices.SCHEDULER_INVOCATION: MINUTES_OF_A_MONTH}
    return prices.dollars(prices.total(polled, prices.lambda_charges(MINUTES_OF_A_MONTH, 0.05, MEMORY_MB)))
