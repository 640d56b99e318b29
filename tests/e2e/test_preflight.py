"""The preflight's calls, each answered by an emulator that enforces IAM, with the template as the CDK writes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from testing.local_cloud import LocalCloud

ROOT = Path(__file__).parents[2]


def test_every_check_is_made_against_a_stack_that_stands(local_cloud: LocalCloud, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": local_cloud.outputs["AwsEndpointUrl"],
        "AWS_ACCESS_KEY_ID": local_cloud.outputs["AwsAccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": local_cloud.outputs["AwsSecretAccessKey"],
        "CAIRN_STACK": local_cloud.outputs["StackName"],
    }
    done = subprocess.run(
        [sys.executable, "-m", "operations", "preflight"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {line.partition(":")[0]: line for line in done.stdout.splitlines()}
    assert {"✓ credentials", "✓ bootstrap", "✓ stack", "✓ template", "✓ quotas", "✓ CloudFront"} <= found.keys(), done
    assert not [line for line in found if line.startswith(("✗", "?"))], done.stdout
    assert done.returncode == 0
