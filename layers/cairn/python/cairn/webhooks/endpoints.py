"""The endpoints, in the webhooks table: what is no secret as it is, the rest sealed.

| pk | sk | holds |
|---|---|---|
| `endpoints` | `{endpoint id}` | an endpoint: settings, state, health; sealed: address, header values, secrets |

Each write names only the attributes that it changes, so that somebody who changes the settings, a worker that counts
failures and an operator who pauses the endpoint never lose each other's change. No write brings back a deleted one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from cairn.aws.dynamodb import Item, get, query_all, readable, rejected_item
from cairn.aws.sealed import from_stored
from cairn.aws.vault import BrokenSealError, Vault
from cairn.clock import from_iso, from_millis, iso, to_millis
from cairn.codec import number, text
from cairn.errors import ConflictError
from cairn.webhooks.model import Condition, Contact, Endpoint, Health, Secret

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MAX_ENDPOINTS = 100
"""Each event reads them all."""
OLD_SECRET_SIGNS_FOR = timedelta(hours=24)
MAX_SECRETS = 5
"""Each signs every message: nobody rotates more often than four times a day."""
_PARTITION = "endpoints"
_SEALED = ("url", "headers", "secrets")
_HEALTH = ("failures", "failing_since", "open_until", "last_error")
_Condition = tuple[str, dict[str, str], Item]
"""An expression, with its names and values."""


class Endpoints:
    def __init__(self, table: Table, vault: Vault) -> None:
        self._table = table
        self._vault = vault

    def all(self, *, consistent: bool = False) -> list[Endpoint]:
        """All of them, sealed, the oldest first; one query of at most MAX_ENDPOINTS items."""
        items = query_all(self._table, Key("pk").eq(_PARTITION), ConsistentRead=consistent)
        return sorted(readable(_to_endpoint, items), key=lambda one: (one.created_at, one.id))

    def get(self, endpoint_id: str, *, consistent: bool = False) -> Endpoint | None:
        """The endpoint, sealed."""
        item = get(self._table, _key(endpoint_id), consistent=consistent)
        return _to_endpoint(item) if item else None

    def unseal(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint with its address, headers and secrets. BrokenSealError; VaultUnavailableError."""
        if endpoint.url or endpoint.sealed is None:
            return endpoint
        plain = self._vault.open(endpoint.id, endpoint.sealed)
        try:
            return replace(endpoint, **_from_plain(json.loads(plain)))
        except (ValueError, KeyError, TypeError) as error:
            raise BrokenSealError(f"{endpoint.id}: not what Cairn seals") from error

    def add(self, endpoint: Endpoint) -> Endpoint | None:
        """Store a new endpoint, which is given unsealed; None when its id exists. VaultUnavailableError."""
        sealed = self._vault.seal(endpoint.id, _to_plain(endpoint))
        made = _complete(replace(endpoint, sealed=sealed))
        try:
            self._table.put_item(Item=_to_item(made), ConditionExpression="attribute_not_exists(pk)")
        except ClientError as error:
            rejected_item(error)
            return None
        return made

    def change(self, seen: Endpoint, **changes: Any) -> Endpoint | None:
        """Change settings of an endpoint, which is given as it was read; None if somebody changed or deleted it since.

        The answer is unsealed if `seen` is, which a change of `url`, `headers` or `secrets` needs.
        """
        if unknown := changes.keys() - _SETTINGS:
            raise ValueError(f"not settings: {', '.join(sorted(unknown))}")
        new = _complete(replace(seen, **changes, version=seen.version + 1))
        if changes.keys() & {*_SEALED}:
            if not seen.url or seen.sealed is None:
                raise ValueError(f"{seen.id} is sealed: unseal it before its {', '.join(_SEALED)} change")
            new = replace(new, sealed=self._vault.seal(new.id, _to_plain(new), seen.sealed.key))
        before, after = _to_item(seen), _to_item(new)
        wanted = {name: after.get(name) for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        condition: _Condition = ("#version = :seen", {"#version": "version"}, {":seen": seen.version})
        stored = self._update(seen.id, wanted, condition, or_has=True)
        return replace(stored, url=new.url, headers=new.headers, secrets=new.secrets) if stored else None

    def rotate(self, seen: Endpoint, secret: str, now: datetime) -> Endpoint | None:
        """Give an unsealed endpoint this new secret; the old one signs too for a day. None as `change`.

        ConflictError when too many secrets are still in use.
        """
        used = [secret for secret in seen.secrets if secret.until is None or secret.until > now]
        if len(used) >= MAX_SECRETS:
            raise ConflictError(f"{len(used)} secrets are in use: rotate again when the oldest is 24 hours old")
        old = [replace(one, until=one.until or now + OLD_SECRET_SIGNS_FOR) for one in used]
        return self.change(seen, secrets=(Secret(secret), *old))

    def delete(self, endpoint_id: str) -> bool:
        """True when it existed."""
        return "Attributes" in self._table.delete_item(Key=_key(endpoint_id), ReturnValues="ALL_OLD")

    # -- state

    def pause(self, endpoint_id: str) -> Endpoint | None:
        """Send nothing until it is resumed; None when it does not exist."""
        return self._update(endpoint_id, {"state": "paused", "state_reason": "paused by a person"})

    def resume(self, endpoint_id: str) -> Endpoint | None:
        """Send again, and forget earlier failures; None when it does not exist."""
        return self._update(endpoint_id, {"state": "active", "state_reason": None, **dict.fromkeys(_HEALTH)})

    def disable(self, endpoint_id: str, reason: str) -> Endpoint | None:
        """Send nothing, because the endpoint does not take it; None when it is not active, or does not exist.

        The owner is told first: a worker may die in between, and the next one finds it disabled.
        """
        active: _Condition = (
            "attribute_not_exists(#state) OR #state = :active",
            {"#state": "state"},
            {":active": "active"},
        )
        return self._update(endpoint_id, {"state": "disabled", "state_reason": reason}, active)

    # -- health

    def record_failure(self, endpoint_id: str, error: str, at: datetime) -> Health | None:
        """Count a failed attempt; the health with it, or None when the endpoint does not exist."""
        try:
            answer = self._table.update_item(
                Key=_key(endpoint_id),
                UpdateExpression="ADD failures :one "
                "SET failing_since = if_not_exists(failing_since, :at), last_error = :error",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":one": 1, ":at": to_millis(at), ":error": error},
                ReturnValues="ALL_NEW",
            )
        except ClientError as rejected:
            rejected_item(rejected)
            return None
        return _to_health(answer["Attributes"])

    def record_success(self, endpoint_id: str, at: datetime) -> bool:
        """Forget the failures up to `at`, when the endpoint took a message; False if the failures are of later.

        Needed only when the endpoint's health has failures, or says that nothing is sent for a while.
        """
        condition = "attribute_not_exists(failing_since) OR failing_since <= :success"
        seen: _Condition = (condition, {}, {":success": to_millis(at)})
        return self._update(endpoint_id, dict.fromkeys(_HEALTH), seen) is not None

    def open(self, endpoint_id: str, until: datetime) -> bool:
        """Send nothing before then; False when nothing is sent for longer already, or the endpoint does not exist."""
        condition = "attribute_not_exists(open_until) OR open_until < :open_until"
        return self._update(endpoint_id, {"open_until": to_millis(until)}, (condition, {}, {})) is not None

    def claim_probe(self, endpoint_id: str, seen_open_until: datetime, next_until: datetime) -> bool:
        """Take the one attempt that finds out whether the endpoint has recovered; one of several workers gets it.

        Others wait until `next_until`, so that a worker that dies does not keep the endpoint closed.
        """
        seen: _Condition = ("open_until = :seen", {}, {":seen": to_millis(seen_open_until)})
        return self._update(endpoint_id, {"open_until": to_millis(next_until)}, seen) is not None

    def _update(
        self, endpoint_id: str, wanted: Item, condition: _Condition | None = None, *, or_has: bool = False
    ) -> Endpoint | None:
        """Set these attributes, and remove those that are None; the endpoint, or None when the condition fails.

        With `or_has`, it may have them already: an answer was lost, and botocore repeated the write.
        """
        put = {name: value for name, value in wanted.items() if value is not None}
        removed = [name for name, value in wanted.items() if value is None]
        parts = [f"SET {', '.join(f'#{name} = :{name}' for name in put)}"] if put else []
        parts += [f"REMOVE {', '.join(f'#{name}' for name in removed)}"] if removed else []
        extra, names, values = condition or ("", {}, {})
        request: dict[str, Any] = {
            "Key": _key(endpoint_id),
            "UpdateExpression": " ".join(parts),
            "ConditionExpression": f"attribute_exists(pk) AND ({extra})" if extra else "attribute_exists(pk)",
            "ExpressionAttributeNames": {f"#{name}": name for name in wanted} | names,
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if values := {f":{name}": value for name, value in put.items()} | values:
            request["ExpressionAttributeValues"] = values
        try:
            return _to_endpoint(self._table.update_item(**request)["Attributes"])
        except ClientError as error:
            item = rejected_item(error)
            has = or_has and item is not None and all(item.get(name) == value for name, value in wanted.items())
            return _to_endpoint(item) if item is not None and has else None


_SETTINGS = {
    one.name
    for one in fields(Endpoint)
    if one.name
    not in (
        *("id", "state", "state_reason", "health", "created_at", "created_by", "version"),
        *("host", "header_names", "fingerprint", "sealed"),
    )
}


def fingerprint(url: str, format_: str, events: Iterable[str], conditions: Sequence[Condition]) -> str:
    """The digest of what an endpoint receives and where."""
    told = [url, format_, sorted(events), sorted(json.dumps(_plain_condition(one), default=str) for one in conditions)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def host_of(url: str) -> str:
    """`example.com` or `example.com:8443`."""
    return url.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2].lower()


def _complete(endpoint: Endpoint) -> Endpoint:
    """The endpoint with what is derived from its settings. One that is sealed keeps what it has."""
    if not endpoint.url:
        return endpoint
    return replace(
        endpoint,
        host=host_of(endpoint.url),
        header_names=tuple(endpoint.headers),
        fingerprint=fingerprint(endpoint.url, endpoint.format, endpoint.events, endpoint.filter),
    )


def _key(endpoint_id: str) -> Item:
    return {"pk": _PARTITION, "sk": endpoint_id}


def _to_plain(endpoint: Endpoint) -> bytes:
    secrets = [
        {"value": one.value} | ({"until": iso(one.until)} if one.until is not None else {}) for one in endpoint.secrets
    ]
    plain = {"url": endpoint.url, "headers": dict(endpoint.headers), "secrets": secrets}
    return json.dumps(plain, ensure_ascii=False).encode()


def _from_plain(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "url": text(plain["url"]),
        "headers": {name: text(value) for name, value in plain["headers"].items()},
        "secrets": tuple(
            Secret(text(one["value"]), from_iso(one["until"]) if "until" in one else None) for one in plain["secrets"]
        ),
    }


def _to_item(endpoint: Endpoint) -> Item:
    """All attributes but those of the state and health, which have writes of their own; a new endpoint has neither."""
    contact, sealed = endpoint.default_contact, endpoint.sealed
    optional = {
        "filter": [_plain_condition(one) for one in endpoint.filter] or None,
        "rate_limit": Decimal(str(endpoint.rate_limit)) if endpoint.rate_limit is not None else None,
        "description": endpoint.description or None,
        "owner": endpoint.owner,
        "default_contact": {
            name: value
            for name, value in (("name", contact.name), ("email", contact.email), ("phone", contact.phone))
            if value is not None
        }
        if contact
        else None,
        "hold_out": endpoint.hold_out or None,
        "header_names": list(endpoint.header_names) or None,
        "fingerprint": endpoint.fingerprint or None,
        "sealed": sealed.blob if sealed else None,
        "data_key": sealed.key if sealed else None,
    }
    return _key(endpoint.id) | {
        "format": endpoint.format,
        "events": list(endpoint.events),
        "host": endpoint.host,
        "created_at": to_millis(endpoint.created_at),
        "created_by": endpoint.created_by,
        "version": endpoint.version,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _to_endpoint(item: Item) -> Endpoint:
    contact = item.get("default_contact")
    return Endpoint(
        id=text(item["sk"]),
        url="",
        format=item["format"],
        events=tuple(item["events"]),
        secrets=(),
        filter=tuple(Condition(one["path"], one["operator"], _value(one["value"])) for one in item.get("filter", ())),
        rate_limit=float(item["rate_limit"]) if "rate_limit" in item else None,
        description=item.get("description", ""),
        owner=item.get("owner"),
        default_contact=Contact(contact.get("name"), contact.get("email"), contact.get("phone")) if contact else None,
        hold_out=int(item.get("hold_out", 0)),
        state=item.get("state", "active"),
        state_reason=item.get("state_reason", ""),
        health=_to_health(item),
        created_at=from_millis(int(item["created_at"])),
        created_by=item["created_by"],
        version=int(item["version"]),
        host=item["host"],
        header_names=tuple(item.get("header_names", ())),
        fingerprint=item.get("fingerprint", ""),
        sealed=from_stored(item["sealed"], item["data_key"]),
    )


def _to_health(item: Mapping[str, Any]) -> Health:
    return Health(
        failures=int(item.get("failures", 0)),
        failing_since=from_millis(int(item["failing_since"])) if "failing_since" in item else None,
        open_until=from_millis(int(item["open_until"])) if "open_until" in item else None,
        last_error=item.get("last_error", ""),
    )


def _plain_condition(condition: Condition) -> Item:
    return {"path": condition.path, "operator": condition.operator, "value": condition.value}


def _value(stored: Any) -> Any:
    """A condition's value: numbers as they were given."""
    if isinstance(stored, list):
        return [_value(one) for one in stored]
    return number(stored) if isinstance(stored, Decimal) else stored
