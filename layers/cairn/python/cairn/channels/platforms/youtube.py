"""YouTube's Data API: fifty channels a call, counts as strings, subscribers rounded down to three significant figures.

https://developers.google.com/youtube/v3/docs/channels/list
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import httpx

from cairn.channels.platforms import ChannelCounts, CountsUnavailable, Profile
from cairn.channels.registry import Channel
from cairn.errors import BadInputError, PlatformPausedError, PlatformUnavailableError
from cairn.upstream import Upstream, as_documented, error_of, to_count

_ID = re.compile(r"UC[0-9A-Za-z_-]{22}")
_HANDLE = re.compile(r"@?([\w.·-]{1,100})")
_URL = re.compile(r"^(?:https?://)?(?:www\.|m\.)?youtube\.com/(?:channel/)?")
_COUNTS = {"subscribers": "subscriberCount", "views": "viewCount", "videos": "videoCount"}
_QUOTA_DAY = ZoneInfo("America/Los_Angeles")


class YouTube:
    group_size = 50
    required_keys = ("YOUTUBE_API_KEY",)

    def __init__(self, upstream: Upstream, keys: Mapping[str, str]) -> None:
        self._upstream = upstream
        self._key = keys["YOUTUBE_API_KEY"]

    @as_documented("youtube")
    def resolve(self, handle: str) -> Profile | None:
        name = _URL.sub("", handle.strip())
        if _ID.fullmatch(name):
            items = self._list("snippet", id=name)
        elif matched := _HANDLE.fullmatch(name):
            items = self._list("snippet", forHandle=f"@{matched[1]}")
        else:
            raise BadInputError("handle: must be a YouTube handle like @name, or a channel id like UC…")
        if not items:
            return None
        native_id, snippet = str(items[0]["id"]), items[0].get("snippet", {})
        page = f"https://www.youtube.com/channel/{native_id}"
        return Profile(native_id, str(snippet.get("customUrl") or name), str(snippet.get("title") or name), page)

    @as_documented("youtube")
    def fetch(self, channels: Sequence[Channel]) -> Mapping[str, ChannelCounts | CountsUnavailable]:
        items = self._list("statistics", id=",".join(channel.native_id for channel in channels))
        found = {str(item.get("id")): _counts(item.get("statistics")) for item in items}
        unknown = CountsUnavailable("unknown_channel", "YouTube no longer has a channel with this id")
        return {channel.native_id: found.get(channel.native_id, unknown) for channel in channels}

    def _list(self, part: str, **filters: str) -> list[dict[str, Any]]:
        params = {"part": part, "maxResults": "50", "key": self._key, **filters}
        response, body = self._upstream.call("GET", "/channels", params=params)
        if response.status_code != 200:
            self._raise_error(response, body)
        items = body.get("items", [])  # the API omits `items` when nothing was found
        if not isinstance(items, list):
            raise TypeError("items is not a list")
        return [item for item in items if isinstance(item, dict)]

    def _raise_error(self, response: httpx.Response, body: dict[str, Any]) -> NoReturn:
        error = error_of(body)
        reasons = {entry.get("reason") for entry in error.get("errors", []) if isinstance(entry, dict)}
        if reasons & {"quotaExceeded", "dailyLimitExceeded"}:
            raise PlatformPausedError("youtube", "the daily quota is used up", self._quota_reset())
        if response.status_code == 429 or reasons & {"rateLimitExceeded", "userRateLimitExceeded"}:
            until = self._upstream.retry_at(response, timedelta(minutes=1))
            raise PlatformPausedError("youtube", "too many requests", until)
        message = self._upstream.redact(error.get("message", "no message"))
        raise PlatformUnavailableError("youtube", f"HTTP {response.status_code}: {message}")

    def _quota_reset(self) -> datetime:
        """The next midnight in California, when Google resets the quota."""
        local = self._upstream.clock().astimezone(_QUOTA_DAY)
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.astimezone(UTC)


def _counts(statistics: Any) -> ChannelCounts | CountsUnavailable:
    try:
        metrics = {metric: to_count(statistics[field]) for metric, field in _COUNTS.items() if field in statistics}
        hidden = statistics.get("hiddenSubscriberCount")
    except (AttributeError, TypeError, ValueError):
        return CountsUnavailable("refused", "YouTube's counts for this channel cannot be read")
    if hidden:
        metrics.pop("subscribers", None)
    subscribers = metrics.get("subscribers", 0)
    return ChannelCounts(
        metrics, {"subscribers": 10 ** max(0, len(str(subscribers)) - 3)} if subscribers >= 1000 else {}
    )


PLATFORM = YouTube
