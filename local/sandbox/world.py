"""The sandbox's state, in memory: channels, chats, CRMs, creators, the requests to each platform, active failures."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from local.sandbox import (
    SANDBOX_FANVUE_KEY,
    SANDBOX_INSTAGRAM_TOKEN,
    SANDBOX_INSTAGRAM_USER_ID,
    SANDBOX_TELEGRAM_TOKEN,
    SANDBOX_YOUTUBE_KEY,
)
from local.sandbox.channels import Channel, Channels, Platform, derived_id
from local.sandbox.clock import Clock
from local.sandbox.crm import Crms
from local.sandbox.failures import Failures, Service
from local.sandbox.fanvue_state import Fanvue
from local.sandbox.limits import Limits, SlidingWindow
from local.sandbox.messenger import Messenger
from local.sandbox.updates import Updates

REMEMBERED_REQUESTS = 50_000


@dataclass(frozen=True)
class Keys:
    """The credentials that each platform accepts."""

    youtube: str = SANDBOX_YOUTUBE_KEY
    telegram: str = SANDBOX_TELEGRAM_TOKEN
    instagram: str = SANDBOX_INSTAGRAM_TOKEN
    instagram_user_id: str = SANDBOX_INSTAGRAM_USER_ID
    fanvue: str = SANDBOX_FANVUE_KEY


@dataclass(frozen=True)
class LoggedRequest:
    """A request to a platform, without its key; `time` in ms, `status` None when the connection was dropped."""

    time: int
    platform: Service
    method: str
    path: str
    query: dict[str, str]
    status: int | None


class World:
    """The state behind every route, one per process or test."""

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
        self.crms = Crms(self.clock)
        self.fanvue = Fanvue(self.clock, webhook_transport)
        self._clear()

    def _clear(self) -> None:
        self.failures = Failures(self.clock)
        self.requests: deque[LoggedRequest] = deque(maxlen=REMEMBERED_REQUESTS)
        self.youtube_units: dict[str, int] = {}
        self.instagram_calls = SlidingWindow(self.clock, 3600)

    def reset(self, *, webhook: bool = False) -> None:
        """Empty the world and restore the published limits. What Cairn has set, webhooks and the secrets of its
        endpoints, stays unless `webhook` is true."""
        self.limits = Limits()
        self.channels = Channels()
        self.messenger.updates.drop_pending()
        if webhook:
            self.messenger.updates.set_webhook(None)
        self.messenger.reset(self.limits)
        self.crms.reset(webhook=webhook)
        self.fanvue.reset(webhook=webhook)
        self._clear()

    def add_channel(
        self, platform: Platform, handle: str, *, name: str | None = None, channel_id: str | None = None
    ) -> Channel:
        """A new channel without followers; on Telegram it is also a chat, which the bot has not joined."""
        handle = handle.removeprefix("@")
        channel = Channel(
            platform, handle, channel_id or derived_id(platform, handle), name or handle, self.clock.now()
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
