"""How updates reach the bot: pushed to its webhook, in order per chat and retried until it answers 2xx, or polled."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from local.sandbox.clock import Clock

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  # a header's name
BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0)
ANSWER_SECONDS = 30.0
REMEMBERED_UPDATES = 20_000
# Telegram sends all but a few kinds by default; the sandbox produces no others than these.
DEFAULT_KINDS = ("message", "channel_post", "my_chat_member")

Outcome = Literal["pending", "delivered", "fetched", "gave_up", "dropped"]
Reply = Callable[[str, dict[str, Any]], Awaitable[object]]


@dataclass
class Webhook:
    """The bot's webhook; `secret_token` is sent back in a header."""

    url: str
    secret_token: str | None = None
    max_connections: int = 40


@dataclass
class Update:
    """An update for the bot; `time` in ms."""

    update_id: int
    kind: str
    body: dict[str, Any]
    chat_id: int
    time: int
    tries: int = 0
    outcome: Outcome = "pending"
    last_error: str | None = None
    delivered_at: int | None = None

    def as_telegram(self) -> dict[str, Any]:
        return {"update_id": self.update_id, self.kind: self.body}


@dataclass
class Updates:
    """The bot's queue. Telegram keeps updates for a day; the sandbox gives up after the last of BACKOFF_SECONDS."""

    clock: Clock
    transport: httpx.AsyncBaseTransport | None = None
    webhook: Webhook | None = None
    allowed: tuple[str, ...] = ()
    log: deque[Update] = field(default_factory=lambda: deque(maxlen=REMEMBERED_UPDATES))
    last_error: tuple[int, str] | None = None
    on_reply: Reply | None = None

    def __post_init__(self) -> None:
        # As in Telegram, ids start anywhere and only increase; they start at the time, so that a restart repeats none.
        self._last_id = int(self.clock.now())
        self._pending: dict[int, Update] = {}
        self._couriers: dict[int, asyncio.Task[None]] = {}
        self._arrived = asyncio.Event()
        self._client: httpx.AsyncClient | None = None
        self._connections = asyncio.Semaphore()

    def add(self, kind: str, body: dict[str, Any], chat_id: int) -> int:
        self._last_id += 1
        update = Update(self._last_id, kind, body, chat_id, self.clock.now_ms())
        self.log.append(update)
        if kind not in (self.allowed or DEFAULT_KINDS):
            update.outcome = "dropped"
            return update.update_id
        self._pending[update.update_id] = update
        self._arrived.set()
        self._start_courier(chat_id)
        return update.update_id

    def pending(self) -> list[Update]:
        return list(self._pending.values())

    def set_webhook(self, webhook: Webhook | None) -> None:
        self.webhook = webhook
        self._connections = asyncio.Semaphore(webhook.max_connections if webhook else 1)
        for chat_id in {update.chat_id for update in self._pending.values()}:
            self._start_courier(chat_id)

    def drop_pending(self) -> None:
        for update in self._pending.values():
            update.outcome = "dropped"
        self._pending.clear()

    async def fetch(self, offset: int, limit: int, seconds: float) -> list[Update]:
        """getUpdates: returns those from `offset` on and confirms the earlier ones; waits up to `seconds`."""
        if offset < 0:
            offset = max(self._pending, default=0) + 1 + offset
        for update_id in [known for known in self._pending if known < offset]:
            self._pending.pop(update_id).outcome = "fetched"
        if not self._pending and seconds > 0:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), seconds)
            except TimeoutError:
                return []
        return self.pending()[:limit]

    async def settled(self) -> None:
        """Wait until no update is being sent to the webhook."""
        while couriers := list(self._couriers.values()):
            await asyncio.gather(*couriers, return_exceptions=True)

    async def close(self) -> None:
        couriers = list(self._couriers.values())
        for courier in couriers:
            courier.cancel()
        await asyncio.gather(*couriers, return_exceptions=True)
        self._couriers.clear()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _start_courier(self, chat_id: int) -> None:
        if self.webhook is not None and chat_id not in self._couriers:
            self._couriers[chat_id] = asyncio.get_running_loop().create_task(self._deliver(chat_id))

    async def _deliver(self, chat_id: int) -> None:
        try:
            while self.webhook is not None:
                update = next((u for u in self._pending.values() if u.chat_id == chat_id), None)
                if update is None:
                    return
                if await self._post(self.webhook, update):
                    self._finish(update, "delivered")
                elif update.tries > len(BACKOFF_SECONDS):
                    self._finish(update, "gave_up")
                else:
                    await self.clock.sleep(BACKOFF_SECONDS[update.tries - 1])
        finally:
            # Not in a done-callback, which runs an iteration later: an update added in between would find no courier.
            self._couriers.pop(chat_id, None)

    def _finish(self, update: Update, outcome: Outcome) -> None:
        update.outcome = outcome
        update.delivered_at = self.clock.now_ms() if outcome == "delivered" else None
        self._pending.pop(update.update_id, None)

    async def _post(self, webhook: Webhook, update: Update) -> bool:
        if self._client is None:
            self._client = httpx.AsyncClient(transport=self.transport, timeout=ANSWER_SECONDS, trust_env=False)
        update.tries += 1
        headers = {SECRET_HEADER: webhook.secret_token} if webhook.secret_token else {}
        try:
            async with self._connections:
                answer = await self._client.post(webhook.url, json=update.as_telegram(), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._failed(update, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
            return False
        if not answer.is_success:
            self._failed(update, f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}")
            return False
        await self._run_reply(answer)
        return True

    def _failed(self, update: Update, error: str) -> None:
        update.last_error = error
        self.last_error = (int(self.clock.now()), error)

    async def _run_reply(self, answer: httpx.Response) -> None:
        """Run the Bot API call in a webhook's response, as Telegram does; its result is not reported to the bot."""
        try:
            call = answer.json()
        except ValueError:
            return
        if isinstance(call, dict) and isinstance(call.get("method"), str) and self.on_reply is not None:
            await self.on_reply(call.pop("method"), call)
