"""A schedule that starts a function in the operator's time zone, and where a tick that cannot be delivered ends."""

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.functions import Function
from infra.queues import DeadLetters
from infra.settings import Settings


class Schedule(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        expression: str,
        settings: Settings,
        function: Function,
        payload: str,
        failures: DeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        target = function.resource.function_arn
        role = iam.Role(
            self,
            "Role",
            description=f"Lets the schedule start {function.name}",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[target]))
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[failures.arn]))
        schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            description=description,
            schedule_expression=expression,
            schedule_expression_timezone=settings.time_zone,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=target,
                role_arn=role.role_arn,
                input=payload,
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=failures.arn),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=300, maximum_retry_attempts=5
                ),
            ),
        )
        schedule.node.add_dependency(role)
