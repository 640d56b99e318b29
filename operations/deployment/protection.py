"""Whether a stack in production refuses to be deleted: the stack itself, its tables and its user pool.

The first deployment creates them without protection, so that CloudFormation can undo it if it fails. The deployment
that follows it turns the protection on, and so does each later one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from operations.clients import Clients
from operations.deployment.stacks import DeployedStack


@dataclass(frozen=True, slots=True)
class Unprotected:
    """Something that can be deleted by one call, or of which that could not be read."""

    what: str
    how: str
    """What the operator can do about it."""

    def __str__(self) -> str:
        return f"{self.what}: {self.how}"


def protect(stack: DeployedStack) -> tuple[list[str], list[Unprotected]]:
    """Turn on what is off: lines about what was done, and what is still unprotected. Repeats change nothing.

    The user pool is only looked at. Cognito resets each setting that an UpdateUserPool does not repeat, so that
    CloudFormation, which has all of them, is left to change it.
    """
    done, open_ = [], []
    if not stack.is_protected:
        stack.clients.cloudformation.update_termination_protection(StackName=stack.id, EnableTerminationProtection=True)
        done.append(f"the stack {stack.description['StackName']} is protected from deletion")
    for kind, name in _data(stack):
        try:
            if kind == "AWS::DynamoDB::Table" and _protect_table(stack.clients, name):
                done.append(f"the table {name} is protected from deletion")
            elif kind == "AWS::Cognito::UserPool" and not _pool_is_protected(stack.clients, name):
                how = "turn it on in the Cognito console: the pool, Settings, Deletion protection"
                open_.append(Unprotected(f"the user pool {name} is NOT protected from deletion", how))
        except ClientError as error:
            open_.append(Unprotected(f"{name}: whether it is protected is unknown", str(error)))
    return done, open_


def unprotect_for_deletion(clients: Clients, kind: str, name: str) -> None:
    """Let a table or user pool be deleted; it has to follow at once, since Cognito resets a pool's other settings."""
    if kind == "AWS::DynamoDB::Table":
        clients.dynamodb.meta.client.update_table(TableName=name, DeletionProtectionEnabled=False)
    elif kind == "AWS::Cognito::UserPool":
        clients.cognito.update_user_pool(UserPoolId=name, DeletionProtection="INACTIVE")


def _data(stack: DeployedStack) -> Iterator[tuple[str, str]]:
    for resource in stack.resources():
        if name := resource.get("PhysicalResourceId"):
            yield resource["ResourceType"], name


def _protect_table(clients: Clients, name: str) -> bool:
    """Whether it had to be turned on."""
    dynamodb = clients.dynamodb.meta.client
    if dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
        return False
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
    return True


def _pool_is_protected(clients: Clients, name: str) -> bool:
    return clients.cognito.describe_user_pool(UserPoolId=name)["UserPool"].get("DeletionProtection") == "ACTIVE"
