"""Readable names for what `make run` prints, and what of it is too frequent for a line each."""

from __future__ import annotations

from typing import Any, Protocol

import httpx

from local.settings import Settings
from operations.stack import Stack

_PAYMENTS_SECONDS = 15.0
"""A creator's payments in this time are one line: the demo's creators sell every few seconds."""


class Names(Protocol):
    """Readable names of subjects, chats and endpoints."""

    def subject(self, key: str) -> str: ...
    def change(self, key: str, count: float) -> str: ...
    def message(self, chat_id: str) -> str: ...
    def endpoint(self, endpoint_id: str) -> str: ...
    def payments(self, key: str, at: float) -> int: ...
    def first_synced(self, key: str) -> bool: ...


class Gathered:
    """Counts what is too frequent for a line each, by key."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: dict[str, tuple[float, int]] = {}

    def add(self, key: str, at: float) -> int:
        """One more: how many since the last line, or 0 before `seconds` have passed since that."""
        shown_at, unseen = self._last.get(key, (0.0, 0))
        due = at - shown_at >= self._seconds
        self._last[key] = (at, 0) if due else (shown_at, unseen + 1)
        return unseen + 1 if due else 0


class CloudNames:
    """Names from the stats and webhooks tables and the sandbox."""

    def __init__(self, settings: Settings, stack: Stack) -> None:
        self._stats = stack.clients.table(stack.output("StatsTable"))
        self._webhooks = stack.clients.table(stack.output("WebhooksTable"))
        self._creators = stack.clients.table(stack.output("CreatorsTable"))
        self._sandbox_url = settings.sandbox_url if "telegram" in settings.sandboxed else None
        self._http = httpx.Client(trust_env=False, timeout=2)
        self._subjects: dict[str, str] = {}
        self._endpoints: dict[str, str] = {}
        self._counts: dict[str, float] = {}
        self._payments = Gathered(_PAYMENTS_SECONDS)
        self._synced: set[str] = set()
        self._shown: set[int] = set()

    def subject(self, key: str) -> str:
        """The name in a subject's stored reading; a creator is told of before there is one."""
        if key not in self._subjects:
            kind, _, id_ = key.partition(":")
            table, where = (
                (self._creators, {"pk": "creators", "sk": id_})
                if kind == "creator"
                else (self._stats, {"subject": key})
            )
            self._subjects[key] = str(table.get_item(Key=where).get("Item", {}).get("name", key))
        return self._subjects[key]

    def change(self, key: str, count: float) -> str:
        """How a count changed since it was last shown."""
        before = self._counts.get(key)
        self._counts[key] = count
        return f" ({count - before:+,})" if before is not None and before != count else ""

    def endpoint(self, endpoint_id: str) -> str:
        """An endpoint's description, or its host."""
        if endpoint_id not in self._endpoints:
            item = self._webhooks.get_item(Key={"pk": "endpoints", "sk": endpoint_id}).get("Item", {})
            self._endpoints[endpoint_id] = str(item.get("description") or item.get("host") or endpoint_id)
        return self._endpoints[endpoint_id]

    def payments(self, key: str, at: float) -> int:
        """Count a creator's payment: how many to show, or 0 when some were shown a moment ago."""
        return self._payments.add(key, at)

    def first_synced(self, key: str) -> bool:
        """Whether this is new: each sync that ends before the sums are made says it again."""
        new = key not in self._synced
        self._synced.add(key)
        return new

    def message(self, chat_id: str) -> str:
        """Recipient and text; without a sandbox to ask, only the chat's id."""
        if self._sandbox_url is None:
            return f"a message to chat {chat_id}"
        try:
            sent = self._control("telegram/sent", chat_id=chat_id)["messages"]
            chats = self._control("state")["telegram"]["chats"]
        except (httpx.HTTPError, ValueError, KeyError):
            return f"a message to chat {chat_id}"
        title = next((chat["title"] for chat in chats if str(chat["id"]) == chat_id), f"chat {chat_id}")
        for message in sent:
            if message["message_id"] not in self._shown:
                self._shown.add(message["message_id"])
                return f"to {title}: {' '.join(message['text'].split())}"
        return f"a message to {title}"

    def _control(self, path: str, **query: str) -> Any:
        return self._http.get(f"{self._sandbox_url}/control/{path}", params=query).raise_for_status().json()
