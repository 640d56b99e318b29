"""With a failure at any single call of a sync, a rollup or a webhook, what is stored is what the platform lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from cairn.clock import now
from cairn.creators.model import Creator
from testing.creator_platform import earning
from testing.creator_site import CreatorSite, creator_site, payment
from testing.dynamodb import stored
from testing.functions import InvocationFailedError
from tests.crash.conftest import Prove
from tests.crash.explorer import Explorer, Verdict

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@contextmanager
def synced_site() -> Iterator[tuple[CreatorSite, Creator]]:
    """A creator whose first sync is over, with a few rows."""
    with creator_site() as site:
        site.platform.page = 3
        mia = site.creator()
        minutes = (30, 40)
        site.platform.add("fv-Mia", *(earning(now() - one * MINUTE, 40_000, payer=f"p{one}") for one in minutes))
        site.synced(mia)
        site.wait(minutes=15)
        yield site, mia


def verdict(site: CreatorSite, mia: Creator, *milestones: int) -> Verdict:
    """After another sync, which no failure disturbs: the truth of the platform, and each milestone once."""
    site.wait(hours=2)
    site.sweep()
    site.settle()
    wrong = [*site.wrong(mia), *map(str, site.account.left_behind().values())]
    if site.state(mia).failure:
        wrong.append(f"still failing: {site.state(mia).failure}")
    told = sorted(
        int(item["threshold"]["N"])
        for item in stored("MILESTONES_TABLE").items()
        if item["pk"]["S"] == str(mia.subject) and "achieved_at" in item and "threshold" in item
    )
    lost = tuple(f"milestone {one}" for one in milestones if one not in told)
    wrong += [f"milestone {one}" for one in told if one not in milestones]
    return Verdict(lost=lost, wrong=tuple(wrong))


def test_a_sync_that_fails_at_any_call_leaves_what_the_next_one_completes(prove: Prove) -> None:
    def sync(points: Explorer) -> Verdict:
        with synced_site() as (site, mia):
            site.platform.add("fv-Mia", *(earning(now() - MINUTE, 5_000, payer=f"q{number}") for number in range(2)))
            site.platform.add("fv-Mia", earning(now() - 10 * MINUTE, 30_000), earning(now() - 12 * MINUTE, -100))
            late = site.platform.earnings["fv-Mia"][0]
            site.platform.change("fv-Mia", late, net=5)
            with points.at_every_call_of(site.account.wire, "sync_transactions", "roll_up_transactions"):
                site.sweep()
                site.settle()
            return verdict(site, mia, 1000)

    prove(sync, alike=6)


def test_the_first_sync_is_silent_and_complete_wherever_it_fails(prove: Prove) -> None:
    def sync(points: Explorer) -> Verdict:
        with creator_site() as site:
            site.platform.page = 3
            mia = site.creator()
            site.platform.add("fv-Mia", *(earning(now() - number * HOUR, 40_000) for number in range(1, 8)))
            with points.at_every_call_of(site.account.wire, "sync_transactions", "roll_up_transactions"):
                site.sweep()
                site.settle()
            if not site.state(mia).synced_until:
                site.wait(hours=2)
                site.sweep()
                site.settle()
            site.wait(minutes=15)
            site.platform.add("fv-Mia", earning(now() - timedelta(seconds=1), 300_000))
            return verdict(site, mia, 5000)

    prove(sync, alike=6)


def test_a_payment_counts_once_wherever_its_webhook_or_its_sync_fails(prove: Prove) -> None:
    def push(points: Explorer) -> Verdict:
        with synced_site() as (site, mia):
            row = earning(now() - timedelta(seconds=3), 30_000, payer="eve")
            event = payment(mia, row, number="1")
            with points.at_every_call_of(
                site.account.wire, "creator_webhook", "sync_transactions", "roll_up_transactions"
            ):
                for _ in range(3):  # the platform sends it until it is answered with 2xx
                    if _answered(site, event):
                        break
                site.settle()
                site.platform.add("fv-Mia", row)
                site.wait(minutes=15)
                site.sweep()
                site.settle()
            return verdict(site, mia, 1000)

    prove(push, alike=8)


def test_a_row_that_came_before_its_webhook_counts_once_wherever_that_fails(prove: Prove) -> None:
    def push(points: Explorer) -> Verdict:
        with synced_site() as (site, mia):
            row = earning(now() - timedelta(seconds=3), 30_000, payer="eve")
            site.platform.add("fv-Mia", row)
            site.sweep()
            site.settle()
            event = payment(mia, row, number="1")
            with points.at_every_call_of(site.account.wire, "creator_webhook"):
                for _ in range(3):
                    if _answered(site, event):
                        break
                site.settle()
            return verdict(site, mia, 1000)

    prove(push)


def test_records_that_the_stream_brings_again_and_late_change_no_sum(prove: Prove) -> None:
    """The batch of the first rows comes once more after later ones."""

    def again(points: Explorer) -> Verdict:
        with synced_site() as (site, mia):
            site.platform.add("fv-Mia", earning(now() - MINUTE, 30_000, payer="eve"))
            site.platform.earnings["fv-Mia"].pop(0)
            site.sweep()
            site.settle()
            with points.at_every_call_of(site.account.wire, "roll_up_transactions"):
                site.account.rollups.redeliver()
                site.settle()
            return verdict(site, mia)

    prove(again, alike=3)


def _answered(site: CreatorSite, event: dict[str, object]) -> bool:
    site.wait(seconds=1)
    try:
        answer = site.push(json.loads(json.dumps(event)))
    except InvocationFailedError:
        return False
    return 200 <= int(answer["statusCode"]) < 300
