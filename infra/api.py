"""The HTTP API for people and machines: api, behind a Lambda URL."""

from aws_cdk import Duration
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function
from infra.identity import Identity
from infra.realtime import Realtime


class Api(Capability):
    def __init__(self, scope: Construct, construct_id: str, *, identity: Identity, realtime: Realtime) -> None:
        super().__init__(scope, construct_id)
        settings, tables = self.settings, self.tables
        self.api = Function(
            self,
            "api",
            description="The HTTP API: sign-in, channels, the leaderboard, milestones, refresh and sync",
            timeout=Duration.seconds(30),
            # Lambda scales CPU with memory; validation and the OpenAPI document need mostly CPU.
            memory_size=1024,
            # What viewer_heartbeat and telegram_webhook answer themselves stands in the API's document, too.
            includes="functions/*/openapi.json",
            audited=True,
            environment={
                "REFRESH_AGE_SECONDS": str(settings.refresh_age_seconds),
                "STALE_AFTER_SECONDS": str(settings.stale_after_seconds),
                "LADDERS": settings.ladders_json,
                "TIME_ZONE": settings.time_zone,
                "AVATAR_HOSTS": settings.avatar_hosts_list,
                "WEBSOCKET_URL": realtime.url,
                **settings.plausibility,
            },
        )
        tables.stats.grant(self.api, "GetItem", "BatchGetItem", "PutItem", "DeleteItem")
        tables.milestones.grant(self.api, "Query", "BatchGetItem", "PutItem", indexes=("by_time",))
        tables.history.grant(self.api, "Query")
        tables.audience.grant(self.api, "GetItem", "Query")
        tables.channels.grant(self.api, "Query", "GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem")
        tables.grant_board(self.api)
        tables.leaderboard.grant(self.api, "Query", indexes=("by_score",))
        tables.connections.grant(self.api, "PutItem")
        tables.signins.grant(self.api, "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        self.queues.fetch.grant_send(self.api)
        self.platforms.grant_call(self.api)
        identity.grant_sign_in(self.api)
        self.host = self.api.add_public_url()
