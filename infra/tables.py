"""The tables, and the grants on them. How a key is built, only the adapters of the shared package know."""

import json
from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.capability import foundation
from infra.functions import Function
from infra.outputs import output, pascal
from infra.queues import DeadLetters

_RETRIED_FOR = Duration.hours(3)
"""How old a record of a stream may become; later, Lambda does not even try it. `cairn.aws.streams` gives up earlier."""


class Tables(Construct):
    """One line a table."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.stats = Table(
            self, "stats", partition_key="subject", sort_key=None, stream=True, time_to_live="expires_at"
        )
        self.milestones = Table(
            self, "milestones", indexes={"by_time": ("listing", "achieved")}, time_to_live="expires_at"
        )
        self.history = Table(self, "history", time_to_live="expires_at")
        self.audience = Table(self, "audience", time_to_live="expires_at")
        self.channels = Table(self, "channels", time_to_live="expires_at")
        self.leaderboard = Table(self, "leaderboard", local_indexes={"by_score": "score"})
        """The ids of the reps. What version 0.1.0 kept here of the boards is moved by `operations migrate`."""
        self.board = Table(
            self, "board", numbered=True, local_indexes={"by_score": "score", "ranks": "score"}, keys_only=("ranks",)
        )
        self.connections = Table(self, "connections", time_to_live="expires_at")
        self.presence = Table(self, "presence", time_to_live="expires_at")
        self.signins = Table(self, "signins", sort_key=None, time_to_live="expires_at")
        """How often sign-ins failed, by address and name. Only the API uses it."""
        self.keys = Table(self, "keys")
        """API keys. Only operators write them: who can put an item here has every right."""
        self.sessions = Table(self, "sessions", time_to_live="expires_at")
        """What proves who a caller is. Only the API puts items here."""
        self.settings = Table(self, "settings")
        """What a person changes while Cairn runs. Functions read it; the API and operators write it."""
        self.webhooks = Table(
            self,
            "webhooks",
            indexes={"due": ("due_endpoint", "due_at")},
            keys_only=("due",),
            time_to_live="expires_at",
        )
        self.usage = Table(
            self,
            "usage",
            indexes={"due": ("due_partition", "due_at"), "by_activity": ("listing", "active")},
            keys_only=("due",),
            time_to_live="expires_at",
        )
        """A product's users, as far as counting does not need them, and the ids of usage events."""
        self.creators = Table(
            self,
            "creators",
            indexes={"by_first_payment": ("pk", "first_at")},
            numbered_indexes=("by_first_payment",),
            keys_only=("by_first_payment",),
            stream=True,
            time_to_live="expires_at",
        )
        """Agencies, creators, their transactions and the sums of these. `cairn.creators.keys` lists the items."""

    def grant_board(self, function: Function) -> None:
        """Let a function store a rep's row on the board, and count the reps who are ahead."""
        self.grant_board_reading(function, "ranks")
        self.board.grant(function, "BatchGetItem", "PutItem", keys=("board", "board#*"))
        self.board.grant(function, "UpdateItem", keys=("count",))

    def grant_board_reading(self, function: Function, *indexes: str) -> None:
        """Let a function read the board by these indexes, and what an older version left of it."""
        self.board.grant(function, "GetItem", keys=("board", "count", "moved"), indexes=indexes)
        self.board.grant(function, "Query", keys=("board", "board#*"))
        self.leaderboard.grant(function, "Query", keys=("board", "board#*"))

    def grant_settings(self, function: Function) -> None:
        """Let a function read the settings that a person changes while Cairn runs."""
        self.settings.grant(function, "GetItem", keys=("settings",))
        function.add_environment(INITIAL_SETTINGS=foundation(self).parameters.initial_settings.value_as_string)

    def grant_credentials(self, function: Function) -> None:
        """Let a function use creators' credentials, and refresh their tokens. What they hold, only the vault opens."""
        self.creators.grant(function, "GetItem", "UpdateItem", keys=("credentials#*",))

    def grant_presence(self, function: Function) -> None:
        """Let a function add and remove viewers, and read the last count."""
        self.presence.grant(function, "GetItem", "UpdateItem", "DeleteItem")


class Table(Construct):
    """On demand, encrypted, recoverable to any second of the last 35 days; in production, protected from deletion."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        partition_key: str = "pk",
        sort_key: str | None = "sk",
        indexes: Mapping[str, tuple[str, str]] | None = None,
        numbered: bool = False,
        numbered_indexes: tuple[str, ...] = (),
        local_indexes: Mapping[str, str] | None = None,
        keys_only: tuple[str, ...] = (),
        stream: bool = False,
        time_to_live: str | None = None,
    ) -> None:
        super().__init__(scope, pascal(name))
        settings = foundation(self).settings
        self.name = name
        self.partition_key = partition_key
        self.resource = dynamodb.Table(
            self,
            "Table",
            partition_key=_text(partition_key),
            sort_key=(_number if numbered else _text)(sort_key) if sort_key else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            # With DynamoDB's own key. KMS bills each use of any other, also of the one that AWS manages.
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.howitworks.html
            encryption=dynamodb.TableEncryption.DEFAULT,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=settings.protected,
            removal_policy=settings.removal,
            stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if stream else None,
            time_to_live_attribute=time_to_live,
        )
        for index, (partition, sort) in (indexes or {}).items():
            self.resource.add_global_secondary_index(
                index_name=index,
                partition_key=_text(partition),
                sort_key=(_number if index in numbered_indexes else _text)(sort),
                projection_type=_projection(index, keys_only),
            )
        for index, number in (local_indexes or {}).items():
            # A local index allows consistent reads. It can be added only to a new table.
            self.resource.add_local_secondary_index(
                index_name=index,
                sort_key=_number(number),
                projection_type=_projection(index, keys_only),
            )
        output(self, f"{pascal(name)}Table", self.resource.table_name, description=f"Name of the {name} table")

    def grant(
        self,
        function: Function,
        *actions: str,
        indexes: tuple[str, ...] = (),
        keys: tuple[str, ...] = (),
        attributes: tuple[str, ...] = (),
    ) -> None:
        """Let a function use the table, and Query the named indexes.

        With `keys` only items whose partition key matches one of them, with `attributes` only these attributes. A
        transaction has no IAM action: IAM checks the Put, Update, Delete and ConditionCheck in it.
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        """
        arn = self.resource.table_arn
        # These conditions hold, too, for an action that names no key or attribute, such as Scan: never grant one.
        conditions: dict[str, object] = {}
        if keys:
            conditions["ForAllValues:StringLike"] = {"dynamodb:LeadingKeys": list(keys)}
        if attributes:
            conditions["ForAllValues:StringEquals"] = {"dynamodb:Attributes": list(attributes)}
        function.allow(*(f"dynamodb:{action}" for action in actions), on=arn, when=conditions or None)
        if indexes:
            function.allow("dynamodb:Query", on=[f"{arn}/index/{index}" for index in indexes])
        function.add_environment(**{f"{self.name.upper()}_TABLE": self.resource.table_name})

    def feed(
        self,
        function: Function,
        *,
        failures: DeadLetters,
        window: Duration | None = None,
        parallel: int | None = None,
        keys: str | None = None,
    ) -> None:
        """Start the function for every new or changed item, in order per key and at least once.

        With `keys`, only for items whose partition key begins with this; Lambda discards the records of others.
        https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html

        With `parallel`, for so many batches of a shard at a time; records of one item are in one of them at a time.
        https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html

        A record that fails is split off and retried, as long as an outage may last, and not so long that it blocks its
        shard for the stream's 24 hours. The function sends to `failures` what it cannot read, at once, and what still
        fails after two hours. Where the function cannot, Lambda sends the record's position in the stream.
        """
        stream = self.resource.table_stream_arn
        if not stream:
            raise ValueError(f"the {self.name} table has no stream")
        function.stream_of = self.name
        function.allow(
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
            on=stream,
        )
        failures.accept(function)
        function.add_environment(FAILURES_URL=failures.resource.queue_url)
        wanted: dict[str, object] = {"eventName": ["INSERT", "MODIFY"]}
        if keys is not None:
            wanted["dynamodb"] = {"Keys": {self.partition_key: {"S": [{"prefix": keys}]}}}
        mapping = lambda_.CfnEventSourceMapping(
            function,
            f"{pascal(self.name)}Stream",
            function_name=function.resource.function_name,
            event_source_arn=stream,
            starting_position="TRIM_HORIZON",
            batch_size=100,
            parallelization_factor=parallel,
            maximum_batching_window_in_seconds=window.to_seconds() if window else None,
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
                filters=[lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps(wanted))]
            ),
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=-1,
            maximum_record_age_in_seconds=_RETRIED_FOR.to_seconds(),
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=failures.arn)
            ),
        )
        # Lambda tests the role when it creates the mapping, so the policy must exist.
        mapping.node.add_dependency(function.role)


def _projection(index: str, keys_only: tuple[str, ...]) -> dynamodb.ProjectionType:
    return dynamodb.ProjectionType.KEYS_ONLY if index in keys_only else dynamodb.ProjectionType.ALL


def _number(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.NUMBER)


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
