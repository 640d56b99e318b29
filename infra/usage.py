"""a product ─► ingest_usage ─► stats table, and the ids of usage events in the usage table.

EventBridge Scheduler ─► erase_users ─► what is left of users who were erased, in all tables.
EventBridge Scheduler ─► day_rollover ─► stats table, for what happens to users without an event; sums by day.
"""

from aws_cdk import Duration
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function
from infra.schedules import Schedule


class Usage(Capability):
    """What a product's users do is counted here; detection and webhooks come after, by the stats table's stream."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.ingest_usage = self._ingest_usage()
        self.ingest_url = self.ingest_usage.add_public_url()
        self.erase_users = self._erase_users()
        self.day_rollover = self._day_rollover()

    def _ingest_usage(self) -> Function:
        function = Function(
            self,
            "ingest_usage",
            description="Counts what a product's users do, one event or many at a time",
            timeout=Duration.seconds(30),
            # A batch of 1,000 users is 2,000 calls, each a few milliseconds of CPU.
            memory_size=1024,
        )
        self.tables.stats.grant(function, "GetItem", "PutItem", keys=("user:*",))
        self.tables.usage.grant(function, "GetItem", "PutItem", keys=("event#*",))
        # For imports: the users' readings, their days, their profiles, and the sums by day.
        self.tables.stats.grant(function, "BatchGetItem", keys=("user:*",))
        self.tables.history.grant(function, "BatchGetItem", "UpdateItem", keys=("user:*",))
        self.tables.usage.grant(function, "UpdateItem", keys=("user#*", "totals"))
        self.tables.keys.grant(function, "GetItem", keys=("keys",))
        self.tables.grant_settings(function)
        return function

    def _erase_users(self) -> Function:
        function = Function(
            self,
            "erase_users",
            description="Completes the erasure of a product's users, and erases what webhooks said of them",
            timeout=Duration.minutes(5),
        )
        tables = self.tables
        tables.stats.grant(function, "GetItem", keys=("user:*",))
        tables.usage.grant(function, "GetItem", "Query", "DeleteItem", keys=("user#*", "erasures"))
        tables.usage.grant(function, "UpdateItem", keys=("erasures",))
        tables.milestones.grant(function, "Query", "UpdateItem", keys=("user:*",))
        tables.history.grant(function, "Query", "DeleteItem", keys=("user:*",))
        # No list has the events of a subject. Somebody has to wait for it, or nothing is read.
        tables.webhooks.grant(function, "Scan")
        tables.webhooks.grant(
            function, "GetItem", "BatchGetItem", "Query", keys=("endpoints", "events#*", "endpoint#*", "response#*")
        )
        tables.webhooks.grant(function, "UpdateItem", keys=("events#*",))
        tables.webhooks.grant(function, "DeleteItem", keys=("response#*", "feedback#*"))
        self.queues.webhook.grant_send(function)
        Schedule(
            self,
            "Erasures",
            description="Completes the erasure of a product's users",
            expression="rate(1 hour)",
            function=function,
        )
        return function

    def _day_rollover(self) -> Function:
        function = Function(
            self,
            "day_rollover",
            description="Says what happens to users without an event, and sums up what all of them did",
            # Runs do not meet: what is left waits for the next one.
            timeout=Duration.minutes(1),
            # A user is three calls, and an hourly count parses every user's days.
            memory_size=1024,
        )
        tables = self.tables
        tables.grant_settings(function)
        tables.stats.grant(function, "GetItem", "PutItem", keys=("user:*",))
        # The hourly sums are of all users, of whom no list has the days.
        tables.stats.grant(function, "Scan")
        tables.usage.grant(function, "UpdateItem", keys=("user#*",), indexes=("due",))
        tables.usage.grant(function, "GetItem", "Query", "PutItem", keys=("totals",))
        tables.history.grant(function, "BatchGetItem", keys=("user:*",))
        Schedule(
            self,
            "DueSchedule",
            description="Rolls over the users for whom something is due, and hourly sums up all of them",
            expression="rate(1 minute)",
            function=function,
        )
        return function
