"""Everything that the sandbox's Fanvue remembers."""

from dataclasses import dataclass, field

import httpx

from local.sandbox.clock import Clock
from local.sandbox.fanvue_accounts import Accounts
from local.sandbox.fanvue_pushes import Pushes
from local.sandbox.fanvue_tokens import Tokens
from local.sandbox.limits import SlidingWindow

VERSION = "2025-06-26"


@dataclass
class Versions:
    """The API's versions; a retired one answers 410 and names the next."""

    current: str = VERSION
    retired: list[str] = field(default_factory=list)


class Fanvue:
    def __init__(self, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> None:
        self.accounts = Accounts(clock)
        self.tokens = Tokens(clock)
        self.pushes = Pushes(clock, self.accounts, transport)
        self.versions = Versions()
        self.buckets: dict[str, SlidingWindow] = {}
        self._clock = clock

    def reset(self, *, webhook: bool) -> None:
        """Empty it. Whom its webhooks tell, which Cairn has set, stays unless `webhook` is true."""
        self.accounts.clear()
        self.tokens = Tokens(self._clock)
        self.versions = Versions()
        self.buckets.clear()
        self.pushes.deliveries.clear()
        if webhook:
            self.pushes.subscriptions.clear()
