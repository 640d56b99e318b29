"""Fanvue: a creator's earnings, audience and subscribers.

https://api.fanvue.com/docs. Amounts are whole cents. An agency's or the deployment's credentials read a creator by
`/creators/{uuid}`, a creator's own the same paths without that prefix.

An answer that is not as documented, such as an amount of half a cent or rows out of order, fails the creator's sync
(PlatformUnavailableError): nothing is guessed, and no row is left out of the sums unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from cairn.clock import iso
from cairn.codec import to_json
from cairn.creators.limiter import Limiter
from cairn.creators.model import Creator, Earning
from cairn.creators.platforms import Audience, Bearer, Flow, Rows
from cairn.creators.platforms.page_search import Page, PageSearch
from cairn.errors import KeyRejectedError, PlatformPausedError, PlatformUnavailableError
from cairn.upstream import MAX_COUNT, Upstream, as_documented, to_count

NAME = "fanvue"
VERSION = "2025-06-26"
"""Of the API that this file was written for: https://api.fanvue.com/docs/versioning"""
PAGE = 50
SECOND = timedelta(seconds=1)
READINGS = 5
"""Of a second with more rows than an answer holds: two of them have to agree."""
MAX_PAGES = 100
"""Of such a second."""
DAYS_A_CALL = 31
_WAIT = timedelta(minutes=1)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_STANDING = frozenset({"transactionOrderStatus"})
"""What changes while a booking stays the same: whether its money can be paid out by now."""


class Fanvue:
    def __init__(self, upstream: Upstream, limiter: Limiter, credentials: Bearer, creator: Creator) -> None:
        self._upstream = upstream
        self._limiter = limiter
        self._credentials = credentials
        self._creator = creator
        if not _ID.fullmatch(creator.external_id):  # it is part of the path
            raise KeyRejectedError(NAME, "the creator's external id cannot be one of Fanvue's")
        own = credentials.own
        self._base = "" if own else f"/creators/{creator.external_id}"
        self._bucket = f"own {creator.id}" if own else self._base

    @as_documented(NAME)
    def account(self) -> str:
        """The uuid of whose credentials they are."""
        return str(self._get("/users/me")["uuid"])

    @as_documented(NAME)
    def rows(self, since: datetime, until: datetime) -> Rows:
        data, cursor = self._page(since, until)
        listed = self._earnings(data)
        earnings = [one for one in listed if since <= one.at < until]
        if cursor is None or (listed and listed[-1].at < since):
            return Rows(since, until, earnings)
        if not earnings:
            raise PlatformUnavailableError(NAME, "earnings of another time than was asked for")
        # More rows of this second may be on the next page, which begins elsewhere when a row arrives.
        second = earnings[-1].at.replace(microsecond=0)
        whole = [one for one in earnings if one.at >= second + SECOND]
        if whole:
            return Rows(second + SECOND, until, whole)
        begin = max(second, since)
        return Rows(begin, until, self._all_of(begin, min(second + SECOND, until)))

    def audience(self, hints: str) -> Audience:
        with as_documented(NAME):
            lists = self._get(f"{self._base}/chats/lists/smart")
            if not isinstance(lists, list):
                raise TypeError("the smart lists are not a list")
            counts = {one["uuid"]: to_count(one["count"]) for one in lists}
            chats, _, posts = hints.partition(" ")
            messages, chat_hint = self._count("/chats", chats)
            published, post_hint = self._count("/posts", posts)
        return Audience(
            counts.get("subscribers"), counts.get("followers"), messages, published, f"{chat_hint} {post_hint}"
        )

    @as_documented(NAME)
    def flows(self, first: date, last: date) -> Sequence[Flow]:
        """The `total` of a day is a net sum, which may be negative, and no audience: it is not read."""
        found: dict[date, Flow] = {}
        while first <= last:
            until = min(last, first + timedelta(days=DAYS_A_CALL - 1))
            params = {"startDate": _midnight(first), "endDate": _midnight(until + timedelta(days=1)), "size": str(PAGE)}
            for one in self._get(f"{self._base}/insights/subscribers", params)["data"]:
                day = date.fromisoformat(one["date"][:10])
                if first <= day <= until:
                    new, ended = to_count(one["newSubscribersCount"]), to_count(one["cancelledSubscribersCount"])
                    found[day] = Flow(day, new, ended)
            first = until + timedelta(days=1)
        return [found[day] for day in sorted(found)]

    def _all_of(self, begin: datetime, end: datetime) -> list[Earning]:
        """Of a second with more rows than an answer holds: read by cursor until two readings agree."""
        before = None
        for _ in range(READINGS):
            reading = self._earnings([row for page in self._pages(begin, end) for row in page])
            agreed = sorted(to_json(dict(one.fields)) for one in reading)
            if agreed == before:
                return [one for one in reading if begin <= one.at < end]
            before = agreed
        raise PlatformUnavailableError(NAME, f"the earnings of {iso(begin)} change while they are read")

    def _pages(self, since: datetime, until: datetime) -> Iterator[list[Any]]:
        data, cursor = self._page(since, until)
        yield data
        for _ in range(MAX_PAGES):
            if cursor is None:
                return
            data, cursor = self._page(since, until, cursor)
            yield data
        raise PlatformUnavailableError(NAME, f"more than {MAX_PAGES * PAGE} earnings of {iso(since)}")

    def _page(self, since: datetime, until: datetime, cursor: str | None = None) -> tuple[list[Any], str | None]:
        params = {"startDate": iso(since), "endDate": iso(until), "size": str(PAGE)}
        body = self._get(f"{self._base}/insights/earnings", params | ({"cursor": cursor} if cursor else {}))
        data, following = body["data"], body["nextCursor"]
        if not isinstance(data, list) or not (following is None or isinstance(following, str)):
            raise TypeError("no page of earnings")
        return data, following or None

    def _earnings(self, data: Sequence[Any]) -> list[Earning]:
        earnings = [_earning(row) for row in data]
        if any(later.at > earlier.at for earlier, later in pairwise(earnings)):
            raise PlatformUnavailableError(NAME, "earnings that are not the newest first")
        return earnings

    def _count(self, path: str, hint: str) -> tuple[int | None, str]:
        search = PageSearch.of(hint)
        for _ in range(2):
            body = self._get(f"{self._base}{path}", {"page": str(search.page), "size": str(PAGE)})
            page = Page(len(body["data"]), bool(body["pagination"]["hasMore"]))
            if page.items > PAGE:
                raise ValueError("more than a page")
            if (total := search.learn(page, PAGE)) is not None:
                return total, search.hint
        return None, search.hint

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        token = self._credentials.token()
        response, body = self._call(path, params, token)
        if response.status_code == 401 and (renewed := self._credentials.renew(token)):
            response, body = self._call(path, params, renewed)
        if response.status_code == 200:
            return body
        said = body.get("message", "") if isinstance(body, dict) else ""
        message = self._upstream.redact(said or f"HTTP {response.status_code}")
        if response.status_code == 429:
            until = self._upstream.retry_at(response, _WAIT)
            self._limiter.pause(self._bucket, until)
            raise PlatformPausedError(NAME, message, until)
        if response.status_code in (401, 403):
            raise KeyRejectedError(NAME, message)
        if response.status_code == 404:
            raise KeyRejectedError(NAME, f"the credentials know no creator {self._creator.external_id}: {message}")
        if response.status_code == 410:
            following = body.get("nextVersion", "another") if isinstance(body, dict) else "another"
            reason = f"version {VERSION} of its API has ended, the next is {following!s:.40}; Cairn needs an update"
            raise PlatformUnavailableError(NAME, reason)
        raise PlatformUnavailableError(NAME, message)

    def _call(self, path: str, params: Mapping[str, str] | None, token: str) -> tuple[Any, Any]:
        headers = {"Authorization": f"Bearer {token}", "X-Fanvue-API-Version": VERSION}
        response, body = self._upstream.exchange(
            "GET", path, params=params, headers=headers, before=lambda: self._limiter.take(self._bucket)
        )
        self._limiter.learn(self._bucket, response.headers)
        return response, body


def _earning(row: Mapping[str, Any]) -> Earning:
    at = datetime.fromisoformat(row["date"])
    if at.tzinfo is None:
        raise ValueError("an instant without a time zone")
    at = at.astimezone(UTC)
    gross, net, currency, user = _cents(row["gross"]), _cents(row["net"]), row.get("currency") or None, row.get("user")
    if currency is not None:
        if not _CURRENCY.fullmatch(currency):
            raise ValueError("not a currency")
        currency = currency.upper()
    fan = user if isinstance(user, dict) else {}
    # Who pays is part of the booking; what they are called now is not.
    said = {name: value for name, value in row.items() if name not in _STANDING}
    fields = said | {"date": iso(at), "gross": gross, "net": net, "currency": currency, "user": fan.get("uuid")}
    return Earning(
        at=at,
        gross=gross,
        net=net,
        currency=currency,
        source=_text(row.get("source")) or "unknown",
        payer=_text(fan.get("uuid")),
        payer_name=_text(fan.get("displayName")) or _text(fan.get("handle")),
        fields=fields,
        order=_text(row.get("transactionOrderId")),
        reverses=_text(row.get("reversedTransactionOrderId")),
    )


def _cents(value: object) -> int:
    """A whole number of minor units; 12.0 is one too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or abs(value) >= MAX_COUNT:
        raise ValueError("not a whole number of cents")
    return int(value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _midnight(day: date) -> str:
    return iso(datetime(day.year, day.month, day.day, tzinfo=UTC))


PLATFORM = Fanvue
