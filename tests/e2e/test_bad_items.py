"""A malformed item of the stats table on the local cloud: it reaches the failures, and milestones go on meanwhile."""

from __future__ import annotations

import json
from typing import Any

from operations import milestones
from testing.local_cloud import LocalCloud
from testing.waiting import wait_for

WITHIN_SECONDS = 15


def failures(cloud: LocalCloud, output: str) -> dict[str, Any]:
    """What is in a queue of failures, by the item's key."""
    sqs, url = cloud.stack.clients.sqs, cloud.stack.output(output)
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
    return {body.get("key"): body for body in (json.loads(message["Body"]) for message in found)}


def test_a_malformed_item_is_set_aside_and_the_next_milestone_comes_at_once(local_cloud: LocalCloud) -> None:
    created = local_cloud.api.post("/api/leaderboard/sales-reps", json={"name": "Ada", "monthlyRevenue": 100})
    rep = created.json()["id"]
    stats = local_cloud.stack.clients.table(local_cloud.stack.output("StatsTable"))
    stats.put_item(Item={"subject": "channel:youtube:malformed", "metrics": "many"})
    stats.put_item(Item={"subject": "rep:seventeen", "name": 1})
    local_cloud.api.post(f"/api/leaderboard/sales-reps/{rep}/update-stats", json={"monthlyRevenue": 10_000})

    def reached() -> list[Any] | None:
        answer = local_cloud.api.get("/api/milestones", params={"subject": f"rep:{rep}", "rule": "revenue"})
        return answer.json()["items"] or None

    try:
        wait_for(reached, WITHIN_SECONDS)
        for output in ("DetectionFailuresUrl", "HistoryFailuresUrl"):
            wait_for(lambda output=output: len(failures(local_cloud, output)) >= 2 or None, WITHIN_SECONDS)  # type: ignore[misc]  # mypy: no defaults of lambdas
            assert {"channel:youtube:malformed", "rep:seventeen"} <= failures(local_cloud, output).keys()
        lines = milestones.redetect(local_cloud.stack, ["channel:youtube:malformed", f"rep:{rep}"])
        assert "cannot be read" in lines[0]
        assert "detection repeated" in lines[1]
    finally:
        for subject in ("channel:youtube:malformed", "rep:seventeen"):
            stats.delete_item(Key={"subject": subject})
