"""EventBridge Scheduler, the API, a webhook ─► creators queue ─► sync_transactions ─► creators table.

creators table ══stream══► roll_up_transactions ─► sums in the creators table, revenue in the stats table.
A platform's webhooks ─► creator_webhook ─► creators table, creators queue.
"""

from aws_cdk import CfnParameter, Duration
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function
from infra.schedules import Schedule

SYNCS_AT_ONCE = 8
"""Each waits for the platform most of the time: 1,000 creators take some minutes."""
_BY_NIGHT = "cron(10/15 3-5 * * ? *)"
"""A run goes on where the one before it stopped, and finds nothing to do when all is checked."""


class Creators(Capability):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.sync_transactions = self._sync_transactions()
        self.roll_up_transactions = self._roll_up_transactions()
        self.creator_webhook = self._creator_webhook()
        self.webhook_url = self.creator_webhook.add_public_url()

    def _sync_transactions(self) -> Function:
        function = Function(
            self,
            "sync_transactions",
            description="Brings creators' transactions from the platforms",
            # The lease of a creator lasts longer: cairn.creators.syncing.
            timeout=Duration.minutes(2),
            endless_chain=True,
        )
        tables, queues = self.tables, self.queues
        tables.grant_settings(function)
        creators = tables.creators
        creators.grant(function, "GetItem", "Query", keys=("creators", "transactions#*", "payments#*", "flow#*"))
        creators.grant(function, "GetItem", "BatchGetItem", "UpdateItem", keys=("sync#*",))
        creators.grant(function, "PutItem", "UpdateItem", keys=("transactions#*",))
        creators.grant(function, "UpdateItem", "DeleteItem", keys=("payments#*",))
        creators.grant(function, "PutItem", keys=("flow#*", "run#*"))
        creators.grant(function, "Query", keys=("run#*",))
        creators.grant(function, "GetItem", "UpdateItem", keys=("runs",))
        # Tokens that are refreshed are stored before they are used.
        creators.grant(function, "GetItem", "UpdateItem", keys=("credentials#*",))
        self.vault.grant_seal(function)
        self.platforms.creator.grant_call(function)
        queues.creators.grant_send(function)
        queues.creators.feed(function, max_concurrency=SYNCS_AT_ONCE)
        expression = CfnParameter(
            self,
            "SyncSchedule",
            default=self.settings.sync_schedule,
            allowed_pattern=r"(rate|cron)\(.+\)",
            description="How often all creators' transactions are brought: an EventBridge Scheduler expression",
        )
        expression.override_logical_id("SyncSchedule")
        Schedule(
            self,
            "Schedule",
            description="Brings all creators' transactions",
            expression=expression.value_as_string,
            function=function,
        )
        self._keep_failed_invocations(function)
        return function

    def _roll_up_transactions(self) -> Function:
        function = Function(
            self,
            "roll_up_transactions",
            description="Sums up creators' transactions, and by night compares the sums with them",
            timeout=Duration.minutes(5),
            # A night compares the rows of weeks, and a day of a large creator has thousands.
            memory_size=1024,
        )
        tables = self.tables
        tables.grant_settings(function)
        tables.stats.grant(function, "GetItem", "PutItem", keys=("creator:*",))
        creators = tables.creators
        creators.grant(function, "GetItem", "Query", keys=("creators", "transactions#*"))
        creators.grant(
            function, "GetItem", "Query", "PutItem", keys=("day#*", "quarters#*", "payers#*", "month#*", "checks")
        )
        creators.grant(function, "UpdateItem", keys=("day#*", "sync#*"))
        creators.grant(function, "GetItem", "PutItem", "UpdateItem", "DeleteItem", keys=("payer#*",))
        # Its own writes have other keys, so they never start it.
        creators.feed(function, failures=self.queues.rollup_failures, keys="transactions#")
        Schedule(
            self,
            "CheckSchedule",
            description="Compares the sums of creators' transactions with the transactions",
            expression=_BY_NIGHT,
            function=function,
        )
        return function

    def _creator_webhook(self) -> Function:
        function = Function(
            self,
            "creator_webhook",
            description="Receives creator platforms' webhooks: a payment counts at once",
            timeout=Duration.seconds(10),
            audited=True,
        )
        creators = self.tables.creators
        creators.grant(function, "GetItem", keys=("external#*", "creators", "sync#*"))
        creators.grant(function, "Query", "PutItem", "UpdateItem", keys=("transactions#*",))
        creators.grant(function, "PutItem", keys=("payments#*", "event#*"))
        self.platforms.creator.grant_keys(function)
        self.queues.creators.grant_send(function)
        return function

    def _keep_failed_invocations(self, function: Function) -> None:
        """The schedule invokes asynchronously: Lambda gives up after three failures or five minutes."""
        failures = self.queues.sync_failures
        failures.accept(function)
        config = lambda_.CfnEventInvokeConfig(
            self,
            "GiveUp",
            function_name=function.resource.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=300,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=failures.arn)
            ),
        )
        config.node.add_dependency(function.role)
