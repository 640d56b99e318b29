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
from cairn.channels.registry import UNKNOWN, Channel
from cairn.errors import BadInputError, KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from cairn.upstream import Upstream, as_documented, error_of, to_count

_ID = re.compile(r"UC[0-9A-Za-z_-]{22}")
_HANDLE = re.compile(r"@?([\w.·-]{1,100})")
_URL = re.compile(r"^(?:https?://)?(?:www\.|m\.)?youtube\.com/(?:channel/)?")
_COUNTS = {"subscribers": "subscriberCount", "views": "viewCount", "videos": "videoCount"}
_FIELDS = "items(id,statistics,snippet/customUrl)"  # a call costs one unit, whatever it asks for
_QUOTA_DAY = ZoneInfo("America/Los_Angeles")

# What the reasons of YouTube's errors mean; any other is passing, such as backendError.
# https://developers.google.com/youtube/v3/docs/errors and .../youtube/v3/docs/core_errors
_CHANNEL = {"channelClosed", "channelForbidden", "channelNotFound", "channelSuspended", "notFound"}
_KEY = {"accessNotConfigured", "authError", "forbidden", "ipRefererBlocked", "keyExpired", "keyInvalid"}
_KEY |= {"CONSUMER_INVALID", "CONSUMER_SUSPENDED", "SERVICE_DISABLED"}  # reasons of Google's front end
_QUOTA = {"quotaExceeded", "dailyLimitExceeded"}
_RATE = {"rateLimitExceeded", "userRateLimitExceeded", "concurrentLimitExceeded", "servingLimitExceeded"}


class _ChannelError(Exception):
    """One of the requested channels makes the whole call fail."""


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
            query = {"id": name}
        elif matched := _HANDLE.fullmatch(name):
            query = {"forHandle": f"@{matched[1]}"}
        else:
            raise BadInputError("handle: must be a YouTube handle like @name, or a channel id like UC…")
        try:
            items = self._list("snippet", **query)
        except _ChannelError:
            return None
        if not items:
            return None
        native_id, snippet = str(items[0]["id"]), items[0].get("snippet", {})
        page = f"https://www.youtube.com/channel/{native_id}"
        return Profile(native_id, str(snippet.get("customUrl") or name), str(snippet.get("title") or name), page)

    @as_documented("youtube")
    def fetch(self, channels: Sequence[Channel]) -> Mapping[str, ChannelCounts | CountsUnavailable]:
        """YouTube omits a channel that is gone. If it fails for one instead, halves of the call find out for which."""
        try:
            items = self._list(
                "statistics,snippet", id=",".join(channel.native_id for channel in channels), fields=_FIELDS
            )
        except _ChannelError as error:
            if len(channels) == 1:
                return {channels[0].native_id: CountsUnavailable("refused", f"YouTube says: {error}")}
            middle = len(channels) // 2
            return {**self.fetch(channels[:middle]), **self.fetch(channels[middle:])}
        found = {str(item.get("id")): _counts(item.get("statistics"), item.get("snippet")) for item in items}
        unknown = CountsUnavailable(UNKNOWN, "YouTube no longer has a channel with this id")
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
        error, status = error_of(body), response.status_code
        entries = [*error.get("errors", []), *error.get("details", [])]
        reasons = {str(entry.get("reason")) for entry in entries if isinstance(entry, dict)}
        message = self._upstream.redact(error.get("message", "no message"))
        if reasons & _QUOTA:
            raise PlatformPausedError("youtube", "the daily quota is used up", self._quota_reset())
        if status == 429 or reasons & _RATE:
            until = self._upstream.retry_at(response, timedelta(minutes=1))
            raise PlatformPausedError("youtube", "too many requests", until)
        if status == 401 or reasons & _KEY or any(reason.startswith("API_KEY_") for reason in reasons):
            raise KeyRejectedError("youtube", f"HTTP {status}: {message}")
        if reasons & _CHANNEL:
            raise _ChannelError(message)
        raise PlatformUnavailableError("youtube", f"HTTP {status}: {message}")

    def _quota_reset(self) -> datetime:
        """The next midnight in California, when Google resets the quota."""
        local = self._upstream.clock().astimezone(_QUOTA_DAY)
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.astimezone(UTC)


def _counts(statistics: Any, snippet: Any) -> ChannelCounts | CountsUnavailable:
    try:
        metrics = {metric: to_count(statistics[field]) for metric, field in _COUNTS.items() if field in statistics}
        hidden = statistics.get("hiddenSubscriberCount")
    except (AttributeError, TypeError, ValueError):
        return CountsUnavailable("refused", "YouTube's counts for this channel cannot be read")
    if hidden:
        metrics.pop("subscribers", None)
    subscribers = metrics.get("subscribers", 0)
    precision = {"subscribers": 10 ** max(0, len(str(subscribers)) - 3)} if subscribers >= 1000 else {}
    handle = snippet.get("customUrl") if isinstance(snippet, dict) else None
    return ChannelCounts(metrics, precision, handle if isinstance(handle, str) and handle else None)


PLATFORM = YouTube
