"""AWS clients for operators: in an account with its usual credentials, in the local cloud without any."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBServiceResource
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

LOCAL_REGION = "us-east-1"
LOCAL_ACCOUNT = "000000000000"
LOCAL_ACCESS_KEY_ID = "test"
"""MiniStack's name for the root of the account; the secret is new with each run."""


class Clients:
    """A client for each service, created on first use."""

    def __init__(
        self,
        session: boto3.Session | Callable[[], boto3.Session],
        *,
        endpoint_url: str | None = None,
        config: Config | None = None,
    ) -> None:
        self._given = session
        self.endpoint_url = endpoint_url
        self._config = config

    @classmethod
    def of_the_account(cls, region: str | None = None, config: Config | None = None) -> Clients:
        """The account of the environment, as for any AWS tool; its region too, unless one is given.

        A profile that does not exist is an error of the first call, as other credentials are that do not work.
        """
        return cls(lambda: boto3.Session(region_name=region), config=config)

    @classmethod
    def of_the_local_cloud(cls, endpoint_url: str, secret: str) -> Clients:
        """The root, with the secret of this run, and nothing of this machine's AWS settings or proxies."""
        isolated = botocore.session.Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
        )
        session = boto3.Session(
            botocore_session=isolated,
            aws_access_key_id=LOCAL_ACCESS_KEY_ID,
            aws_secret_access_key=secret,
            region_name=LOCAL_REGION,
        )
        config = Config(
            proxies={},
            max_pool_connections=20,
            s3={"addressing_style": "path"},
            retries={"total_max_attempts": 2},
        )
        return cls(session, endpoint_url=endpoint_url, config=config)

    @cached_property
    def _session(self) -> boto3.Session:
        return self._given if isinstance(self._given, boto3.Session) else self._given()

    @property
    def secret(self) -> str:
        """The secret access key of a local cloud's root."""
        credentials = self._session.get_credentials()
        return str(credentials.secret_key) if credentials else ""

    @property
    def are_local(self) -> bool:
        """Whether they call the local cloud."""
        return self.endpoint_url is not None

    def of(self, service: str, *, region: str | None = None) -> Any:
        """A client of a service that is seldom used, in this region or another."""
        arguments: Any = {"endpoint_url": self.endpoint_url, "config": self._config, "region_name": region}
        client: Any = self._session.client
        return client(service, **arguments)

    def of_resource(self, service: str) -> Any:
        """The same, as boto3's resource."""
        resource: Any = self._session.resource
        return resource(service, endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        return self._session.client("cloudformation", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def cloudfront(self) -> Any:
        return self._session.client("cloudfront", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def cognito(self) -> CognitoIdentityProviderClient:
        return self._session.client("cognito-idp", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def dynamodb(self) -> DynamoDBServiceResource:
        return self._session.resource("dynamodb", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def functions(self) -> LambdaClient:
        return self._session.client("lambda", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def iam(self) -> IAMClient:
        return self._session.client("iam", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        return self._session.client("logs", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def s3(self) -> S3Client:
        return self._session.client("s3", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def scheduler(self) -> EventBridgeSchedulerClient:
        return self._session.client("scheduler", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        return self._session.client("secretsmanager", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def sqs(self) -> SQSClient:
        return self._session.client("sqs", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def ssm(self) -> SSMClient:
        return self._session.client("ssm", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def sts(self) -> STSClient:
        return self._session.client("sts", endpoint_url=self.endpoint_url, config=self._config)

    def table(self, name: str) -> Table:
        """A table by its name."""
        return self.dynamodb.Table(name)
