"""A small demonstration: a few growing channels are tracked, two chats subscribe, and a visitor asks for fresh counts.

The visitor is there because MiniStack first fires a schedule of one minute after more than one, and the first milestone
of the demo passes after twenty seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import httpx

from local.sandbox.demo import channels
from local.settings import Settings, StartError

_VISITS_AFTER_SECONDS = (24.0, 44.0)
_TIMEOUT_SECONDS = 60


def seed(settings: Settings, admin_key: str) -> str:
    """Start the sandbox's demo world and track its channels; what to expect, in a line."""
    with httpx.Client(trust_env=False, timeout=_TIMEOUT_SECONDS) as http:
        _checked(http.post(f"{settings.sandbox_url}/control/demo"))
        tracked = [channel for channel in channels() if channel["platform"] in settings.sandboxed]
        for channel in tracked:
            _checked(http.post(f"{settings.api_url}/api/channels", json=channel, headers=_bearer(admin_key)))
    return f"the demo: {len(tracked)} growing channels, two chats (DEMO=0 starts without)"


@dataclass(slots=True)
class Visitor:
    """Somebody who presses "refresh" now and then, at first."""

    settings: Settings
    admin_key: str
    _started: float = field(default_factory=time.monotonic)
    _visits: int = 0

    def is_due(self) -> bool:
        """Whether it is time for the next visit."""
        return (
            self.settings.demo
            and self.settings.sandbox_url is not None
            and self._visits < len(_VISITS_AFTER_SECONDS)
            and time.monotonic() - self._started >= _VISITS_AFTER_SECONDS[self._visits]
        )

    def visit(self) -> bool:
        """Ask for fresh counts; whether that was possible."""
        self._visits += 1
        try:
            answer = httpx.post(
                f"{self.settings.api_url}/api/sync",
                json={},
                headers=_bearer(self.admin_key),
                timeout=_TIMEOUT_SECONDS,
                trust_env=False,
            )
        except httpx.TransportError:
            return False
        return answer.is_success


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _checked(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise StartError(
            f"The demo cannot be set up: {answer.request.method} {answer.request.url} answered {answer.status_code} "
            f"{answer.text[:500]}"
        )
