"""The analytics routes of the fake backend: agencies, creators and figures as a test gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from aiohttp import web

from tests.browser.viewers.audience import iso

CATEGORIES = ("messages", "tips", "subscriptions", "posts", "renewals", "referrals", "other")
DAYS = {"7d": 7, "30d": 30, "1y": 365, "all": 120}
KPIS = ("totalRevenue", "netRevenue", "transactions", "subscribers", "followers", "messages", "posts", "arpu", "arppu")
CSV = "date,revenue\n2026-11-01,12.50\n"


class Service:
    """What a test changes, and what the page asked for."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.agencies: dict[str, dict[str, Any]] = {}
        self.creators: dict[str, dict[str, Any]] = {}
        self.rows: list[dict[str, Any]] = []
        """The newest first."""
        self.changes: dict[str, Any] = {}
        """What the next dashboards say instead of what the rows do."""
        self.milestones: list[dict[str, Any]] = []
        self.warnings: list[dict[str, str]] = []
        self.as_of = {"transactions": timedelta(minutes=4), "audience": timedelta(minutes=2)}
        """How long ago each part was read."""
        self.stale = {"transactions": False, "audience": False}
        self.runs: list[dict[str, Any]] = []
        self.refusal: tuple[int, str] | None = None
        """The status and the error of every change."""
        self.broken = False
        """Whether figures cannot be read."""
        self.page_size = 50
        self.asked: list[tuple[str, str, Any]] = []
        """Method, path, and the body or the query of each request."""
        self._clock = clock

    @property
    def today(self) -> date:
        return self._clock().date()

    # -- what a test does

    def agency(self, id_: str, name: str) -> None:
        self.agencies[id_] = {"id": id_, "name": name, "createdAt": iso(self._clock()), "retiredAt": None}

    def creator(self, id_: str, name: str, agency: str, **changes: Any) -> dict[str, Any]:
        """Add a creator whose readings go well."""
        now = iso(self._clock())
        made: dict[str, Any] = {
            "id": id_,
            "agencyId": agency,
            "name": name,
            "platform": "fanvue",
            "externalId": f"fv-{id_}",
            "currency": "USD",
            "timeZone": "UTC",
            "addedAt": now,
            "retiredAt": None,
            "credentials": "deployment",
            "sync": {"asOf": now, "stale": False, "firstSyncedAt": now, "state": "ok", "error": None, "drift": None},
            "audience": {
                "asOf": now,
                "stale": False,
                "subscribers": 120,
                "followers": 4_310,
                "messages": 44,
                "posts": 10,
                "error": None,
            },
            "revenue": 18_204.5,
        } | changes
        self.creators[id_] = made
        return made

    def sale(self, creator: str, gross: float, ago: timedelta = timedelta(), **changes: Any) -> dict[str, Any]:
        """Add a transaction, so long ago."""
        at = self._clock() - ago
        made = {
            "id": f"t-{len(self.rows)}",
            "creatorId": creator,
            "creatorName": self.creators[creator]["name"],
            "at": iso(at),
            "date": str(at.date()),
            "gross": gross,
            "net": round(gross * 0.8, 2),
            "currency": self.creators[creator]["currency"],
            "category": "tips",
            "source": "tip",
            "payer": {"id": "fan-1", "name": "Robin"},
            "status": "counted",
            "origin": "pull",
            "orderId": f"o-{len(self.rows)}",
            "reversesOrderId": None,
            "traceId": "0" * 32,
        } | changes
        self.rows.append(made)
        self.rows.sort(key=lambda row: row["at"], reverse=True)
        return made

    def run(self, **changes: Any) -> dict[str, Any]:
        """Begin a sync, or change the newest one."""
        if not self.runs or self.runs[-1]["state"] == "done":
            self.runs.append(
                {
                    "id": f"run-{len(self.runs)}",
                    "joined": False,
                    "state": "running",
                    "startedAt": iso(self._clock()),
                    "finishedAt": None,
                    "creators": {"total": len(self.creators), "done": 0, "failed": 0, "skipped": 0},
                    "errors": [],
                }
            )
        self.runs[-1] |= changes
        return self.runs[-1]

    # -- the routes

    async def respond(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else dict(request.query)
        path = request.path
        self.asked.append((request.method, path, body))
        if self.refusal and request.method != "GET":
            status, error = self.refusal
            return web.json_response({"error": error}, status=status)
        match request.method, path.strip("/").split("/")[1:]:
            case _, ["analytics", "sync", *rest]:
                return self._sync(request.method, "".join(rest))
            case _, ["analytics", _] if self.broken:
                return web.json_response({"error": "the database answers nothing"}, status=503)
            case "GET", ["analytics", "dashboard"]:
                return web.Response(text=CSV) if body.get("format") == "csv" else web.json_response(self._board(body))
            case "GET", ["analytics", "transactions"]:
                return web.Response(text=CSV) if body.get("format") == "csv" else self._transactions(body)
            case "GET", ["agencies"]:
                counted = [
                    agency | {"creators": len(self._of({"agencyId": id_}))} for id_, agency in self.agencies.items()
                ]
                return web.json_response({"items": counted, "nextCursor": None})
            case "POST", ["agencies"]:
                self.agency(f"a-{len(self.agencies)}", body["name"])
                return web.json_response([*self.agencies.values()][-1], status=201)
            case "GET", ["creators"]:
                return web.json_response({"items": list(self.creators.values()), "nextCursor": None})
            case "POST", ["creators"]:
                given = {name: body[name] for name in ("externalId", "currency", "timeZone") if name in body}
                held = {"credentials": "own" if "apiKey" in body else "deployment"}
                id_ = f"c-{len(self.creators)}"
                return web.json_response(self.creator(id_, body["name"], body["agencyId"], **given, **held), status=201)
            case "DELETE", ["agencies", id_]:
                del self.agencies[id_]
                return web.Response(status=204)
            case "DELETE", ["creators", id_]:
                del self.creators[id_]
                return web.Response(status=204)
            case method, ["creators", id_, "credentials"]:
                self.creators[id_]["credentials"] = "own" if method == "PUT" else "deployment"
                return web.Response(status=204)
        return web.json_response({"error": "there is no such thing"}, status=404)

    def _sync(self, method: str, id_: str) -> web.Response:
        if method == "POST":
            joined = bool(self.runs) and self.runs[-1]["state"] == "running"
            return web.json_response(self.run() | {"joined": joined}, status=202)
        found = [run for run in self.runs if id_ in ("", run["id"])]
        return web.json_response(found[-1]) if found else web.json_response({"error": "none yet"}, status=404)

    def _of(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        return [
            creator
            for creator in self.creators.values()
            if query.get("agencyId", creator["agencyId"]) == creator["agencyId"]
            and query.get("modelId", creator["id"]) == creator["id"]
        ]

    def _days(self, query: Mapping[str, str]) -> list[date]:
        if "startDate" in query:
            first, last = date.fromisoformat(query["startDate"]), date.fromisoformat(query["endDate"])
        else:
            last = self.today
            first = last - timedelta(days=DAYS[query.get("timeRange", "30d")] - 1)
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]

    def _found(self, query: Mapping[str, str], days: Iterable[date]) -> list[dict[str, Any]]:
        own, wanted = {creator["id"] for creator in self._of(query)}, {str(day) for day in days}
        return [
            row
            for row in self.rows
            if row["creatorId"] in own
            and row["date"] in wanted
            and query.get("category", row["category"]) == row["category"]
            and query.get("currency", row["currency"]) == row["currency"]
        ]

    def _transactions(self, query: Mapping[str, str]) -> web.Response:
        found = self._found(query, self._days(query))
        start = int(query.get("cursor", "0"))
        end = start + min(self.page_size, int(query.get("limit", "50")))
        return web.json_response({"items": found[start:end], "nextCursor": str(end) if end < len(found) else None})

    def _board(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The dashboard of the rows: its sums are those of the rows, its audience grows by one a day."""
        days = self._days(query)
        own = self._of(query)
        rows = self._found(query, days)
        currencies = sorted({row["currency"] for row in rows})
        mixed = len(currencies) > 1
        now = self._clock()
        step = {"day": 1, "week": 7, "month": 30}[query.get("interval", "day")]
        buckets = [days[start : start + step] for start in range(0, len(days), step)]
        audience = len(own) > 0
        sums = sums_of(rows, mixed=mixed)
        kpis = dict.fromkeys(("ltv", "conversionRate")) | {
            "totalRevenue": sums["revenue"],
            "netRevenue": sums["netRevenue"],
            "transactions": len(rows),
            "subscribers": 120 * len(own),
            "followers": 4_310 * len(own),
            "messages": 44 * len(own),
            "posts": 10 * len(own),
            "arpu": None if mixed else round((sums["netRevenue"] or 0) / 118.5, 2),
            "arppu": None if mixed else round((sums["netRevenue"] or 0) / 3, 2),
            "churnRate": 0.0123,
        }
        before: Any = None
        if query.get("compare") == "previous":
            earlier = {
                "startDate": str(days[0] - timedelta(days=len(days))),
                "endDate": str(days[0] - timedelta(days=1)),
            }
            old = {name: (round(value * 0.8, 2) if value is not None else None) for name, value in kpis.items()}
            changes = {name: (0.25 if value else None) for name, value in kpis.items()}
            before = {"range": earlier, "kpiMetrics": old, "changes": changes | {"followers": -0.031, "posts": 0}}
        return {
            "chartData": [
                {
                    "date": str(bucket[0]),
                    "endDate": str(bucket[-1]),
                    "partial": bucket[-1] >= self.today,
                    **sums_of([row for row in rows if row["date"] in {str(day) for day in bucket}], mixed=mixed),
                    "subscribers": 120 - (self.today - bucket[-1]).days // 3 if audience else None,
                    "followers": 4_310 - (self.today - bucket[-1]).days * 9 if audience else None,
                    "newSubscribers": 3,
                    "endedSubscribers": 1,
                }
                for bucket in buckets
            ],
            "kpiMetrics": kpis,
            "formulas": {
                "arpu": {
                    "formula": "netRevenue / mean active subscribers",
                    "inputs": {"netRevenue": sums["netRevenue"], "meanSubscribers": 118.5},
                    "why": None,
                },
                "ltv": {
                    "formula": "arpu / churnRate",
                    "inputs": {"arpu": kpis["arpu"], "churnRate": 0.0},
                    "why": "Nobody has left: a lifetime cannot be told",
                },
            },
            "categoryBreakdown": breakdown(rows, mixed=mixed),
            "currency": currencies[0] if len(currencies) == 1 else None,
            "byCurrency": {
                code: {
                    "totalRevenue": sum_of(part),
                    "netRevenue": round(sum(row["net"] or 0 for row in part), 2),
                    "transactions": len(part),
                    "categoryBreakdown": breakdown(part, mixed=False),
                }
                for code in currencies
                if (part := [row for row in rows if row["currency"] == code])
            },
            "range": {
                "timeRange": None if "startDate" in query else query.get("timeRange", "30d"),
                "startDate": str(days[0]),
                "endDate": str(days[-1]),
                "interval": query.get("interval", "day"),
                "timeZone": query.get("timeZone", "UTC"),
                "complete": days[-1] < self.today,
            },
            "previous": before,
            "asOf": {part: iso(now - ago) if own else None for part, ago in self.as_of.items()},
            "stale": self.stale,
            "creators": [
                {"id": one["id"], "name": one["name"], "agencyId": one["agencyId"], "state": "ok"} for one in own
            ],
            "milestones": [one for one in self.milestones if one["creatorId"] in {creator["id"] for creator in own}],
            "warnings": self.warnings,
        } | self.changes


def sum_of(rows: Iterable[dict[str, Any]]) -> float:
    return round(sum(float(row["gross"]) for row in rows), 2)


def sums_of(rows: list[dict[str, Any]], *, mixed: bool) -> dict[str, Any]:
    """What a bucket says of its rows."""
    by_category: dict[str, Any] = {
        category: sum_of(row for row in rows if row["category"] == category) for category in CATEGORIES
    }
    if mixed:
        own = {code: [row for row in rows if row["currency"] == code] for code in {row["currency"] for row in rows}}
        each = {code: sums_of(part, mixed=False) for code, part in own.items()}
        nothing = dict.fromkeys(("revenue", "netRevenue", *CATEGORIES))
        return nothing | {"transactions": len(rows), "byCurrency": each}
    return {
        "revenue": sum_of(rows),
        "netRevenue": round(sum(row["net"] or 0 for row in rows), 2),
        "transactions": len(rows),
        "byCurrency": None,
    } | by_category


def breakdown(rows: list[dict[str, Any]], *, mixed: bool) -> list[dict[str, Any]]:
    """Each category's part of the gross."""
    total = sum_of(rows)
    lines = []
    for category in CATEGORIES:
        own = [row for row in rows if row["category"] == category]
        share = sum_of(own) / total if total and not mixed else None
        lines.append(
            {"category": category, "revenue": None if mixed else sum_of(own), "count": len(own), "share": share}
        )
    return lines
