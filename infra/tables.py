"""The tables, and who may do what with them; how a key is built is the business of the shared package's adapters."""

import json
from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.functions import Function
from infra.outputs import output, pascal
from infra.queues import DeadLetters
from infra.settings import Settings


class Tables(Construct):
    """One line a table."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self.stats = Table(self, "stats", settings=settings, partition_key="subject", sort_key=None, stream=True)
        self.milestones = Table(self, "milestones", settings=settings, indexes={"by_time": ("listing", "achieved")})
        self.history = Table(self, "history", settings=settings, time_to_live="expires_at")
        self.audience = Table(self, "audience", settings=settings, time_to_live="expires_at")
        self.channels = Table(self, "channels", settings=settings, time_to_live="expires_at")
        self.leaderboard = Table(self, "leaderboard", settings=settings, local_indexes={"by_score": "score"})
        self.connections = Table(self, "connections", settings=settings, time_to_live="expires_at")
        self.presence = Table(self, "presence", settings=settings, time_to_live="expires_at")

    def grant_board(self, function: Function) -> None:
        """Let a function bring a rep's row on the leaderboard into line, and the counts by which a rank is told."""
        self.leaderboard.grant(function, "GetItem", "PutItem", "UpdateItem", "DeleteItem")

    def grant_presence(self, function: Function) -> None:
        """Let a function take viewers in and out, and read how many were counted last."""
        self.presence.grant(function, "GetItem", "UpdateItem", "DeleteItem")


class Table(Construct):
    """On demand, encrypted, recoverable to any second of the last 35 days; in production protected from deletion."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        settings: Settings,
        partition_key: str = "pk",
        sort_key: str | None = "sk",
        indexes: Mapping[str, tuple[str, str]] | None = None,
        local_indexes: Mapping[str, str] | None = None,
        stream: bool = False,
        time_to_live: str | None = None,
    ) -> None:
        super().__init__(scope, pascal(name))
        self.name = name
        self.resource = dynamodb.Table(
            self,
            "Table",
            partition_key=_text(partition_key),
            sort_key=_text(sort_key) if sort_key else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=settings.production,
            removal_policy=settings.removal,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if stream else None,
            time_to_live_attribute=time_to_live,
        )
        for index, (partition, sort) in (indexes or {}).items():
            self.resource.add_global_secondary_index(
                index_name=index, partition_key=_text(partition), sort_key=_text(sort)
            )
        for index, number in (local_indexes or {}).items():
            # By a number, and read as consistently as the table itself.
            self.resource.add_local_secondary_index(
                index_name=index, sort_key=dynamodb.Attribute(name=number, type=dynamodb.AttributeType.NUMBER)
            )
        output(self, f"{pascal(name)}Table", self.resource.table_name, description=f"Name of the {name} table")

    def grant(self, function: Function, *actions: str, indexes: tuple[str, ...] = (), keys: str | None = None) -> None:
        """Let a function use the table, or of it the partition keys that are like `keys`; and Query the indexes named.

        A transaction has no action of its own: IAM checks the Put, Update, Delete and ConditionCheck in it.
        """
        arn = self.resource.table_arn
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        like = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [keys]}} if keys else None
        function.allow(*(f"dynamodb:{action}" for action in actions), on=arn, when=like)
        if indexes:
            function.allow("dynamodb:Query", on=[f"{arn}/index/{index}" for index in indexes])
        function.tell(**{f"{self.name.upper()}_TABLE": self.resource.table_name})

    def feed(self, function: Function, *, failures: DeadLetters, window: Duration | None = None) -> None:
        """Hand every new or changed item to a function, in order per key and at least once.

        A record that cannot be processed is split off and tried 20 times, so that it cannot hold its shard for the
        stream's 24 hours; then its position in the stream, which is not the record itself, goes to `failures`.
        """
        stream = self.resource.table_stream_arn
        if not stream:
            raise ValueError(f"the {self.name} table has no stream")
        function.allow(
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
            on=stream,
        )
        failures.accept(function)
        mapping = lambda_.CfnEventSourceMapping(
            function,
            f"{pascal(self.name)}Stream",
            function_name=function.resource.function_name,
            event_source_arn=stream,
            starting_position="TRIM_HORIZON",
            batch_size=100,
            maximum_batching_window_in_seconds=window.to_seconds() if window else None,
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
                filters=[
                    lambda_.CfnEventSourceMapping.FilterProperty(
                        pattern=json.dumps({"eventName": ["INSERT", "MODIFY"]})
                    )
                ]
            ),
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=20,
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=failures.arn)
            ),
        )
        # Lambda tries the role as it makes the mapping, so the policy must be there.
        mapping.node.add_dependency(function.role)


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
