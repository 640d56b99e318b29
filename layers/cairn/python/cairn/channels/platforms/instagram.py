"""Instagram's business discovery: one name a call, business and creator accounts only, limits reported as percentages.

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/business_discovery
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx

from cairn.channels.platforms import ChannelCounts, CountsUnavailable, Profile
from cairn.channels.registry import NAME_TAKEN, UNKNOWN, Channel
from cairn.errors import BadInputError, KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from cairn.upstream import Upstream, as_documented, error_of, to_count

_HANDLE = re.compile(r"(?:(?:https?://)?(?:www\.)?instagram\.com/|@)?([A-Za-z0-9._]{1,30})/?")

# What Graph's error codes mean. A missing permission (10, 200 to 299) may be one of an account's, as with an age limit,
# or one of ours. It counts as the account's, which stops nobody else; if it is ours, every account is refused.
# https://developers.facebook.com/docs/graph-api/guides/error-handling#errorcodes
# https://developers.facebook.com/docs/graph-api/overview/rate-limiting
_UNKNOWN_ACCOUNT = {24, 110, 803}
_REFUSED_ACCOUNT = {10, 100, *range(200, 300)}
_KEY = {3, 101, 102, 104, 190}
_LIMIT = {4, 9, 17, 32, 341, 368, 613, *range(80_000, 80_015)}
_NO_SUCH_OBJECT, _NO_SUCH_USER = 33, 2207013  # subcodes
_WAIT = timedelta(hours=1)  # Graph counts calls over a rolling hour


class Instagram:
    group_size = 1
    required_keys = ("INSTAGRAM_ACCESS_TOKEN", "INSTAGRAM_USER_ID")

    def __init__(self, upstream: Upstream, keys: Mapping[str, str]) -> None:
        self._upstream = upstream
        self._token = keys["INSTAGRAM_ACCESS_TOKEN"]
        self._user = keys["INSTAGRAM_USER_ID"]
        self._limit_reached = False

    @as_documented("instagram")
    def resolve(self, handle: str) -> Profile | None:
        matched = _HANDLE.fullmatch(handle.strip())
        if not matched:
            raise BadInputError(
                "handle: must be an Instagram name like @name, up to 30 letters, digits, dots and underscores"
            )
        found = self._discover(matched[1], "id,username,name")
        if isinstance(found, CountsUnavailable):
            return None
        username = str(found.get("username", matched[1]))
        page = f"https://www.instagram.com/{username}/"
        return Profile(str(found["id"]), f"@{username}", str(found.get("name") or username), page)

    @as_documented("instagram")
    def fetch(self, channels: Sequence[Channel]) -> Mapping[str, ChannelCounts | CountsUnavailable]:
        return {channel.native_id: self._count(channel) for channel in channels}

    def _count(self, channel: Channel) -> ChannelCounts | CountsUnavailable:
        found = self._discover(channel.handle.removeprefix("@"), "followers_count")  # Graph always adds the id
        if isinstance(found, CountsUnavailable):
            return found
        if str(found.get("id", channel.native_id)) != channel.native_id:
            return CountsUnavailable(
                NAME_TAKEN,
                f"on Instagram, {channel.handle} is the name of another account now; add this one by its new name",
            )
        if "followers_count" not in found:
            return ChannelCounts({})
        try:
            return ChannelCounts({"subscribers": to_count(found["followers_count"])})
        except ValueError:
            return CountsUnavailable("refused", "Instagram's count for this account cannot be read")

    def _discover(self, username: str, account_fields: str) -> dict[str, Any] | CountsUnavailable:
        if self._limit_reached:
            raise PlatformPausedError("instagram", "the hourly limit is used up", self._upstream.clock() + _WAIT)
        fields = f"business_discovery.username({username}){{{account_fields}}}"
        params = {"fields": fields, "access_token": self._token}
        response, body = self._upstream.call("GET", f"/{self._user}", params=params)
        self._limit_reached = max(_usage(response), default=0) >= 100
        found = body.get("business_discovery")
        if isinstance(found, dict):
            return found
        return self._unavailable(response, error_of(body))

    def _unavailable(self, response: httpx.Response, error: Mapping[str, Any]) -> CountsUnavailable:
        """Why an account has no counts; raises what concerns more than this account."""
        code, subcode, status = error.get("code"), error.get("error_subcode"), response.status_code
        message = self._upstream.redact(error.get("message", f"HTTP {status}"))
        if code in _LIMIT or status == 429:
            raise PlatformPausedError("instagram", message, self._upstream.retry_at(response, _WAIT))
        if code in _KEY or status == 401:
            raise KeyRejectedError("instagram", message)
        if code in _UNKNOWN_ACCOUNT or subcode in (_NO_SUCH_OBJECT, _NO_SUCH_USER):
            return CountsUnavailable(UNKNOWN, "Instagram has no business or creator account with this name")
        if code in _REFUSED_ACCOUNT:
            return CountsUnavailable("refused", f"Instagram says: {message}")
        raise PlatformUnavailableError("instagram", message)


def _usage(response: httpx.Response) -> Iterator[int]:
    """How much of each limit is used, in per cent.

    https://developers.facebook.com/docs/graph-api/overview/rate-limiting#headers
    """
    with suppress(ValueError, AttributeError, TypeError):
        overall = json.loads(response.headers.get("x-app-usage", "{}"))
        by_business = json.loads(response.headers.get("x-business-use-case-usage", "{}"))
        for usage in [overall, *(entry for entries in by_business.values() for entry in entries)]:
            yield from (int(usage[name]) for name in ("call_count", "total_time", "total_cputime") if name in usage)


PLATFORM = Instagram
