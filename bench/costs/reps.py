"""A million updates of reps."""

from __future__ import annotations

from bench.costs.deployed import Deployed
from bench.costs.table import Bill, lines, shown, sums, table
from bench.ranks import MILESTONES, SOCKETS, UPDATES, FloorSpent
from testing import prices
from testing.prices import HOURS, cdn_charges, dollars, lambda_charges, log_charges, total

SECONDS = 0.1
"""The assumed time of each function."""
CLOUDFRONT, DATA = "CloudFront", f"data of the board's frames to {SOCKETS} sockets"
"""Lines that the budget does not include, because it was set before they were counted."""
RESPONSE_BYTES = 2_000
"""Of an update, with its headers, as CloudFront sends it."""


def bill(spent: FloorSpent, deployed: Deployed) -> Bill:
    """One update, and what follows from it."""
    update, refresh = spent.update, spent.refresh
    invocations = {
        "api": update.requested.invocations,
        "detect_milestone": update.detected.invocations,
        "record_history": update.recorded.invocations,
        "broadcast": (update.broadcast + refresh).invocations,
    }
    work = update.total + update.broadcast + refresh
    return {
        CLOUDFRONT: cdn_charges(1, RESPONSE_BYTES, 1),
        "the update and its rank": update.requested.charges,
        "detection and history": (update.detected + update.recorded).charges,
        "celebrations": update.broadcast.charges,
        "the board, read again after each update": refresh.charges,
        f"its frames to {SOCKETS} sockets": {prices.SOCKET_MESSAGE: SOCKETS * spent.frame},
        DATA: {prices.DATA_OUT_GB: SOCKETS * spent.frame_bytes / prices.GB},
        "Lambda": total(
            *(lambda_charges(number, SECONDS, deployed.memory[function]) for function, number in invocations.items())
        ),
        "CloudWatch Logs": log_charges(work.logged + work.invocations * deployed.platform_lines),
    }


def markdown(updates: Bill, spent: FloorSpent) -> str:
    open_sockets = dollars({prices.SOCKET_MINUTE: SOCKETS * HOURS * 60})
    largest = 1e6 * dollars(spent.largest.requested.charges)
    assumed = (
        f"On a floor of {spent.update.reps:,} reps, with at most one update a second: for several in the same second, "
        f"the board is read and sent once. Of {len(UPDATES)} updates, {MILESTONES} pass a milestone, which is sent to "
        f"a TV and the rep. Each function is assumed to run for {SECONDS:g} s. On a floor of {spent.largest.reps:,}, "
        f"the updates and their ranks alone cost {shown(largest)}. In addition, {SOCKETS} sockets that are open all "
        f"month cost {shown(open_sockets)}."
    )
    rows = [*lines([updates], 1e6), sums("total", [updates], 1e6)]
    return "\n".join([table(["a million updates of reps", "dollars"], rows), "", assumed])
