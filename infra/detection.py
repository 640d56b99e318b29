"""stats table ══stream══► detect_milestone ─► notify queue, broadcast queue."""

from aws_cdk import Duration
from constructs import Construct

from infra.functions import Function
from infra.packaging import Packaging
from infra.queues import Queues
from infra.settings import Settings
from infra.tables import Tables
from infra.viewers import Viewers


class Detection(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        packaging: Packaging,
        viewers: Viewers,
        tables: Tables,
        queues: Queues,
    ) -> None:
        super().__init__(scope, construct_id)
        self.detect_milestone = Function(
            self,
            "detect_milestone",
            description="Compares a reading with the one before it and claims each milestone once",
            settings=settings,
            packaging=packaging,
            timeout=Duration.seconds(30),
            environment={"LADDERS": settings.ladders_json, "TIME_ZONE": settings.time_zone},
        )
        viewers.tell(self.detect_milestone, "LIVE_CHANNELS")
        tables.stats.feed(self.detect_milestone, failures=queues.detection_failures)
        # A rep who steps on or off the podium by it is noted in a reading of its own.
        tables.stats.grant(self.detect_milestone, "GetItem", "PutItem")
        tables.grant_board(self.detect_milestone)
        tables.milestones.grant(self.detect_milestone, "Query", "PutItem", "UpdateItem")
        # When everyone's board was last asked to be shown anew.
        tables.connections.grant(self.detect_milestone, "UpdateItem")
        queues.notify.grant_send(self.detect_milestone)
        queues.broadcast.grant_send(self.detect_milestone)
