"""The viewers' routes as the document describes them. Another function answers them, viewer_heartbeat."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler.openapi.models import PathItem, Schema

_TAG = "viewer"
_INTERVAL = {"type": "integer", "description": "Milliseconds from one heartbeat to the next.", "examples": [30000]}
_INSTANT = {"type": "string", "format": "date-time", "examples": ["2026-11-20T12:00:20.081Z"]}
_COUNT = {"type": "integer", "minimum": 0}
_CHANNEL = {
    "type": "string",
    "pattern": "^[A-Za-z0-9._~:@-]{1,100}$",
    "description": "Not `.` or `..`, which no address can end with.",
    "examples": ["demo"],
}
_VIEWER = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]{22,64}$",
    "description": "As join answered it; whoever knows it may add tabs to the viewer, and nothing else.",
    "examples": ["vT4h0wq1S1mXl3aPqk2T9g"],
}
_TOKEN = {
    "type": "string",
    "pattern": r"^[0-9]{1,2}\.[A-Za-z0-9_-]{22}$",
    "description": "A tab's secret, as join answered it.",
    "examples": ["0.0c2vT4h0wq1S1mXl3aPqkg"],
}


def _object(description: str, properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "properties": properties, "required": required}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_SCHEMAS = {
    "ViewerJoin": _object(
        "Who wants to watch; without `viewerId` somebody new, and with it another tab of theirs.",
        {"channelId": _CHANNEL, "viewerId": _or_null(_VIEWER)},
        "viewerId",
    ),
    "ViewerJoined": _object(
        "Who they are, and how often to say that they are still there.",
        {"viewerId": _VIEWER, "token": _TOKEN, "viewers": {**_COUNT, "minimum": 1}, "heartbeatInterval": _INTERVAL},
    ),
    "ViewerTab": _object("A tab that joined.", {"channelId": _CHANNEL, "viewerId": _VIEWER, "token": _TOKEN}),
    "ViewerHeartbeat": _object("How many watch.", {"viewers": _COUNT, "heartbeatInterval": _INTERVAL}),
    "ViewerCount": _object(
        "How many watched at `asOf`: distinct viewers, and their tabs. Who ended without a word may be in it for "
        "`window` seconds more.",
        {
            "channelId": _CHANNEL,
            "viewers": {**_COUNT, "examples": [1003]},
            "connections": {**_COUNT, "examples": [1100]},
            "asOf": _INSTANT,
            "window": {"type": "integer", "examples": [60]},
        },
    ),
    "ViewerCurve": _object(
        "What was counted, oldest first, at most once a minute and only where it changed; and the most of today.",
        {
            "channelId": _CHANNEL,
            "items": {"type": "array", "items": _object("A count.", {"at": _INSTANT, "viewers": _COUNT})},
            "peak": _or_null(
                _object("A day's most.", {"viewers": _COUNT, "day": {"type": "string", "format": "date"}})
            ),
        },
    ),
    "ViewerChannel": _object(
        "What a page about a channel needs to begin.",
        {
            "channelId": _CHANNEL,
            "name": _or_null({"type": "string", "description": "What the operator calls it."}),
            "webSocketUrl": {"type": "string"},
            "heartbeatInterval": _INTERVAL,
            "countInterval": {"type": "integer", "description": "Milliseconds between two counts at least."},
            "followers": _or_null(
                _object(
                    "Of the tracked channel of the very same id; null where there is none, or its count is hidden.",
                    {
                        "count": _COUNT,
                        "name": {"type": "string"},
                        "url": _or_null({"type": "string"}),
                        "asOf": _INSTANT,
                        "stale": {"type": "boolean"},
                    },
                )
            ),
        },
    ),
}
_REFUSALS = {
    400: "A field is missing or wrong; `details` says which",
    403: "The viewer is there, but the token is not of them",
    404: "No such viewer is watching the channel any more: join again",
    413: "The body is longer than 2 KB",
    429: "Too many joins from one address, or tabs of one viewer; see Retry-After",
    500: "Something failed here; the log has the details",
}
_OPEN = {"Access-Control-Allow-Origin": {"description": "Any page may read it.", "schema": {"const": "*"}}}
_RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}


def _points_to(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _points_to(name)}}


def _responses(good: dict[str, Any], *refusals: int) -> dict[str, Any]:
    bad = {
        str(status): {
            "description": _REFUSALS[status],
            "headers": _OPEN | (_RETRY if status == 429 else {}),
            "content": _json("Error"),
        }
        for status in sorted({400, 413, 500, *refusals})
    }
    return good | bad


def _write(name: str, summary: str, takes: str, good: dict[str, Any], *refusals: int) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "description": "The body is read as JSON whatever it is called, as a beacon sends it; a form will do too.",
            "operationId": f"viewer_{name}",
            "tags": [_TAG],
            "security": [],
            "requestBody": {"required": True, "content": _json(takes)},
            "responses": _responses(good, *refusals),
        }
    }


def _read(
    name: str, summary: str, content: dict[str, Any], *parameters: dict[str, Any], description: str = ""
) -> dict[str, Any]:
    channel = {"name": "channelId", "in": "path", "required": True, "schema": _CHANNEL}
    good = {"200": {"description": "Done", "headers": _OPEN, "content": content}}
    responses = _responses(good, 404)
    responses["404"]["description"] = "There is no such address"
    return {
        "get": {
            "summary": summary,
            "description": description,
            "operationId": f"viewer_{name}",
            "tags": [_TAG],
            "security": [],
            "parameters": [channel, *parameters],
            "responses": responses,
        }
    }


def _done(name: str) -> dict[str, Any]:
    return {"200": {"description": "Done", "headers": _OPEN, "content": _json(name)}}


_STREAM_EXAMPLE = (
    "retry: 1000\n\nid: 1795180820081\n"
    'data: {"channelId": "demo", "viewers": 1003, "connections": 1100, "asOf": "2026-11-20T12:00:20.081Z", '
    '"window": 60}\n\n'
)
_LAST = {"required": False, "schema": {"type": "string"}, "description": "The id of the event that came last."}
_PATHS = {
    "/api/viewer/join": _write("join", "Watch a channel", "ViewerJoin", _done("ViewerJoined"), 429),
    "/api/viewer/heartbeat": _write("heartbeat", "Still watch it", "ViewerTab", _done("ViewerHeartbeat"), 403, 404),
    "/api/viewer/leave": _write(
        "leave",
        "Watch it no longer",
        "ViewerTab",
        {"204": {"description": "Gone, perhaps before already", "headers": _OPEN}},
        403,
    ),
    "/api/viewer/count/{channelId}": _read("count", "How many watch a channel", _json("ViewerCount")),
    "/api/viewer/sse/{channelId}": _read(
        "sse",
        "How many watch, for EventSource",
        {"text/event-stream": {"example": _STREAM_EXAMPLE}},
        {"name": "Last-Event-ID", "in": "header", **_LAST},
        {"name": "lastEventId", "in": "query", **_LAST},
        description="It ends at once, and an EventSource comes again after `retry` milliseconds. One event, whose data "
        "are what `count` answers; none when the count has not changed since the last event.",
    ),
    "/api/viewer/curve/{channelId}": _read(
        "curve",
        "How many watched",
        _json("ViewerCurve"),
        {
            "name": "hours",
            "in": "query",
            "required": False,
            "schema": {"type": "integer", "minimum": 1, "maximum": 24, "default": 1},
            "description": "How far back.",
        },
    ),
    "/api/viewer/channel/{channelId}": _read("channel", "What a page needs to begin", _json("ViewerChannel")),
}


def paths() -> dict[str, PathItem]:
    return {path: PathItem.model_validate(item) for path, item in _PATHS.items()}


def schemas() -> dict[str, Schema]:
    return {name: Schema.model_validate(schema) for name, schema in _SCHEMAS.items()}
