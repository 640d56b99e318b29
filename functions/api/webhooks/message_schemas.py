"""Request and response bodies of the routes for messages, events and their statistics."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from functions.api.schemas import Instant, Schema
from functions.api.webhooks.schemas import Contact, Line, Moment, example

Status = Literal["pending", "sent", "failed", "skipped", "held_out"]
SubjectText = Annotated[Line, Field(max_length=200, pattern=r"^[^:\s]{1,40}:\S+$")]


class Event(Schema):
    """What a product publishes."""

    model_config = example(
        type="payment_failed",
        subject="user:4711",
        contact={"name": "Ada Okafor", "email": "ada@example.com"},
        data={"amount": 49, "currency": "USD", "plan": "pro"},
        id="invoice-1042-failed-1",
    )

    type: str = Field(max_length=100, description="One of the catalogue, or your own, such as `acme.order_paid`.")
    subject: SubjectText | None = Field(default=None, description="Whom it is about: `user:4711`.")
    contact: Contact | None = None
    data: dict[str, Any]
    id: Annotated[Line, Field(min_length=1, max_length=200)] | None = Field(
        default=None,
        description="Yours, by which a repeat is recognised for 32 days. Without it, a repeat is another event.",
    )


class Published(Schema):
    id: str = Field(description="The event's id.")
    duplicate: bool = Field(description="Whether an event of this id was published before.")


class EventType(Schema):
    type: str
    description: str
    contact: bool = Field(description="Whether it is about a person, for whom a contact can be given.")
    data_schema: dict[str, Any] = Field(alias="schema", description="JSON Schema of its data.")
    example: dict[str, Any]


class Catalogue(Schema):
    items: list[EventType]
    next_cursor: str | None


class Attempt(Schema):
    number: int
    at: Instant
    milliseconds: int
    status: int | None = Field(description="Of HTTP; null when there was no answer.")
    error: str | None = Field(description="TIMEOUT, CONNECTION, TLS, HTTP, DNS or INVALID_TARGET; null for a success.")
    reason: str
    response: str | None = Field(description="The first 4 KB of the answer, if it had a body.")


class _MessageFields(Schema):
    id: str = Field(description="The value of the header `webhook-id`, the same at each attempt.")
    event: str
    endpoint: str
    type: str | None = Field(description="Null when the event is no longer kept.")
    subject: str | None
    status: Status
    created_at: Instant = Field(description="When the event happened.")
    sent_at: Instant | None = Field(description="When the endpoint took it.")
    due_at: Instant | None = Field(description="When it is tried next; null while it waits in the queue.")
    error_message: str | None
    sample: bool = Field(description="Whether it is an example that a person sent.")


class Message(_MessageFields):
    attempts: int


class Messages(Schema):
    items: list[Message]
    next_cursor: str | None = Field(description="A page may be short, or empty, and still have one.")


class MessageDetails(_MessageFields):
    attempts: list[Attempt] = Field(description="The last 30, the oldest first.")
    sequence: int | None = Field(description="The event's number among those of its subject.")
    template: str | None
    contact: Contact | None
    data: dict[str, Any]
    erased: bool = Field(description="Whether somebody erased its content.")
    feedback: dict[str, Instant]


class Processed(Schema):
    messages: int = Field(description="Messages that are due and are sent now, counted up to 1,000 an endpoint.")
    endpoints: int
    left: int = Field(description="Messages that a crash had left, which are sent now.")


class Feedback(Schema):
    """About a message; or about a subject, of which the hold-out group gets no messages."""

    model_config = example(
        messageId="msg_1j2k3l4m5n6o7p8q9rabcdefghijkl0v", event="converted", at="2026-11-30T14:05:00Z"
    )

    message_id: str | None = Field(default=None, max_length=100)
    endpoint: str | None = Field(default=None, max_length=40)
    subject: SubjectText | None = None
    event: Literal["opened", "clicked", "converted"]
    at: Moment | None = Field(default=None, description="Now by default.")

    @model_validator(mode="after")
    def _is_about_one(self) -> Feedback:
        by_subject = self.endpoint is not None and self.subject is not None
        partly = (self.endpoint is None) != (self.subject is None)
        if partly or (self.message_id is not None) == by_subject:
            raise ValueError("messageId; or endpoint and subject, for somebody who got no message")
        return self


class Latency(Schema):
    """Milliseconds from the event to the first 2xx: half, 95 % and 99 % of the messages were as fast."""

    p50: int
    p95: int
    p99: int


class Delivery(Schema):
    messages: int
    sent: int
    failed: int
    pending: int
    skipped: int
    held_out: int
    delivery_rate: float | None = Field(description="Of those sent or failed, the part that was sent.")
    retried: int = Field(description="Those whose first attempt failed, and that were tried again.")
    retry_success: float | None = Field(description="The part of them that was sent, of those not pending.")
    latency: Latency | None
    oldest_pending: Instant | None


class Lift(Schema):
    """Subjects that got messages, beside those of the hold-out group."""

    sent: int
    sent_converted: int
    held_out: int
    held_out_converted: int
    lift: float | None = Field(description="0.25: a quarter more of those who got messages converted.")


class EndpointStats(Delivery):
    endpoint: str
    since: Instant = Field(description="From when on its messages were read.")
    lift: Lift | None


class Reactions(Schema):
    type: str
    template: str | None
    sent: int
    opened: int
    clicked: int
    converted: int
    open_rate: float
    click_rate: float
    conversion_rate: float


class Stats(Schema):
    from_: Instant = Field(alias="from")
    to: Instant
    complete: bool = Field(description="False when there are more messages than the 2,000 newest, which are read.")
    total: Delivery
    endpoints: list[EndpointStats]
    feedback: list[Reactions] = Field(description="By type and template.")
