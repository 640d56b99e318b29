"""The usage routes of the fake backend: users and their days as a test gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.browser.viewers.audience import iso


class Service:
    """What a test changes, and what the page asked for."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.days: dict[str, list[dict[str, Any]]] = {}
        self.milestones: dict[str, list[dict[str, Any]]] = {}
        """The newest first."""
        self.freezes: dict[str, list[dict[str, Any]]] = {}
        self.totals: list[dict[str, Any]] = []
        self.page_size = 50
        self.refusal = ""
        """The error of every change."""
        self.asked: list[tuple[str, str, Any]] = []
        """Method, path, and the body or the query of each request."""
        self._clock = clock

    @property
    def today(self) -> date:
        return self._clock().date()

    # -- what a test does

    def user(self, id_: str, **changes: Any) -> dict[str, Any]:
        """Add a user who has done nothing yet."""
        now, today = iso(self._clock()), str(self.today)
        made: dict[str, Any] = {
            "id": id_,
            "name": None,
            "email": None,
            "phone": None,
            "timeZone": "UTC",
            "attributes": {},
            "createdAt": now,
            "dailyGoal": None,
            "nextDailyGoal": None,
            "totals": {},
            "month": {"month": today[:7], "counts": {}},
            "today": {"date": today, "counts": {}, "goalCount": 0, "dailyGoal": None, "goalAchieved": False},
            "firstReplyAt": None,
            "firsts": {},
            "features": [],
            "streakDays": 0,
            "streakBegan": None,
            "freezes": 0,
            "daysWithUs": 1,
            "latestMilestone": None,
            "near": [],
            "asOf": now,
        } | changes
        self.users[id_] = made
        return made

    def day(self, id_: str, ago: int, counts: Mapping[str, int], goal: int | None = None, **changes: Any) -> None:
        """Add a day of a user, so many days ago."""
        done = counts.get("replies", 0)
        made = {
            "date": str(self.today - timedelta(days=ago)),
            "counts": dict(counts),
            "imported": {},
            "goalCount": done,
            "dailyGoal": goal,
            "goalAchieved": goal is not None and done >= goal,
            "frozen": False,
            "counted": bool(counts),
        }
        self.days.setdefault(id_, []).append(made | changes)

    def milestone(self, id_: str, type_: str, threshold: int, **changes: Any) -> dict[str, Any]:
        """Add a milestone of a user, newer than those before."""
        listed = self.milestones.setdefault(id_, [])
        made = {
            "id": f"user:{id_}/{type_}/all-time/{threshold}",
            "type": type_,
            "metric": type_,
            "period": "all-time",
            "threshold": threshold,
            "label": f"{threshold:,}",
            "value": threshold,
            "achievedAt": iso(self._clock()),
            "alsoPassed": [],
            "streakDays": None,
            "corrected": False,
            "revertedAt": None,
            "event": f"evt_{len(listed):020}",
        } | changes
        listed.insert(0, made)
        return made

    # -- the routes

    async def respond(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else dict(request.query)
        self.asked.append((request.method, request.raw_path.partition("?")[0], body))
        if self.refusal and request.method != "GET":
            return web.json_response({"error": self.refusal}, status=400)
        match request.raw_path.partition("?")[0].strip("/").split("/")[1:]:
            case ["usage", "totals"]:
                wanted = [day for day in self.totals if body["from"] <= day["date"] <= body["to"]]
                counted_at = iso(self._clock()) if self.totals else None
                return web.json_response({"items": wanted, "asOf": counted_at, "nextCursor": None})
            case ["users"]:
                return self._list(body)
            case ["users", id_, *action] if unquote(id_) in self.users:
                return self._one(request.method, unquote(id_), "".join(action), body)
        return web.json_response({"error": "there is no such user"}, status=404)

    def _list(self, query: dict[str, str]) -> web.Response:
        def fits(user: dict[str, Any]) -> bool:
            words = " ".join(str(user[name]) for name in ("id", "name", "email")).casefold()
            has_goal = {"true": user["dailyGoal"] is not None, "false": user["dailyGoal"] is None}
            return query.get("search", "").casefold() in words and has_goal.get(query.get("hasGoal", ""), True)

        return self._page([user for user in self.users.values() if fits(user)], query)

    def _page(self, found: list[Any], query: dict[str, str]) -> web.Response:
        start = int(query.get("cursor", "0"))
        end = start + self.page_size
        return web.json_response({"items": found[start:end], "nextCursor": str(end) if end < len(found) else None})

    def _one(self, method: str, id_: str, action: str, body: dict[str, Any]) -> web.Response:
        match method, action:
            case "GET", "":
                return web.json_response(self.users[id_])
            case "GET", "usage":
                return self._page_of_all([d for d in self.days.get(id_, []) if body["from"] <= d["date"] <= body["to"]])
            case "GET", "milestones":
                return self._page(self.milestones.get(id_, []), body)
            case "GET", "freezes":
                items = self.freezes.get(id_, [])
                return web.json_response({"freezes": 0, "items": items, "used": [], "nextCursor": None})
            case "GET", "export":
                return web.json_response({"user": self.users[id_], "usage": self.days.get(id_, [])})
            case "PUT", "":
                self.users[id_] |= body
            case "POST", "freezes":
                self.users[id_]["freezes"] += body["count"]
                granted = {"at": iso(self._clock()), "count": body["count"], "reason": body["reason"], "by": "grace"}
                self.freezes.setdefault(id_, []).insert(0, granted)
            case "DELETE", "":
                del self.users[id_]
                return web.Response(status=204)
        return web.json_response(self.users[id_])

    def _page_of_all(self, items: list[Any]) -> web.Response:
        return web.json_response({"items": items, "nextCursor": None})
