"""What CloudFormation knows of a stack: whether it stands, why it failed, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from operations.clients import Clients

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

FAILED_CREATION = frozenset({"CREATE_FAILED", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
"""Statuses that a stack can only leave by deletion; such a stack was never in use."""


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A stack as CloudFormation describes it."""

    clients: Clients
    description: StackTypeDef

    @property
    def id(self) -> str:
        return self.description.get("StackId", self.description["StackName"])

    @property
    def status(self) -> str:
        return self.description["StackStatus"]

    @property
    def failed_creation(self) -> bool:
        return self.status in FAILED_CREATION

    @property
    def stands(self) -> bool:
        """Whether it was created successfully once, and may hold data."""
        return self.status in ("CREATE_COMPLETE", "IMPORT_COMPLETE") or self.status.startswith("UPDATE_")

    @property
    def is_protected(self) -> bool:
        return bool(self.description.get("EnableTerminationProtection"))

    def reason(self) -> str:
        """The first failure, as a sentence with a space after it; empty if CloudFormation knows none."""
        first = ""
        pages = self.clients.cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.id)
        for page in pages:
            for event in page["StackEvents"]:  # the last comes first
                text = event.get("ResourceStatusReason", "")
                if event.get("ResourceStatus", "").endswith("_FAILED") and "cancelled" not in text:
                    first = f"{event.get('LogicalResourceId')}: {text.rstrip('.')}. "
        return first

    def resources(self) -> Iterator[Any]:
        """CloudFormation's summary of each resource; of a deleted stack too, for 90 days."""
        pages = self.clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.id)
        for page in pages:
            yield from page["StackResourceSummaries"]


def find(clients: Clients, name: str) -> DeployedStack | None:
    """The stack of this name; None if there is none. Other errors of AWS are the caller's."""
    try:
        response = clients.cloudformation.describe_stacks(StackName=name)
    except ClientError as error:
        if error.response["Error"].get("Code") == "ValidationError" and "does not exist" in str(error):
            return None
        raise
    return DeployedStack(clients, response["Stacks"][0])


def find_deleted(clients: Clients, name: str) -> DeployedStack | None:
    """The last stack of this name that was deleted, of those that CloudFormation still knows."""
    pages = clients.cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    gone = [stack for page in pages for stack in page["StackSummaries"] if stack["StackName"] == name]
    if not gone:
        return None
    last = max(gone, key=lambda stack: stack.get("DeletionTime", stack["CreationTime"]))
    description: Any = {"StackName": name, "StackId": last["StackId"], "StackStatus": last["StackStatus"]}
    return DeployedStack(clients, description)


def reserved_concurrency(clients: Clients, name: str) -> int:
    """How much of the account's concurrency the stack's functions keep already."""
    found = find(clients, name)
    if found is None:
        return 0
    functions = [
        resource["PhysicalResourceId"]
        for resource in found.resources()
        if resource["ResourceType"] == "AWS::Lambda::Function" and resource.get("PhysicalResourceId")
    ]
    return sum(
        clients.functions.get_function_concurrency(FunctionName=function).get("ReservedConcurrentExecutions", 0)
        for function in functions
    )
