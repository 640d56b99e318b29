"""One place says which stack in which region is meant, for the CDK and for every command of the operator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from operations.stack import OperationError
from operations.target import Target, context, decide, profile_region

NOWHERE = {"stack_name": "Cairn", "region": ""}
FRANKFURT = {"stack_name": "Cairn", "region": "eu-central-1"}


def decided(
    environment: Mapping[str, str],
    settings: Mapping[str, str] = NOWHERE,
    *,
    stack: str | None = None,
    region: str | None = None,
    profile: str | None = None,
) -> Target:
    return decide(stack, region, environment, settings, lambda: profile)


def test_the_command_line_comes_first() -> None:
    environment = {"AWS_REGION": "eu-west-1", "CAIRN_STACK": "Second"}
    chosen = decided(environment, FRANKFURT, stack="Third", region="us-east-2")
    assert chosen == Target("Third", "us-east-2", "--stack", "--region")


def test_then_comes_the_environment_with_the_variable_of_every_aws_tool() -> None:
    both = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2", "CAIRN_STACK": "Second"}
    assert decided(both, profile="us-east-1") == Target("Second", "eu-west-1", "CAIRN_STACK", "AWS_REGION")
    assert decided({"AWS_DEFAULT_REGION": "eu-west-2"}).region_from == "AWS_DEFAULT_REGION"


def test_then_cdk_json_and_at_last_the_profile() -> None:
    assert decided({}, FRANKFURT, profile="us-east-1") == Target("Cairn", "eu-central-1", "cdk.json", "cdk.json")
    assert decided({}, profile="us-east-1").region == "us-east-1"


def test_an_environment_that_contradicts_cdk_json_is_an_error_that_names_both() -> None:
    """It would quietly create a second Cairn beside the one in production."""
    with pytest.raises(OperationError, match=r"AWS_REGION is eu-west-1, but cdk\.json says eu-central-1.*--region"):
        decided({"AWS_REGION": "eu-west-1"}, FRANKFURT)
    assert decided({"AWS_REGION": "eu-central-1"}, FRANKFURT).region == "eu-central-1"
    assert decided({"AWS_REGION": "eu-west-1"}, FRANKFURT, region="eu-west-1").region == "eu-west-1"


def test_without_any_region_the_error_says_where_one_may_be_given() -> None:
    with pytest.raises(OperationError, match=r"No region: set AWS_REGION"):
        decided({})


def test_the_profiles_region_is_read_from_its_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    file.write_text("[default]\nregion = ap-southeast-2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-1")
    assert profile_region() == "ap-southeast-2"


def test_a_file_that_is_no_json_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "cdk.json").write_text("{")
    with pytest.raises(OperationError, match=r"cdk\.json cannot be read"):
        context(tmp_path / "cdk.json")


def test_cdk_json_names_a_stack_and_leaves_the_region_to_the_environment() -> None:
    assert {"stack_name", "region"} <= context().keys()
