"""CloudFormation as far as the operator's command uses it, with the refusals of AWS's, over resources in moto.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-describing-stacks.html#w2ab1c23c15c17c11
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, WaiterError

Create = Callable[[str], str]
Delete = Callable[[str], None]
_START = datetime(2026, 11, 30, tzinfo=UTC)


@dataclass
class FakeResource:
    kind: str
    physical_id: str
    retained: bool
    """Kept when its stack is deleted."""
    delete: Delete
    status: str = "CREATE_COMPLETE"


@dataclass
class FakeStack:
    name: str
    id: str
    created: datetime
    status: str = "CREATE_COMPLETE"
    protected: bool = False
    outputs: dict[str, str] = field(default_factory=dict)
    resources: dict[str, FakeResource] = field(default_factory=dict)
    events: list[tuple[str, str, str]] = field(default_factory=list)
    """Logical id, status and reason, the first first."""
    deleted: datetime | None = None


class FakeCloudFormation:
    """In place of boto3's client."""

    class Meta:
        region_name = "us-east-1"

    meta = Meta()

    def __init__(self) -> None:
        self.stacks: list[FakeStack] = []
        self.undeletable: dict[str, str] = {}
        """Logical id to the reason for which CloudFormation fails to delete the resource."""

    def add(self, name: str, status: str = "CREATE_COMPLETE", **more: Any) -> FakeStack:
        """A stack that exists already."""
        stack = FakeStack(
            name, f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/{uuid.uuid4()}", self._now()
        )
        stack.status = status
        for key, value in more.items():
            setattr(stack, key, value)
        self.stacks.append(stack)
        return stack

    # -- what the operator's command calls, by boto3's names

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803 - boto3's name
        stack = self._find(StackName)
        if stack is None or (stack.deleted and StackName != stack.id):
            raise _refused("DescribeStacks", f"Stack with id {StackName} does not exist")
        return {
            "Stacks": [
                {
                    "StackName": stack.name,
                    "StackId": stack.id,
                    "CreationTime": stack.created,
                    "StackStatus": stack.status,
                    "EnableTerminationProtection": stack.protected,
                    "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in stack.outputs.items()],
                }
            ]
        }

    def update_termination_protection(self, *, StackName: str, EnableTerminationProtection: bool) -> Any:  # noqa: N803 - boto3
        stack = self._find(StackName)
        if stack is None or stack.deleted:
            raise _refused("UpdateTerminationProtection", f"Stack [{StackName}] does not exist")
        stack.protected = EnableTerminationProtection
        return {"StackId": stack.id}

    def delete_stack(self, *, StackName: str) -> Any:  # noqa: N803 - boto3's name
        stack = self._find(StackName)
        if stack is None or stack.deleted:
            return {}
        if stack.protected:
            text = f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            raise _refused("DeleteStack", text)
        for logical_id, resource in stack.resources.items():
            if resource.status in ("DELETE_COMPLETE", "DELETE_SKIPPED"):
                continue
            if resource.retained:
                resource.status = "DELETE_SKIPPED"
            elif reason := self.undeletable.get(logical_id):
                resource.status = stack.status = "DELETE_FAILED"
                stack.events.append((logical_id, "DELETE_FAILED", reason))
                return {}
            else:
                resource.delete(resource.physical_id)
                resource.status = "DELETE_COMPLETE"
        stack.status, stack.deleted = "DELETE_COMPLETE", self._now()
        return {}

    def get_waiter(self, name: str) -> Any:
        assert name == "stack_delete_complete"
        return _Waiter(self)

    def get_paginator(self, operation: str) -> Any:
        pages: Mapping[str, Callable[..., Any]] = {
            "describe_stack_events": self._events,
            "list_stack_resources": self._resources,
            "list_stacks": self._list,
        }
        return _Paginator(pages[operation])

    def _events(self, *, StackName: str) -> Any:  # noqa: N803 - boto3's name
        stack = self._known(StackName)
        events = [
            {"LogicalResourceId": logical_id, "ResourceStatus": status, "ResourceStatusReason": reason}
            for logical_id, status, reason in reversed(stack.events)
        ]
        return {"StackEvents": events}

    def _resources(self, *, StackName: str) -> Any:  # noqa: N803 - boto3's name
        summaries = [
            {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": resource.physical_id,
                "ResourceType": resource.kind,
                "ResourceStatus": resource.status,
            }
            for logical_id, resource in self._known(StackName).resources.items()
        ]
        return {"StackResourceSummaries": summaries}

    def _list(self, *, StackStatusFilter: list[str]) -> Any:  # noqa: N803 - boto3's name
        found = [stack for stack in self.stacks if stack.status in StackStatusFilter]
        return {
            "StackSummaries": [
                {
                    "StackName": stack.name,
                    "StackId": stack.id,
                    "StackStatus": stack.status,
                    "CreationTime": stack.created,
                    **({"DeletionTime": stack.deleted} if stack.deleted else {}),
                }
                for stack in found
            ]
        }

    def _find(self, name: str) -> FakeStack | None:
        """By its id any stack, by its name the one that exists."""
        by_id = next((stack for stack in self.stacks if stack.id == name), None)
        return by_id or next((stack for stack in self.stacks if stack.name == name and not stack.deleted), None)

    def _known(self, name: str) -> FakeStack:
        stack = self._find(name)
        if stack is None:
            raise _refused("ListStackResources", f"Stack with id {name} does not exist")
        return stack

    def _now(self) -> datetime:
        return _START + timedelta(minutes=len(self.stacks) + sum(1 for stack in self.stacks if stack.deleted))


class _Paginator:
    def __init__(self, page: Callable[..., Any]) -> None:
        self._page = page

    def paginate(self, **arguments: Any) -> Iterator[Any]:
        yield self._page(**arguments)


class _Waiter:
    def __init__(self, cloudformation: FakeCloudFormation) -> None:
        self._cloudformation = cloudformation

    def wait(self, *, StackName: str, WaiterConfig: Mapping[str, int]) -> None:  # noqa: N803 - boto3's name
        (stack,) = self._cloudformation.describe_stacks(StackName=StackName)["Stacks"]
        if stack["StackStatus"] != "DELETE_COMPLETE":
            raise WaiterError("StackDeleteComplete", "Waiter encountered a terminal failure state", stack)


def _refused(operation: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, operation)
