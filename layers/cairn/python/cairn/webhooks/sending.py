"""Sends messages to endpoints, and notes what became of each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cairn.aws.sqs import NotSentError, Queue
from cairn.aws.vault import VaultUnavailableError
from cairn.clock import Clock, Sleep, iso, sleep
from cairn.errors import ContentionError, NoContactError, NotYetError
from cairn.guarded import Answer, DeliveryError, GuardedClient
from cairn.messages import WebhookAttempt, WebhookLane
from cairn.observability import MetricUnit, logger, metrics
from cairn.webhooks import formats, signing, templates
from cairn.webhooks.circuit import (
    PROBE,
    Rules,
    closed_until,
    is_dead,
    is_held_out,
    is_open,
    lane_of,
    next_attempt,
)
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.model import Attempt, Endpoint, Event, Health, Message, Status
from cairn.webhooks.owners import Owners
from cairn.webhooks.pace import Pace

BEHIND = timedelta(seconds=30)
"""A message that has waited longer for its first attempt leaves the queue: its lane has more than it can send."""
SOON = timedelta(seconds=75)
"""The retry after a minute, up to a fifth late, is woken of itself; what is due later is found by the schedule."""
STALE = timedelta(minutes=3)
LEFT_FOR_ONE = 25.0
"""Seconds that an attempt and its notes may take."""
TAKEN = timedelta(minutes=2)
"""For so long no other worker sends a message, unless the attempt is noted earlier."""
VAULT_AGAIN = timedelta(minutes=1)
STUMBLED_AGAIN = timedelta(minutes=15)
STUMBLES = 10
"""So often a message that cannot be handled is put off before it has failed."""
NOTE_AGAIN = (0.2, 1.0, 3.0)
"""Seconds after which an attempt that could not be noted is noted again."""
SHORTEST_SECRET = 6
HIDDEN = "•••".encode()
GONE = 410
"""https://www.rfc-editor.org/rfc/rfc9110#section-15.5.11"""


@dataclass(frozen=True, slots=True)
class Sending:
    """`queue` is the webhook queue; `templates` are the rules by which an event gets a template's name."""

    endpoints: Endpoints
    events: Events
    deliveries: Deliveries
    client: GuardedClient
    pace: Pace
    owners: Owners
    queue: Queue
    rules: Rules
    template_rules: Sequence[Mapping[str, Any]]
    clock: Clock
    sleep: Sleep = sleep
    random: Callable[[], float] = random.random

    def first(self, message: WebhookAttempt, queued_at: datetime | None) -> None:
        """Make the first attempt of a message, or the one that a person asked for; a repeat of either does nothing.

        What must not be sent now is noted as due, and so leaves the queue. So does what cannot be handled.
        """
        metrics.add_dimensions(endpoint=message.endpoint)
        with self._setting_aside(message.endpoint, message.event):
            stored = self.deliveries.get(message.endpoint, message.event)
            if stored and (stored.resend == message.resend if message.resend else True):
                return
            current = stored or Message(message.endpoint, message.event)
            found = self._both(current)
            if found is None:
                return
            endpoint, event = found
            with _logged_with(event):
                if message.resend:
                    again = replace(current, status="pending", resend=message.resend, round_from=current.tries)
                    taken = self._take(again)
                    if taken is None:
                        raise ContentionError(f"message {again.id} is being changed by another worker")
                    self._attempt(endpoint, event, taken)
                    return
                behind = queued_at is not None and self.clock() - queued_at > BEHIND
                self._send_or_put_off(endpoint, event, current, behind=behind)

    def lane(self, message: WebhookLane, queued_at: datetime | None, seconds_left: Callable[[], float]) -> None:
        """Send what is due in a lane, one after the other, until it is done or the time is up.

        Work that has waited for minutes is dropped, because the schedule has queued the same since: so there are
        never more than a few of a lane, however slow its endpoint is.
        """
        if message.at and message.at > self.clock():
            raise NotYetError("a retry is not due yet", message.at)
        if message.at:
            self.queue.send([replace(message, at=None, trace_id=f"{message.trace_id}/{iso(message.at)}")])
            return
        if queued_at is not None and self.clock() - queued_at > STALE:
            return
        metrics.add_dimensions(endpoint=message.endpoint)
        for key in self.deliveries.due(message.endpoint, self.clock()):
            if lane_of(key, self.rules.attempts_at_once) != message.lane:
                continue
            if seconds_left() < LEFT_FOR_ONE:
                self.queue.send([replace(message, trace_id=_next(message.trace_id))])
                return
            go_on = True
            with self._setting_aside(message.endpoint, key):
                go_on = self._due(message.endpoint, key)
            if not go_on:
                return

    @contextmanager
    def _setting_aside(self, endpoint: str, key: str) -> Iterator[None]:
        """Put off a message that cannot be handled, so that it holds up no other one. AWS's failures are raised."""
        try:
            yield
        except (ClientError, BotoCoreError, NotSentError, ContentionError):
            raise
        except VaultUnavailableError as error:
            self._set_aside(endpoint, key, error, VAULT_AGAIN, most=10_000)
        except Exception as error:  # noqa: BLE001 - one message stops only itself
            self._set_aside(endpoint, key, error, STUMBLED_AGAIN, most=STUMBLES)

    def _set_aside(self, endpoint: str, key: str, error: Exception, pause: timedelta, *, most: int) -> None:
        logger.exception("webhook could not be handled and is put off", endpoint=endpoint, event=key)
        metrics.add_metric("WebhooksSetAside", MetricUnit.Count, 1)
        reason = f"cannot be sent: {type(error).__name__}"
        self.deliveries.set_aside(endpoint, key, self.clock() + pause, reason, most)

    def _due(self, endpoint_id: str, key: str) -> bool:
        """Send a message that is due; whether the endpoint may be sent more."""
        stored = self.deliveries.get(endpoint_id, key)
        if stored is None or stored.status != "pending" or stored.due_at is None or stored.due_at > self.clock():
            return True
        if stored.taken_until and stored.taken_until > self.clock():
            return True
        found = self._both(stored)
        if found is None:
            return True
        endpoint, event = found
        if endpoint.state == "paused" or (endpoint.state == "active" and is_open(endpoint, self.clock())):
            return False
        with _logged_with(event):
            return self._send_or_put_off(endpoint, event, stored, behind=False)

    def _both(self, message: Message) -> tuple[Endpoint, Event] | None:
        """The message's endpoint and event; None, and the message has failed, when one of them is gone."""
        endpoint = self.endpoints.get(message.endpoint) or self.endpoints.get(message.endpoint, consistent=True)
        event = self.events.get(message.event)
        if endpoint is None or event is None:
            self._close(message, "failed", "the endpoint is gone" if endpoint is None else "the event is gone")
            return None
        return endpoint, event

    def _send_or_put_off(self, endpoint: Endpoint, event: Event, message: Message, *, behind: bool) -> bool:
        """Whether the endpoint may be sent more."""
        now = self.clock()
        if endpoint.state == "disabled":
            self._close(message, "failed", f"the endpoint is disabled: {endpoint.state_reason}")
            return True
        if endpoint.state == "paused":
            self._put_off(message, now, "the endpoint is paused")
            return False
        if is_held_out(endpoint, event.subject):
            self._close(message, "held_out", "its subject is in the hold-out group")
            return True
        if is_open(endpoint, now):
            until = endpoint.health.open_until or now
            self._put_off(message, until, f"the endpoint does not answer: {endpoint.health.last_error}")
            return False
        if behind:
            self._put_off(message, now, "the endpoint is slower than its messages come")
            return True
        # A message that was noted before may be seen by two workers while the number of lanes changes.
        taken = self._take(message) if message.version else message
        return taken is None or self._attempt(endpoint, event, taken)

    def _take(self, message: Message) -> Message | None:
        """The message, which no other worker may send meanwhile; None when somebody else has changed it.

        It stays due, in case this attempt is killed.
        """
        until = self.clock() + TAKEN
        taken = replace(message, taken_until=until, due_at=message.due_at or until)
        return replace(taken, version=taken.version + 1) if self.deliveries.decide(taken) else None

    def _attempt(self, endpoint: Endpoint, event: Event, message: Message) -> bool:
        """Send and note it; whether the endpoint may be sent more."""
        if event.erased:
            self._close(message, "failed", "the event's content was erased")
            return True
        template = templates.template_of(event, self.template_rules)
        try:
            body = formats.render(event, endpoint, template=template, message_id=message.id, sample=event.sample)
        except NoContactError as error:
            self._close(message, "skipped", str(error))
            return True
        opened = self.endpoints.unseal(endpoint)
        try:
            self.pace.wait(endpoint)
        except NotYetError as error:
            self._put_off(message, error.until, "the endpoint's rate limit")
            self._wake(message, error.until)
            return False
        probed = endpoint.health.open_until
        if probed and not message.resend and not self.endpoints.claim_probe(endpoint.id, probed, self.clock() + PROBE):
            again = self.clock() + PROBE
            self._put_off(message, again, "another message finds out whether the endpoint has recovered")
            return False
        at = self.clock()
        signed = signing.headers(message.id, at, body.content, opened.secrets)
        outcome = self._post(opened.url, {**opened.headers, **body.headers, **signed}, body.content)
        tried = replace(message, tries=message.tries + 1, template=template)
        if isinstance(outcome, Answer) and 200 <= outcome.status < 300:
            self._succeeded(opened, event, tried, outcome, at)
            return True
        return self._failed(opened, tried, outcome, at)

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer | DeliveryError:
        try:
            return self.client.post(url, headers=headers, body=body)
        except DeliveryError as error:
            return error

    def _succeeded(self, endpoint: Endpoint, event: Event, message: Message, answer: Answer, at: datetime) -> None:
        attempt = Attempt(message.tries, at, answer.milliseconds, answer.status, response=bool(answer.body))
        now = self.clock()
        self._note(
            replace(
                message,
                status="sent",
                sent_at=message.sent_at or now,
                due_at=None,
                taken_until=None,
                error="",
                attempts=(*message.attempts, attempt),
            ),
            without_secrets(answer.body, endpoint),
        )
        if (
            endpoint.health != Health()
            and self.endpoints.record_success(endpoint.id, at)
            and endpoint.health.open_until
        ):
            logger.info("endpoint answers again", endpoint=endpoint.id)
            self.queue.send(lanes(endpoint.id, self.rules.attempts_at_once, f"recovered {message.id}"))
        self._count("WebhooksSent", "WebhooksRecovered" if message.tries > 1 else None)
        if not message.resend:
            delay = max(0.0, (now - event.at).total_seconds() * 1000)
            metrics.add_metric("WebhookDelay", MetricUnit.Milliseconds, delay)
        _log(message, "webhook sent", status=answer.status, ms=answer.milliseconds)

    def _failed(self, endpoint: Endpoint, message: Message, outcome: Answer | DeliveryError, at: datetime) -> bool:
        now = self.clock()
        if isinstance(outcome, Answer):
            status, kind, reason, body = (
                outcome.status,
                "HTTP",
                f"HTTP {outcome.status}",
                without_secrets(outcome.body, endpoint),
            )
            retry_after = outcome.headers.get("retry-after")
        else:
            status, kind, reason, body, retry_after = None, outcome.kind, outcome.reason, b"", None
        attempt = Attempt(message.tries, at, outcome.milliseconds, status, kind, reason, bool(body))
        message = replace(message, attempts=(*message.attempts, attempt), error=f"{kind}: {reason}"[:200])
        gone = status == GONE
        due = (
            None
            if gone
            else next_attempt(self.rules, message.tries - message.round_from, now, status, retry_after, self.random)
        )
        message = replace(message, due_at=due, taken_until=None, status="pending" if due else "failed")
        self._note(message, body)
        _log(message, "webhook failed", error=kind, reason=reason, ms=outcome.milliseconds, due=due and iso(due))
        self._count("WebhookAttemptsFailed", None if due else "WebhooksFailed")
        health = self.endpoints.record_failure(endpoint.id, reason[:200], now)
        if gone:
            return self._disable(endpoint, (health and health.failing_since) or now, "it answered 410 Gone")
        if health is None:
            return False
        if is_dead(health, now, self.rules):
            days = self.rules.disable_after.days
            why = f"every attempt of {days} days failed, the last one with {reason}"
            return self._disable(endpoint, health.failing_since or now, why)
        until = closed_until(health, now, status, retry_after)
        if until and self.endpoints.open(endpoint.id, until):
            logger.warning("endpoint left alone for a while", endpoint=endpoint.id, until=iso(until))
        if due and due - now <= SOON and not until:
            self._wake(message, due)
        return until is None

    def _note(self, message: Message, response: bytes) -> None:
        """Note an attempt that was made: if that fails for good, the message is sent again. So it is tried for long."""
        for pause in NOTE_AGAIN:
            try:
                self.deliveries.note(message, response)
                return
            except (ClientError, BotoCoreError) as error:
                logger.warning("an attempt could not be noted yet", message_id=message.id, reason=repr(error)[:200])
                self.sleep(pause)
        self.deliveries.note(message, response)

    def _disable(self, endpoint: Endpoint, since: datetime, reason: str) -> bool:
        """Tell the owner first: a worker that dies in between is followed by another one that fails, and tells once."""
        if endpoint.state == "active":
            self.owners.tell(endpoint, since, reason)
            if self.endpoints.disable(endpoint.id, reason):
                logger.error("endpoint disabled", endpoint=endpoint.id, reason=reason)
                metrics.add_metric("EndpointsDisabled", MetricUnit.Count, 1)
        return False

    def _close(self, message: Message, status: Status, reason: str) -> None:
        self.deliveries.decide(replace(message, status=status, due_at=None, taken_until=None, error=reason[:200]))
        _log(message, f"webhook {status}", reason=reason)

    def _put_off(self, message: Message, until: datetime, reason: str) -> None:
        self.deliveries.decide(replace(message, due_at=until, taken_until=None, error=reason[:200]))
        _log(message, "webhook put off", reason=reason, due=iso(until))

    def _wake(self, message: Message, at: datetime) -> None:
        """Have the message's lane worked off at an instant, rounded up to seconds so that those of a second are one."""
        whole = at.replace(microsecond=0) + timedelta(seconds=1 if at.microsecond else 0)
        lane = lane_of(message.event, self.rules.attempts_at_once)
        self.queue.send([WebhookLane(message.endpoint, lane, whole, f"due {message.id}")])

    def _count(self, *names: str | None) -> None:
        for name in names:
            if name:
                metrics.add_metric(name, MetricUnit.Count, 1)


def lanes(endpoint_id: str, count: int, trace_id: str) -> list[WebhookLane]:
    """Work for all lanes of an endpoint."""
    return [WebhookLane(endpoint_id, lane, None, trace_id) for lane in range(count)]


def without_secrets(body: bytes, endpoint: Endpoint) -> bytes:
    """An answer's body without what only the receiver may see, which some receivers repeat."""
    address = endpoint.url.partition("://")[2]
    hidden = [endpoint.url, address, f"/{address.partition('/')[2]}", *(secret.value for secret in endpoint.secrets)]
    for value in endpoint.headers.values():
        hidden += [value, value.rpartition(" ")[2]]
    for text in sorted(hidden, key=len, reverse=True):
        if len(text) >= SHORTEST_SECRET:
            body = body.replace(text.encode(), HIDDEN)
    return body


def _next(trace_id: str) -> str:
    """Another deduplication key for the next message of a chain."""
    base, _, number = trace_id.partition("+")
    return f"{base}+{int(number or 0) + 1}"


def _logged_with(event: Event) -> AbstractContextManager[None]:
    """Each line says what it is about, and has the trace of the event, also when a message is tried again."""
    return logger.append_context_keys(type=event.type, trace_id=event.trace_id)


def _log(message: Message, words: str, **fields: object) -> None:
    about = {"message_id": message.id, "endpoint": message.endpoint, "attempt": message.tries or None}
    logger.info(words, extra=about | fields)
