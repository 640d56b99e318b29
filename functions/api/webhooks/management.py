"""Makes and changes endpoints: what a request wants, checked, and written so that two administrators lose nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from cairn.clock import Clock, to_millis
from cairn.errors import BadInputError, ConflictError, ContentionError, NotFoundError
from cairn.webhooks import filters
from cairn.webhooks.catalogue import check_type
from cairn.webhooks.endpoints import MAX_ENDPOINTS, Endpoints, fingerprint
from cairn.webhooks.model import EVERYTHING, Contact, Endpoint, Secret
from cairn.webhooks.signing import check_headers, new_secret
from functions.api.webhooks import schemas

ANSWERED_AGAIN_FOR = timedelta(hours=24)
"""For so long, a repeated request with the same Idempotency-Key gets the answer of the first one."""
_TRIES = 5
_MINUTE = 60_000


class Targets(Protocol):
    def check(self, url: str) -> None:
        """InvalidTargetError for an address that Cairn does not call."""


@dataclass(frozen=True, slots=True)
class Management:
    endpoints: Endpoints
    targets: Targets
    clock: Clock

    def get(self, endpoint_id: str) -> Endpoint:
        """The endpoint, sealed. NotFoundError."""
        found = self.endpoints.get(endpoint_id, consistent=True)
        if found is None:
            raise NotFoundError(f"there is no endpoint {endpoint_id}")
        return found

    def create(self, body: schemas.NewEndpoint, caller: str, idempotency_key: str | None) -> Endpoint:
        """A new endpoint, unsealed; or the one that an earlier request with the same key made.

        BadInputError for an address, a header, a type or a filter that cannot be; ConflictError when there is an
        endpoint that receives the same, or when there are too many.
        """
        conditions = filters.parse(body.filter)
        events = _checked_types(body.events)
        check_headers(body.headers or {})
        digest = fingerprint(body.url, body.format, events, conditions)
        endpoint_id = _endpoint_id(caller, idempotency_key, digest, self.clock())
        if idempotency_key and (made := self.endpoints.get(endpoint_id, consistent=True)):
            return self._again(made, digest)
        self.targets.check(body.url)
        self._check_others(digest, idempotency_key)
        made = self.endpoints.add(
            Endpoint(
                id=endpoint_id,
                url=body.url,
                format=body.format,
                events=events,
                secrets=(Secret(new_secret()),),
                filter=conditions,
                headers=body.headers or {},
                rate_limit=body.rate_limit,
                description=body.description,
                owner=body.owner,
                default_contact=_contact(body.default_contact),
                hold_out=body.hold_out,
                created_at=self.clock(),
                created_by=caller,
            )
        )
        if made is None:  # the same request at the same moment
            return self._again(self.get(endpoint_id), digest) if idempotency_key else self._refuse_twin(endpoint_id)
        return made

    def change(self, endpoint_id: str, body: schemas.EndpointChange) -> Endpoint:
        """The changed endpoint, unsealed. As `create`; ConflictError when the version that was seen is not the last."""
        if body.url is not None:
            self.targets.check(body.url)

        def changed(seen: Endpoint) -> Endpoint | None:
            if body.version not in (None, seen.version):
                raise ConflictError(f"version: the endpoint's version is {seen.version}; read it again")
            changes = _changes(seen, body)
            return self.endpoints.change(seen, **changes) if changes else seen

        return self._until_written(endpoint_id, changed)

    def rotate(self, endpoint_id: str) -> Endpoint:
        """The endpoint, unsealed, with a new secret; ConflictError after too many rotations in a day."""
        secret = new_secret()
        return self._until_written(endpoint_id, lambda seen: self.endpoints.rotate(seen, secret, self.clock()))

    def _until_written(self, endpoint_id: str, write: Callable[[Endpoint], Endpoint | None]) -> Endpoint:
        """What somebody else changes at the same time is read again, and kept."""
        for _ in range(_TRIES):
            written = write(self.endpoints.unseal(self.get(endpoint_id)))
            if written:
                return written
        raise ContentionError(f"{endpoint_id} is being changed by others; try again")

    def _again(self, made: Endpoint, digest: str) -> Endpoint:
        if made.fingerprint != digest or self.clock() - made.created_at > ANSWERED_AGAIN_FOR:
            raise ConflictError(f"Idempotency-Key: it made the endpoint {made.id}; another endpoint needs another key")
        return self.endpoints.unseal(made)

    def _check_others(self, digest: str, idempotency_key: str | None) -> None:
        others = self.endpoints.all(consistent=True)
        if len(others) >= MAX_ENDPOINTS:
            raise ConflictError(f"there are {len(others)} endpoints; delete one first")
        twin = next((one for one in others if one.fingerprint == digest), None)
        if twin and not idempotency_key:
            self._refuse_twin(twin.id)

    def _refuse_twin(self, endpoint_id: str) -> Endpoint:
        raise ConflictError(
            f"{endpoint_id} has this address, format, types and filter already, and each event would come twice; "
            "if you want that, send an Idempotency-Key of your own"
        )


def _endpoint_id(caller: str, idempotency_key: str | None, digest: str, now: datetime) -> str:
    """Made of the request, so that a repeat of it at the same moment does not make a second endpoint."""
    natural = f"key/{caller}/{idempotency_key}" if idempotency_key else f"{caller}/{digest}/{to_millis(now) // _MINUTE}"
    text = base64.b32hexencode(hashlib.sha256(natural.encode()).digest()).decode().lower()
    return f"ep_{text[:12]}"


def _checked_types(events: Sequence[str]) -> tuple[str, ...]:
    for event in events:
        if event != EVERYTHING:
            check_type(event)
    return tuple(dict.fromkeys(events))


def _contact(given: schemas.Contact | None) -> Contact | None:
    return Contact(given.name, given.email, given.phone) if given else None


def _changes(seen: Endpoint, body: schemas.EndpointChange) -> dict[str, Any]:
    """What is sent and is not as it was."""
    sent = {name: getattr(body, name) for name in body.model_fields_set - {"version"}}
    if "events" in sent:
        sent["events"] = _checked_types(sent["events"])
    if "filter" in sent:
        sent["filter"] = filters.parse(sent["filter"])
    if "headers" in sent:
        sent["headers"] = _merged(seen.headers, sent["headers"])
    if "default_contact" in sent:
        sent["default_contact"] = _contact(sent["default_contact"])
    for name, nothing in (("description", ""), ("hold_out", 0)):
        if name in sent and sent[name] is None:
            sent[name] = nothing
    return {name: value for name, value in sent.items() if value != getattr(seen, name)}


def _merged(headers: Mapping[str, str], sent: Mapping[str, str | None] | None) -> dict[str, str]:
    """The headers with these changes; names are compared without regard to capitals."""
    if sent is None:
        return {}
    named = {name.lower() for name in sent}
    if len(named) < len(sent):
        raise BadInputError("headers: a name is given twice; capitals make no difference")
    kept = {name: value for name, value in headers.items() if name.lower() not in named}
    merged = kept | {name: value for name, value in sent.items() if value is not None}
    check_headers(merged)
    return merged
