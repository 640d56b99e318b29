"""YouTube's `channels.list` for an API key: counts as strings and rounded down, unknown ids omitted, in any order.

Modelled on https://developers.google.com/youtube/v3/docs/channels/list and Google's discovery document. A call without
a key is 403 `forbidden`, one with a wrong key 400 `badRequest` (`API key not valid. Please pass a valid API key.`), as
from Google's front end today; the reason was `keyInvalid` in earlier years. A hidden count is `"0"` together with
`hiddenSubscriberCount: true`, as in YouTube: the zero is not the count. Without results there is no `items`. `fields`
selects parts of the answer. A channel with an `error` fails each call that asks for it, too, with that reason.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.channels import Channel, bare
from local.sandbox.failures import Failure, FailureResponses
from local.sandbox.service import served
from local.sandbox.world import World

MOST_IDS = 50
DEFAULT_PAGE = 5
UNITS_PER_CALL = 1
FILTERS = ("id", "forHandle", "forUsername", "mine", "managedByMe", "mySubscribers", "categoryId")
FIELD = re.compile(r"(?P<name>\w+)(?:\((?P<inner>.+)\)|/(?P<rest>.+))?")
NEEDS_OAUTH = ("mine", "managedByMe", "mySubscribers")
# The quota resets at midnight Pacific time; standard time all year needs no time zone database.
PACIFIC = timezone(timedelta(hours=-8))

NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). "
    "Please use API Key or other form of API consumer identity to call this API."
)
BAD_KEY = "API key not valid. Please pass a valid API key."
OVER_QUOTA = (
    "The request cannot be completed because you have exceeded your "
    '<a href="/youtube/v3/getting-started#quota">quota</a>.'
)


def rounded(count: int) -> int:
    """Rounded down to three significant figures, as YouTube rounds subscriber counts."""
    step = int("1" + "0" * max(0, len(str(count)) - 3))
    return count // step * step


def error(
    code: int,
    message: str,
    reason: str,
    domain: str = "global",
    *,
    location: str | None = None,
    status: str | None = None,
    details: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    one: dict[str, Any] = {"message": message, "domain": domain, "reason": reason}
    if location is not None:
        one |= {"location": location, "locationType": "parameter"}
    body: dict[str, Any] = {"code": code, "message": message, "errors": [one]}
    if status is not None:
        body["status"] = status
    if details is not None:
        body["details"] = details
    return JSONResponse({"error": body}, status_code=code, headers=headers)


def over_quota() -> JSONResponse:
    return error(403, OVER_QUOTA, "quotaExceeded", "youtube.quota")


def rate_limited(failure: Failure) -> JSONResponse:
    message = "The request cannot be completed because you have exceeded your rate limit. Please try again later."
    retry_after = {"Retry-After": str(failure.retry_after)}
    return error(403, message, "rateLimitExceeded", "usageLimits", headers=retry_after)


FAILURE_RESPONSES: FailureResponses = {
    "broken": lambda _: error(503, "The service is currently unavailable.", "backendError", status="UNAVAILABLE"),
    "quota": lambda _: over_quota(),
    "rate_limited": rate_limited,
}


def etag(*what: object) -> str:
    return hashlib.sha1("|".join(map(str, what)).encode(), usedforsecurity=False).hexdigest()[:27]


def routes(world: World) -> list[Route]:
    async def list_channels(request: Request) -> Response:
        if error_response := check_key(world, request):
            return error_response
        day = datetime.fromtimestamp(world.clock.now(), PACIFIC).date().isoformat()
        used = world.youtube_units.get(day, 0)
        if used + UNITS_PER_CALL > world.limits.youtube_units_a_day:
            return over_quota()
        # An invalid request costs its unit, too.
        world.youtube_units = {day: used + UNITS_PER_CALL}
        return answer(world, request)

    return [Route("/youtube/v3/channels", served(world, "youtube", list_channels, FAILURE_RESPONSES), methods=["GET"])]


def check_key(world: World, request: Request) -> Response | None:
    key = request.query_params.get("key") or request.headers.get("x-goog-api-key")
    if not key:
        return error(403, NO_KEY, "forbidden", status="PERMISSION_DENIED")
    if key != world.keys.youtube:
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "youtube.googleapis.com"},
        }
        return error(400, BAD_KEY, "badRequest", status="INVALID_ARGUMENT", details=[info])
    return None


def listed(request: Request, name: str) -> list[str]:
    """The distinct values of a parameter that may be repeated and may contain commas."""
    values = (value.strip() for text in request.query_params.getlist(name) for value in text.split(","))
    return list(dict.fromkeys(value for value in values if value))


def answer(world: World, request: Request) -> Response:
    parts = listed(request, "part")
    if not parts:
        return error(400, "Required parameter: part", "required", location="part")
    if unknown := [part for part in parts if part not in PARTS]:
        return error(400, f"'{unknown[0]}'", "unknownPart", "youtube.part", location="part")
    filters = [name for name in FILTERS if request.query_params.get(name)]
    if not filters:
        message = f"No filter selected. Expected one of: {', '.join(FILTERS)}"
        return error(400, message, "missingRequiredParameter", "youtube.parameter", location="")
    if len(filters) > 1:
        message = f"Incompatible parameters specified in the request: {', '.join(filters)}"
        return error(400, message, "incompatibleParameters", "youtube.parameter", location="")
    if filters[0] in NEEDS_OAUTH:
        message = f"The request uses the <code>{filters[0]}</code> parameter but is not properly authorized."
        return error(401, message, "authorizationRequired", "youtube.parameter", location=filters[0])
    ids = listed(request, "id")
    if len(ids) > MOST_IDS:
        message = "The request specifies an invalid filter parameter."
        return error(400, message, "invalidFilters", "youtube.parameter", location="parameters.")
    found = find(world, request, ids)
    if reason := next((channel.error for channel in found if channel.error), None):
        return error(403, "The channel cannot be read.", reason, "youtube.channel", location="id")
    try:
        selection = parse_fields(request.query_params.get("fields", ""))
    except ValueError as malformed:
        return error(400, f"Invalid field selection {malformed}", "invalidParameter", location="fields")
    now = world.clock.now()
    body: dict[str, Any] = {
        "kind": "youtube#channelListResponse",
        "etag": etag(now, *(channel.id for channel in found)),
        "pageInfo": {"totalResults": len(found), "resultsPerPage": max(DEFAULT_PAGE, len(found))},
    }
    if found:
        body["items"] = [resource(channel, parts, now) for channel in found]
    return JSONResponse(select(body, selection))


Selection = dict[str, "Selection"]
"""Names, each with the selection of what is under it; empty for all of it."""


def parse_fields(source: str) -> Selection:
    """Google's partial response: `items(id,snippet/title)`. ValueError, with the part that is malformed.

    https://developers.google.com/youtube/v3/getting-started#fields
    """
    selection: Selection = {}
    for part in _split(source):
        matched = FIELD.fullmatch(part.strip())
        if not matched:
            raise ValueError(part)
        selection.setdefault(matched["name"], {}).update(parse_fields(matched["inner"] or matched["rest"] or ""))
    return selection


def _split(source: str) -> list[str]:
    """The parts between the commas that are in no brackets."""
    parts, depth = [""], 0
    for letter in source:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts if source else []


def select(value: Any, selection: Selection) -> Any:
    """What a selection leaves of a value; lists element by element."""
    if not selection:
        return value
    if isinstance(value, list):
        return [select(one, selection) for one in value]
    return {name: select(value[name], inner) for name, inner in selection.items() if name in value}


def find(world: World, request: Request, ids: list[str]) -> list[Channel]:
    if not ids:
        handle = request.query_params.get("forHandle") or request.query_params.get("forUsername") or ""
        channel = world.channels.by_handle("youtube", bare(handle))
        return [channel] if channel else []
    found = [channel for channel_id in ids if (channel := world.channels.by_id("youtube", channel_id))]
    shuffled = sorted(found, key=lambda channel: etag(channel.id))
    return shuffled if shuffled != found else shuffled[::-1]


def resource(channel: Channel, parts: list[str], now: float) -> dict[str, Any]:
    body = {"kind": "youtube#channel", "etag": etag(channel.id, channel.count(now)), "id": channel.id}
    return body | {part: content for part in parts if (content := PARTS[part](channel, now)) is not None}


def statistics(channel: Channel, now: float) -> dict[str, Any]:
    return {
        "viewCount": str(channel.views),
        "subscriberCount": "0" if channel.hidden else str(rounded(channel.count(now))),
        "hiddenSubscriberCount": channel.hidden,
        "videoCount": str(channel.videos),
    }


def snippet(channel: Channel, _now: float) -> dict[str, Any]:
    pictures = f"https://yt3.ggpht.com/{etag(channel.id)}"
    sizes = {"default": 88, "medium": 240, "high": 800}
    born = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=int(etag(channel.id)[:7], 16))
    return {
        "title": channel.name,
        "description": f"{channel.name}, in Cairn's sandbox.",
        "customUrl": f"@{channel.handle.lower()}",
        "publishedAt": born.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "thumbnails": {
            size: {"url": f"{pictures}=s{pixels}", "width": pixels, "height": pixels} for size, pixels in sizes.items()
        },
        "localized": {"title": channel.name, "description": f"{channel.name}, in Cairn's sandbox."},
    }


def content_details(channel: Channel, _now: float) -> dict[str, Any]:
    return {"relatedPlaylists": {"likes": "", "uploads": f"UU{channel.id[2:]}"}}


def status(_channel: Channel, _now: float) -> dict[str, Any]:
    return {
        "privacyStatus": "public",
        "isLinked": True,
        "longUploadsStatus": "longUploadsUnspecified",
        "madeForKids": False,
    }


def branding(channel: Channel, _now: float) -> dict[str, Any]:
    return {"channel": {"title": channel.name}}


def nothing(_channel: Channel, _now: float) -> None:
    """Parts that are valid but omitted for a channel without such data."""


PARTS = {
    "id": nothing,
    "snippet": snippet,
    "statistics": statistics,
    "contentDetails": content_details,
    "status": status,
    "brandingSettings": branding,
    "contentOwnerDetails": nothing,
    "localizations": nothing,
    "topicDetails": nothing,
}
