"""How the CDK's output is read, and when it is built again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.cloud import Asset, read_assembly
from local.run import alone
from local.settings import StartError
from local.synth import fingerprint

BUCKET = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"


def write_assembly(directory: Path, *, stacks: int = 1) -> None:
    artifacts: dict[str, object] = {
        "Cairn.assets": {"type": "cdk:asset-manifest", "properties": {"file": "Cairn.assets.json"}}
    }
    for number in range(stacks):
        properties = {"templateFile": "Cairn.template.json", "stackName": "Cairn"}
        artifacts[f"Stack{number}"] = {"type": "aws:cloudformation:stack", "properties": properties}
    files = {
        "layer": {
            "source": {"path": "asset.layer", "packaging": "zip"},
            "destinations": {"here": {"bucketName": BUCKET, "objectKey": "layer.zip"}},
        },
        "template": {
            "source": {"path": "Cairn.template.json", "packaging": "file"},
            "destinations": {"here": {"bucketName": BUCKET, "objectKey": "template.json"}},
        },
    }
    (directory / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    (directory / "Cairn.assets.json").write_text(json.dumps({"files": files}))
    (directory / "Cairn.template.json").write_text(json.dumps({"Resources": {}}))


def test_assets_go_to_the_bootstrap_bucket_of_the_local_account(tmp_path: Path) -> None:
    write_assembly(tmp_path)
    assembly = read_assembly(tmp_path)
    bucket = "cdk-hnb659fds-assets-000000000000-us-east-1"
    assert assembly.assets == (
        Asset(tmp_path / "asset.layer", zipped=True, bucket=bucket, key="layer.zip"),
        Asset(tmp_path / "Cairn.template.json", zipped=False, bucket=bucket, key="template.json"),
    )
    assert (assembly.stack, assembly.template_bucket, assembly.template_key) == ("Cairn", bucket, "template.json")


def test_an_app_with_more_than_one_stack_is_rejected(tmp_path: Path) -> None:
    write_assembly(tmp_path, stacks=2)
    with pytest.raises(StartError, match="deploys one stack"):
        read_assembly(tmp_path)


def test_the_fingerprint_changes_with_a_files_content_and_name_and_not_with_bytecode(tmp_path: Path) -> None:
    code = tmp_path / "functions"
    (code / "__pycache__").mkdir(parents=True)
    (code / "a.py").write_text("1")
    before = fingerprint([code])
    (code / "__pycache__" / "a.pyc").write_text("anything")
    assert fingerprint([code]) == before
    (code / "a.py").write_text("2")
    changed = fingerprint([code])
    (code / "a.py").rename(code / "b.py")
    assert len({before, changed, fingerprint([code])}) == 3


def test_two_local_clouds_do_not_share_a_directory(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(StartError, match=r"already running from .* \(process \d+\)"), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_the_addresses_of_a_stopped_cloud_are_removed(tmp_path: Path) -> None:
    (tmp_path / "outputs.json").write_text("of a run that was killed")
    with alone(tmp_path):
        assert not (tmp_path / "outputs.json").exists()
        (tmp_path / "outputs.json").write_text("of this one")
    assert not (tmp_path / "outputs.json").exists()
