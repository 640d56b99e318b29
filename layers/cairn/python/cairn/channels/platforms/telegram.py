"""Telegram's public channels and supergroups: one call a channel for its member count; the bot need not be a member.

https://core.telegram.org/bots/api#getchatmembercount
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from cairn.channels.platforms import ChannelCounts, CountsUnavailable, Profile
from cairn.channels.registry import UNKNOWN, Channel
from cairn.errors import BadInputError, KeyRejectedError, PlatformPausedError, PlatformUnavailableError
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
        return _profile(chat, matched[1])

    @as_documented("telegram")
    def profile(self, channel: Channel) -> Profile | None:
        """One more call: the count comes without the name."""
        chat = self._call("getChat", int(channel.native_id))
        if not isinstance(chat, dict) or str(chat.get("id")) != channel.native_id:
            return None
        profile = _profile(chat, channel.handle.removeprefix("@"))
        return profile if "username" in chat else replace(profile, page=None)

    @as_documented("telegram")
    def fetch(self, channels: Sequence[Channel]) -> Mapping[str, ChannelCounts | CountsUnavailable]:
        return {channel.native_id: self._count(channel) for channel in channels}

    def _count(self, channel: Channel) -> ChannelCounts | CountsUnavailable:
        count = self._call("getChatMemberCount", int(channel.native_id))
        if isinstance(count, CountsUnavailable):
            return count
        try:
            return ChannelCounts({"subscribers": to_count(count)})
        except ValueError:
            return CountsUnavailable("refused", "Telegram's count for this channel cannot be read")

    def _call(self, method: str, chat: str | int) -> Any:
        response, body = self._upstream.call("POST", f"/bot{self._token}/{method}", json={"chat_id": chat})
        if body.get("ok") is True:
            return body.get("result")
        description = self._upstream.redact(body.get("description", f"HTTP {response.status_code}"))
        if response.status_code == 429:
            wait = timedelta(seconds=int((body.get("parameters") or {}).get("retry_after", 1)))
            raise PlatformPausedError("telegram", "too many requests", self._upstream.after(wait))
        if response.status_code in (400, 403) and body.get("ok") is False:  # else it is a proxy's answer
            return CountsUnavailable(
                UNKNOWN if "not found" in description else "refused", f"Telegram says: {description}"
            )
        if response.status_code in (401, 404):  # revoked, or no token at all
            raise KeyRejectedError("telegram", description)
        raise PlatformUnavailableError("telegram", description)


def _profile(chat: Mapping[str, Any], known: str) -> Profile:
    username = str(chat.get("username", known))
    return Profile(str(chat["id"]), f"@{username}", str(chat.get("title", known)), f"https://t.me/{username}")


PLATFORM = Telegram
