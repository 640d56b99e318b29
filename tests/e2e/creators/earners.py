"""Creators who earn at the sandbox's Fanvue, and what Cairn shows of them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

from testing.local_cloud import LocalCloud
from testing.waiting import wait_for
from tests.e2e.channels.test_ways import ok

WITHIN_SECONDS = 30.0


@dataclass
class Earner:
    """A creator whom Cairn and the sandbox know."""

    cloud: LocalCloud
    id: str
    uuid: str

    # -- at the sandbox

    def sells(self, cents: int, **more: Any) -> dict[str, Any]:
        """A sale, of which a webhook tells: its row as Fanvue lists it."""
        (row,) = ok(self.cloud.sandbox.post(f"{self._path}/sales", json={"gross": cents, **more}))["transactions"]
        return dict(row)

    def gives_back(self, order: str, cents: int) -> dict[str, Any]:
        """A refund, of which no webhook tells: its row as Fanvue lists it."""
        body = {"order": order, "gross": cents}
        (row,) = ok(self.cloud.sandbox.post(f"{self._path}/refunds", json=body))["transactions"]
        return dict(row)

    def truth(self) -> dict[str, Any]:
        """The sums of all that Fanvue lists: gross and net in cents, and the count."""
        return dict(ok(self.cloud.sandbox.get(self._path))["totals"]["USD"])

    @property
    def _path(self) -> str:
        return f"/control/fanvue/creators/{self.uuid}"

    # -- at Cairn

    def status(self) -> dict[str, Any]:
        return dict(ok(self.cloud.api.get(f"/api/creators/{self.id}")))

    def presses_sync_data(self) -> dict[str, Any]:
        """Sync Data for this creator alone; the answer."""
        answer = self.cloud.api.post("/api/analytics/sync", json={"creatorId": self.id})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def done(self, run: dict[str, Any]) -> dict[str, Any]:
        """The run, once it is over."""

        def over() -> dict[str, Any] | None:
            found: dict[str, Any] = ok(self.cloud.api.get(f"/api/analytics/sync/{run['id']}"))
            return found if found["state"] == "done" else None

        return wait_for(over, WITHIN_SECONDS, missing="a sync that is done")

    def is_synced(self) -> dict[str, Any]:
        """The status, once the past is known and milestones are announced."""

        def known() -> dict[str, Any] | None:
            found = self.status()
            return found if found["sync"]["firstSyncedAt"] else None

        return wait_for(known, WITHIN_SECONDS, missing="a complete first sync")

    def dashboard(self) -> dict[str, Any]:
        return dict(ok(self.cloud.api.get("/api/analytics/dashboard", params={"timeRange": "all", **self._only})))

    def shows(self, truth: dict[str, Any]) -> dict[str, Any]:
        """The dashboard, once its figures are these."""

        def same() -> dict[str, Any] | None:
            found = self.dashboard()
            kpis = found["kpiMetrics"]
            shown = {"gross": kpis["totalRevenue"], "net": kpis["netRevenue"], "count": kpis["transactions"]}
            return found if shown == in_major_units(truth) else None

        return wait_for(same, WITHIN_SECONDS, missing=f"a dashboard that shows {truth}")

    def transactions(self, **query: Any) -> list[dict[str, Any]]:
        """The newest first."""
        params = {"timeRange": "all", **self._only, **query}
        return list(ok(self.cloud.api.get("/api/analytics/transactions", params=params))["items"])

    def exported(self) -> list[dict[str, str]]:
        """All rows of the CSV."""
        params = {"timeRange": "all", "format": "csv", **self._only}
        answer = self.cloud.api.get("/api/analytics/transactions", params=params)
        assert answer.is_success, answer.text
        assert answer.headers["content-type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.text)))

    def milestones(self) -> list[dict[str, Any]]:
        return list(ok(self.cloud.api.get(f"/api/creators/{self.id}/milestones"))["items"])

    def reaches(self, metric: str) -> dict[str, Any]:
        """The first milestone of a metric, once there is one."""
        return wait_for(
            lambda: next((one for one in self.milestones() if one["metric"] == metric), None),
            WITHIN_SECONDS,
            missing=f"a milestone in {metric}",
        )

    @property
    def _only(self) -> dict[str, str]:
        return {"modelId": self.id}


def in_major_units(truth: dict[str, Any]) -> dict[str, Any]:
    return {"gross": truth["gross"] / 100, "net": truth["net"] / 100, "count": truth["count"]}


def cents(rows: list[dict[str, str]], column: str) -> int:
    """The sum of a column of the CSV."""
    return int(sum((Decimal(row[column]) for row in rows), Decimal(0)) * 100)


def signed(cloud: LocalCloud, *, history_days: int = 0, **counts: int) -> Earner:
    """A new creator of a new agency; the sandbox has a past of so many days. Nothing is synced yet."""
    uuid, name = str(uuid4()), f"e2e {uuid4().hex[:8]}"
    body = {"name": name, "history_days": history_days, **counts}
    ok(cloud.sandbox.put(f"/control/fanvue/creators/{uuid}", json=body))
    agency = ok(cloud.api.post("/api/agencies", json={"name": name}))["id"]
    creator = {"agencyId": agency, "name": name, "platform": "fanvue", "externalId": uuid, "currency": "USD"}
    return Earner(cloud, ok(cloud.api.post("/api/creators", json=creator))["id"], uuid)
