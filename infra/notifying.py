"""notify queue ─► notify ─► Telegram."""

from aws_cdk import Duration
from constructs import Construct

from infra.functions import Function
from infra.packaging import Packaging
from infra.platforms import Platforms
from infra.queues import Queues
from infra.settings import Settings
from infra.tables import Tables


class Notifying(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        packaging: Packaging,
        platforms: Platforms,
        tables: Tables,
        queues: Queues,
    ) -> None:
        super().__init__(scope, construct_id)
        self.notify = Function(
            self,
            "notify",
            description="Tells each subscriber of a milestone once, within Telegram's limits",
            settings=settings,
            packaging=packaging,
            timeout=Duration.seconds(60),
            environment={
                "TELEGRAM_ANNOUNCEMENT_CHAT": settings.telegram_announcement_chat,
                "TELEGRAM_MESSAGES_PER_SECOND": str(settings.telegram_messages_per_second),
                "TELEGRAM_PROGRESS_EVERY": str(settings.telegram_progress_every),
            },
        )
        queues.notify.feed(self.notify, max_concurrency=settings.notify_concurrency)
        queues.notify.grant_send(self.notify)
        tables.audience.grant(self.notify, "Query", "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        tables.milestones.grant(self.notify, "UpdateItem")
        platforms.telegram.grant_call(self.notify)
