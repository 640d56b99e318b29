"""The webhooks' types: an event, an endpoint that wants it, and the message that brings the one to the other."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from cairn.aws.sealed import Sealed
from cairn.clock import from_millis, to_millis

Format = Literal["standard", "source", "ghl"]
State = Literal["active", "paused", "disabled"]
Status = Literal["pending", "sent", "failed", "skipped", "held_out"]
"""Of a message. `skipped`: its format needs a contact, and the event has none. `held_out`: its subject is one of those
that the endpoint sends nothing about, to compare with."""
EVERYTHING = "*"
"""The event type of an endpoint that wants all."""
RETENTION = timedelta(days=90)
"""For how long events and messages are kept."""
EPOCH = from_millis(0)
_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_TIME_CHARACTERS = 9
_DIGEST_CHARACTERS = 11
_ENDPOINT_CHARACTERS = 12
_KEY_CHARACTERS = _TIME_CHARACTERS + _DIGEST_CHARACTERS


@dataclass(frozen=True, slots=True)
class Contact:
    """Who an event is about, for a CRM; each part may be unknown."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None

    @property
    def reachable(self) -> bool:
        return bool(self.email or self.phone)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `data` is JSON: texts, numbers (int or Decimal), booleans, null, lists, objects."""

    id: str
    """`evt_` and 20 characters that sort by the event's time; the same at each retry of its publisher."""
    type: str
    at: datetime
    subject: str | None
    """`rep:17`; None for an event that is about no subject."""
    data: Mapping[str, Any]
    contact: Contact | None = None
    trace_id: str = ""
    sequence: int | None = None
    """The number of the event among those of its subject: it rises, and may leave numbers out. None until stored."""
    endpoints: tuple[str, ...] = ()
    """The ids of the endpoints that want it, as decided when it was stored."""
    erased: bool = False
    """Whether its content was erased."""
    sample: bool = False
    """Whether it is an example that a person sent to an endpoint."""

    @property
    def key(self) -> str:
        """The id without its prefix."""
        return self.id.removeprefix("evt_")


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret as Standard Webhooks writes it, `whsec_…`; `until` is when a rotated one is no longer used."""

    value: str = field(repr=False)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint has been answering. All of it is written when it changes, so success costs no write."""

    failures: int = 0
    """Attempts that failed since the last one that succeeded."""
    failing_since: datetime | None = None
    open_until: datetime | None = None
    """Nothing is sent before this instant; then one attempt finds out whether the endpoint has recovered."""
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a field of an event's data, `type` or `subject`, by its path: `rule`, `details.team`."""

    path: str
    operator: Literal["eq", "in", "gte", "exists"]
    value: Any


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook's address, with its secrets and the event types that it wants.

    The address, the secrets and the values of the headers are sealed in the table, and empty until `Endpoints.unseal`
    has opened them. They are in no `repr`, so that no log line shows them.
    """

    id: str
    url: str = field(repr=False)
    format: Format
    events: tuple[str, ...]
    secrets: tuple[Secret, ...] = field(repr=False)
    """The current one first."""
    filter: tuple[Condition, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    rate_limit: float | None = None
    """Messages a second; None for no limit."""
    description: str = ""
    owner: str | None = None
    """Who is told when it is disabled: `user:{id}` of a person, or `chat:{id}` of Telegram."""
    default_contact: Contact | None = None
    hold_out: int = 0
    """The percentage of subjects about which nothing is sent."""
    state: State = "active"
    state_reason: str = ""
    health: Health = Health()
    created_at: datetime = EPOCH
    created_by: str = ""
    version: int = 1
    """Rises with each change of the settings above, and not with `state` or `health`."""
    host: str = ""
    """The address's host and port, which are no secret."""
    header_names: tuple[str, ...] = ()
    fingerprint: str = ""
    """A digest of the address, format, types and filter: two endpoints with the same one receive the same."""
    sealed: Sealed | None = field(default=None, repr=False)

    def wants(self, event_type: str) -> bool:
        return EVERYTHING in self.events or event_type in self.events


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: an HTTP status, or the kind of error and its reason."""

    number: int
    at: datetime
    milliseconds: int
    status: int | None = None
    error: str | None = None
    """TIMEOUT, CONNECTION, TLS, HTTP, DNS, INVALID_TARGET; None for a success."""
    reason: str = ""
    response: bool = False
    """Whether the body of the answer is stored."""

    @property
    def succeeded(self) -> bool:
        return self.error is None


@dataclass(frozen=True, slots=True)
class Message:
    """An event to be delivered to an endpoint. One without attempts that is not due waits in the queue."""

    endpoint: str
    event: str
    """The key of the event: its id without the prefix."""
    status: Status = "pending"
    attempts: tuple[Attempt, ...] = ()
    """The last ones; `tries` counts all."""
    tries: int = 0
    round_from: int = 0
    """How many tries there were when it was last started again, after which the retry schedule began once more."""
    due_at: datetime | None = None
    taken_until: datetime | None = None
    """Until when a worker is sending it, as far as another one has to care."""
    sent_at: datetime | None = None
    error: str = ""
    """Why it is pending, failed or skipped, for people: `HTTP 503`, `the endpoint is paused`."""
    template: str | None = None
    """The template's name that was sent with it."""
    feedback: Mapping[str, datetime] = field(default_factory=dict)
    """When it was first opened, clicked or converted, as the receiver reported."""
    resend: str = ""
    """The last request of a person to send it again that was carried out."""
    version: int = 0
    """Rises with each change of the stored message; 0 when it is not stored yet."""

    @property
    def id(self) -> str:
        return message_id(self.event, self.endpoint)

    @property
    def created_at(self) -> datetime:
        return instant_of(self.event)


def event_id(at: datetime, natural_key: str) -> str:
    """The id of an event: the same for the same instant and key, so that a repeat is recognised."""
    number = to_millis(at)
    time = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_TIME_CHARACTERS)))
    digest = base64.b32hexencode(hashlib.sha256(natural_key.encode()).digest()).decode().lower()
    return f"evt_{time}{digest[:_DIGEST_CHARACTERS]}"


def new_endpoint_id() -> str:
    return "ep_" + "".join(secrets.choice(_ALPHABET) for _ in range(_ENDPOINT_CHARACTERS))


def message_id(event_key: str, endpoint_id: str) -> str:
    """`msg_`, the event's key, the endpoint's: the value of `webhook-id`, which has no dots."""
    return f"msg_{event_key}{endpoint_id.removeprefix('ep_')}"


def parse_message_id(text: str) -> tuple[str, str]:
    """The event's key and the endpoint's id. ValueError for any other text."""
    keys = text.removeprefix("msg_")
    if not text.startswith("msg_") or len(keys) != _KEY_CHARACTERS + _ENDPOINT_CHARACTERS or set(keys) - set(_ALPHABET):
        raise ValueError(f"not the id of a message: {text[:60]!r}")
    return keys[:_KEY_CHARACTERS], f"ep_{keys[_KEY_CHARACTERS:]}"


def instant_of(event_key: str) -> datetime:
    """When the event with this key happened."""
    number = 0
    for character in event_key[:_TIME_CHARACTERS]:
        number = number << 5 | _ALPHABET.index(character)
    return from_millis(number)


def key_at(instant: datetime) -> str:
    """The lowest key of an event at this instant or later, for ranges of time."""
    return event_id(instant, "")[4 : 4 + _TIME_CHARACTERS]
