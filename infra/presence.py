"""browser, embed ─► viewer_heartbeat ─► presence table ─► count queue ─► count_viewers ─► stats table."""

from aws_cdk import Aws, Duration, Fn
from constructs import Construct

from infra.functions import Function
from infra.packaging import Packaging
from infra.queues import Queues
from infra.settings import Settings
from infra.sockets import Sockets
from infra.tables import Tables
from infra.viewers import Viewers


class Presence(Construct):
    """Viewers who send heartbeats come in here, those with a socket by ws_connect; both are counted together."""

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
        sockets: Sockets,
    ) -> None:
        super().__init__(scope, construct_id)
        self.front_key = Fn.select(2, Fn.split("/", Aws.STACK_ID))
        """What the distribution says to be believed: the stack's own UUID, which nobody outside the account knows."""
        self.viewer_heartbeat = Function(
            self,
            "viewer_heartbeat",
            description="Lets viewers without a socket join, beat and leave, and tells anybody how many there are",
            settings=settings,
            packaging=packaging,
            timeout=Duration.seconds(10),
            environment={
                "FRONT_KEY": self.front_key,
                "STALE_AFTER_SECONDS": str(settings.stale_after_seconds),
                "TIME_ZONE": settings.time_zone,
                "WEBSOCKET_URL": sockets.url,
            },
        )
        self.count_viewers = Function(
            self,
            "count_viewers",
            description="Counts the viewers of the channels that somebody entered or left",
            settings=settings,
            packaging=packaging,
            # A message that is being tried holds back its channel.
            timeout=Duration.seconds(20),
            # A whole CPU: a large channel is thousands of items to read.
            memory_size=1769,
            environment={"TIME_ZONE": settings.time_zone},
        )
        viewers.tell(
            self.viewer_heartbeat,
            "VIEWER_HEARTBEAT_INTERVAL",
            "VIEWER_TIMEOUT",
            "VIEWER_COUNT_UPDATE_INTERVAL",
            "VIEWER_JOINS_PER_MINUTE",
            "LIVE_CHANNELS",
        )
        viewers.tell(
            self.count_viewers,
            "VIEWER_HEARTBEAT_INTERVAL",
            "VIEWER_TIMEOUT",
            "VIEWER_COUNT_UPDATE_INTERVAL",
            "LIVE_CHANNELS",
        )
        queues.count.feed(self.count_viewers, batch_size=10)
        for function in (self.viewer_heartbeat, self.count_viewers):
            queues.count.grant_send(function)
            tables.grant_presence(function)
            tables.presence.grant(function, "Query")
            # Whoever asks when a count is due makes it, for all others who ask.
            tables.stats.grant(function, "GetItem")
            tables.stats.grant(function, "PutItem", keys="channel:live:*")
        # Sockets that ended without a word.
        sockets.grant_ask(self.count_viewers)
        tables.channels.grant(self.viewer_heartbeat, "GetItem", "BatchGetItem", "Query")
        tables.history.grant(self.viewer_heartbeat, "Query")
        self.host = self.viewer_heartbeat.open_to_all()
