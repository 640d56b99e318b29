"""All that the sandbox knows, in memory: channels, chats, what each platform was asked, which failures are in force."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from local.sandbox import (
    SANDBOX_INSTAGRAM_TOKEN,
    SANDBOX_INSTAGRAM_USER_ID,
    SANDBOX_TELEGRAM_TOKEN,
    SANDBOX_YOUTUBE_KEY,
)
from local.sandbox.channels import Channel, Channels, Platform, made_up_id
from local.sandbox.clock import Clock
from local.sandbox.failures import Failures
from local.sandbox.limits import Limits, SlidingWindow
from local.sandbox.messenger import Messenger
from local.sandbox.updates import Updates

REMEMBERED_REQUESTS = 50_000


@dataclass(frozen=True)
class Keys:
    """What each platform takes as proof of who asks."""

    youtube: str = SANDBOX_YOUTUBE_KEY
    telegram: str = SANDBOX_TELEGRAM_TOKEN
    instagram: str = SANDBOX_INSTAGRAM_TOKEN
    instagram_user_id: str = SANDBOX_INSTAGRAM_USER_ID


@dataclass(frozen=True)
class LoggedRequest:
    """One call of a platform, never with its key; `time` in ms, `status` None when the connection was dropped."""

    time: int
    platform: Platform
    method: str
    path: str
    query: dict[str, str]
    status: int | None


class World:
    """The state behind every route; one per process, or one per test."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        keys: Keys | None = None,
        webhook_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.keys = keys or Keys()
        bot_id = int(self.keys.telegram.partition(":")[0])
        self.limits = Limits()
        self.channels = Channels()
        self.messenger = Messenger(self.clock, self.limits, bot_id, Updates(self.clock, webhook_transport))
        self._start_afresh()

    def _start_afresh(self) -> None:
        self.failures = Failures(self.clock)
        self.requests: deque[LoggedRequest] = deque(maxlen=REMEMBERED_REQUESTS)
        self.youtube_units: dict[str, int] = {}
        self.instagram_calls = SlidingWindow(self.clock, 3600)

    def reset(self, *, webhook: bool = False) -> None:
        """An empty world with the published limits. The webhook is the bot's own and stays, unless told otherwise."""
        self.limits = Limits()
        self.channels = Channels()
        self.messenger.updates.drop_pending()
        if webhook:
            self.messenger.updates.set_webhook(None)
        self.messenger.reset(self.limits)
        self._start_afresh()

    def add_channel(
        self, platform: Platform, handle: str, *, name: str | None = None, channel_id: str | None = None
    ) -> Channel:
        """A new channel without followers; one on Telegram is a chat too, in which the bot is not."""
        handle = handle.removeprefix("@")
        channel = Channel(
            platform, handle, channel_id or made_up_id(platform, handle), name or handle, self.clock.now()
        )
        if platform == "telegram":
            self.messenger.put(int(channel.id), "channel", channel.name).username = handle
        self.channels.add(channel)
        return channel

    def remove_channel(self, channel: Channel) -> None:
        self.channels.remove(channel)
        if channel.platform == "telegram":
            self.messenger.chats.pop(int(channel.id), None)

    def in_order(self) -> Iterable[Channel]:
        return sorted(self.channels, key=lambda channel: (channel.platform, channel.handle.casefold()))
