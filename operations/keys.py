"""`keys`: creates, lists and revokes API keys."""

from __future__ import annotations

from cairn.clock import iso, now
from cairn.identity.api_keys import ApiKeys
from operations.sessions import sign_out
from operations.stack import Stack


def create(stack: Stack, name: str, scopes: str) -> str:
    """A new key, which can be shown only now; `scopes` is comma-separated."""
    return _keys(stack).create(name, filter(None, (scope.strip() for scope in scopes.split(","))), now())


def table_of_keys(stack: Stack) -> list[str]:
    """A line for each key, oldest first, under a header."""
    rows = [("ID", "NAME", "ENDS IN", "CREATED", "SCOPES")]
    rows += [
        (key.id, key.name, key.hint, iso(key.created_at), ",".join(sorted(key.scopes))) for key in _keys(stack).list()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def revoke(stack: Stack, id_or_name: str) -> str:
    """Revoke a key, its tickets and its sockets; a line for the operator.

    The key itself is deleted last, so a failed revocation can be repeated.
    """
    keys = _keys(stack)
    key = keys.named(id_or_name)
    sign_out(stack).key(key.id)
    keys.delete(key)
    return f"revoked {key.name} ({key.id}, ends in {key.hint})"


def _keys(stack: Stack) -> ApiKeys:
    return ApiKeys(stack.clients.table(stack.output("KeysTable")))
