"""EventBridge Scheduler ─► month_rollover ─► stats table, and the month's final board."""

from aws_cdk import Duration
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function
from infra.schedules import Schedule


class Leaderboard(Capability):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.month_rollover = Function(
            self,
            "month_rollover",
            description="Keeps the last month's final board and starts every rep's new month at zero",
            timeout=Duration.minutes(5),
            environment={"LADDERS": self.settings.ladders_json, "TIME_ZONE": self.settings.time_zone},
        )
        self.tables.stats.grant(self.month_rollover, "GetItem", "PutItem")
        self.tables.grant_board(self.month_rollover)
        self.tables.leaderboard.grant(self.month_rollover, "Query")
        Schedule(
            self,
            "Schedule",
            description="Rolls the month over in its first hours, repeatedly, until every rep is in the new month",
            # Each run continues where the previous one stopped, whether it failed or ran out of time.
            expression="cron(0/5 0-2 1 * ? *)",
            function=self.month_rollover,
        )
