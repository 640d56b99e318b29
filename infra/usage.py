"""a product ─► ingest_usage ─► stats table, and the ids of usage events in the usage table.

EventBridge Scheduler ─► erase_users ─► what is left of users who were erased, in all tables.
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
