"""A small demonstration: growing channels and a visitor who asks for fresh counts; people who may sign in.

The visitor is there because MiniStack first fires a schedule of one minute after more than one, and the first milestone
of the demo passes after twenty seconds.
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

PEOPLE: Mapping[str, str] = {"ada": "leaderboard", "grace": "admin", "eve": "analytics"}
"""Who may sign in, and the one module of each."""

_VISITS_AFTER_SECONDS = (24.0, 44.0)
_TIMEOUT_SECONDS = 60


def seed(settings: Settings, admin_key: str) -> str:
    """Start the sandbox's demo world and track its channels; what to expect, in a line."""
    with client(settings, admin_key) as api:
        checked(httpx.post(f"{settings.sandbox_url}/control/demo", timeout=_TIMEOUT_SECONDS, trust_env=False))
        tracked = [channel for channel in channels() if channel["platform"] in settings.sandboxed]
        for channel in tracked:
            checked(api.post("/api/channels", json=channel))
    return f"the demo: {len(tracked)} growing channels, two chats (DEMO=0 starts without)"


def invite(stack: Stack) -> str:
    """Let the demo's people sign in; the password that all of them have."""
    password = f"Cairn-{secrets.randbelow(10**8):08}"
    for name, module in PEOPLE.items():
        people.add(stack, name, [module], password)
    return password


@dataclass(slots=True)
class Visitor:
    """Somebody who presses "refresh" now and then, at first."""

    settings: Settings
    admin_key: str
    kind: str = "visitor"
    _started: float = field(default_factory=time.monotonic)
    _visits: int = 0

    def announces(self) -> str | None:
        """What is about to be done, when it is time for the next visit."""
        due = (
            self.settings.sandbox_url is not None
            and self._visits < len(_VISITS_AFTER_SECONDS)
            and time.monotonic() - self._started >= _VISITS_AFTER_SECONDS[self._visits]
        )
        return "asks for fresh counts (POST /api/sync)" if due else None

    def act(self) -> None:
        """Ask for fresh counts."""
        self._visits += 1
        with client(self.settings, self.admin_key) as api:
            api.post("/api/sync", json={})


def client(settings: Settings, admin_key: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """The API, called with a key; `transport` is the way to it."""
    headers = {"Authorization": f"Bearer {admin_key}"}
    return httpx.Client(
        base_url=settings.api_url, headers=headers, timeout=_TIMEOUT_SECONDS, trust_env=False, transport=transport
    )


def checked(answer: httpx.Response) -> httpx.Response:
    """StartError for an answer that is no success."""
    if not answer.is_success:
        raise StartError(
            f"The demo cannot be set up: {answer.request.method} {answer.request.url} answered {answer.status_code} "
            f"{answer.text[:500]}"
        )
    return answer
