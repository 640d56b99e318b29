"""a product ─► ingest_usage ─► stats table, and the ids of usage events in the usage table."""

from aws_cdk import Duration
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function


class Usage(Capability):
    """What a product's users do is counted here; detection and webhooks come after, by the stats table's stream."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.ingest_usage = self._ingest_usage()
        self.ingest_url = self.ingest_usage.add_public_url()

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
