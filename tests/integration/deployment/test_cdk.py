"""How the CDK's command line is called: a stand-in for it writes down what it was given."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from operations.deployment.cdk import CLI, ROOT, InstalledCdk
from operations.stack import OperationError
from testing.deployment import target

STAND_IN = """\
#!/usr/bin/env python3
import json, os, sys
arguments = sys.argv[1:]
with open({log!r}, "w") as log:
    regions = [os.environ.get(name) for name in ("AWS_REGION", "AWS_DEFAULT_REGION")]
    json.dump({{"arguments": arguments, "regions": regions, "path": os.environ["PATH"], "cwd": os.getcwd()}}, log)
if "--outputs-file" in arguments:
    with open(arguments[arguments.index("--outputs-file") + 1], "w") as outputs:
        json.dump({{"Second": {{"DistributionId": "E1"}}}}, outputs)
sys.exit({code})
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log.json"


def cdk(log: Path, code: int = 0) -> InstalledCdk:
    cli = log.with_name("cdk")
    cli.write_text(STAND_IN.format(log=str(log), code=code))
    cli.chmod(0o755)
    return InstalledCdk({**os.environ, "AWS_REGION": "us-west-1", "AWS_DEFAULT_REGION": "us-west-2"}, cli)


def said(log: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(log.read_text())
    return found


def test_a_deployment_is_of_one_stack_in_the_region_that_was_decided(log: Path) -> None:
    outputs = cdk(log).deploy(target("Second", "eu-west-3"), {"protection": "off"}, approval="never")
    arguments = said(log)["arguments"]
    assert arguments[:5] == ["deploy", "Second", "--no-previous-parameters", "--require-approval", "never"]
    assert arguments[-6:-2] == ["-c", "stack_name=Second", "-c", "protection=off"]
    assert said(log)["regions"] == ["eu-west-3", "eu-west-3"]
    assert outputs == {"DistributionId": "E1"}


def test_it_runs_in_the_checkout_with_the_node_of_the_environment_first(log: Path) -> None:
    cdk(log).diff(target(), {})
    assert said(log)["cwd"] == str(ROOT)
    assert said(log)["path"].startswith(str(ROOT / ".venv" / "bin") + os.pathsep)
    # A change set would leave a stack in review, if there is none yet.
    assert "--no-change-set" in said(log)["arguments"]


def test_the_account_and_region_that_are_bootstrapped_are_named(log: Path) -> None:
    cdk(log).bootstrap(target(region="eu-west-3"), "123456789012")
    assert said(log)["arguments"][:2] == ["bootstrap", "aws://123456789012/eu-west-3"]


def test_a_failure_is_an_error_of_one_line(log: Path) -> None:
    with pytest.raises(OperationError, match="cdk deploy failed; its messages are above"):
        cdk(log, code=1).deploy(target("Second"), {}, approval="never")


def test_the_cdk_is_the_one_that_the_lock_file_pins() -> None:
    locked = json.loads((ROOT / "package-lock.json").read_text())["packages"]["node_modules/aws-cdk"]["version"]
    assert InstalledCdk().version() == locked
    assert CLI.exists()


def test_a_template_is_synthesised_for_the_stack_region_and_settings_without_building_anything() -> None:
    template = InstalledCdk().synthesise(target("Second", "eu-west-3"), {"protection": "off"})
    tables = [one for one in template["Resources"].values() if one["Type"] == "AWS::DynamoDB::Table"]
    assert tables
    assert not any(table["Properties"]["DeletionProtectionEnabled"] for table in tables)


def test_settings_that_are_wrong_are_named_in_one_line_without_a_traceback() -> None:
    wrong = {"schedule_time_zone": "", "notify_concurrency": "1"}
    with pytest.raises(
        OperationError, match=r"cdk\.json, context: schedule_time_zone: .* notify_concurrency: "
    ) as raised:
        InstalledCdk().synthesise(target(), wrong)
    assert "Traceback" not in str(raised.value)
    assert "\n" not in str(raised.value)
