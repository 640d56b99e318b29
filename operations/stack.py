"""The deployed stack as operators see it: its name, its outputs and the API's URL."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from operations.clients import Clients


class OperationError(Exception):
    """The operation cannot be done; the message gives the reason in one line."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack's clients and outputs."""

    name: str
    clients: Clients
    outputs: Mapping[str, str]
    api_url: str
    """The URL of the API: the distribution's, or its local stand-in's."""

    def output(self, key: str) -> str:
        """An output of the stack; OperationError when it does not exist."""
        if key not in self.outputs:
            raise OperationError(f"The stack {self.name} has no output {key}: is an older version deployed?")
        return self.outputs[key]


def variables_of(stack: Stack, function: str) -> Mapping[str, str]:
    """The environment of a deployed function, such as DetectMilestone."""
    name = stack.output(f"{function}Function")
    return stack.clients.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]


def read_stack(clients: Clients, name: str) -> Stack:
    """The stack as CloudFormation describes it."""
    try:
        response = clients.cloudformation.describe_stacks(StackName=name)
    except ClientError as error:
        region = clients.cloudformation.meta.region_name
        raise OperationError(f"No stack {name} in {region}: {error.response['Error']['Message']}") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in response["Stacks"][0].get("Outputs", [])}
    return Stack(name=name, clients=clients, outputs=outputs, api_url=outputs.get("ApiUrl", ""))


def read_local_stack(home: Path) -> Stack:
    """The stack of a running local cloud, from the file that the cloud wrote."""
    file = home / "stack.json"
    if not file.is_file():
        raise OperationError(f"{file} does not exist: is the local cloud running? (make run)")
    stack: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    clients = Clients.of_the_local_cloud(stack["AwsEndpointUrl"], stack["AwsSecretAccessKey"])
    return Stack(name=stack["StackName"], clients=clients, outputs=stack["Outputs"], api_url=stack["ApiUrl"])


def write_local_stack(home: Path, stack: Stack) -> None:
    """Write the file that `read_local_stack` reads."""
    content = {
        "StackName": stack.name,
        "AwsEndpointUrl": stack.clients.endpoint_url,
        "AwsSecretAccessKey": stack.clients.secret,
        "ApiUrl": stack.api_url,
        "Outputs": dict(stack.outputs),
    }
    write_private(home / "stack.json", content)


def write_private(file: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with keys in it, at once and for its owner's eyes only."""
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)
    # Created with its mode: with a later chmod, another user could have opened it before.
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as target:
        target.write(json.dumps(content, indent=2) + "\n")
    unfinished.replace(file)
