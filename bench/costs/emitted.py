"""The custom metrics that the functions emit when nothing fails: what they print as EMF in typical invocations.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout

from bench.invocations import CASES, Stage
from testing.cloud import cloud
from testing.platforms import FakePlatforms
from testing.websocket_api import in_place_of_api_gateway

_EMF = '{"_aws":'


def emitted_metrics() -> Mapping[str, int]:
    """How many metrics each function emits, each with its dimensions; those of failures are not among them."""
    names: dict[str, set[tuple[str, ...]]] = {}
    platforms = FakePlatforms()
    with in_place_of_api_gateway(), cloud(platforms.transport()) as aws:
        stage = Stage(aws, platforms)
        for case in CASES:
            event = case.event(stage, 1)
            with redirect_stdout(io.StringIO()) as printed:
                stage.run(case.function, event)
            names.setdefault(case.function, set()).update(_metrics(printed.getvalue()))
    return {function: len(found) for function, found in names.items()}


def _metrics(text: str) -> set[tuple[str, ...]]:
    """Name and dimensions of the metrics in EMF lines: each set of dimensions makes a metric of its own."""
    lines = [json.loads(line) for line in text.splitlines() if line.startswith(_EMF)]
    return {
        (metric["Name"], *(f"{name}={line[name]}" for name in dimensions))
        for line in lines
        for directive in line["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }
