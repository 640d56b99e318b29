"""Which stack, in which region: decided here for the CDK and for every command of the operator alike.

The command line comes before the environment, the environment before cdk.json, and cdk.json before the AWS profile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session

from operations.stack import OperationError

CDK_JSON = Path(__file__).resolve().parent.parent / "cdk.json"
STACK_VARIABLE = "CAIRN_STACK"
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""In the order of AWS's command line; boto3 alone would not read the first:
https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html"""


@dataclass(frozen=True, slots=True)
class Target:
    """A stack's name and region, and for an operator's eyes where each of them was found."""

    stack: str
    region: str
    stack_from: str
    region_from: str

    def __str__(self) -> str:
        return f"stack {self.stack} ({self.stack_from}) in {self.region} ({self.region_from})"


def context(cdk_json: Path = CDK_JSON) -> dict[str, Any]:
    """The settings of cdk.json as they stand there; OperationError if it is not JSON."""
    try:
        settings: dict[str, Any] = json.loads(cdk_json.read_text(encoding="utf-8"))["context"]
    except (ValueError, KeyError) as error:
        raise OperationError(f"{cdk_json} cannot be read: {error}") from error
    return settings


def profile_region() -> str | None:
    """The region of the AWS profile, whatever the environment says."""
    session = botocore.session.Session(session_vars={"region": ("region", None, None, None)})
    region: str | None = session.get_config_variable("region")
    return region


def decide(
    stack: str | None,
    region: str | None,
    environment: Mapping[str, str],
    settings: Mapping[str, Any],
    profile: Callable[[], str | None] = profile_region,
) -> Target:
    """`stack` and `region` are the command line's.

    OperationError if there is no region, or if the environment and cdk.json name different ones: what is in production
    in one region would quietly get a twin in the other.
    """
    name, name_from = _first(
        (stack, "--stack"), (environment.get(STACK_VARIABLE), STACK_VARIABLE), (settings["stack_name"], "cdk.json")
    )
    of_the_environment = [(environment.get(variable), variable) for variable in REGION_VARIABLES]
    in_cdk_json = (settings["region"], "cdk.json")
    if not region:
        found, variable = _first(*of_the_environment)
        if found and in_cdk_json[0] and found != in_cdk_json[0]:
            raise OperationError(
                f"{variable} is {found}, but cdk.json says {in_cdk_json[0]}. Say which one you mean: "
                f"--region {found} or --region {in_cdk_json[0]}; with make, REGION=..."
            )
    place, place_from = _first((region, "--region"), *of_the_environment, in_cdk_json)
    if not place:
        place, place_from = profile() or "", "the AWS profile"
    if not place:
        raise OperationError(
            'No region: set AWS_REGION, or "region" in cdk.json, or give --region (with make, REGION=...)'
        )
    return Target(name, place, name_from, place_from)


def _first(*candidates: tuple[str | None, str]) -> tuple[str, str]:
    """The first value that is not empty, and where it was found."""
    return next(((value, source) for value, source in candidates if value), ("", ""))
