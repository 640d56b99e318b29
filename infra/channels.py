"""EventBridge Scheduler, and the queue for what one invocation leaves over ─► fetch_stats ─► stats table."""

from aws_cdk import CfnParameter, Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function
from infra.schedules import Schedule


class Channels(Capability):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        tables, queues = self.tables, self.queues
        self.fetch_stats = Function(
            self,
            "fetch_stats",
            description="Fetches the tracked channels' counts from the platforms and stores those that changed",
            timeout=Duration.seconds(60),
        )
        tables.grant_settings(self.fetch_stats)
        self.platforms.grant_call(self.fetch_stats)
        self.platforms.creator.grant_call(self.fetch_stats)
        tables.stats.grant(self.fetch_stats, "BatchGetItem")
        tables.stats.grant(self.fetch_stats, "PutItem", keys=("channel:*",))
        tables.channels.grant(self.fetch_stats, "Query", "GetItem", "BatchGetItem")
        tables.channels.grant(self.fetch_stats, "PutItem", keys=("checks#*",))
        tables.channels.grant(self.fetch_stats, "UpdateItem", keys=("channels", "pauses", "starts#*"))
        self._fetch_audiences()
        queues.fetch.grant_send(self.fetch_stats)
        queues.fetch.feed(self.fetch_stats, max_concurrency=2)

        self._on_schedule()
        self._keep_failed_invocations()

    def _fetch_audiences(self) -> None:
        """Of creators, with their credentials, whose tokens it refreshes."""
        function, table = self.fetch_stats, self.tables.creators
        self.tables.stats.grant(function, "GetItem", "PutItem", keys=("creator:*",))
        table.grant(function, "Query", "BatchGetItem", keys=("creators",))
        table.grant(function, "BatchGetItem", "UpdateItem", keys=("sync#*",))
        self.tables.grant_credentials(function)
        self.vault.grant_open(function)

    def _on_schedule(self) -> None:
        expression = CfnParameter(
            self,
            "FetchSchedule",
            default=self.settings.fetch_schedule,
            allowed_pattern=r"(rate|cron)\(.+\)",
            description="How often all tracked channels are fetched: an EventBridge Scheduler expression",
        )
        expression.override_logical_id("FetchSchedule")
        Schedule(
            self,
            "Schedule",
            description="Fetches all tracked channels",
            expression=expression.value_as_string,
            function=self.fetch_stats,
        )

    def _keep_failed_invocations(self) -> None:
        """The schedule invokes asynchronously: Lambda gives up after three failures or five minutes."""
        failures = self.queues.fetch_failures
        failures.accept(self.fetch_stats)
        config = lambda_.CfnEventInvokeConfig(
            self,
            "GiveUp",
            function_name=self.fetch_stats.resource.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=300,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=failures.arn)
            ),
        )
        config.node.add_dependency(self.fetch_stats.role)
