"""Logs and metrics as every function writes them: JSON with the trace id on each line, and EMF in the same stream."""

from __future__ import annotations

import warnings

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

__all__ = ["Logger", "MetricUnit", "Metrics", "fetch_error", "logger", "metrics"]

# Most invocations have nothing to count, and need not be told so each time.
warnings.filterwarnings("ignore", message="No application metrics to publish")

# The service's name and the metrics' namespace come from POWERTOOLS_SERVICE_NAME and POWERTOOLS_METRICS_NAMESPACE.
logger = Logger(utc=True)
metrics = Metrics()


def fetch_error(platform: str) -> None:
    """Count one failed call to a platform, apart by platform so that an alarm can tell which."""
    with single_metric(name="FetchErrors", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension("platform", platform)
