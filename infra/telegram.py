"""notify queue ─► notify ─► Telegram; Telegram's updates ─► telegram_webhook ─► subscribers."""

from aws_cdk import Duration
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function

_SUBSCRIPTIONS = ("subscribers", "suspended", "aliases", "counts", "slots")
"""What the audience table has of chats, and the pace of messages to them."""


class Telegram(Capability):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.notify = self._notify()
        self.telegram_webhook = self._telegram_webhook()
        self.webhook_url = self.telegram_webhook.add_public_url()

    def _notify(self) -> Function:
        settings, tables, queues = self.settings, self.tables, self.queues
        function = Function(
            self,
            "notify",
            description="Notifies each subscriber of a milestone once, within Telegram's limits",
            timeout=Duration.seconds(60),
            # It waits: a message takes 3 ms of CPU, and a lane sends one in 137 ms. 256 MB have a seventh of a vCPU.
            memory_size=256,
            endless_chain=True,
        )
        tables.grant_settings(function)
        queues.notify.feed(function, max_concurrency=settings.notify_concurrency)
        queues.notify.grant_send(function)
        tables.audience.grant(function, "Query", keys=("subscribers", "delivery#*"))
        tables.audience.grant(
            function, "GetItem", "PutItem", "UpdateItem", "DeleteItem", keys=(*_SUBSCRIPTIONS, "delivery#*")
        )
        # Whether it was reverted; and how many were notified, not what was achieved or claimed.
        tables.milestones.grant(function, "GetItem")
        tables.milestones.grant(function, "UpdateItem", attributes=("pk", "sk", "total", "delivered", "failed"))
        self.platforms.telegram.grant_call(function)
        return function

    def _telegram_webhook(self) -> Function:
        tables = self.tables
        function = Function(
            self,
            "telegram_webhook",
            description="Answers the bot's commands: /start, /stop, /status, /help",
            timeout=Duration.seconds(10),
            audited=True,
        )
        tables.grant_settings(function)
        tables.audience.grant(function, "GetItem", "PutItem", "UpdateItem", "DeleteItem", keys=_SUBSCRIPTIONS)
        tables.channels.grant(function, "Query", "BatchGetItem")
        tables.stats.grant(function, "BatchGetItem")
        tables.milestones.grant(function, "BatchGetItem")
        self.queues.notify.grant_send(function)
        self.platforms.telegram.grant_keys(function)
        return function
