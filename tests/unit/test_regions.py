"""A region that lacks what the stack needs is named before anything is deployed."""

from __future__ import annotations

import subprocess
import sys

import boto3
import pytest

from infra.regions import WITHOUT_FUNCTION_URLS, region_problem


@pytest.mark.parametrize("region", sorted(WITHOUT_FUNCTION_URLS))
def test_a_region_without_function_urls_is_refused_by_name(region: str) -> None:
    assert (region_problem(region) or "").startswith(f"{region} has no Lambda function URLs")


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1"])
def test_another_partition_is_refused_by_name(region: str) -> None:
    assert region in (region_problem(region) or "")


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1"])
def test_any_other_region_is_accepted(region: str) -> None:
    assert region_problem(region) is None


def test_every_region_that_is_refused_exists() -> None:
    assert set(boto3.Session().get_available_regions("lambda")) >= WITHOUT_FUNCTION_URLS


@pytest.mark.parametrize(
    "service",
    [
        *("apigatewayv2", "cloudformation", "cloudwatch", "cognito-idp", "dynamodb", "dynamodbstreams", "lambda"),
        *("logs", "s3", "scheduler", "secretsmanager", "sns", "sqs", "ssm"),
    ],
)
def test_what_the_stack_uses_exists_in_every_region_that_is_accepted(service: str) -> None:
    session = boto3.Session()
    accepted = {region for region in session.get_available_regions("lambda") if region_problem(region) is None}
    assert len(accepted) > 20
    assert accepted <= {*session.get_available_regions(service)}


def test_the_list_can_be_read_without_the_cdk() -> None:
    code = "import infra.regions, sys; sys.exit('aws_cdk' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
