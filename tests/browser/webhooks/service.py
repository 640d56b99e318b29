"""The webhook routes of the fake backend: endpoints in memory, messages as a test gives them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from aiohttp import web

from tests.browser.viewers.audience import iso

ROOT = "/api/webhooks"
SECRET, NEW_SECRET = "whsec_b25lIHNlY3JldCBvZiBhIHRlc3Q=", "whsec_YW5vdGhlciBzZWNyZXQ="
TYPES = (
    ("milestone_reached", "A subject passed a milestone."),
    ("payment_failed", "A customer's payment failed; `retryAt` says when it is tried again."),
    ("user_created", "A product has a new user."),
)


class Service:
    """What a test changes, and what the page asked for."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.messages: list[dict[str, Any]] = []
        """The newest first."""
        self.replayable = 1_204
        self.due = 3
        self.stats = statistics()
        self.sample_status: str = "sent"
        self.page_size = 50
        self.refusal = ""
        """The error of every change."""
        self.asked: list[tuple[str, str, Any]] = []
        """Method, path below the root, and the body or the query of each request."""
        self._numbers = count(1)
        self._clock = clock

    # -- what a test does

    def endpoint(self, **changes: Any) -> dict[str, Any]:
        """Add an endpoint."""
        made: dict[str, Any] = {
            "id": f"ep_{next(self._numbers):012}",
            "url": "https://crm.example/hooks/cairn",
            "description": "",
            "format": "standard",
            "events": ["*"],
            "filter": {},
            "headers": [],
            "rateLimit": None,
            "owner": None,
            "defaultContact": None,
            "holdOut": 0,
            "state": "active",
            "stateReason": "",
            "health": {"failures": 0, "failingSince": None, "openUntil": None, "lastError": ""},
            "previousSecretUntil": None,
            "createdAt": iso(self._clock()),
            "createdBy": "hook",
            "version": 1,
        } | changes
        self.endpoints[made["id"]] = made
        return made

    def message(self, endpoint: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Add a message, newer than those before."""
        number = next(self._numbers)
        at = self._clock() + timedelta(milliseconds=number)
        made: dict[str, Any] = {
            "id": f"msg_{number:032}",
            "event": f"evt_{number:020}",
            "endpoint": endpoint["id"],
            "type": "milestone_reached",
            "subject": "rep:17",
            "status": "sent",
            "attempts": [attempt(1, at, status=200)],
            "createdAt": iso(at),
            "sentAt": iso(at),
            "dueAt": None,
            "errorMessage": None,
            "sample": False,
            "sequence": number,
            "template": None,
            "contact": None,
            "erased": False,
            "feedback": {},
            "data": {"subject": "rep:17", "label": "$10,000"},
        } | changes
        self.messages.insert(0, made)
        return made

    # -- the routes

    async def respond(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix(ROOT)
        body = await request.json() if request.can_read_body else dict(request.query)
        self.asked.append((request.method, path, body))
        if self.refusal and request.method != "GET":
            return web.json_response({"error": self.refusal}, status=400)
        match path.strip("/").split("/"):
            case ["catalogue"]:
                return web.json_response({"items": [event_type(name, words) for name, words in TYPES]})
            case ["process-queue"]:
                return web.json_response({"messages": self.due, "endpoints": 1, "left": 0})
            case ["stats"]:
                return web.json_response(self.stats)
            case ["endpoints"]:
                return self._endpoints(request, body)
            case ["endpoints", endpoint_id, *action] if endpoint_id in self.endpoints:
                return self._endpoint(request, self.endpoints[endpoint_id], "".join(action), body)
            case ["messages"]:
                return self._list(body)
            case ["messages", message_id, *action]:
                return self._message(message_id, "".join(action))
        return web.json_response({"error": "not found"}, status=404)

    def _endpoints(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        if request.method == "GET":
            return web.json_response({"items": list(self.endpoints.values()), "nextCursor": None})
        made = self.endpoint(**body | {"headers": sorted(body["headers"])})
        return web.json_response(made | {"secret": SECRET}, status=201)

    def _endpoint(
        self, request: web.Request, endpoint: dict[str, Any], action: str, body: dict[str, Any]
    ) -> web.Response:
        match (request.method, action):
            case ("DELETE", ""):
                del self.endpoints[endpoint["id"]]
                return web.Response(status=204)
            case ("PATCH", ""):
                changed = {name: value for name, value in body["headers"].items() if value is not None}
                kept = {name for name in endpoint["headers"] if name not in body["headers"]}
                if body["version"] != endpoint["version"]:
                    return web.json_response({"error": "somebody has changed the endpoint since"}, status=409)
                endpoint |= body | {"headers": sorted(kept | set(changed)), "version": endpoint["version"] + 1}
            case ("POST", "pause"):
                endpoint |= {"state": "paused", "stateReason": "paused by a person"}
            case ("POST", "resume"):
                endpoint |= {"state": "active", "stateReason": ""}
            case ("POST", "rotate"):
                return web.json_response(endpoint | {"secret": NEW_SECRET})
            case ("POST", "test"):
                return web.json_response({"id": self._sample(endpoint)["id"]}, status=202)
            case ("POST", "recover" | "replay"):
                sent_again = {"messages": self.replayable, "atLeast": False, "dryRun": body["dryRun"]}
                return web.json_response(sent_again, status=200 if body["dryRun"] else 202)
        return web.json_response(endpoint)

    def _sample(self, endpoint: dict[str, Any]) -> dict[str, Any]:
        if self.sample_status == "sent":
            return self.message(endpoint, sample=True)
        failed = attempt(1, self._clock(), error="TIMEOUT", reason="no answer within 15 s")
        return self.message(
            endpoint, sample=True, status="pending", attempts=[failed], errorMessage="TIMEOUT: no answer within 15 s"
        )

    def _list(self, query: dict[str, str]) -> web.Response:
        wanted = {name: value for name, value in query.items() if name in ("status", "endpoint", "type", "subject")}
        events = query["event"].split(",") if "event" in query else [message["event"] for message in self.messages]
        found = [
            message
            for message in self.messages
            if all(message[name] == value for name, value in wanted.items())
            and message["event"] in events
            and query.get("from", "") <= message["createdAt"]
            and message["createdAt"] < query.get("to", "9")
        ]
        start = int(query.get("cursor", "0"))
        end = start + self.page_size
        items = [message | {"attempts": len(message["attempts"])} for message in found[start:end]]
        return web.json_response({"items": items, "nextCursor": str(end) if end < len(found) else None})

    def _message(self, message_id: str, action: str) -> web.Response:
        message = next(one for one in self.messages if one["id"] == message_id)
        if action == "resend":
            number = len(message["attempts"]) + 1
            message["attempts"].append(attempt(number, self._clock(), status=200))
            message |= {"status": "sent", "errorMessage": None}
            return web.json_response({"id": message_id}, status=202)
        if action == "content":
            message |= {"data": {}, "contact": None, "erased": True}
            return web.Response(status=204)
        return web.json_response(message)


def attempt(number: int, at: datetime, **changes: Any) -> dict[str, Any]:
    """An attempt of a message as the API shows it."""
    return {
        "number": number,
        "at": iso(at),
        "milliseconds": 12,
        "status": None,
        "error": None,
        "reason": "",
        "response": None,
    } | changes


def statistics(**total: Any) -> dict[str, Any]:
    """The figures of nothing, with changes to the total."""
    return {"complete": True, "total": figures(**total), "endpoints": [], "feedback": []}


def figures(**changes: Any) -> dict[str, Any]:
    """The figures of some messages."""
    return {
        "messages": 0,
        "sent": 0,
        "failed": 0,
        "pending": 0,
        "skipped": 0,
        "heldOut": 0,
        "deliveryRate": None,
        "retried": 0,
        "retrySuccess": None,
        "latency": None,
        "oldestPending": None,
    } | changes


def event_type(name: str, words: str) -> dict[str, Any]:
    """A type of the catalogue."""
    schema = {"type": "object", "properties": {"subject": {"type": "string"}}}
    return {"type": name, "description": words, "contact": False, "schema": schema, "example": {"subject": "rep:17"}}
