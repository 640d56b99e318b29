"""A million viewer-hours, by socket, by heartbeat and in the naive design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.account import Work
from bench.audience import Period
from bench.costs.deployed import Deployed
from bench.costs.table import Bill, lines, shown, sums, table
from bench.viewer_counts import INTERVAL_SECONDS, MANY
from bench.viewers import BEATS, HOUR, INTERVALS, PINGS, ViewersSpent
from testing import prices
from testing.prices import Charges, cdn_charges, dollars, lambda_charges, log_charges, total

REQUEST_SECONDS, COUNT_SECONDS, POSTS_A_SECOND, OTHER_SECONDS = 0.02, 0.05, 5_000, 0.1
"""Assumed: the time of a viewer's request, of a count without its waits, the rate of posts to sockets, and the rest."""
PAGE_REQUESTS, EVENT_SOURCE_REQUESTS = HOUR // 10, HOUR
"""A page without a socket requests the count every ten seconds (web/watching.js), an EventSource every second."""
RESPONSE_BYTES, FRAME_BYTES = 600, 250
"""Of a response to a viewer, mostly headers, and of a frame with a count."""


def markdown(spent: ViewersSpent, deployed: Deployed) -> str:
    naive_heartbeat = replace(
        spent.heartbeat.own,
        write_units=spent.naive.heartbeat.write_units,
        read_units=spent.naive.reads[MANY] * (BEATS + 1),
        sqs_requests=0,
        fifo_requests=0,
    )
    ways: list[Bill] = [
        _by_socket(spent.socket.own, deployed),
        _by_heartbeat(spent.heartbeat.own, deployed),
        _by_heartbeat(naive_heartbeat, deployed),
    ]
    share = _times(_change(spent.change, deployed), INTERVALS / MANY)
    frame = {prices.SOCKET_MESSAGE: INTERVALS, prices.DATA_OUT_GB: INTERVALS * FRAME_BYTES / prices.GB}
    requests = [_request(reads, deployed) for reads in (spent.requested.read_units, spent.naive.reads[MANY])]
    counting = f"share of counting and broadcasting, if the count changes every {INTERVAL_SECONDS} s"
    page = f"or a request for the count by our page every ten seconds, {PAGE_REQUESTS:,} an hour"
    source = f"or an EventSource, {EVENT_SOURCE_REQUESTS:,} requests an hour"
    more: list[Bill] = [
        {counting: share, f"a frame to each socket every {INTERVAL_SECONDS} s": frame},
        {counting: share, **_repeated(requests[0], page, source)},
        _repeated(requests[1], page, source),
    ]
    still = spent.still.total
    hour = dollars(total(still.charges, _counting(spent.still, deployed), _logs(still, deployed)))
    assumed = (
        f"Channels of {MANY:,} viewers. Assumptions: a viewer's request runs for {REQUEST_SECONDS * 1000:g} ms; a "
        f"count runs for {COUNT_SECONDS * 1000:g} ms, plus the wait for its due time (in simulated time "
        f"{spent.change.waited / max(1, spent.change.counts):.2f} s, for a count that a joining viewer requested); "
        f"broadcasting takes a second for each {POSTS_A_SECOND:,} sockets; everything else runs for {OTHER_SECONDS:g} "
        f"s; a response has {RESPONSE_BYTES} bytes. A viewer by socket sends a join and {PINGS} pings, and each gets a "
        "response. By heartbeat, the response to each beat contains the count; the naive design counts again for each. "
        "CloudFront's prices are those of the United States; the distribution uses North America and Europe only, "
        "where a request costs up to a fifth more. Browsers' preflight requests, which they repeat after some hours, "
        "are left out. A frame is sent only when the count has changed. So the cost of sockets depends on how often it "
        "changes, and a longer `viewer_count_update_interval` lowers it. A channel whose viewers neither join nor "
        f"leave costs {shown(30 * 24 * hour)} a month in addition."
    )
    head = ["a million viewer-hours", "by socket", "by heartbeat", "naive, by heartbeat"]
    rows = [*lines(ways, 1e6), sums("total of a viewer's own calls", ways, 1e6), *lines(more, 1e6)]
    return "\n".join([table(head, rows), "", assumed])


def _by_socket(own: Work, deployed: Deployed) -> Bill:
    """A viewer's own hour; a join and each ping are answered."""
    messages = 2 * (1 + PINGS)
    return {
        **_work(own, deployed.memory["ws_connect"], deployed),
        "API Gateway, the viewer's messages": {prices.SOCKET_MESSAGE: messages},
        "API Gateway, open sockets": {prices.SOCKET_MINUTE: 60},
    }


def _by_heartbeat(own: Work, deployed: Deployed) -> Bill:
    return {
        **_work(own, deployed.memory["viewer_heartbeat"], deployed),
        "CloudFront": cdn_charges(own.invocations, RESPONSE_BYTES),
    }


def _work(own: Work, memory: int, deployed: Deployed) -> Bill:
    return {
        "DynamoDB writes": {prices.WRITE_UNIT: own.write_units},
        "DynamoDB reads": {prices.READ_UNIT: own.read_units},
        "SQS": {prices.SQS_REQUEST: own.sqs_requests, prices.FIFO_REQUEST: own.fifo_requests},
        "Lambda": lambda_charges(own.invocations, REQUEST_SECONDS, memory),
        "CloudWatch Logs": _logs(own, deployed),
    }


def _request(reads: float, deployed: Deployed) -> Charges:
    """A request for the count that reads this much."""
    return total(
        {prices.READ_UNIT: reads},
        lambda_charges(1, REQUEST_SECONDS, deployed.memory["viewer_heartbeat"]),
        cdn_charges(1, RESPONSE_BYTES),
        log_charges(deployed.platform_lines),
    )


def _change(period: Period, deployed: Deployed) -> Charges:
    """One change of a count of MANY, without the frames."""
    memory = deployed.memory
    return total(
        period.total.charges,
        _counting(period, deployed),
        lambda_charges(period.detected.invocations, OTHER_SECONDS, memory["detect_milestone"]),
        lambda_charges(period.recorded.invocations, OTHER_SECONDS, memory["record_history"]),
        lambda_charges(period.broadcast.invocations, MANY / POSTS_A_SECOND, memory["broadcast"]),
        _logs(period.total, deployed),
    )


def _counting(period: Period, deployed: Deployed) -> Charges:
    """The counting function's time."""
    invocations = period.counting.invocations
    each = COUNT_SECONDS + period.waited / max(1.0, invocations)
    return lambda_charges(invocations, each, deployed.memory["count_viewers"])


def _logs(work: Work, deployed: Deployed) -> Charges:
    return log_charges(work.logged + work.invocations * deployed.platform_lines)


def _repeated(request: Charges, page: str, source: str) -> Bill:
    """An hour of requests by our page, or by an EventSource."""
    return {page: _times(request, PAGE_REQUESTS), source: _times(request, EVENT_SOURCE_REQUESTS)}


def _times(charges: Charges, times: float) -> Mapping[prices.Price, float]:
    return {price: amount * times for price, amount in charges.items()}
