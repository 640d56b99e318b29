"""Outputs, under the names that people and our tools rely on: without the hash that CDK would add."""

from aws_cdk import CfnOutput
from constructs import Construct


def pascal(name: str) -> str:
    """`fetch_stats` is FetchStats wherever CloudFormation allows no underscore."""
    return "".join(word.capitalize() for word in name.split("_"))


def output(scope: Construct, name: str, value: str, *, description: str) -> None:
    CfnOutput(scope, f"{name}Output", value=value, description=description).override_logical_id(name)
