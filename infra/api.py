"""The HTTP API for people and machines: api, behind a Lambda URL."""

from aws_cdk import Duration
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function
from infra.identity import Identity
from infra.realtime import Realtime
from infra.webhooks import Webhooks


class Api(Capability):
    def __init__(
        self, scope: Construct, construct_id: str, *, identity: Identity, realtime: Realtime, webhooks: Webhooks
    ) -> None:
        super().__init__(scope, construct_id)
        settings, tables = self.settings, self.tables
        self.api = Function(
            self,
            "api",
            description="The HTTP API: sign-in, channels, the leaderboard, milestones, refresh and sync",
            timeout=Duration.seconds(30),
            # Lambda scales CPU with memory; validation and the OpenAPI document need mostly CPU.
            memory_size=1024,
            # What other functions answer themselves stands in the API's document, too.
            includes="functions/*/openapi.json",
            audited=True,
            environment={
                "AVATAR_HOSTS": settings.avatar_hosts_list,
                "WEBSOCKET_URL": realtime.url,
            },
        )
        tables.stats.grant(self.api, "GetItem", "BatchGetItem", "PutItem")
        tables.stats.grant(self.api, "DeleteItem", keys=("channel:*",))
        tables.milestones.grant(self.api, "Query", "BatchGetItem", indexes=("by_time",))
        tables.milestones.grant(self.api, "PutItem", keys=("badges",))
        tables.history.grant(self.api, "Query")
        tables.audience.grant(self.api, "GetItem", "Query", keys=("counts", "subscribers"))
        tables.channels.grant(self.api, "Query", "GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem")
        tables.grant_board(self.api)
        tables.grant_board_reading(self.api, "by_score")
        tables.signins.grant(self.api, "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        tables.leaderboard.grant(self.api, "UpdateItem", keys=("ids",))
        tables.keys.grant(self.api, "GetItem")
        tables.grant_settings(self.api)
        tables.settings.grant(self.api, "Query", "PutItem", keys=("settings",))
        # One statement for both: a role's own policies have 10,240 characters in total. It reads `revoked#*` alone.
        tables.sessions.grant(self.api, "PutItem", "BatchGetItem", keys=("ticket#*", "revoked#*"))
        self._manage_webhooks(webhooks)
        self._manage_users()
        with self.api.apart("Creators"):
            self._manage_creators()
            self._analyse_creators()
        self.queues.fetch.grant_send(self.api)
        # To close the sockets of a session that signs out.
        self.queues.broadcast.grant_send(self.api)
        self.platforms.grant_call(self.api)
        identity.grant_sign_in(self.api)
        self.url = self.api.add_public_url()

    def _manage_webhooks(self, webhooks: Webhooks) -> None:
        """Endpoints; what becomes of events, which others store but for examples; and what is published by requests."""
        table = self.tables.webhooks
        read = ("endpoints", "events#*", "endpoint#*", "response#*", "publication#*", "feedback#*", "sweep")
        table.grant(self.api, "GetItem", "BatchGetItem", "Query", keys=read, indexes=("due",))
        table.grant(self.api, "PutItem", "UpdateItem", "DeleteItem", keys=("endpoints",))
        # An example, the sweep's progress; an erasure, a report.
        table.grant(self.api, "PutItem", keys=("events#*", "publication#*", "sweep"))
        table.grant(self.api, "UpdateItem", keys=("events#*", "publication#*", "endpoint#*", "feedback#*"))
        table.grant(self.api, "DeleteItem", keys=("response#*",))
        self.queues.webhook.grant_send(self.api)
        self.vault.grant_seal(self.api)
        webhooks.pass_targets(self.api)

    def _manage_creators(self) -> None:
        """Agencies and creators, and how far their syncs have come."""
        table = self.tables.creators
        table.grant(self.api, "GetItem", "BatchGetItem", "Query", keys=("agencies", "creators", "external#*", "sync#*"))
        table.grant(self.api, "PutItem", keys=("agencies", "creators", "external#*"))
        # An agency's count of creators; that a creator whose credentials are mended is tried at once.
        table.grant(self.api, "UpdateItem", keys=("agencies", "sync#*"))
        table.grant(self.api, "ConditionCheckItem", keys=("agencies", "sync#*"))
        table.grant(self.api, "BatchGetItem", "DeleteItem", keys=("credentials#*",))
        self.tables.grant_credentials(self.api)

    def _manage_users(self) -> None:
        """A product's users: who they are, their freezes and days, and their erasure."""
        read, write = ("GetItem", "BatchGetItem", "Query"), ("PutItem", "UpdateItem", "DeleteItem")
        self.tables.usage.grant(self.api, *read, *write, keys=("user#*", "erasures"), indexes=("by_activity",))
        self.tables.usage.grant(self.api, "GetItem", "Query", keys=("totals",))
        # The same for both, so that they are one statement: a role's own policies have 10,240 characters in total.
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        for table in (self.tables.milestones, self.tables.history):
            table.grant(self.api, "UpdateItem", "DeleteItem", keys=("user:*",))

    def _analyse_creators(self) -> None:
        """The sums of creators, and the transactions behind them."""
        read = ("day#*", "quarters#*", "payers#*", "flow#*", "transactions#*", "runs", "run#*")
        self.tables.creators.grant(
            self.api, "GetItem", "BatchGetItem", "Query", keys=read, indexes=("by_first_payment",)
        )
        # A sync that somebody asks for.
        self.tables.creators.grant(self.api, "PutItem", keys=("runs",))
        self.queues.creators.grant_send(self.api)
