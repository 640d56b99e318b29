"""What people, machines and Telegram ask of Cairn: api and telegram_webhook, each behind a Lambda URL."""

from aws_cdk import Duration
from constructs import Construct

from infra.functions import Function
from infra.packaging import Packaging
from infra.people import People
from infra.platforms import Platforms
from infra.queues import Queues
from infra.settings import Settings
from infra.sockets import Sockets
from infra.tables import Tables


class Http(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        packaging: Packaging,
        platforms: Platforms,
        people: People,
        tables: Tables,
        queues: Queues,
        sockets: Sockets,
    ) -> None:
        super().__init__(scope, construct_id)
        self.api = Function(
            self,
            "api",
            description="The HTTP API: sign-in, channels, the leaderboard, milestones, refresh and sync",
            settings=settings,
            packaging=packaging,
            timeout=Duration.seconds(30),
            # Lambda gives CPU by memory, and validation and the OpenAPI document are all CPU.
            memory_size=1024,
            environment={
                "REFRESH_AGE_SECONDS": str(settings.refresh_age_seconds),
                "STALE_AFTER_SECONDS": str(settings.stale_after_seconds),
                "LADDERS": settings.ladders_json,
                "TIME_ZONE": settings.time_zone,
                "WEBSOCKET_URL": sockets.url,
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
        queues.fetch.grant_send(self.api)
        platforms.grant_call(self.api)
        people.grant_sign_in(self.api)

        self.telegram_webhook = Function(
            self,
            "telegram_webhook",
            description="Answers the bot's commands: /start, /stop, /status, /help",
            settings=settings,
            packaging=packaging,
            timeout=Duration.seconds(10),
            environment={
                "STALE_AFTER_SECONDS": str(settings.stale_after_seconds),
                "LADDERS": settings.ladders_json,
                "TIME_ZONE": settings.time_zone,
            },
        )
        tables.audience.grant(self.telegram_webhook, "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        tables.channels.grant(self.telegram_webhook, "Query", "BatchGetItem")
        tables.stats.grant(self.telegram_webhook, "BatchGetItem")
        tables.milestones.grant(self.telegram_webhook, "BatchGetItem")
        queues.notify.grant_send(self.telegram_webhook)
        platforms.telegram.grant_keys(self.telegram_webhook)

        self.api_host = self.api.open_to_all()
        self.webhook_host = self.telegram_webhook.open_to_all()
