"""stats table ══stream══► record_history ─► history table ─► charts."""

from aws_cdk import Duration
from constructs import Construct

from infra.functions import Function
from infra.packaging import Packaging
from infra.queues import Queues
from infra.settings import Settings
from infra.tables import Tables


class History(Construct):
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
        self.record_history = Function(
            self,
            "record_history",
            description="Keeps each reading for charts, and its day's summary",
            settings=settings,
            packaging=packaging,
            timeout=Duration.seconds(30),
            environment={"TIME_ZONE": settings.time_zone},
        )
        tables.stats.feed(self.record_history, failures=queues.history_failures, window=Duration.seconds(5))
        tables.history.grant(self.record_history, "PutItem")
