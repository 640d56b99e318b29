"""browser, embed ─► viewer_heartbeat ─► presence table ─► count queue ─► count_viewers ─► stats table."""

from aws_cdk import Duration
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function
from infra.realtime import Realtime


class Viewers(Capability):
    """Viewers with heartbeats join here, viewers with a socket through ws_connect; both are counted together."""

    def __init__(self, scope: Construct, construct_id: str, *, realtime: Realtime) -> None:
        super().__init__(scope, construct_id)
        tables, queues = self.tables, self.queues
        self.viewer_heartbeat = Function(
            self,
            "viewer_heartbeat",
            description="Lets viewers without a socket join, send heartbeats and leave, and answers how many there are",
            timeout=Duration.seconds(10),
            environment={
                "ADDRESS_KEY": realtime.address_key,
                "WEBSOCKET_URL": realtime.url,
            },
        )
        self.count_viewers = Function(
            self,
            "count_viewers",
            description="Counts the viewers of channels that a viewer joined or left",
            # A message that is being processed blocks its channel.
            timeout=Duration.seconds(20),
            # One full CPU: a large channel is thousands of items to read.
            memory_size=1769,
            # Each count requests the channel's next one, as long as somebody views it.
            endless_chain=True,
        )
        queues.count.feed(self.count_viewers, batch_size=10)
        for function in (self.viewer_heartbeat, self.count_viewers):
            queues.count.grant_send(function)
            tables.grant_settings(function)
            tables.grant_presence(function)
            tables.presence.grant(function, "Query")
            # When a count is due, the first to request it makes it for everyone.
            tables.stats.grant(function, "GetItem", "PutItem", keys=("channel:live:*",))
        # A channel's page shows the followers, too.
        tables.stats.grant(self.viewer_heartbeat, "GetItem", keys=("channel:*",))
        # To find sockets that disconnected without notice.
        realtime.grant_look_up(self.count_viewers)
        tables.channels.grant(self.viewer_heartbeat, "GetItem", "BatchGetItem", "Query")
        tables.history.grant(self.viewer_heartbeat, "Query")
        self.url = self.viewer_heartbeat.add_public_url()
