"""Telegram's public channels and supergroups: one call a channel for its member count; the bot need not be a member.

https://core.telegram.org/bots/api#getchatmembercount
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from cairn.channels.platforms import ChannelCounts, CountsUnavailable, Profile
from cairn.channels.registry import Channel
from cairn.errors import BadInputError, PlatformPausedError, PlatformUnavailableError
from cairn.upstream import Upstream, as_documented, to_count

_HANDLE = re.compile(r"(?:(?:https?://)?t\.me/|@)?([A-Za-z]\w{3,31})")


class Telegram:
    group_size = 1
    required_keys = ("TELEGRAM_BOT_TOKEN",)

    def __init__(self, upstream: Upstream, keys: Mapping[str, str]) -> None:
        self._upstream = upstream
        self._token = keys["TELEGRAM_BOT_TOKEN"]

    @as_documented("telegram")
    def resolve(self, handle: str) -> Profile | None:
        matched = _HANDLE.fullmatch(handle.strip())
        if not matched:
            raise BadInputError("handle: must be a Telegram name like @name, 4 to 32 letters, digits and underscores")
        chat = self._call("getChat", f"@{matched[1]}")
        if isinstance(chat, CountsUnavailable):
            return None
        if chat.get("type") not in ("channel", "supergroup"):
            raise BadInputError("handle: only public channels and supergroups have a count")
        username = str(chat.get("username", matched[1]))
        name = str(chat.get("title", matched[1]))
        return Profile(str(chat["id"]), f"@{username}", name, f"https://t.me/{username}")

    @as_documented("telegram")
    def fetch(self, channels: Sequence[Channel]) -> Mapping[str, ChannelCounts | CountsUnavailable]:
        return {channel.native_id: self._count(channel) for channel in channels}

    def _count(self, channel: Channel) -> ChannelCounts | CountsUnavailable:
        count = self._call("getChatMemberCount", int(channel.native_id))
        return count if isinstance(count, CountsUnavailable) else ChannelCounts({"subscribers": to_count(count)})

    def _call(self, method: str, chat: str | int) -> Any:
        response, body = self._upstream.call("POST", f"/bot{self._token}/{method}", json={"chat_id": chat})
        if body.get("ok") is True:
            return body.get("result")
        description = self._upstream.redact(body.get("description", f"HTTP {response.status_code}"))
        if response.status_code == 429:
            wait = timedelta(seconds=int((body.get("parameters") or {}).get("retry_after", 1)))
            raise PlatformPausedError("telegram", "too many requests", self._upstream.after(wait))
        if response.status_code in (400, 403):
            return CountsUnavailable(
                "unknown_channel" if "not found" in description else "refused", f"Telegram says: {description}"
            )
        raise PlatformUnavailableError("telegram", description)


PLATFORM = Telegram
