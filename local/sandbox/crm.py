"""CRMs that receive webhooks at `POST /crm/{name}`: what came, whether it is genuine, and how each of them fails.

Messages are verified as a receiver of Standard Webhooks verifies them, without Cairn's own code:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import json
import random
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from local.sandbox.clock import Clock
from local.sandbox.crm_mail import Mail, mail_of

CrmMode = Literal["status", "hang", "trickle", "reset", "endless"]
RetryAfterForm = Literal["seconds", "date"]

CRM_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
MOST_CRMS = 50
REMEMBERED_DELIVERIES = 1_000
TOLERANCE_SECONDS = 300
ACCEPTED = "200"
_SEED = 17
_SHOWN_OF_A_KEY = 4


@dataclass
class CrmFailure:
    """How a CRM fails: until removed, for some seconds, or for the next few requests; `percent` of all requests."""

    mode: CrmMode
    status: int = 500
    retry_after: int | None = None
    """Seconds from the response; None sends no header."""
    retry_after_as: RetryAfterForm = "seconds"
    percent: float = 100
    until: float | None = None
    requests_left: int | None = None
    delay: float | None = None
    """Seconds of silence, or between two bytes."""


@dataclass(frozen=True)
class Delivery:
    """One request to a CRM; `time` in ms."""

    number: int
    """1 for the first request to this CRM."""
    time: int
    webhook_id: str
    headers: dict[str, str]
    body: str
    problem: str | None
    """Why a receiver would not trust it; None for a verified message."""
    nth: int
    """1 for the first request with this `webhook-id`, 2 for the second."""
    accepted_before: bool
    """Whether an earlier request with this `webhook-id` got a 2xx: a receiver must not act again."""
    outcome: str
    """The status, or what the CRM did instead of answering."""

    @property
    def type(self) -> str:
        """The event's type, in whichever format; empty where the body has none."""
        try:
            body = json.loads(self.body)
        except ValueError:
            return ""
        found = (body.get("type") or body.get("event")) if isinstance(body, dict) else None
        return found if isinstance(found, str) else ""

    @property
    def mail(self) -> Mail | None:
        """The e-mail that it is a reason for: once for each message that is genuine and was accepted."""
        acted_upon = self.problem is None and self.outcome == ACCEPTED and not self.accepted_before
        return mail_of(self.body) if acted_upon else None


@dataclass
class Crm:
    """One receiver, with its deliveries, oldest first."""

    name: str
    secret: str | None = field(default=None, repr=False)
    failure: CrmFailure | None = None
    received: int = 0
    deliveries: deque[Delivery] = field(default_factory=lambda: deque(maxlen=REMEMBERED_DELIVERIES))


class TooManyCrmsError(Exception):
    """The sandbox has as many CRMs as it keeps."""


class Crms:
    """The CRMs by name; one that is not known yet is made by its first use."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._crms: dict[str, Crm] = {}
        self._random = random.Random(_SEED)  # noqa: S311 - simulation, no secret

    def __iter__(self) -> Iterator[Crm]:
        return iter(sorted(self._crms.values(), key=lambda crm: crm.name))

    def find(self, name: str) -> Crm:
        """The CRM of this name; an empty one where nothing came yet and no secret is known."""
        return self._crms.get(name, Crm(name))

    def named(self, name: str) -> Crm:
        """The CRM of this name; TooManyCrmsError instead of one more than MOST_CRMS."""
        if name not in self._crms and len(self._crms) >= MOST_CRMS:
            raise TooManyCrmsError(f"the sandbox keeps {MOST_CRMS} CRMs: POST /control/reset removes what came")
        return self._crms.setdefault(name, Crm(name))

    def reset(self, *, webhook: bool) -> None:
        """Forget what came and every failure. What Cairn has set, the secrets, stays unless `webhook` is true."""
        secrets = {} if webhook else {crm.name: crm.secret for crm in self if crm.secret}
        self._crms = {name: Crm(name, secret) for name, secret in secrets.items()}

    def failure(self, crm: Crm) -> CrmFailure | None:
        """The active failure."""
        failure = crm.failure
        if failure is not None:
            expired = failure.until is not None and failure.until <= self._clock.now()
            crm.failure = None if expired or failure.requests_left == 0 else failure
        return crm.failure

    def take_failure(self, crm: Crm) -> CrmFailure | None:
        """The failure that applies to this request, counted."""
        failure = self.failure(crm)
        if failure is None or self._random.random() * 100 >= failure.percent:
            return None
        if failure.requests_left is not None:
            failure.requests_left -= 1
        return failure

    def receive(self, crm: Crm, headers: Mapping[str, str], body: bytes, outcome: str) -> Delivery:
        """Keep a request with what a receiver finds out about it; `headers` have lower-case names."""
        webhook_id = headers.get("webhook-id", "")
        earlier = [one for one in crm.deliveries if webhook_id and one.webhook_id == webhook_id]
        crm.received += 1
        delivery = Delivery(
            crm.received,
            self._clock.now_ms(),
            webhook_id,
            {name: without_key(name, value) for name, value in headers.items()},
            body.decode(errors="replace"),
            problem_with(headers, body, crm.secret, self._clock.now()),
            len(earlier) + 1,
            any(one.outcome == ACCEPTED for one in earlier),
            outcome,
        )
        crm.deliveries.append(delivery)
        return delivery


def problem_with(headers: Mapping[str, str], body: bytes, secret: str | None, now: float) -> str | None:
    """Why a message is not genuine, in words; None for one whose signature, of these very bytes, is right."""
    missing = [name for name in ("webhook-id", "webhook-timestamp", "webhook-signature") if not headers.get(name)]
    if missing:
        return f"no {', '.join(missing)}"
    if secret is None:
        return "the secret is not known here"
    timestamp = headers["webhook-timestamp"]
    if not timestamp.isdecimal() or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return "webhook-timestamp is not within five minutes"
    signed = f"{headers['webhook-id']}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(key_of(secret), signed, hashlib.sha256))
    offered = headers["webhook-signature"].encode().split()
    return None if any(hmac.compare_digest(one, expected) for one in offered) else "webhook-signature is wrong"


def key_of(secret: str) -> bytes:
    """The bytes of `whsec_…`; ValueError for anything else."""
    prefix, _, encoded = secret.partition("_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if prefix != "whsec" or not key:
        raise ValueError("a secret is whsec_ and base64")
    return key


def without_key(name: str, value: str) -> str:
    """A header's value as it may be shown: credentials only by their scheme and first characters."""
    if name not in ("authorization", "cookie"):
        return value
    scheme, space, key = value.rpartition(" ")
    return f"{scheme}{space}{key[:_SHOWN_OF_A_KEY]}…"
