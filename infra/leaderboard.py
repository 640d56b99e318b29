"""EventBridge Scheduler ─► month_rollover, erase_retired_reps ─► stats table, and the boards of past months."""

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
        )
        self.tables.grant_settings(self.month_rollover)
        self.tables.stats.grant(self.month_rollover, "GetItem", "PutItem", keys=("rep:*",))
        self.tables.grant_board(self.month_rollover)
        self.tables.grant_board_reading(self.month_rollover, "by_score")
        Schedule(
            self,
            "Schedule",
            description="Rolls the month over in its first hours, repeatedly, until every rep is in the new month",
            # All the time: when a month begins, the settings say. Between months, most runs read nothing but them. Each
            # run continues where the previous one stopped, whether it failed or ran out of time.
            expression="cron(0/5 * * * ? *)",
            function=self.month_rollover,
        )
        self.erase_retired_reps = Function(
            self,
            "erase_retired_reps",
            description="Erases the personal data of reps who retired long ago",
            timeout=Duration.minutes(5),
        )
        self.tables.grant_settings(self.erase_retired_reps)
        self.tables.stats.grant(self.erase_retired_reps, "GetItem", "BatchGetItem")
        self.tables.stats.grant(self.erase_retired_reps, "PutItem", keys=("rep:*",))
        self.tables.milestones.grant(self.erase_retired_reps, "Query", "GetItem")
        self.tables.milestones.grant(self.erase_retired_reps, "UpdateItem", "DeleteItem", keys=("rep:*",))
        self.tables.history.grant(self.erase_retired_reps, "Query")
        self.tables.history.grant(self.erase_retired_reps, "DeleteItem", keys=("rep:*",))
        self.tables.grant_board(self.erase_retired_reps)
        self.tables.board.grant(self.erase_retired_reps, "BatchGetItem", "UpdateItem", keys=("board#*",))
        self.tables.leaderboard.grant(self.erase_retired_reps, "BatchGetItem", "UpdateItem", keys=("board#*",))
        self.tables.leaderboard.grant(self.erase_retired_reps, "GetItem", keys=("ids", "board"))
        self.tables.leaderboard.grant(self.erase_retired_reps, "DeleteItem", keys=("board",))
        Schedule(
            self,
            "Erasure",
            description="Erases the personal data of reps who retired long ago",
            expression="cron(30 3 * * ? *)",
            function=self.erase_retired_reps,
        )
