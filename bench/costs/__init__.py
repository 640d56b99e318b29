"""Dollars: nothing is measured here, the counts of the other parts are multiplied by AWS's prices."""

from __future__ import annotations

from bench.costs import months, reps, viewing
from bench.costs.deployed import Deployed
from bench.costs.emitted import emitted_metrics
from bench.figures import Figure, Section, at_most
from bench.ranks import FloorSpent
from bench.units import Spent
from bench.viewers import ViewersSpent
from testing.prices import dollars, total

LARGE_MONTH, MILLION_UPDATES = 150, 33
"""Budgets in dollars."""


def measure(spent: Spent, floor: FloorSpent, viewers: ViewersSpent, seconds_a_message: float) -> Section:
    """`seconds_a_message`: Lambda time for each message to Telegram, waits included."""
    deployed = Deployed.read()
    bills = months.bills(spent, deployed, emitted_metrics(), seconds_a_message)
    updates = reps.bill(floor, deployed)
    large = dollars(total(*bills[months.LARGE].values()))
    counted_before = (charges for name, charges in updates.items() if name not in (reps.CLOUDFRONT, reps.DATA))
    million = 1e6 * dollars(total(*counted_before))
    everything = 1e6 * dollars(total(*updates.values()))
    return Section(
        "Costs",
        "The counts of the other sections, times AWS's prices of November 2026 in us-east-1, on demand, without tax "
        "([testing/prices.py](../testing/prices.py) names each price's page). Memory sizes, alarms, dashboards, "
        "secrets, queues and keys are those of the template; custom metrics are those that the functions emit. "
        "How long a function runs in AWS is assumed, as the tables say.",
        (
            at_most("the large month", round(large, 2), LARGE_MONTH, unit="dollars"),
            at_most(
                "a million updates of reps, without CloudFront and the data of frames",
                round(million, 2),
                MILLION_UPDATES,
                unit="dollars",
            ),
            Figure("a million updates of reps, with everything", f"{everything:.2f} dollars"),
        ),
        "\n\n".join(
            (
                months.markdown(bills, seconds_a_message, deployed),
                reps.markdown(updates, floor),
                viewing.markdown(viewers, deployed),
            )
        ),
        months.summary(bills),
    )
