"""What operators' commands work on: a deployed stack, in moto."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cairn.identity.cognito import MODULES
from operations.clients import Clients
from operations.stack import Stack
from testing.dynamodb import empty_account
from testing.tables import TABLES


@contextmanager
def deployed_stack() -> Iterator[Stack]:
    """A stack with the resources that operators use."""
    with empty_account():
        clients = Clients.of_the_account()
        for name in ("audience", "keys", "sessions", "leaderboard", "board", "stats"):
            definition = TABLES[f"{name.upper()}_TABLE"]
            clients.dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **definition)
        secret = clients.secretsmanager.create_secret(Name="youtube", SecretString="{}")
        instagram = clients.secretsmanager.create_secret(Name="instagram", SecretString="{}")
        dead = clients.sqs.create_queue(QueueName="dead")["QueueUrl"]
        notify = clients.sqs.create_queue(QueueName="notify")["QueueUrl"]
        failures = clients.sqs.create_queue(QueueName="failures")["QueueUrl"]
        in_order: Any = {"FifoQueue": "true"}
        broadcast = clients.sqs.create_queue(QueueName="broadcast.fifo", Attributes=in_order)["QueueUrl"]
        undone = clients.sqs.create_queue(QueueName="undone.fifo", Attributes=in_order)["QueueUrl"]
        policy: Any = {"PasswordPolicy": {"MinimumLength": 12}}
        pool = clients.cognito.create_user_pool(PoolName="people", Policies=policy)["UserPool"]["Id"]
        client = clients.cognito.create_user_pool_client(
            UserPoolId=pool, ClientName="api", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        )["UserPoolClient"]
        for module in sorted(MODULES):
            clients.cognito.create_group(UserPoolId=pool, GroupName=module)
        clients.s3.create_bucket(Bucket="pages")
        outputs = {
            "AudienceTable": "audience",
            "KeysTable": "keys",
            "SessionsTable": "sessions",
            "LeaderboardTable": "leaderboard",
            "BoardTable": "board",
            "StatsTable": "stats",
            "YoutubeSecret": secret["ARN"],
            "InstagramSecret": instagram["ARN"],
            "NotifyQueueUrl": notify,
            "NotifyDeadLettersUrl": dead,
            "DetectionFailuresUrl": failures,
            "BroadcastQueueUrl": broadcast,
            "BroadcastDeadLettersUrl": undone,
            "UserPoolId": pool,
            "UserPoolClientId": client["ClientId"],
            "PagesBucket": "pages",
            "DistributionId": "E1",
            "MonthRolloverFunction": "month_rollover",
        }
        yield Stack("Cairn", clients, outputs, "https://d1.cloudfront.net")
