"""`undo`: deletes a first deployment that failed, or a whole stack with everything that it keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from operations.clients import Clients
from operations.deployment import protection, stacks
from operations.deployment.console import Console
from operations.deployment.stacks import DeployedStack
from operations.stack import OperationError
from operations.target import Target

_GONE = ("NotFound", "NoSuchBucket", "NonExistentQueue", "ResourceNotFoundException", "QueueDoesNotExist")
_EVERY_SECONDS = 10
_TRIES = 360
"""An hour: CloudFront takes minutes to disable a distribution."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A resource that CloudFormation keeps when its stack is deleted."""

    kind: str
    name: str
    logical_id: str

    def __str__(self) -> str:
        return f"{KINDS[self.kind].noun} {self.name}"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of resource is called, what it holds, how to see that it exists, and how it is deleted."""

    noun: str
    holds: str
    read: Callable[[Clients, str], object]
    delete: Callable[[Clients, str], object]


def _empty_bucket(clients: Clients, name: str) -> None:
    bucket = clients.of_resource("s3").Bucket(name)
    bucket.object_versions.delete()
    bucket.objects.delete()


def _delete_bucket(clients: Clients, name: str) -> None:
    _empty_bucket(clients, name)
    clients.s3.delete_bucket(Bucket=name)


KINDS = {
    "AWS::DynamoDB::Table": Kind(
        "table",
        "items",
        lambda clients, name: clients.dynamodb.meta.client.describe_table(TableName=name),
        lambda clients, name: clients.dynamodb.meta.client.delete_table(TableName=name),
    ),
    "AWS::Cognito::UserPool": Kind(
        "user pool",
        "everybody who can sign in",
        lambda clients, name: clients.cognito.describe_user_pool(UserPoolId=name),
        lambda clients, name: clients.cognito.delete_user_pool(UserPoolId=name),
    ),
    "AWS::S3::Bucket": Kind(
        "bucket", "the pages", lambda clients, name: clients.s3.head_bucket(Bucket=name), _delete_bucket
    ),
    "AWS::SecretsManager::Secret": Kind(
        "secret",
        "keys",
        lambda clients, name: clients.secretsmanager.describe_secret(SecretId=name),
        lambda clients, name: clients.secretsmanager.delete_secret(SecretId=name, RecoveryWindowInDays=30),
    ),
    "AWS::KMS::Key": Kind(
        "key",
        "what decrypts the webhooks' addresses and secrets",
        lambda clients, name: _key(clients, name),
        lambda clients, name: clients.of("kms").schedule_key_deletion(KeyId=name, PendingWindowInDays=30),
    ),
    "AWS::SQS::Queue": Kind(
        "queue",
        "messages",
        lambda clients, name: clients.sqs.get_queue_attributes(QueueUrl=name),
        lambda clients, name: clients.sqs.delete_queue(QueueUrl=name),
    ),
    "AWS::Logs::LogGroup": Kind(
        "log group",
        "logs, and the audit trail",
        lambda clients, name: _log_group(clients, name),
        lambda clients, name: clients.logs.delete_log_group(logGroupName=name),
    ),
}
"""What the template keeps: a test compares them."""
STAYS = (
    "DynamoDB's last backup of each table, for 35 days; the secrets, for 30 days (aws secretsmanager restore-secret); "
    "the key, for 30 days (aws kms cancel-key-deletion); "
    "metrics; CloudTrail's records; the CDK's own bucket and roles (stack CDKToolkit)"
)


@dataclass(frozen=True)
class Undo:
    """The end of one stack."""

    target: Target
    clients: Clients
    console: Console
    wait: Callable[[float], None] = time.sleep

    def run(self, *, confirmed: str | None = None, keep_data: bool = False, before: Callable[[], None]) -> None:
        """`confirmed` is the stack's name, for where nobody can type it. `before` runs once it is certain.

        OperationError if it is not confirmed, or if something could not be deleted. It may be repeated.
        """
        name = self.target.stack
        found = stacks.find(self.clients, name)
        if found is None:
            self._undo_leftovers(confirmed)
        elif found.failed_creation:
            self.console.say(f"{name} is {found.status}: its first deployment failed. {found.reason()}")
            self._delete(found)
            self._say_what_is_left(found)
        else:
            self._undo_whole(found, confirmed, keep_data, before)

    def _undo_whole(
        self, found: DeployedStack, confirmed: str | None, keep_data: bool, before: Callable[[], None]
    ) -> None:
        kept = _kept(self.clients, found, every=True)
        self.console.say(f"This deletes the stack {found.description['StackName']} in {self.target.region}: {found.id}")
        self.console.say("Its addresses, functions and schedules are gone then, and its API answers nobody.")
        self.console.say("It leaves:" if keep_data else "It also deletes, for ever:")
        self._list(kept)
        self._confirm(confirmed)
        before()
        if not keep_data:
            # With `removal_policy` destroy, CloudFormation deletes the bucket too, and only an empty one.
            for one in kept:
                if one.kind == "AWS::S3::Bucket":
                    _empty_bucket(self.clients, one.name)
        self._delete(found)
        if keep_data:
            self.console.say("The stack is deleted; its data is kept. make undo, once more, deletes that too.")
        else:
            self._delete_kept(kept)

    def _undo_leftovers(self, confirmed: str | None) -> None:
        gone = stacks.find_deleted(self.clients, self.target.stack)
        kept = _kept(self.clients, gone, every=False) if gone else []
        if not kept:
            self.console.say(f"There is nothing to undo: no {self.target}, and nothing left of it.")
            return
        self.console.say(f"The stack {self.target.stack} is deleted. This deletes what it left, for ever:")
        self._list(kept)
        self._confirm(confirmed)
        self._delete_kept(kept)

    def _list(self, kept: list[Kept]) -> None:
        for one in kept:
            self.console.say(f"  {one}: {_content(self.clients, one)}")

    def _confirm(self, confirmed: str | None) -> None:
        name = self.target.stack
        if confirmed is None and self.console.interactive:
            confirmed = self.console.ask(f"Type the stack's name to confirm ({name}): ")
        if confirmed != name:
            raise OperationError(f"not confirmed, so nothing was deleted; without a terminal: --confirm {name}")

    def _delete(self, found: DeployedStack) -> None:
        cloudformation = self.clients.cloudformation
        if found.is_protected:
            cloudformation.update_termination_protection(StackName=found.id, EnableTerminationProtection=False)
        cloudformation.delete_stack(StackName=found.id)
        self.console.say("CloudFormation deletes the stack; CloudFront takes some minutes ...")
        try:
            cloudformation.get_waiter("stack_delete_complete").wait(
                StackName=found.id, WaiterConfig={"Delay": _EVERY_SECONDS, "MaxAttempts": _TRIES}
            )
        except WaiterError as error:
            after = DeployedStack(self.clients, cloudformation.describe_stacks(StackName=found.id)["Stacks"][0])
            raise OperationError(f"{after.status}: {after.reason()}make undo continues") from error
        self.console.say("The stack is deleted.")

    def _say_what_is_left(self, found: DeployedStack) -> None:
        """Version 0.1.0 kept what a failed creation had made."""
        if left := _kept(self.clients, found, every=False):
            self.console.say("It left the following, which make undo deletes when it is run once more:")
            self._list(left)
        else:
            self.console.say("Nothing is left of it. make deploy tries again.")

    def _delete_kept(self, kept: list[Kept]) -> None:
        failures = []
        for one in kept:
            try:
                if not _exists(self.clients, one.kind, one.name):
                    continue
                if one.kind in ("AWS::DynamoDB::Table", "AWS::Cognito::UserPool"):
                    protection.unprotect_for_deletion(self.clients, one.kind, one.name)
                KINDS[one.kind].delete(self.clients, one.name)
                self.console.say(f"deleted the {one}")
            except (ClientError, BotoCoreError) as error:
                failures.append(f"{one}: {error}")
        if failures:
            raise OperationError("still there; make undo tries again:\n  " + "\n  ".join(failures))
        self.console.say(f"What stays: {STAYS}.")


def _kept(clients: Clients, found: DeployedStack, *, every: bool) -> list[Kept]:
    """What holds data and still exists, in the order of KINDS; if not `every`, only what CloudFormation left."""
    return sorted(_existing(clients, found, every), key=lambda kept: (list(KINDS).index(kept.kind), kept.name))


def _existing(clients: Clients, found: DeployedStack, every: bool) -> Iterator[Kept]:
    for resource in found.resources():
        kind, name = resource["ResourceType"], resource.get("PhysicalResourceId", "")
        if kind not in KINDS or not name or not (every or resource["ResourceStatus"] == "DELETE_SKIPPED"):
            continue
        if _exists(clients, kind, name):
            yield Kept(kind, name, resource["LogicalResourceId"])


def _exists(clients: Clients, kind: str, name: str) -> bool:
    try:
        described = KINDS[kind].read(clients, name)
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        if code == "404" or any(gone in code for gone in _GONE):
            return False
        raise
    return not (isinstance(described, dict) and described.get("DeletedDate"))


def _content(clients: Clients, one: Kept) -> str:
    if one.kind != "AWS::DynamoDB::Table":
        return KINDS[one.kind].holds
    table = clients.dynamodb.meta.client.describe_table(TableName=one.name)["Table"]
    return f"{table.get('ItemCount', 0):,} items (as DynamoDB counted them, up to six hours ago)"


def _log_group(clients: Clients, name: str) -> object:
    groups = clients.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    if not any(group.get("logGroupName") == name for group in groups):
        raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeLogGroups")
    return groups


def _key(clients: Clients, name: str) -> object:
    """A key that is to be deleted counts as deleted, as a secret does."""
    metadata = clients.of("kms").describe_key(KeyId=name)["KeyMetadata"]
    return {"DeletedDate": metadata.get("DeletionDate")}
