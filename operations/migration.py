"""`migrate`: brings what an older version stored into its present place; `make deploy` runs it after each deployment.

Safe to repeat. A migration that is done is recorded beside the data, and never takes anything again: what appears at
the old place later was put there by somebody else than an operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Key

from cairn.aws.dynamodb import get, query_all
from cairn.clock import iso, now
from operations.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

_KEYS_MOVED = {"pk": "migrations", "sk": "keys"}


def migrate(stack: Stack) -> list[str]:
    """Run every migration; a line for the operator about each thing that was done or found."""
    clients = stack.clients
    return move_keys(clients.table(stack.output("AudienceTable")), clients.table(stack.output("KeysTable")))


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
