"""Fanvue's webhooks: signed, tried again after 1, 2, 4 and 8 seconds, and given up then."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import httpx

from local.sandbox.clock import Clock
from local.sandbox.fanvue_accounts import Account, Accounts, Row, iso

SIGNATURE = "X-Fanvue-Signature"
PAYMENT = "creator.payment.succeeded"
BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0)
ANSWER_SECONDS = 15.0
REMEMBERED = 5_000
TICK_SECONDS = 0.5

Outcome = Literal["pending", "delivered", "gave_up"]


@dataclass
class Subscription:
    """Who is told; an empty `events` wants all."""

    uuid: str
    url: str
    secret: str
    events: tuple[str, ...] = ()

    def shown(self) -> dict[str, object]:
        return {"uuid": self.uuid, "url": self.url, "events": list(self.events), "isActive": True}


@dataclass
class Delivery:
    """A body on its way to a subscription; `time` in ms."""

    url: str
    body: dict[str, Any]
    time: int
    tries: int = 0
    status: int | None = None
    outcome: Outcome = "pending"
    error: str | None = None


@dataclass
class Pushes:
    clock: Clock
    accounts: Accounts
    transport: httpx.AsyncBaseTransport | None = None
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    deliveries: deque[Delivery] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def __post_init__(self) -> None:
        self._client: httpx.AsyncClient | None = None
        self._couriers: set[asyncio.Task[None]] = set()

    def subscribe(self, url: str, events: tuple[str, ...] = (), secret: str | None = None) -> Subscription:
        subscription = Subscription(
            str(uuid5(NAMESPACE_URL, f"{url}:{len(self.subscriptions)}")),
            url,
            secret or f"whsec_{secrets.token_hex(24)}",
            events,
        )
        self.subscriptions[subscription.uuid] = subscription
        return subscription

    def tell_of(self, account: Account, row: Row) -> None:
        """The payment behind a row; without the net, as Fanvue may leave it out."""
        self.send(payment(account, row, net=row.number % 2 == 0))

    def send(self, body: dict[str, Any], *, secret: str | None = None, age: float = 0) -> None:
        """To each subscription that wants it; signed with another secret, or long ago, when told so."""
        for subscription in self.subscriptions.values():
            kind = body.get("type")
            if not subscription.events or kind is None or kind in subscription.events:
                delivery = Delivery(subscription.url, body, self.clock.now_ms())
                self.deliveries.append(delivery)
                courier = asyncio.get_running_loop().create_task(
                    self._deliver(delivery, secret or subscription.secret, age)
                )
                self._couriers.add(courier)
                courier.add_done_callback(self._couriers.discard)

    def push_due(self) -> None:
        """Make the sales that are due, and tell of each."""
        for account in self.accounts:
            for row in account.catch_up(self.clock.now()):
                if row.gross > 0 and row.fan:
                    self.tell_of(account, row)

    async def run(self) -> None:
        """For as long as the sandbox runs."""
        while True:
            self.push_due()
            await self.clock.sleep(TICK_SECONDS)

    async def settled(self) -> None:
        """Wait until nothing is being sent."""
        while self._couriers:
            await asyncio.gather(*self._couriers, return_exceptions=True)

    async def close(self) -> None:
        for courier in tuple(self._couriers):
            courier.cancel()
        await self.settled()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _deliver(self, delivery: Delivery, secret: str, age: float) -> None:
        content = json.dumps(delivery.body).encode()
        for pause in (*BACKOFF_SECONDS, None):
            headers = {SIGNATURE: signature(secret, content, int(self.clock.now() - age))}
            if await self._post(delivery, content, headers):
                delivery.outcome = "delivered"
                return
            if pause is not None:
                await self.clock.sleep(pause)
        delivery.outcome = "gave_up"

    async def _post(self, delivery: Delivery, content: bytes, headers: dict[str, str]) -> bool:
        if self._client is None:
            self._client = httpx.AsyncClient(transport=self.transport, timeout=ANSWER_SECONDS, trust_env=False)
        delivery.tries += 1
        delivery.status = None
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL):
            answer = await self._client.post(
                delivery.url, content=content, headers={"Content-Type": "application/json", **headers}
            )
            delivery.status = answer.status_code
        return delivery.status is not None and 200 <= delivery.status < 300


def signature(secret: str, content: bytes, timestamp: int) -> str:
    """`t=…,v0=…`, the hex HMAC-SHA256 of `{t}.{body}`."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={timestamp},v0={digest}"


def payment(account: Account, row: Row, *, net: bool) -> dict[str, Any]:
    """The envelope of a payment; its ids are none of the row's."""
    purchaser = row.fan and {"uuid": row.fan.uuid, "handle": row.fan.handle, "display_name": row.fan.name}
    return {
        "id": str(uuid5(NAMESPACE_URL, f"{row.order}:event")),
        "type": PAYMENT,
        "timestamp": iso(row.at),
        "data": {
            "object": "payment",
            "id": str(uuid5(NAMESPACE_URL, f"{row.order}:payment")),
            "status": "succeeded",
            "gross": row.gross,
            "net": row.net if net else None,
            "currency": row.currency,
            "source": row.source,
            "creator": {"uuid": account.uuid},
            "purchaser": purchaser,
            "created_at": iso(row.at),
            "paid_at": iso(row.at),
        },
    }
