"""Credentials at a platform, sealed: a key or OAuth tokens of a creator or of an agency.

A refresh token is used once, and a second use ends all tokens that follow from the same consent. So one refresher works
at a time, under a lease of its item, and stores the new token before anybody uses it. When the new token is lost on the
way, which a crash at that moment does, the old one is used up: the platform says so at the next refresh, and a person
has to connect again.

| attribute | holds |
|---|---|
| `kind` | `key` or `oauth` |
| `sealed`, `data_key` | what `cairn.aws.vault` sealed for this owner: JSON |
| `ends` | the last four characters of the key, or of the client's id |
| `version` | rises with each change of what is sealed |
| `lease`, `lease_until` | who refreshes the token, and until when nobody else does |
| `rejected` | why the platform does not take it any more; a person has to connect again |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from cairn.aws.dynamodb import Item, get, rejected_item
from cairn.aws.sealed import Sealed, from_stored
from cairn.aws.vault import Vault
from cairn.clock import Clock, Sleep, from_millis, to_millis
from cairn.codec import to_json
from cairn.creators import keys
from cairn.errors import KeyRejectedError, PlatformUnavailableError
from cairn.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

LEASE = timedelta(seconds=30)
"""Longer than a call to the platform's OAuth server can take."""
PATIENCE = timedelta(seconds=20)
"""How long a refresher waits for another one; the lease of one that died ends later, and the next sync takes over."""
EARLY = timedelta(minutes=1)
"""A token is refreshed so long before it ends."""
_PAUSE_SECONDS = 0.5
_LONG = (0.2, 0.5, 1.0, 2.0)
"""Seconds between attempts to store a new token."""
CONTEXT = "credentials"
"""The kind of owner that the vault seals for."""


@dataclass(frozen=True, slots=True)
class Key:
    api_key: str = field(repr=False)

    @property
    def ends(self) -> str:
        return self.api_key[-4:]


@dataclass(frozen=True, slots=True)
class OAuth:
    """A client of the platform's OAuth server, and the tokens of a person's consent to it."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    access_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None

    @property
    def ends(self) -> str:
        return self.client_id[-4:]


Secret = Key | OAuth
Exchange = Callable[[OAuth], OAuth]
"""Uses a refresh token up: the client with its new tokens. KeyRejectedError when the platform does not take it."""


@dataclass(frozen=True, slots=True)
class Described:
    """What may be shown of credentials."""

    kind: Literal["key", "oauth"]
    ends: str
    changed_at: datetime
    changed_by: str
    rejected: str | None


@dataclass(frozen=True, slots=True)
class Stored:
    secret: Secret = field(repr=False)
    version: int
    data_key: bytes = field(repr=False)
    given_at: datetime | None = None
    """When a person gave them; a refresh does not change it."""
    rejected: str | None = None


class Credentials:
    """Of creators and agencies, by their ids: the owners. `table` is the creators table."""

    def __init__(self, table: Table, vault: Vault, *, clock: Clock, sleep: Sleep) -> None:
        """`vault` seals for the kind CONTEXT."""
        self._table = table
        self._vault = vault
        self._clock = clock
        self._sleep = sleep

    def put(self, owner: str, secret: Secret, *, by: str) -> Described:
        """Replace the owner's credentials; a refresh that is under way then counts for nothing."""
        now = self._clock()
        sealed = self._seal(owner, secret)
        kind: Literal["key", "oauth"] = "key" if isinstance(secret, Key) else "oauth"
        values = {
            ":kind": kind,
            ":sealed": sealed.blob,
            ":data_key": sealed.key,
            ":ends": secret.ends,
            ":at": to_millis(now),
            ":by": by,
            ":one": 1,
            ":none": 0,
        }
        self._table.update_item(
            Key=_key(owner),
            UpdateExpression="SET kind = :kind, sealed = :sealed, data_key = :data_key, ends = :ends, changed_at = :at,"
            " changed_by = :by, version = if_not_exists(version, :none) + :one REMOVE lease, lease_until, rejected",
            ExpressionAttributeValues=values,
        )
        return Described(kind, secret.ends, now, by, None)

    def delete(self, owner: str) -> bool:
        """Whether there were any."""
        return bool(self._table.delete_item(Key=_key(owner), ReturnValues="ALL_OLD").get("Attributes"))

    def describe(self, owner: str) -> Described | None:
        """What may be shown of the credentials (consistent read)."""
        item = get(self._table, _key(owner), consistent=True)
        if item is None:
            return None
        changed_at = from_millis(int(item["changed_at"]))
        return Described(item["kind"], item["ends"], changed_at, item["changed_by"], item.get("rejected"))

    def get(self, owner: str, *, consistent: bool = False) -> Stored | None:
        """BrokenSealError; VaultUnavailableError."""
        item = get(self._table, _key(owner), consistent=consistent)
        return None if item is None else self._stored(owner, item)

    def renew(self, owner: str, rejected: str | None, exchange: Exchange, platform: str) -> Stored | None:
        """Credentials whose access token is not `rejected` and has not ended: somebody else's, or refreshed by us.

        None when there are none any more. KeyRejectedError when a person has to connect again;
        PlatformUnavailableError when the platform does not answer, or another refresher does not finish.
        """
        until = self._clock() + PATIENCE
        while True:
            stored = self.get(owner, consistent=True)
            if stored is None or isinstance(stored.secret, Key) or fresh(stored.secret, rejected, self._clock()):
                return stored
            if stored.rejected:
                raise KeyRejectedError(platform, f"connect again: {stored.rejected}")
            lease = uuid4().hex
            if self._claim(owner, stored.version, lease):
                if renewed := self._refresh(owner, stored, stored.secret, exchange, lease):
                    return renewed
            elif self._clock() >= until:
                raise PlatformUnavailableError(platform, "another refresh of the token has not finished")
            else:
                self._sleep(_PAUSE_SECONDS)

    def _refresh(self, owner: str, stored: Stored, secret: OAuth, exchange: Exchange, lease: str) -> Stored | None:
        """None when a person has replaced the credentials meanwhile."""
        try:
            renewed = exchange(secret)
        except PlatformUnavailableError as error:
            self._end_lease(owner, stored.version, lease, error.reason if isinstance(error, KeyRejectedError) else None)
            raise
        sealed = self._seal(owner, renewed, stored.data_key)
        kept = self._keep(owner, sealed, stored.version)
        logger.info("access token refreshed", owner=owner, replaced_meanwhile=not kept)
        return replace(stored, secret=renewed, version=stored.version + 1) if kept else None

    def _keep(self, owner: str, sealed: Sealed, version: int) -> bool:
        """Store a new token. The old one is used up, so that without this write nobody has one: it is tried long."""
        for pause in (*_LONG, None):
            try:
                return self._update(
                    owner,
                    "SET sealed = :sealed, version = :next REMOVE lease, lease_until",
                    "version = :version",
                    {":sealed": sealed.blob, ":version": version, ":next": version + 1},
                    ours=lambda item: from_stored(item["sealed"], b"").blob == sealed.blob,
                )
            except (ClientError, BotoCoreError):
                if pause is None:
                    raise
                self._sleep(pause)
        raise AssertionError("unreachable")

    def _claim(self, owner: str, version: int, lease: str) -> bool:
        now = self._clock()
        return self._update(
            owner,
            "SET lease = :lease, lease_until = :until",
            "version = :version AND (attribute_not_exists(lease_until) OR lease_until < :now)",
            {":lease": lease, ":until": to_millis(now + LEASE), ":version": version, ":now": to_millis(now)},
            ours=lambda item: item.get("lease") == lease,
        )

    def _end_lease(self, owner: str, version: int, lease: str, rejected: str | None) -> None:
        values: dict[str, Any] = {":lease": lease, ":version": version}
        if rejected is not None:
            values[":rejected"] = rejected
            logger.error("refresh token rejected; somebody has to connect again", owner=owner, reason=rejected)
        change = "" if rejected is None else "SET rejected = :rejected "
        self._update(owner, change + "REMOVE lease, lease_until", "version = :version AND lease = :lease", values)

    def _update(
        self,
        owner: str,
        change: str,
        condition: str,
        values: dict[str, Any],
        ours: Callable[[Item], bool] = lambda _: False,
    ) -> bool:
        """Whether the item is changed now: `ours` knows it from a write of ours whose answer was lost."""
        try:
            self._table.update_item(
                Key=_key(owner),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            item = rejected_item(error)
            return item is not None and ours(item)
        return True

    def _seal(self, owner: str, secret: Secret, key: bytes | None = None) -> Sealed:
        plain = asdict(secret)
        if isinstance(secret, OAuth):
            plain["expires_at"] = secret.expires_at and to_millis(secret.expires_at)
        return self._vault.seal(owner, to_json(plain).encode(), key)

    def _stored(self, owner: str, item: Item) -> Stored:
        sealed = from_stored(item["sealed"], item["data_key"])
        plain = json.loads(self._vault.open(owner, sealed))
        if item["kind"] == "oauth":
            ends = plain.pop("expires_at")
            secret: Secret = OAuth(**plain, expires_at=None if ends is None else from_millis(ends))
        else:
            secret = Key(**plain)
        given_at = from_millis(int(item["changed_at"]))
        return Stored(secret, int(item["version"]), sealed.key, given_at, item.get("rejected"))


def fresh(secret: OAuth, rejected: str | None, now: datetime) -> bool:
    """Whether there is an access token that the platform has not refused, and that has not ended as far as is known."""
    ended = secret.expires_at is not None and secret.expires_at - EARLY <= now
    return secret.access_token is not None and secret.access_token != rejected and not ended


def _key(owner: str) -> dict[str, str]:
    return {"pk": keys.credentials(owner), "sk": keys.TOKEN}
