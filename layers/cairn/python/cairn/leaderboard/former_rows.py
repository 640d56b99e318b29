"""What version 0.1.0 kept in the leaderboard table: rows of the board and of past months, under keys of another form.

| pk | sk | holds |
|---|---|---|
| `board`, `board#{month}` | `rep#{id}` | a row, as it is in the board table today |
| `ranks#{node}` | `counts` | a node of the tree from which ranks were counted; nobody reads it any more |

`operations migrate` copies the rows and deletes them here. Until then a board is read in both places, and each rep's
newest row counts, so that nobody is missing from a rank. Functions only read here: if a deployment fails and the older
version comes back, it finds everything as it left it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key

from cairn.aws.dynamodb import Item, get, query_all, readable
from cairn.aws.personal_data import scan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MOVED: Item = {"pk": "moved", "sk": 0}


class FormerRows:
    """`board` is the board table, `leaderboard` the one where the rows were before."""

    def __init__(self, board: Table, leaderboard: Table) -> None:
        self._board = board
        self._leaderboard = leaderboard
        self._moved = False

    def rows(self, pk: str, among: Container[int] | None = None) -> list[Item] | None:
        """A board's items that are still here, with their present keys; None once they have been moved.

        Read them before the items in the board table: then one that is moved meanwhile is found in either.
        """
        if self._moved:
            return None
        if get(self._board, MOVED, consistent=True):
            self._moved = True
            return None
        found = readable(at_present_key, query_all(self._leaderboard, Key("pk").eq(pk), ConsistentRead=True))
        return [item for item in found if among is None or item["sk"] in among]


def at_present_key(item: Item) -> Item:
    """A former row with the key that it has in the board table."""
    return item | {"sk": int(str(item["sk"]).removeprefix("rep#"))}


def former_key(pk: str, rep_id: str) -> Item:
    """Where a rep's row was."""
    return {"pk": pk, "sk": f"rep#{int(rep_id):015d}"}


def former_items(leaderboard: Table) -> Iterator[Item]:
    """Everything in the leaderboard table that has no use there any more."""
    return (item for item in scan(leaderboard) if str(item["pk"]).partition("#")[0] in ("board", "ranks"))
