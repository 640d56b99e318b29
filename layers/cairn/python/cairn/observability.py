"""Logs and metrics of every function: JSON lines with the trace id, and EMF metrics in the same stream."""

from __future__ import annotations

import warnings

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

__all__ = ["Logger", "MetricUnit", "Metrics", "fetch_error", "logger", "metrics", "single_metric"]

# Most invocations have no metrics to publish, which is no reason to warn.
warnings.filterwarnings("ignore", message="No application metrics to publish")

# The service's name and the metrics' namespace come from POWERTOOLS_SERVICE_NAME and POWERTOOLS_METRICS_NAMESPACE.
# Lambda reads a line's time only in the form of RFC 3339.
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
logger = Logger(utc=True, use_rfc3339=True)
metrics = Metrics()


def fetch_error(platform: str) -> None:
    """Count one failed call to a platform; the dimension lets an alarm name the platform."""
    with single_metric(name="FetchErrors", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension("platform", platform)
