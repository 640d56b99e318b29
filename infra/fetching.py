"""EventBridge Scheduler, and the queue for what one invocation cannot do ─► fetch_stats ─► stats table."""

import json

from aws_cdk import CfnParameter, Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.functions import Function
from infra.packaging import Packaging
from infra.platforms import Platforms
from infra.queues import Queues
from infra.schedules import Schedule
from infra.settings import Settings
from infra.tables import Tables


class Fetching(Construct):
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
        self.fetch_stats = Function(
            self,
            "fetch_stats",
            description="Asks the platforms for the tracked channels' counts and stores those that changed",
            settings=settings,
            packaging=packaging,
            timeout=Duration.seconds(60),
        )
        platforms.grant_call(self.fetch_stats)
        tables.stats.grant(self.fetch_stats, "BatchGetItem", "PutItem")
        tables.channels.grant(self.fetch_stats, "Query", "GetItem", "BatchGetItem", "PutItem", "UpdateItem")
        queues.fetch.grant_send(self.fetch_stats)
        queues.fetch.feed(self.fetch_stats, max_concurrency=2)

        self._on_schedule(settings, queues)
        self._give_up_to(queues)

    def _on_schedule(self, settings: Settings, queues: Queues) -> None:
        expression = CfnParameter(
            self,
            "FetchSchedule",
            default=settings.fetch_schedule,
            allowed_pattern=r"(rate|cron)\(.+\)",
            description="How often all tracked channels are fetched, as EventBridge Scheduler writes it",
        )
        expression.override_logical_id("FetchSchedule")
        Schedule(
            self,
            "Schedule",
            description="Fetches all tracked channels",
            expression=expression.value_as_string,
            settings=settings,
            function=self.fetch_stats,
            payload=json.dumps({"source": "schedule"}),
            failures=queues.schedule_failures,
        )

    def _give_up_to(self, queues: Queues) -> None:
        """An asynchronous invocation, as the schedule's are, that failed three times in five minutes."""
        queues.fetch_failures.accept(self.fetch_stats)
        config = lambda_.CfnEventInvokeConfig(
            self,
            "GiveUp",
            function_name=self.fetch_stats.resource.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=300,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=queues.fetch_failures.arn)
            ),
        )
        config.node.add_dependency(self.fetch_stats.role)
