"""The queues between the functions, and the places where what could not be done waits for a person."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.functions import Function
from infra.outputs import output
from infra.settings import Settings


class Queues(Construct):
    """One line a queue."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self.fetch = Queue(self, "Fetch", settings=settings, max_receives=5)
        self.notify = Queue(self, "Notify", settings=settings, max_receives=30)
        self.broadcast = Queue(
            self, "Broadcast", settings=settings, max_receives=30, hidden=Duration.minutes(2), in_order=True
        )
        self.count = Queue(self, "Count", settings=settings, max_receives=30, hidden=Duration.minutes(2), in_order=True)
        self.schedule_failures = DeadLetters(self, "ScheduleFailures", settings=settings)
        self.fetch_failures = DeadLetters(self, "FetchFailures", settings=settings)
        self.detection_failures = DeadLetters(self, "DetectionFailures", settings=settings)
        self.history_failures = DeadLetters(self, "HistoryFailures", settings=settings)

    @property
    def dead_letters(self) -> list["DeadLetters"]:
        """Each of them has an alarm."""
        parts = [part.dead_letters if isinstance(part, Queue) else part for part in vars(self).values()]
        return [part for part in parts if isinstance(part, DeadLetters)]


class DeadLetters(Construct):
    """Keeps a failure for the 14 days that SQS can; docs/operations.md says how to send it on its way again."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, in_order: bool = False) -> None:
        super().__init__(scope, construct_id)
        self.name = construct_id
        self.resource = sqs.Queue(
            self,
            "Queue",
            fifo=in_order or None,
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=settings.removal,
        )
        NagSuppressions.add_resource_suppressions(
            self.resource,
            [NagPackSuppression(id="AwsSolutions-SQS3", reason="It is where dead letters end; an alarm watches it.")],
        )
        output(
            self,
            f"{construct_id}Url",
            self.resource.queue_url,
            description=f"{construct_id}: what could not be done; an alarm watches",
        )

    @property
    def arn(self) -> str:
        return self.resource.queue_arn

    def visible(self) -> cloudwatch.Metric:
        return _visible(self.resource)

    def accept(self, function: Function) -> None:
        """Let Lambda put here, in the function's name, what the function could not do."""
        function.allow("sqs:SendMessage", on=self.arn)


class Queue(Construct):
    """Work for a function: `hidden` while tried, for six times its time-out; a dead letter after `max_receives`.

    `in_order` keeps messages of one group in order, each group for itself and so without a common limit. A message that
    is hidden holds back its group.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        max_receives: int,
        hidden: Duration | None = None,
        in_order: bool = False,
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = construct_id
        self.dead_letters = DeadLetters(self, f"{construct_id}DeadLetters", settings=settings, in_order=in_order)
        self.resource = sqs.Queue(
            self,
            "Queue",
            fifo=in_order or None,
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if in_order else None,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if in_order else None,
            visibility_timeout=hidden or Duration.minutes(6),
            retention_period=Duration.days(4),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=settings.removal,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters.resource, max_receive_count=max_receives),
        )
        output(self, f"{construct_id}QueueUrl", self.resource.queue_url, description=f"{construct_id} queue")

    def grant_send(self, function: Function) -> None:
        function.allow("sqs:SendMessage", on=self.resource.queue_arn)
        function.tell(**{f"{self.name.upper()}_QUEUE_URL": self.resource.queue_url})

    def visible(self) -> cloudwatch.Metric:
        return _visible(self.resource)

    def oldest(self) -> cloudwatch.Metric:
        return self.resource.metric_approximate_age_of_oldest_message(period=Duration.minutes(1))

    def feed(self, function: Function, *, max_concurrency: int | None = None, batch_size: int = 1) -> None:
        """Hand messages to a function: one at a time, so that none waits for, or fails with, another; or in batches.

        A queue in order is worked on by as many functions at once as it has groups with messages.
        """
        function.allow(
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
            on=self.resource.queue_arn,
        )
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
        # Lambda tries the role as it makes the mapping, so the policy must be there.
        mapping.node.add_dependency(function.role)


def _visible(queue: sqs.Queue) -> cloudwatch.Metric:
    return queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1))
