"""EventBridge Scheduler ─► turn_month ─► stats table, and the month's final board."""

import json

from aws_cdk import Duration
from constructs import Construct

from infra.functions import Function
from infra.packaging import Packaging
from infra.queues import Queues
from infra.schedules import Schedule
from infra.settings import Settings
from infra.tables import Tables


class Turning(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        packaging: Packaging,
        tables: Tables,
        queues: Queues,
    ) -> None:
        super().__init__(scope, construct_id)
        self.turn_month = Function(
            self,
            "turn_month",
            description="Keeps the ended month's board and starts every rep's month at zero",
            settings=settings,
            packaging=packaging,
            timeout=Duration.minutes(5),
            environment={"LADDERS": settings.ladders_json, "TIME_ZONE": settings.time_zone},
        )
        tables.stats.grant(self.turn_month, "GetItem", "PutItem")
        tables.grant_board(self.turn_month)
        tables.leaderboard.grant(self.turn_month, "Query")
        Schedule(
            self,
            "Schedule",
            description="Turns the month in its first hours, again and again until nothing is left to turn",
            # Each tick goes on where the one before it ended, whether that failed or had too many reps.
            expression="cron(0/5 0-2 1 * ? *)",
            settings=settings,
            function=self.turn_month,
            payload=json.dumps({"source": "schedule"}),
            failures=queues.schedule_failures,
        )
