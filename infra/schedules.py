"""A schedule that starts a function. Failed starts go to the ScheduleFailures queue."""

import json

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.capability import foundation
from infra.functions import Function


class Schedule(Construct):
    def __init__(
        self, scope: Construct, construct_id: str, *, description: str, expression: str, function: Function
    ) -> None:
        super().__init__(scope, construct_id)
        stack = foundation(self)
        target = function.resource.function_arn
        failures = stack.queues.schedule_failures.arn
        role = iam.Role(
            self,
            "Role",
            description=f"Lets the schedule start {function.name}",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[target]))
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[failures]))
        schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            description=description,
            schedule_expression=expression,
            schedule_expression_timezone=stack.settings.schedule_time_zone,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=target,
                role_arn=role.role_arn,
                input=json.dumps({"source": "schedule"}),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=failures),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=300, maximum_retry_attempts=5
                ),
            ),
        )
        schedule.node.add_dependency(role)
