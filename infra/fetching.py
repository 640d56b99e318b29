"""EventBridge Scheduler, and the queue for what one invocation cannot do ─► fetch_stats ─► stats table."""

import json

from aws_cdk import Aws, CfnParameter, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.functions import Function
from infra.packaging import Packaging
from infra.platforms import Platforms
from infra.queues import Queues
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
        target = self.fetch_stats.resource.function_arn
        dead_letters = queues.schedule_failures.arn
        role = iam.Role(
            self,
            "ScheduleRole",
            description="Lets the schedule start fetch_stats",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[target]))
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_letters]))
        schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            description="Fetches all tracked channels",
            schedule_expression=expression.value_as_string,
            schedule_expression_timezone=settings.time_zone,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=target,
                role_arn=role.role_arn,
                input=json.dumps({"source": "schedule"}),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=300, maximum_retry_attempts=5
                ),
            ),
        )
        schedule.node.add_dependency(role)

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
