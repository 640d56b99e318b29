"""broadcast queue ─► broadcast ─► WebSocket rooms."""

from aws_cdk import Duration
from constructs import Construct

from infra.functions import Function
from infra.packaging import Packaging
from infra.queues import Queues
from infra.settings import Settings
from infra.sockets import Sockets
from infra.tables import Tables


class Broadcasting(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        packaging: Packaging,
        tables: Tables,
        queues: Queues,
        sockets: Sockets,
    ) -> None:
        super().__init__(scope, construct_id)
        self.broadcast = Function(
            self,
            "broadcast",
            description="Tells an event to every socket of a room, in order",
            settings=settings,
            packaging=packaging,
            # A message that is being tried holds back its room.
            timeout=Duration.seconds(20),
            # A whole CPU: posting is all TLS and JSON.
            memory_size=1769,
            environment={"TIME_ZONE": settings.time_zone},
        )
        queues.broadcast.feed(self.broadcast, batch_size=10)
        queues.broadcast.grant_send(self.broadcast)
        tables.connections.grant(self.broadcast, "Query", "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        # A channel's room is those who watch it; who is gone is found out by the post.
        tables.grant_presence(self.broadcast)
        tables.presence.grant(self.broadcast, "Query")
        queues.count.grant_send(self.broadcast)
        tables.leaderboard.grant(self.broadcast, "GetItem", indexes=("by_score",))
        sockets.grant_post(self.broadcast)
