"""Environment variables for tests and bench. Import this first: Powertools reads them when imported."""

from __future__ import annotations

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
