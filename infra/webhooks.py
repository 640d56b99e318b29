"""webhook queue ─► deliver_webhook ─► endpoints; EventBridge Scheduler ─► deliver_webhook, for what is due."""

from aws_cdk import CfnParameter, Duration
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function
from infra.schedules import Schedule


class Webhooks(Capability):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        # Empty in AWS, where nothing but https to public addresses is called.
        self._targets = CfnParameter(
            self,
            "AllowedTargets",
            default="",
            allowed_pattern=r"([A-Za-z0-9.:\[\]-]+:\d+(,[A-Za-z0-9.:\[\]-]+:\d+)*)?",
            description="Hosts and ports that webhooks may call though they are not public: for the local cloud",
        )
        self._targets.override_logical_id("WebhookAllowedTargets")
        self.deliver_webhook = self._deliver_webhook()

    def pass_targets(self, function: Function) -> None:
        function.add_environment(WEBHOOK_ALLOWED_TARGETS=self._targets.value_as_string)

    def _deliver_webhook(self) -> Function:
        tables, queues = self.tables, self.queues
        function = Function(
            self,
            "deliver_webhook",
            description="Brings events to the webhook endpoints that want them",
            # An attempt takes 15 seconds at most, and its notes four more when the table does not answer at once.
            timeout=Duration.seconds(45),
            endless_chain=True,
        )
        # One message at a time: an endpoint that is slow holds up no other one.
        queues.webhook.feed(function)
        queues.webhook.grant_send(function)
        # To tell the owner of an endpoint that was disabled.
        queues.broadcast.grant_send(function)
        queues.notify.grant_send(function)
        tables.webhooks.grant(function, "GetItem", "BatchGetItem", "Query", indexes=("due",))
        tables.webhooks.grant(function, "PutItem", keys=("events#*", "endpoint#*", "response#*", "sweep"))
        # An endpoint's health, a message that is put off, the numbers of events, and the intervals of rate limits.
        tables.webhooks.grant(function, "UpdateItem", keys=("endpoints", "endpoint#*", "sequence#*", "slots"))
        tables.grant_settings(function)
        self.vault.grant_open(function)
        self.pass_targets(function)
        Schedule(
            self,
            "DueSchedule",
            description="Sends what is due, and what a crash left",
            expression="rate(1 minute)",
            function=function,
        )
        return function
