"""A deployment without the CDK: its stand-in creates a small stack that has Cairn's outputs, over moto."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
from botocore.model import OperationModel

from operations.clients import Clients
from operations.deployment.console import Console
from operations.stack import OperationError
from operations.target import Target
from testing.cloudformation import FakeCloudFormation, FakeResource, FakeStack
from testing.dynamodb import empty_account
from testing.tables import TABLES

REGION = "us-east-1"


def target(stack: str = "Cairn", region: str = REGION) -> Target:
    return Target(stack, region, "cdk.json", "AWS_REGION")


class Answers:
    """AWS's answers in place of moto's, by operation: what moto lacks, and what a test wants to see."""

    def __init__(self) -> None:
        empty = {"Quantity": 0, "MaxItems": 100}
        self._answers: dict[str, dict[str, Any] | Exception] = {
            "GetAccountSettings": {
                "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
            },
            "GetParameter": {"Parameter": {"Value": "30"}},
            "GetAccountSummary": {"SummaryMap": {"Roles": 20, "RolesQuota": 1000}},
            "ListDistributions": {"DistributionList": {**empty, "Quantity": 1}},
            "ListFunctions": {"FunctionList": empty},
            "ListOriginAccessControls": {"OriginAccessControlList": empty},
            "ListOriginRequestPolicies": {"OriginRequestPolicyList": empty},
            "ListResponseHeadersPolicies": {"ResponseHeadersPolicyList": empty},
            "ListServiceQuotas": {"Quotas": []},
            "GetApis": {"Items": []},
            "CreateInvalidation": {},
            "GetFunctionConfiguration": {"Environment": {"Variables": {"INITIAL_SETTINGS": "{}"}}},
        }

    def give(self, operation: str, answer: dict[str, Any] | Exception) -> None:
        self._answers[operation] = answer

    def refuse(self, operation: str, code: str, message: str = "") -> None:
        self._answers[operation] = {"Error": {"Code": code, "Message": message}}

    def forget(self, operation: str) -> None:
        """moto answers again."""
        del self._answers[operation]

    def __call__(self, **event: Any) -> Any:
        """Between botocore and the network."""
        model: OperationModel = event["model"]
        answer = self._answers.get(model.name)
        if isinstance(answer, Exception):
            raise answer
        return None if answer is None else (SimpleNamespace(status_code=400 if "Error" in answer else 200), answer)


class FakeClients(Clients):
    """moto's account, with our CloudFormation: moto's lacks the refusals."""

    def __init__(self, session: boto3.Session, answers: Answers) -> None:
        super().__init__(session)
        self.answers = answers

    @cached_property
    def cloudformation(self) -> Any:
        return FakeCloudFormation()


@contextmanager
def account() -> Iterator[FakeClients]:
    """An AWS account in memory that is ready for a first deployment."""
    with empty_account():
        answers = Answers()
        session = botocore.session.Session()
        session.register("before-call", answers)
        yield FakeClients(boto3.Session(botocore_session=session, region_name=REGION), answers)


class FakeConsole(Console):
    """Remembers what was said, and answers in turn."""

    def __init__(self, *answers: str, interactive: bool = False) -> None:
        super().__init__({})
        self.interactive = interactive
        self.said: list[str] = []
        self._answers = list(answers)

    def say(self, line: str) -> None:
        self.said.append(line)

    def ask(self, question: str) -> str:
        self.said.append(question)
        return self._answers.pop(0)

    @property
    def text(self) -> str:
        return "\n".join(self.said)


class FakeCdk:
    """Deploys a small stack. `calls` are its operations in turn, with the stack and the settings that were chosen."""

    def __init__(self, clients: FakeClients) -> None:
        self._clients = clients
        self.fails_because: str | None = None
        """From now on, deployments fail like this."""
        self.calls: list[tuple[str, str, dict[str, str]]] = []
        self.approvals: list[str] = []

    def version(self) -> str:
        return "2.0.0"

    def synthesise(self, target: Target, settings: Mapping[str, str]) -> dict[str, Any]:
        return {"Resources": {"Pages": {"Type": "AWS::S3::Bucket"}, "Role": {"Type": "AWS::IAM::Role"}}}

    def bootstrap(self, target: Target, account: str) -> None:
        self.calls.append(("bootstrap", f"{account}/{target.region}", {}))

    def diff(self, target: Target, settings: Mapping[str, str]) -> None:
        self.calls.append(("diff", target.stack, dict(settings)))

    def deploy(self, target: Target, settings: Mapping[str, str], *, approval: str) -> dict[str, str]:
        """As the CDK does it: it deletes what a failed creation left, and protects what the template says."""
        self.calls.append(("deploy", target.stack, dict(settings)))
        self.approvals.append(approval)
        protect = settings.get("protection", "on") == "on" and settings.get("removal_policy", "retain") == "retain"
        cloudformation: FakeCloudFormation = self._clients.cloudformation
        stack = next((one for one in cloudformation.stacks if one.name == target.stack and not one.deleted), None)
        if stack and stack.status == "ROLLBACK_COMPLETE":
            cloudformation.delete_stack(StackName=target.stack)
            stack = None
        if stack is None:
            stack = create_stack(self._clients, target.stack, protect=protect, fails_because=self.fails_because)
        else:
            stack.status = "UPDATE_ROLLBACK_COMPLETE" if self.fails_because else "UPDATE_COMPLETE"
        stack.protected = protect
        if self.fails_because:
            raise OperationError("cdk deploy failed; its messages are above")
        for resource in stack.resources.values():
            if resource.kind == "AWS::DynamoDB::Table":
                self._clients.dynamodb.meta.client.update_table(
                    TableName=resource.physical_id, DeletionProtectionEnabled=protect
                )
            elif resource.kind == "AWS::Cognito::UserPool":
                self._clients.cognito.update_user_pool(
                    UserPoolId=resource.physical_id, DeletionProtection="ACTIVE" if protect else "INACTIVE"
                )
        return dict(stack.outputs)


def create_stack(
    clients: FakeClients,
    name: str,
    *,
    protect: bool = False,
    fails_because: str | None = None,
    retain_all: bool = False,
) -> FakeStack:
    """Every table, and one resource of each other kind that holds data. A creation that fails is rolled back.

    `retain_all` is the template of version 0.1.0, which kept what a failed creation had made.
    """
    stack: FakeStack = clients.cloudformation.add(name, protected=protect)
    prefix = f"{name.lower()}-{len(clients.cloudformation.stacks)}"
    for logical_id, (kind, physical_id, delete) in _resources(clients, prefix, protect).items():
        retained = (retain_all or not fails_because) and kind != "AWS::SNS::Topic"
        stack.resources[logical_id] = FakeResource(kind, physical_id, retained, delete)
    if fails_because:
        stack.events = [
            ("CdnDistribution", "CREATE_FAILED", fails_because),
            ("Role", "CREATE_FAILED", "Resource creation cancelled"),
        ]
        stack.status = "ROLLBACK_COMPLETE"
        for resource in stack.resources.values():
            if resource.retained:
                resource.status = "DELETE_SKIPPED"
            else:
                resource.delete(resource.physical_id)
                resource.status = "DELETE_COMPLETE"
        return stack
    names = {f"{name}Table": name for name, one in stack.resources.items() if one.kind == "AWS::DynamoDB::Table"}
    names |= {
        "UserPoolId": "People",
        "PagesBucket": "Pages",
        "YoutubeSecret": "Youtube",
        "OperationsLogGroup": "Operations",
        "AlarmTopic": "Alarms",
    }
    stack.outputs = {output: stack.resources[logical_id].physical_id for output, logical_id in names.items()}
    stack.outputs |= {"DistributionId": f"E{name}", "ApiUrl": f"https://{name.lower()}.example"}
    stack.outputs |= {"DetectMilestoneFunction": f"{name}-detect", "ApiFunction": f"{name}-api"}
    return stack


def _resources(clients: FakeClients, prefix: str, protect: bool) -> dict[str, tuple[str, str, Any]]:
    dynamodb = clients.dynamodb.meta.client
    tables = {}
    for variable, definition in TABLES.items():
        name = variable.removesuffix("_TABLE").capitalize()
        tables[name] = f"{prefix}-{name.lower()}"
        dynamodb.create_table(
            TableName=tables[name],
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=protect,
            **definition,
        )
    pool = clients.cognito.create_user_pool(PoolName=prefix, DeletionProtection="ACTIVE" if protect else "INACTIVE")[
        "UserPool"
    ]["Id"]
    clients.s3.create_bucket(Bucket=f"{prefix}-pages")
    secret = clients.secretsmanager.create_secret(Name=f"{prefix}-youtube", SecretString="{}")["ARN"]
    kms = clients.of("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    clients.logs.create_log_group(logGroupName=f"{prefix}-operations")
    queue = clients.sqs.create_queue(QueueName=f"{prefix}-notify")["QueueUrl"]
    sns = clients.of("sns")
    topic = sns.create_topic(Name=f"{prefix}-alarms")["TopicArn"]
    return {
        **{
            name: ("AWS::DynamoDB::Table", physical_id, lambda name: dynamodb.delete_table(TableName=name))
            for name, physical_id in tables.items()
        },
        "People": ("AWS::Cognito::UserPool", pool, lambda name: clients.cognito.delete_user_pool(UserPoolId=name)),
        "Pages": ("AWS::S3::Bucket", f"{prefix}-pages", lambda name: clients.s3.delete_bucket(Bucket=name)),
        "Youtube": (
            "AWS::SecretsManager::Secret",
            secret,
            lambda name: clients.secretsmanager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True),
        ),
        "Key": ("AWS::KMS::Key", key, lambda name: kms.schedule_key_deletion(KeyId=name)),
        "Operations": (
            "AWS::Logs::LogGroup",
            f"{prefix}-operations",
            lambda name: clients.logs.delete_log_group(logGroupName=name),
        ),
        "Notify": ("AWS::SQS::Queue", queue, lambda name: clients.sqs.delete_queue(QueueUrl=name)),
        "Alarms": ("AWS::SNS::Topic", topic, lambda name: sns.delete_topic(TopicArn=name)),
    }
