"""Powertools reads its environment at import, and boto3 wants a region: both are set before anything is imported."""

from __future__ import annotations

import gc
import os

os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "test",
    "POWERTOOLS_METRICS_NAMESPACE": "Cairn",
    "POWERTOOLS_DEV": "false",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "true",
}
for variable in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
    os.environ.pop(variable, None)

from testing.local_cloud import local_cloud  # noqa: E402 - the environment comes first

__all__ = ["local_cloud"]


def pytest_configure() -> None:
    """Look for garbage seldom: as often as Python does of itself, it takes a fifth of all time."""
    gc.set_threshold(5_000)


def pytest_collection_finish() -> None:
    """What was imported stays, and is no more looked through for garbage."""
    gc.collect()
    gc.freeze()
