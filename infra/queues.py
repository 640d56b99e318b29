"""The queues between the functions, and the dead-letter queues, where failed work waits for a person."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.capability import foundation
from infra.functions import Function
from infra.outputs import output


@dataclass(frozen=True)
class Overdue:
    """How long the oldest message may wait before an alarm: `alerts` names AlertsWaiting and its section."""

    messages: str
    seconds: int
    text: str


class Queues(Construct):
    """One statement a queue."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        # Its age needs no alarm: the next schedule fetches every channel anyway.
        self.fetch = Queue(self, "Fetch", max_receives=5, overdue=None)
        self.notify = Queue(
            self,
            "Notify",
            max_receives=30,
            overdue=Overdue("alerts", 900, "An alert has waited a quarter of an hour to be sent."),
        )
        self.broadcast = Queue(
            self,
            "Broadcast",
            max_receives=30,
            overdue=Overdue("broadcasts", 60, "An event has waited a minute to be sent to its room."),
            visibility_timeout=Duration.minutes(2),
            in_order=True,
        )
        # A channel's next count waits until its next viewer may time out, and there is always such a message.
        count_seconds = foundation(self).settings.initial_settings.get("viewer_timeout", 60) + 240
        self.count = Queue(
            self,
            "Count",
            max_receives=30,
            overdue=Overdue("counts", count_seconds, "A channel's viewers have not been counted for minutes."),
            visibility_timeout=Duration.minutes(2),
            in_order=True,
        )
        # A group is an event's subject, or a lane of an endpoint, so that nobody waits for another one's endpoint.
        self.webhook = Queue(
            self,
            "Webhook",
            max_receives=30,
            overdue=Overdue("webhooks", 900, "An event has waited a quarter of an hour for its first attempt."),
            visibility_timeout=Duration.seconds(270),
            in_order=True,
        )
        # A failing creator is no message that waits: the next sweep tries again.
        self.creators = Queue(
            self,
            "Creators",
            max_receives=30,
            overdue=Overdue("syncs", 900, "A creator's sync has waited a quarter of an hour."),
            visibility_timeout=Duration.minutes(12),
        )
        self.schedule_failures = DeadLetters(self, "ScheduleFailures")
        self.fetch_failures = DeadLetters(self, "FetchFailures")
        self.detection_failures = DeadLetters(self, "DetectionFailures")
        self.history_failures = DeadLetters(self, "HistoryFailures")
        self.rollup_failures = DeadLetters(self, "RollupFailures")
        self.sync_failures = DeadLetters(self, "SyncFailures")


class DeadLetters(Construct):
    """Keeps failed work for 14 days, SQS's maximum; docs/operations.md says how to retry it."""

    def __init__(self, scope: Construct, construct_id: str, *, in_order: bool = False) -> None:
        super().__init__(scope, construct_id)
        stack = foundation(self)
        stack.registry.dead_letters.append(self)
        self.name = construct_id
        self.resource = sqs.Queue(
            self,
            "Queue",
            fifo=in_order or None,
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=stack.settings.removal,
        )
        NagSuppressions.add_resource_suppressions(
            self.resource,
            [NagPackSuppression(id="AwsSolutions-SQS3", reason="It holds dead letters itself; an alarm watches it.")],
        )
        output(
            self,
            f"{construct_id}Url",
            self.resource.queue_url,
            description=f"{construct_id}: failed work, with an alarm",
        )

    @property
    def arn(self) -> str:
        return self.resource.queue_arn

    def visible(self) -> cloudwatch.Metric:
        return _visible(self.resource)

    def accept(self, function: Function) -> None:
        """Let Lambda, with the function's role, put here what the function failed to do."""
        function.allow("sqs:SendMessage", on=self.arn)


class Queue(Construct):
    """Work for a function; after `max_receives` failed attempts a message becomes a dead letter.

    `visibility_timeout` hides a message during an attempt and has to be six times the function's timeout or more.
    `in_order` keeps the order within a message group. A hidden message blocks its group and no other; the number of
    groups that are worked on concurrently has no limit.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        max_receives: int,
        overdue: Overdue | None,
        visibility_timeout: Duration | None = None,
        in_order: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = foundation(self)
        stack.registry.queues.append(self)
        self.name = construct_id
        self.overdue = overdue
        self.dead_letters = DeadLetters(self, f"{construct_id}DeadLetters", in_order=in_order)
        self.resource = sqs.Queue(
            self,
            "Queue",
            fifo=in_order or None,
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if in_order else None,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if in_order else None,
            visibility_timeout=visibility_timeout or Duration.minutes(6),
            retention_period=Duration.days(4),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=stack.settings.removal,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters.resource, max_receive_count=max_receives),
        )
        output(self, f"{construct_id}QueueUrl", self.resource.queue_url, description=f"{construct_id} queue")

    def grant_send(self, function: Function) -> None:
        function.allow("sqs:SendMessage", on=self.resource.queue_arn)
        self._pass_url(function)

    def _pass_url(self, function: Function) -> None:
        function.add_environment(**{f"{self.name.upper()}_QUEUE_URL": self.resource.queue_url})

    def visible(self) -> cloudwatch.Metric:
        return _visible(self.resource)

    def oldest(self) -> cloudwatch.Metric:
        return self.resource.metric_approximate_age_of_oldest_message(period=Duration.minutes(1))

    def feed(self, function: Function, *, max_concurrency: int | None = None, batch_size: int = 1) -> None:
        """Start the function for each message alone, so that none waits for, or fails with, another; or for batches.

        A queue in order starts one invocation for each group that has messages.
        """
        function.queue_of = self.name
        function.allow(
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
            on=self.resource.queue_arn,
        )
        self._pass_url(function)
        mapping = lambda_.CfnEventSourceMapping(
            function,
            f"{self.name}Queue",
            function_name=function.resource.function_name,
            event_source_arn=self.resource.queue_arn,
            batch_size=batch_size,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(maximum_concurrency=max_concurrency)
            if max_concurrency
            else None,
        )
        # Lambda tests the role when it creates the mapping, so the policy must exist.
        mapping.node.add_dependency(function.role)


def _visible(queue: sqs.Queue) -> cloudwatch.Metric:
    return queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1))
