"""The creators table: how its keys are built. Every adapter of this package takes them from here.

| pk | sk | holds | written by |
|---|---|---|---|
| `agencies` | id | an agency | api |
| `creators` | id | a creator | api |
| `external#{platform}` | the platform's id | the creator who has it | api |
| `credentials#{agency or creator}` | `token` | sealed credentials | api, who refreshes them |
| `sync#{creator}` | `state` | how far syncs have come, and what went wrong | sync_transactions, fetch_stats |
| `transactions#{creator}` | `{at}#{identity}#{ordinal}` | a transaction | sync_transactions, creator_webhook |
| `payments#{creator}` | its transaction's key | a payment that waits for its row | creator_webhook, sync_transactions |
| `day#{creator}` | date of UTC | sums of a day | roll_up_transactions |
| `quarters#{creator}` | date of UTC | its sums by quarter of an hour | roll_up_transactions |
| `month#{creator}` | `2026-11` | sums of a month of UTC | roll_up_transactions |
| `payers#{creator}` | date of UTC | who paid on a day, and when | roll_up_transactions |
| `payer#{creator}` | the payer | when they first paid | roll_up_transactions |
| `flow#{creator}` | date of UTC | subscribers who came and went | sync_transactions |
| `runs` | id | a sync that somebody asked for; `current` names the last one | api, sync_transactions |
| `run#{id}` | creator | what became of a creator in it | sync_transactions |
| `checks` | creator | when sums were compared with rows | roll_up_transactions |
| `event#{platform}` | the webhook's event id | that it was handled; expires | creator_webhook |
"""

from __future__ import annotations

from datetime import date, datetime

from cairn.clock import iso

AGENCIES = "agencies"
CREATORS = "creators"
RUNS = "runs"
CHECKS = "checks"
STATE = "state"
TOKEN = "token"  # noqa: S105 - a sort key
FIRST_SYNC = "~first-sync"
"""Sorts after every transaction of the partition: in the stream it follows all rows of the first sync."""


def external(platform: str) -> str:
    return f"external#{platform}"


def credentials(owner: str) -> str:
    return f"credentials#{owner}"


def sync(creator: str) -> str:
    return f"sync#{creator}"


def transactions(creator: str) -> str:
    return f"transactions#{creator}"


def payments(creator: str) -> str:
    return f"payments#{creator}"


def day(creator: str) -> str:
    return f"day#{creator}"


def quarters(creator: str) -> str:
    return f"quarters#{creator}"


def month(creator: str) -> str:
    return f"month#{creator}"


def payers(creator: str) -> str:
    return f"payers#{creator}"


def payer(creator: str) -> str:
    return f"payer#{creator}"


def flow(creator: str) -> str:
    return f"flow#{creator}"


def run(run_id: str) -> str:
    return f"run#{run_id}"


def event(platform: str) -> str:
    return f"event#{platform}"


def from_instant(instant: datetime) -> str:
    """Where transactions from this instant on begin."""
    return iso(instant)


def of_day(day: date) -> str:
    return day.isoformat()
