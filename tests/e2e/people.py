"""Users of the deployed user pool, who sign in as on a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from operations import people
from testing.local_cloud import LocalCloud

ADDRESS = "127.0.0.9"


@dataclass
class People:
    """Two sellers with access to the leaderboard, and a visitor without."""

    cloud: LocalCloud
    seller: str = field(default_factory=lambda: f"seller-{uuid4().hex[:6]}")
    other: str = field(default_factory=lambda: f"other-{uuid4().hex[:6]}")
    visitor: str = field(default_factory=lambda: f"visitor-{uuid4().hex[:6]}")
    password: str = field(default_factory=lambda: f"Aa1!{uuid4().hex}")
    _cookies: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, modules in (
            (self.seller, ["leaderboard"]),
            (self.other, ["leaderboard"]),
            (self.visitor, ["analytics"]),
        ):
            people.add(self.cloud.stack, name, modules, self.password)

    def cookies(self, name: str) -> str:
        """The `Cookie` header of a user's session."""
        if name not in self._cookies:
            url = f"{self.cloud.outputs['ApiUrl']}/api/session"
            # From an address where no test of the document has failed to sign in.
            transport = httpx.HTTPTransport(local_address=ADDRESS)
            with httpx.Client(transport=transport, timeout=60, trust_env=False) as http:
                answer = http.post(url, json={"name": name, "password": self.password})
            assert answer.is_success, answer.text
            set_cookies = answer.headers.get_list("set-cookie")
            self._cookies[name] = "; ".join(cookie.partition(";")[0] for cookie in set_cookies)
        return self._cookies[name]

    def ticket(self, name: str) -> str:
        """A ticket for a user's socket."""
        url = f"{self.cloud.outputs['ApiUrl']}/api/ws-ticket"
        answer = httpx.post(url, headers={"Cookie": self.cookies(name)}, timeout=60, trust_env=False)
        assert answer.is_success, answer.text
        return str(answer.json()["ticket"])
