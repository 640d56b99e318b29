"""`creators …` and `agencies …`: who earns, how far their syncs have come, and who is retired."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from cairn.aws.sqs import Queue
from cairn.clock import iso, now
from cairn.creators.agencies import Agencies
from cairn.creators.audiences import batches_of
from cairn.creators.freshness import audience_stale, state_of, transactions_stale
from cairn.creators.model import Creator
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncState, SyncStates
from operations.stack import OperationError, Stack


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    creators = commands.add_parser("creators", help="an agency's creators, and how far their syncs have come")
    group = creators.add_subparsers(required=True, metavar="list|sync|check-rollups|retire")
    listed = group.add_parser("list", help="list the creators, with what is old and what fails")
    listed.add_argument("--all", action="store_true", help="also those who are retired")
    listed.set_defaults(command="creators list")
    sync = group.add_parser("sync", help="bring the transactions and audiences of all creators now, or of one")
    sync.add_argument("creator", metavar="CREATOR_ID", nargs="?")
    sync.set_defaults(command="creators sync")
    group.add_parser(
        "check-rollups", help="compare the sums with the transactions now, as by night, and mend what differs"
    ).set_defaults(command="creators check-rollups")
    retire = group.add_parser("retire", help="fetch nothing for a creator any more; what is known stays")
    retire.add_argument("creator", metavar="CREATOR_ID")
    retire.set_defaults(command="creators retire")
    agencies = commands.add_parser("agencies", help="the agencies that group creators")
    agencies.add_subparsers(required=True, metavar="list").add_parser(
        "list", help="list the agencies, with how many creators each has"
    ).set_defaults(command="agencies list")


def _list(options: argparse.Namespace, stack: Stack) -> list[str]:
    table = stack.clients.table(stack.output("CreatorsTable"))
    found = list(Creators(table).all(retired=options.all))
    states, present = SyncStates(table).get_many(one.id for one in found), now()
    return _aligned(
        ("ID", "NAME", "AGENCY", "ACCOUNT", "STATE", "TRANSACTIONS", "AUDIENCE", "ERROR"),
        [_row(one, states[one.id], present) for one in found],
    )


def _row(creator: Creator, state: SyncState, present: datetime) -> tuple[str, ...]:
    failures = [one for one in (state.failure, state.audience_failure) if one]
    return (
        creator.id,
        creator.name,
        creator.agency_id,
        f"{creator.platform}:{creator.external_id}",
        state_of(creator, state),
        _age(state.synced_until, stale=transactions_stale(creator, state, present)),
        _age(state.audience_at, stale=audience_stale(creator, state, present)),
        "; ".join(f"{one.code} since {iso(one.since)}: {one.message}" for one in failures),
    )


def _age(instant: datetime | None, *, stale: bool) -> str:
    return (iso(instant) if instant else "never") + (" (stale)" if stale else "")


def _retire(options: argparse.Namespace, stack: Stack) -> list[str]:
    creators = Creators(stack.clients.table(stack.output("CreatorsTable")))
    creator = creators.get(options.creator)
    if creator is None:
        raise OperationError(f"No creator {options.creator}; `creators list` lists them")
    retired = creators.retire(creator, now())
    assert retired.retired_at
    return [f"{creator.id} ({creator.name}) is retired since {iso(retired.retired_at)}"]


def _sync(options: argparse.Namespace, stack: Stack) -> list[str]:
    table = stack.clients.table(stack.output("CreatorsTable"))
    creators = [one.id for one in Creators(table).all(retired=False) if options.creator in (None, one.id)]
    if options.creator and not creators:
        raise OperationError(f"No creator {options.creator} who is not retired; `creators list` lists them")
    only = {"creator": options.creator} if options.creator else {}
    result = _invoked(stack, "SyncTransactions", {"source": "operator", **only})
    Queue(stack.clients.sqs, stack.output("FetchQueueUrl")).send(batches_of(creators, "operator"))
    return [f"{result['queued']} creators are synced now; `creators list` says how old each is"]


def _check_rollups(options: argparse.Namespace, stack: Stack) -> list[str]:
    del options
    result = _invoked(stack, "RollUpTransactions", {"source": "operator"})
    return [f"checked: {json.dumps(result)}"]


def _invoked(stack: Stack, function: str, event: Mapping[str, object]) -> dict[str, Any]:
    response = stack.clients.functions.invoke(
        FunctionName=stack.output(f"{function}Function"), Payload=json.dumps(event)
    )
    result = response["Payload"].read().decode()
    if "FunctionError" in response:
        raise OperationError(f"{function} failed: {result[:300]}")
    answer: dict[str, Any] = json.loads(result)
    return answer


def _list_agencies(options: argparse.Namespace, stack: Stack) -> list[str]:
    del options
    agencies = Agencies(stack.clients.table(stack.output("CreatorsTable"))).all()
    rows = [
        (one.agency.id, one.agency.name, str(one.creators), iso(one.agency.retired_at) if one.agency.retired_at else "")
        for one in agencies
    ]
    return _aligned(("ID", "NAME", "CREATORS", "RETIRED"), rows)


def _aligned(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    return list(_lines([header, *rows]))


def _lines(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Stack], list[str]]] = {
    "creators list": _list,
    "creators sync": _sync,
    "creators check-rollups": _check_rollups,
    "creators retire": _retire,
    "agencies list": _list_agencies,
}
