"""What has been revoked before it expires by itself, in the sessions table. An item is only ever added.

| pk | sk | holds | TTL |
|---|---|---|---|
| `revoked#{owner's SHA-256}` | `revoked` | up to which second a person's tokens are void; of a key, nothing | 2 h |
| `revoked#session#{id}` | `revoked` | nothing: the session was signed out | 91 days |

Cognito's id tokens are valid for an hour whatever happens to the person, and a ticket says for a minute who somebody
was. So code that accepts one asks here, and code that ends sessions writes here before it closes the sockets:
a socket that is being opened either finds the item or is found (`cairn.realtime.membership`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get_many, rejected_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

TOKENS_END = timedelta(hours=2)
"""Longer than an id token, a ticket, or a warm Lambda's memory of either is valid."""
SESSIONS_END = timedelta(days=91)
"""Longer than a refresh token is valid: Cognito may have failed to revoke it."""


def person_owner(user_id: str) -> str:
    return f"person:{user_id}"


def key_owner(key_id: str) -> str:
    return f"key:{key_id}"


@dataclass(frozen=True, slots=True)
class Credential:
    """What proved who a caller is: an API key, or an id token of a session, issued in this second."""

    owner: str
    """A person or an API key: `person_owner` or `key_owner`."""
    session: str | None = None
    issued_at: int | None = None


class Revocations:
    """`table` is the sessions table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def revoke_person(self, user_id: str, until: datetime, now: datetime, kept: str | None = None) -> int:
        """Every id token that was issued to the person up to `until`; returns that second, which never goes back.

        `until` is Cognito's time, which issues the tokens. The session `kept` is not revoked.
        """
        second = int(until.timestamp())
        item = _key(person_owner(user_id)) | {"until": second, "kept": kept, "expires_at": _seconds(now + TOKENS_END)}
        try:
            self._table.put_item(
                Item=item,
                ConditionExpression="attribute_not_exists(pk) OR #until < :until",
                ExpressionAttributeNames={"#until": "until"},
                ExpressionAttributeValues={":until": second},
            )
        except ClientError as error:
            rejected_item(error)
        return second

    def revoke_key(self, key_id: str, now: datetime) -> None:
        self._table.put_item(Item=_key(key_owner(key_id)) | {"expires_at": _seconds(now + TOKENS_END)})

    def revoke_session(self, session: str, now: datetime) -> None:
        self._table.put_item(Item=_session_key(session) | {"expires_at": _seconds(now + SESSIONS_END)})

    def is_revoked(self, credential: Credential, *, consistent: bool = False) -> bool:
        """Whether it may no longer be accepted; with `consistent` also when it was revoked a moment ago."""
        return self.revoked_with(credential, consistent=consistent) is not None

    def revoked_with(
        self, credential: Credential, *, consistent: bool = False
    ) -> Literal["session", "everything"] | None:
        """What was revoked: its session, or everything that its owner had until then; None if nothing was."""
        keys = [_key(credential.owner)]
        if credential.session:
            keys.append(_session_key(credential.session))
        found = get_many(self._table, keys, consistent=consistent)
        if any(item["pk"] != keys[0]["pk"] for item in found):
            return "session"
        voids = (
            "until" not in item
            or credential.issued_at is None
            or (credential.issued_at <= int(item["until"]) and (not item["kept"] or item["kept"] != credential.session))
            for item in found
        )
        return "everything" if any(voids) else None


def _key(owner: str) -> Item:
    """Without the owner's name: the item outlives a person who is erased."""
    return {"pk": f"revoked#{hashlib.sha256(owner.encode()).hexdigest()}", "sk": "revoked"}


def _session_key(session: str) -> Item:
    return {"pk": f"revoked#session#{session}", "sk": "revoked"}


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
