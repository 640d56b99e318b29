"""The demo: growing channels, a visitor who refreshes their counts, and users who can sign in.

The visitor is needed because MiniStack first runs a one-minute schedule after more than a minute, while the demo's
first milestone is due after twenty seconds.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from local.sandbox.demo import channels
from local.settings import Settings, StartError
from operations import people
from operations.stack import Stack

PEOPLE: Mapping[str, str] = {
    "ada": "leaderboard",
    "grace": "admin",
    "eve": "analytics",
    "hedy": "webhooks",
    "wall": "display",
}
"""The users who can sign in, each with one module."""

_VISITS_AFTER_SECONDS = (24.0, 44.0)
_TIMEOUT_SECONDS = 60


def seed(settings: Settings, admin_key: str) -> str:
    """Start the sandbox's demo and track its channels; a summary line."""
    with client(settings, admin_key) as api:
        checked(httpx.post(f"{settings.sandbox_url}/control/demo", timeout=_TIMEOUT_SECONDS, trust_env=False))
        tracked = [channel for channel in channels() if channel["platform"] in settings.sandboxed]
        for channel in tracked:
            checked(api.post("/api/channels", json=channel))
    return f"demo: {len(tracked)} growing channels, 2 chats (DEMO=0 to skip)"


def invite(stack: Stack) -> str:
    """Create the demo's users; the password that they share."""
    password = f"Cairn-{secrets.randbelow(10**8):08}"
    for name, module in PEOPLE.items():
        people.add(stack, name, [module], password)
    return password


@dataclass(slots=True)
class Visitor:
    """Refreshes the counts twice during the first minute."""

    settings: Settings
    admin_key: str
    kind: str = "visitor"
    _started: float = field(default_factory=time.monotonic)
    _visits: int = 0

    def next_action(self) -> str | None:
        """The next action, when it is due."""
        due = (
            self.settings.sandbox_url is not None
            and self._visits < len(_VISITS_AFTER_SECONDS)
            and time.monotonic() - self._started >= _VISITS_AFTER_SECONDS[self._visits]
        )
        return "refreshes all counts (POST /api/sync)" if due else None

    def act(self) -> None:
        """Refresh all counts."""
        self._visits += 1
        with client(self.settings, self.admin_key) as api:
            api.post("/api/sync", json={})


def client(settings: Settings, admin_key: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client of the API with a key; `transport` replaces the network."""
    headers = {"Authorization": f"Bearer {admin_key}"}
    return httpx.Client(
        base_url=settings.api_url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False, transport=transport
    )


def checked(answer: httpx.Response) -> httpx.Response:
    """StartError unless the response is a success."""
    if not answer.is_success:
        raise StartError(
            f"Setting up the demo failed: {answer.request.method} {answer.request.url} answered {answer.status_code} "
            f"{answer.text[:500]}"
        )
    return answer
