"""Fanvue's API: earnings, subscribers, smart lists, chats and posts of creators, and its OAuth server.

https://api.fanvue.com/docs. A key reads every creator under `/creators/{uuid}`, as an agency does; a creator's own
token reads the same paths without that prefix. Each needs the version header. A cursor is a position in the list as it
is when the next page is asked for: rows that came meanwhile shift it.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import NAMESPACE_URL, uuid5

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.failures import Failure, FailureResponses
from local.sandbox.fanvue_accounts import DAY, Account
from local.sandbox.fanvue_tokens import TokenError
from local.sandbox.limits import SlidingWindow
from local.sandbox.service import served
from local.sandbox.world import World

WINDOW_SECONDS = 60
BUCKETS = 5_000
LISTS = ("subscribers", "followers", "auto_renewing", "non_renewing", "expired_subscribers", "spent_more_than_50")
_WORDS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 410: "Gone", 429: "Too Many"}

Read = Callable[[World, Request, Account], object]


class FanvueError(Exception):
    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body = {"statusCode": status, "error": _WORDS.get(status, "Error"), "message": message, **more}

    def answer(self, headers: dict[str, str] | None = None) -> JSONResponse:
        return JSONResponse(self.body, status_code=self.status, headers={**(headers or {}), **self.headers})


@dataclass(frozen=True)
class Caller:
    """Who asks: a creator, or an agency that may read all."""

    name: str
    creator: str | None = None


def failure_responses(_: World) -> FailureResponses:
    def limited(failure: Failure) -> Response:
        headers = {"Retry-After": str(failure.retry_after), "X-RateLimit-Remaining": "0"}
        return FanvueError(429, "Too many requests, please try again later.").answer(headers)

    return {
        "broken": lambda _: FanvueError(503, "Service unavailable").answer(),
        "quota": limited,
        "rate_limited": limited,
    }


def caller_of(world: World, request: Request) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token == world.keys.fanvue:
        return Caller("key")
    family = world.fanvue.tokens.owner(token) if scheme.lower() == "bearer" else None
    if family is None:
        raise FanvueError(401, "The access token is missing, invalid or expired")
    return Caller(family.creator or "agency", family.creator)


def check_version(world: World, request: Request) -> None:
    given, versions = request.headers.get("x-fanvue-api-version"), world.fanvue.versions
    if not given:
        raise FanvueError(400, "The header X-Fanvue-API-Version is required")
    if given in versions.retired:
        raise FanvueError(410, f"API version {given} is no longer supported", nextVersion=versions.current)
    if given != versions.current:
        raise FanvueError(400, f"API version {given} is not supported")


def claim(world: World, bucket: str) -> dict[str, str]:
    """Count a call in its bucket; the headers that say how much is left. FanvueError 429 beyond the limit."""
    limit = world.limits.fanvue_calls_a_minute
    buckets = world.fanvue.buckets
    window = buckets.setdefault(bucket, SlidingWindow(world.clock, WINDOW_SECONDS))
    while len(buckets) > BUCKETS:
        buckets.pop(next(iter(buckets)))
    wait = window.wait(limit)
    if wait <= 0:
        window.add()
    reset = int(world.clock.now() + (wait if wait > 0 else WINDOW_SECONDS))
    headers = {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(max(0, limit - len(window))),
        "X-RateLimit-Reset": str(reset),
    }
    if wait > 0:
        message = "Too many requests, please try again later."
        raise FanvueError(429, message, {**headers, "Retry-After": str(max(1, int(wait + 0.999)))})
    return headers


def routes(world: World) -> list[Route]:
    def endpoint(run: Callable[[Request, Caller], object], bucket: Callable[[Request, Caller], str]) -> Any:
        async def answer(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                caller = caller_of(world, request)
                check_version(world, request)
                headers = claim(world, bucket(request, caller))
                world.fanvue.pushes.push_due()
                made = run(request, caller)
                return JSONResponse(await made if isinstance(made, Awaitable) else made, headers=headers)
            except FanvueError as error:
                return error.answer(headers)

        return served(world, "fanvue", answer, failure_responses(world))

    def of_creator(read: Read) -> Any:
        def run(request: Request, caller: Caller) -> object:
            account = world.fanvue.accounts.find(request.path_params["uuid"])
            if caller.creator is not None:
                raise FanvueError(403, "Insufficient scope: read:creator is an agency's")
            if account is None:
                raise FanvueError(404, "Creator not found")
            return read(world, request, account)

        return endpoint(run, lambda request, _: f"creator:{request.path_params['uuid']}")

    def own(read: Read) -> Any:
        def run(request: Request, caller: Caller) -> object:
            account = world.fanvue.accounts.find(caller.creator or "")
            if account is None:
                raise FanvueError(403, "This account is not a creator")
            return read(world, request, account)

        return endpoint(run, lambda _, caller: f"own:{caller.name}")

    def of_agency(read: Callable[[World, Request], object]) -> Any:
        def run(request: Request, caller: Caller) -> object:
            if caller.creator is not None:
                raise FanvueError(403, "Insufficient scope: read:agency")
            return read(world, request)

        return endpoint(run, lambda _request, _caller: "agencies")

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        try:
            if form.get("grant_type") != "refresh_token":
                raise TokenError(400, "unsupported_grant_type", "the sandbox knows refresh_token alone")
            given = str(form.get("refresh_token", ""))
            made = world.fanvue.tokens.refresh(request.headers.get("authorization", ""), given)
            return JSONResponse(made, headers={"Cache-Control": "no-store"})
        except TokenError as error:
            return JSONResponse(error.body, status_code=error.status)

    reads: dict[str, Read] = {
        "/insights/earnings": earnings,
        "/insights/subscribers": subscribers,
        "/chats/lists/smart": smart_lists,
        "/chats": lambda _, request, account: paged(request, _chats(account), account.chats),
        "/posts": lambda _, request, account: paged(request, _posts(account), account.posts),
    }
    creators = [
        Route(f"/fanvue{prefix}{path}", wrap(read), methods=["GET"])
        for prefix, wrap in (("/creators/{uuid}", of_creator), ("", own))
        for path, read in reads.items()
    ]
    by_caller = endpoint(lambda _, caller: me(world, caller), lambda _, caller: f"own:{caller.name}")
    subscriptions = endpoint(
        lambda request, _: subscribe(world, request) if request.method == "POST" else subscribed(world),
        lambda _, caller: f"own:{caller.name}",
    )
    return [
        Route("/fanvue/oauth2/token", served(world, "fanvue", token, failure_responses(world)), methods=["POST"]),
        Route("/fanvue/creators", of_agency(all_creators), methods=["GET"]),
        *creators,
        Route("/fanvue/users/me", by_caller, methods=["GET"]),
        Route("/fanvue/agencies/earnings", of_agency(agency_earnings), methods=["GET"]),
        Route("/fanvue/agencies/subscribers", of_agency(agency_subscribers), methods=["GET"]),
        Route("/fanvue/webhooks/subscriptions", subscriptions, methods=["GET", "POST"]),
    ]


def earnings(world: World, request: Request, account: Account) -> object:
    since, until = span(request)
    size, at = number(request, "size", 20, 1, 50), position(request)
    sources = [one for one in request.query_params.get("source", "").split(",") if one]
    rows = account.listed(world.clock.now(), since, until, sources)
    more = len(rows) > at + size
    return {"data": [row.shown() for row in rows[at : at + size]], "nextCursor": cursor(at + size) if more else None}


def subscribers(world: World, request: Request, account: Account) -> object:
    since, until = span(request)
    if until == float("inf"):
        until = world.clock.now()
    first = datetime.fromtimestamp(max(since, until - 365 * DAY), UTC).date()
    last = (datetime.fromtimestamp(until, UTC) - timedelta(microseconds=1)).date()
    size, at = number(request, "size", 20, 1, 50), position(request)
    days = account.days(first, last)[::-1] if first <= last else []
    more = len(days) > at + size
    return {"data": days[at : at + size], "nextCursor": cursor(at + size) if more else None}


def smart_lists(_world: World, _request: Request, account: Account) -> object:
    counts = {"subscribers": account.subscribers, "followers": account.followers}
    counts |= {"auto_renewing": account.subscribers * 3 // 4, "non_renewing": account.subscribers // 4}
    return [{"name": name.replace("_", " ").title(), "uuid": name, "count": counts.get(name, 0)} for name in LISTS]


def me(world: World, caller: Caller) -> object:
    account = world.fanvue.accounts.find(caller.creator or "")
    if account is None:
        return {"uuid": str(uuid5(NAMESPACE_URL, "fanvue:agency")), "handle": "agency", "isCreator": False}
    return {
        "uuid": account.uuid,
        "handle": account.handle,
        "displayName": account.name,
        "isCreator": True,
        "fanCounts": {"followersCount": account.followers, "subscribersCount": account.subscribers},
        "contentCounts": {"postCount": account.posts},
    }


def all_creators(world: World, request: Request) -> object:
    found = [
        {"uuid": one.uuid, "handle": one.handle, "displayName": one.name, "role": "CREATOR"}
        for one in world.fanvue.accounts
    ]
    return paged(request, lambda index: found[index], len(found))


def agency_earnings(world: World, request: Request) -> object:
    """Sums by creator and day of UTC."""
    if not {"startDate", "endDate"} <= request.query_params.keys():
        raise FanvueError(400, "startDate and endDate are required")
    since, until = span(request)
    wanted = [one for one in request.query_params.get("creatorUuids", "").split(",") if one]
    if len(wanted) > 50:
        raise FanvueError(400, "at most 50 creatorUuids")
    sums: dict[tuple[str, str, str | None], list[int]] = {}
    for account in world.fanvue.accounts:
        if wanted and account.uuid not in wanted:
            continue
        for row in account.listed(world.clock.now(), since, until, ()):
            day = datetime.fromtimestamp(row.at, UTC).date().isoformat()
            total = sums.setdefault((account.uuid, day, row.currency), [0, 0])
            total[0] += row.gross
            total[1] += row.net
    found = [
        {"creatorUuid": uuid, "date": day, "gross": gross, "net": net, "currency": currency}
        for (uuid, day, currency), (gross, net) in sums.items()
    ]
    return paged(request, lambda index: found[index], len(found))


def agency_subscribers(world: World, request: Request) -> object:
    """Newest first, as far as the sandbox knows subscribers by day."""
    found = []
    for account in world.fanvue.accounts:
        for day in sorted(account.flows, reverse=True):
            found += [
                {"creatorUuid": account.uuid, "subscribedAt": f"{day}T12:00:00.000Z", "expiresAt": None}
            ] * account.flows[day][0]
    return paged(request, lambda index: found[index], len(found))


async def subscribe(world: World, request: Request) -> object:
    try:
        body = dict(await request.json())
        url, events = str(body["url"]), tuple(map(str, body.get("events", ())))
    except (KeyError, TypeError, ValueError):
        raise FanvueError(400, "url is required, and events is a list") from None
    subscription = world.fanvue.pushes.subscribe(url, events)
    return {**subscription.shown(), "signingSecret": subscription.secret}


def subscribed(world: World) -> object:
    return {"data": [one.shown() for one in world.fanvue.pushes.subscriptions.values()]}


def paged(request: Request, item: Callable[[int], object], total: int) -> object:
    """A page by number: its items, and whether there are more."""
    page, size = number(request, "page", 1, 1, 10**6), number(request, "size", 15, 1, 50)
    begins = (page - 1) * size
    return {
        "data": [item(index) for index in range(begins, min(total, begins + size))],
        "pagination": {"page": page, "size": size, "hasMore": total > begins + size},
    }


def _chats(account: Account) -> Callable[[int], object]:
    return lambda index: {"uuid": str(uuid5(NAMESPACE_URL, f"{account.uuid}:chat:{index}")), "isRead": True}


def _posts(account: Account) -> Callable[[int], object]:
    return lambda index: {"uuid": str(uuid5(NAMESPACE_URL, f"{account.uuid}:post:{index}")), "text": f"Post {index}"}


def span(request: Request) -> tuple[float, float]:
    """The time that is asked for, its end excluded; open where nothing is said."""
    since, until = (request.query_params.get(name) for name in ("startDate", "endDate"))
    return instant(since, "startDate", 0.0), instant(until, "endDate", float("inf"))


def instant(text: str | None, name: str, default: float) -> float:
    if text is None:
        return default
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise FanvueError(400, f"{name} must be an ISO 8601 datetime") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def number(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise FanvueError(400, f"{name} must be a number from {least} to {most}")
    return int(text)


def cursor(at: int) -> str:
    return base64.urlsafe_b64encode(f"at:{at}".encode()).decode()


def position(request: Request) -> int:
    text = request.query_params.get("cursor")
    if text is None:
        return 0
    try:
        kind, _, at = base64.urlsafe_b64decode(text).decode().partition(":")
        if kind == "at" and at.isdecimal():
            return int(at)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise FanvueError(400, "the cursor is invalid")
