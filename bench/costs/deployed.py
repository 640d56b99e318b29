"""What the synthesised template says about costs: what has a monthly price, and what memory a function has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App
from aws_cdk.assertions import Template

from infra.settings import Settings
from infra.stack import Cairn

ROOT = Path(__file__).parents[2]
PLATFORM_LINES = 300
"""Bytes of the START, END and REPORT lines of an invocation, if Lambda writes them to the function's log."""
QUIET = ("WARN", "ERROR", "FATAL")
"""Levels of Lambda's own log at which it does not write them.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""


@dataclass(frozen=True, slots=True)
class Deployed:
    """The stack, as it is deployed with the settings of cdk.json."""

    alarms: int
    """By the metrics that they watch, as they are billed."""
    dashboards: int
    secrets: int
    tables_with_kms: int
    """The tables whose key is in KMS, instead of DynamoDB's own."""
    queues: int
    """The standard queues that Lambda polls."""
    fifo_queues: int
    user_pool: str
    """Cognito's feature plan."""
    platform_lines: int
    """Bytes that Lambda adds to the log of an invocation."""
    memory: Mapping[str, int]
    """In MB, by function."""
    senders: int
    """How many Lambdas of notify may work concurrently."""

    @classmethod
    def read(cls) -> Deployed:
        context = json.loads((ROOT / "cdk.json").read_text())["context"]
        settings = Settings.from_context(context.get)
        app = App(context={**context, "aws:cdk:bundling-stacks": []}, analytics_reporting=False)
        return cls.of(Template.from_stack(Cairn(app, settings.stack_name, settings=settings)).to_json()["Resources"])

    @classmethod
    def of(cls, resources: Mapping[str, Any]) -> Deployed:
        """Of a template's resources."""

        def found(kind: str) -> list[Mapping[str, Any]]:
            kinds = (one for one in resources.values() if one["Type"] == f"AWS::{kind}")
            return [one.get("Properties", {}) for one in kinds]

        functions = [one for one in found("Lambda::Function") if str(one.get("Handler")).startswith("functions.")]
        polled = [one for one in found("Lambda::EventSourceMapping") if "StartingPosition" not in one]
        in_order = [one for one in polled if _queue(resources, one).get("FifoQueue")]
        quiet = all(one.get("LoggingConfig", {}).get("SystemLogLevel") in QUIET for one in functions)
        (pool,) = found("Cognito::UserPool")
        return cls(
            alarms=sum(_metrics(alarm) for alarm in found("CloudWatch::Alarm")),
            dashboards=len(found("CloudWatch::Dashboard")),
            secrets=len(found("SecretsManager::Secret")),
            tables_with_kms=sum(
                bool(one.get("SSESpecification", {}).get("SSEEnabled")) for one in found("DynamoDB::Table")
            ),
            queues=len(polled) - len(in_order),
            fifo_queues=len(in_order),
            user_pool=pool.get("UserPoolTier") or "ESSENTIALS",  # Cognito's default for new pools
            platform_lines=0 if quiet else PLATFORM_LINES,
            senders=max((_concurrency(one) for one in polled), default=0),
            memory={one["Handler"].split(".")[1]: one.get("MemorySize", 128) for one in functions},
        )


def _metrics(alarm: Mapping[str, Any]) -> int:
    """How many metrics an alarm watches; an expression is none."""
    return sum("MetricStat" in one for one in alarm["Metrics"]) if "Metrics" in alarm else 1


def _concurrency(mapping: Mapping[str, Any]) -> int:
    """The limit of a queue's consumers; notify's is the highest, since each of its lanes has two."""
    return int(mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 0))


def _queue(resources: Mapping[str, Any], mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = resources[mapping["EventSourceArn"]["Fn::GetAtt"][0]].get("Properties", {})
    return properties
