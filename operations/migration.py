"""`migrate`: brings what an older version stored into its present place; `make deploy` runs it after each deployment.

Safe to repeat. A migration that is done is recorded beside the data, and never takes anything again: what appears at
the old place later was put there by somebody else than an operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key

from cairn.aws.dynamodb import Item, UnreadableItemError, get, parsed, query_all
from cairn.clock import iso, now
from cairn.leaderboard.boards import LIVE, Boards
from cairn.leaderboard.former_rows import MOVED, at_present_key, former_items
from cairn.leaderboard.reps import RETIRED
from cairn.leaderboard.rows import row_of, to_row
from cairn.readings.stats import Stats
from operations.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_KEYS_MOVED = {"pk": "migrations", "sk": "keys"}


def migrate(stack: Stack) -> list[str]:
    """Run every migration; a line for the operator about each thing that was done or found."""

    def table(name: str) -> Table:
        return stack.clients.table(stack.output(f"{name}Table"))

    return [
        *move_keys(table("Audience"), table("Keys")),
        *move_boards(table("Leaderboard"), table("Board"), table("Stats")),
    ]


def move_keys(audience: Table, keys: Table) -> list[str]:
    """Move the API keys that version 0.1.0 kept in the audience table, once, to the table that no function may write.

    A line for each moved key. Keys that appear in the audience table after that open nothing, and are reported.
    """
    found = list(query_all(audience, Key("pk").eq("keys"), ConsistentRead=True))
    if get(keys, _KEYS_MOVED, consistent=True):
        return [
            f"NOT moved: {key['name']!r} appeared in the audience table after its keys had been moved. It opens "
            "nothing. No version of Cairn puts it there: find out who did"
            for key in found
        ]
    lines = []
    for key in found:
        keys.put_item(Item=key)
        audience.delete_item(Key={"pk": key["pk"], "sk": key["sk"]})
        scopes = ", ".join(sorted(key["scopes"]))
        lines.append(f"moved the API key {key['name']!r} ({scopes}; created {key['created_at']})")
    keys.put_item(Item=_KEYS_MOVED | {"moved_at": iso(now())})
    return [*lines, "Revoke what you do not know: ./cairn keys revoke"] if lines else []


def move_boards(leaderboard: Table, board: Table, stats: Table) -> list[str]:
    """Move the reps' rows, live and of past months, that version 0.1.0 kept in the leaderboard table; a line if any.

    Each rep's newest row is kept, so a repeat, or an update meanwhile, loses nothing. The rows are deleted only when
    all are copied and `moved` tells the functions that they need not be read any more. The ids of the reps stay.
    """
    boards, moved, lines = Boards(board, leaderboard), list[Item](), list[str]()
    for item in former_items(leaderboard):
        try:
            if item["pk"].startswith(LIVE):
                row = parsed(lambda item: to_row(at_present_key(item)), item)
                boards.store(row) if item["pk"] == LIVE else boards.archive(row)
            moved.append(item)
        except UnreadableItemError as error:
            lines.append(f"NOT moved: the row {error.key} of a leaderboard, which nobody can read: {error.reason}")
    # While old and new code ran side by side, the old may have taken off a rep whom the new had put on already.
    for rep in Stats(stats).get_many(list(boards.subjects()) if moved else []).values():
        if RETIRED in rep.details:
            boards.store(row_of(rep, "", left=True))
    if not get(board, MOVED, consistent=True):
        board.put_item(Item={**MOVED, "moved_at": iso(now())})
    for item in moved:
        leaderboard.delete_item(Key={"pk": item["pk"], "sk": item["sk"]})
    rows = sum(item["pk"].startswith(LIVE) for item in moved)
    return [*lines, *([f"moved {rows} rows of leaderboards, of this month and of past ones"] if rows else [])]
