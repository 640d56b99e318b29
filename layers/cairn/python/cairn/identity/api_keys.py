"""API keys: the table holds a key's SHA-256 and scopes, never the key; the key itself is shown once, at creation.

They have a table of their own, which no function may write: who writes there gives out any right.

| pk | sk | holds |
|---|---|---|
| `keys` | `key#{SHA-256}` | the key's name, scopes, and last four characters |
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cairn.aws.dynamodb import readable
from cairn.clock import from_iso, iso
from cairn.errors import BadInputError, ConflictError, NotFoundError
from cairn.identity.revocations import Credential, key_owner

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

SCOPES = frozenset({"admin", "ingest", "leaderboard", "display", "analytics", "webhooks"})

_PREFIX = "cairn_"
_PARTITION = "keys"
_SORT = "key#"
_ID_LENGTH = 12
_MAX_KEY_LENGTH = 128
_MAX_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is stored of a key: enough to recognise it, not to use it."""

    sha256: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    hint: str
    """The key's last four characters."""

    @property
    def id(self) -> str:
        """The first digits of the SHA-256, with which an operator refers to the key."""
        return self.sha256[:_ID_LENGTH]

    @property
    def credential(self) -> Credential:
        return Credential(key_owner(self.id))


class ApiKeys:
    """The keys in their table: one item a key, all in one partition, found by hash and listed by query."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def create(self, name: str, scopes: Iterable[str], now: datetime) -> str:
        """A new key, which cannot be read again; BadInputError for an unknown scope, no scope or an invalid name."""
        key_scopes = _checked_scopes(scopes)
        key_name = name.strip()
        if not 0 < len(key_name) <= _MAX_NAME_LENGTH:
            raise BadInputError(f"A key needs a name of 1 to {_MAX_NAME_LENGTH} characters, to identify it")
        plaintext = _PREFIX + secrets.token_urlsafe(32)
        self._table.put_item(
            Item={
                "pk": _PARTITION,
                "sk": _SORT + _sha256(plaintext),
                "name": key_name,
                "scopes": set(key_scopes),
                "created_at": iso(now),
                "hint": plaintext[-4:],
            }
        )
        return plaintext

    def find(self, plaintext: str) -> ApiKey | None:
        """The key, or None when it is unknown or revoked. Text that cannot be a key is not looked up."""
        if not (plaintext.startswith(_PREFIX) and plaintext.isascii() and len(plaintext) <= _MAX_KEY_LENGTH):
            return None
        answer = self._table.get_item(Key={"pk": _PARTITION, "sk": _SORT + _sha256(plaintext)})
        item = answer.get("Item")
        return _from_item(item) if item else None

    def list(self) -> list[ApiKey]:
        """All keys, oldest first."""
        return sorted(readable(_from_item, self._items()), key=lambda key: key.created_at)

    def named(self, id_or_name: str) -> ApiKey:
        """The key with this id or name; NotFoundError when there is none, ConflictError for a shared name."""
        found = [key for key in map(_from_item, self._items()) if id_or_name in (key.name, key.id)]
        if not found:
            raise NotFoundError(f"No key has the id or name {id_or_name!r}")
        if len(found) > 1:
            ids = ", ".join(key.id for key in found)
            raise ConflictError(f"{len(found)} keys are named {id_or_name!r}: revoke one by its id ({ids})")
        return found[0]

    def delete(self, key: ApiKey) -> None:
        self._table.delete_item(Key={"pk": _PARTITION, "sk": _SORT + key.sha256})

    def _items(self) -> Iterable[dict[str, Any]]:
        page: dict[str, Any] = {}
        while True:
            answer = self._table.query(
                KeyConditionExpression="pk = :keys AND begins_with(sk, :key)",
                ExpressionAttributeValues={":keys": _PARTITION, ":key": _SORT},
                ConsistentRead=True,
                **page,
            )
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _checked_scopes(scopes: Iterable[str]) -> frozenset[str]:
    requested = frozenset(scopes)
    if unknown := requested - SCOPES:
        raise BadInputError(
            f"No such scope: {', '.join(sorted(unknown))}. A scope is one of {', '.join(sorted(SCOPES))}"
        )
    if not requested:
        raise BadInputError(f"A key needs at least one scope of {', '.join(sorted(SCOPES))}")
    return requested


def _sha256(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode()).hexdigest()


def _from_item(item: Mapping[str, Any]) -> ApiKey:
    return ApiKey(
        sha256=item["sk"].removeprefix(_SORT),
        name=item["name"],
        scopes=frozenset(item["scopes"]),
        created_at=from_iso(item["created_at"]),
        hint=item["hint"],
    )
