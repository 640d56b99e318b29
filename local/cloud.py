"""AWS on this machine: MiniStack with IAM enforced, and the synthesised template deployed to it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.interpreter import function_interpreter
from local.processes import Processes, Running, child_environment
from local.settings import CACHE, Settings, StartError
from operations.clients import LOCAL_ACCESS_KEY_ID, LOCAL_ACCOUNT, LOCAL_REGION, Clients

_START_SECONDS = 60
_DEPLOY_SECONDS = 120
_BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
_BOOTSTRAP_VERSION = "30"
_ASSETS = CACHE / "assets"

_INHERITED = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
"""The variables that functions may see: MiniStack passes its whole environment on, keys and profiles included."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """The CDK's output: one stack, its template, and the assets that the template expects in the bootstrap bucket."""

    directory: Path
    stack: str
    template: Mapping[str, Any]
    template_bucket: str
    template_key: str
    assets: tuple[Asset, ...]


@dataclass(frozen=True, slots=True)
class Asset:
    """A file for the bootstrap bucket."""

    path: Path
    zipped: bool
    bucket: str
    key: str


def start_ministack(settings: Settings, processes: Processes) -> Running:
    """Start it without any state from an earlier run; `wait_for_ministack` returns when it is ready."""
    temporary = settings.home / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    parent = child_environment()
    environment = {name: parent[name] for name in _INHERITED if name in parent} | {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": LOCAL_ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": settings.secret,
        "BIND_HOST": "127.0.0.1",
        "DOCKER_HOST": f"unix://{temporary / 'no-docker'}",
        "GATEWAY_PORT": str(settings.port),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_ACCOUNT_ID": LOCAL_ACCOUNT,
        "MINISTACK_REGION": LOCAL_REGION,
        "SFTP_ENABLED": "0",
        "TMPDIR": str(temporary),
    }
    command = [sys.executable, "-m", "local.ministack", str(function_interpreter())]
    return processes.start("ministack", command, environment)


def wait_for_ministack(settings: Settings, ministack: Running) -> None:
    """StartError when it exits or takes too long."""
    wait_for(f"{settings.aws_endpoint_url}/_ministack/health", ministack)


def wait_for(url: str, running: Running, seconds: float = _START_SECONDS) -> None:
    """Return when the URL answers with success; StartError when the process exits or takes too long."""
    deadline = time.monotonic() + seconds
    answer = "no answer"
    with httpx.Client(trust_env=False, timeout=seconds) as http:
        while time.monotonic() < deadline:
            running.check()
            try:
                response = http.get(url)
            except httpx.TransportError as error:
                answer = str(error)
            else:
                if response.is_success:
                    return
                answer = f"{response.status_code} {response.text[:500]}"
            time.sleep(0.03)
    raise StartError(f"{url} is not healthy after {seconds:.0f} s: {answer} ({running.log})")


def read_assembly(directory: Path) -> Assembly:
    """The only stack of a cloud assembly."""
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    artifacts = manifest["artifacts"]
    stacks = {name: artifact for name, artifact in artifacts.items() if artifact["type"] == "aws:cloudformation:stack"}
    if len(stacks) != 1:
        raise StartError(f"The local cloud deploys one stack, but the app has {len(stacks)}: {', '.join(stacks)}")
    name, stack = next(iter(stacks.items()))
    properties = stack["properties"]
    asset_file = next(a["properties"]["file"] for a in artifacts.values() if a["type"] == "cdk:asset-manifest")
    assets = []
    template_asset: Asset | None = None
    for described in json.loads((directory / asset_file).read_text(encoding="utf-8"))["files"].values():
        source = described["source"]
        for destination in described["destinations"].values():
            asset = Asset(
                path=directory / source["path"],
                zipped=source["packaging"] == "zip",
                bucket=_resolved(destination["bucketName"]),
                key=_resolved(destination["objectKey"]),
            )
            assets.append(asset)
            if source["path"] == properties["templateFile"]:
                template_asset = asset
    if template_asset is None:
        raise StartError(f"The template of {name} is not among its assets in {directory}")
    return Assembly(
        directory=directory,
        stack=properties.get("stackName", name),
        template=json.loads((directory / properties["templateFile"]).read_text(encoding="utf-8")),
        template_bucket=template_asset.bucket,
        template_key=template_asset.key,
        assets=tuple(assets),
    )


def upload(assembly: Assembly, clients: Clients) -> None:
    """Do what `cdk bootstrap` and the asset upload of `cdk deploy` do."""
    for bucket in {asset.bucket for asset in assembly.assets}:
        clients.s3.create_bucket(Bucket=bucket)
    clients.ssm.put_parameter(Name=_BOOTSTRAP_PARAMETER, Value=_BOOTSTRAP_VERSION, Type="String", Overwrite=True)

    def put(asset: Asset) -> None:
        clients.s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=_content(asset))

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(put, assembly.assets))
    for archive in _ASSETS.iterdir():
        if archive.name not in {asset.key for asset in assembly.assets}:
            archive.unlink(missing_ok=True)


def deploy(assembly: Assembly, clients: Clients, parameters: Mapping[str, str]) -> dict[str, str]:
    """Create the stack and return its outputs; StartError with the failed resources."""
    if unknown := parameters.keys() - assembly.template.get("Parameters", {}).keys():
        raise StartError(f"The template has no parameter {', '.join(sorted(unknown))}")
    clients.cloudformation.create_stack(
        StackName=assembly.stack,
        TemplateURL=f"{clients.endpoint_url}/{assembly.template_bucket}/{assembly.template_key}",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        OnFailure="DO_NOTHING",
    )
    deadline = time.monotonic() + _DEPLOY_SECONDS
    while time.monotonic() < deadline:
        stack = clients.cloudformation.describe_stacks(StackName=assembly.stack)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
        if stack["StackStatus"] != "CREATE_IN_PROGRESS":
            raise StartError(
                "\n    ".join([f"The stack {assembly.stack} failed:", *_failures(assembly.stack, clients)])
            )
        time.sleep(0.05)
    raise StartError(f"The stack {assembly.stack} was not created in {_DEPLOY_SECONDS} s")


def _failures(stack: str, clients: Clients) -> list[str]:
    events = clients.cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return [
        f"{event.get('LogicalResourceId')} ({event.get('ResourceType')}): {event.get('ResourceStatusReason')}"
        for event in reversed(events)
        if event.get("ResourceStatus", "").endswith("FAILED")
    ]


def _content(asset: Asset) -> bytes:
    """The asset's bytes; a directory is zipped once and cached by the CDK's content hash."""
    if not asset.zipped or asset.path.is_file():
        return asset.path.read_bytes()
    _ASSETS.mkdir(exist_ok=True)
    archive = _ASSETS / asset.key
    if not archive.is_file():
        unfinished = archive.with_name(f"{archive.name}.{os.getpid()}")
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
            for file in sorted(asset.path.rglob("*")):
                target.write(file, file.relative_to(asset.path))
        unfinished.rename(archive)
    return archive.read_bytes()


def _resolved(text: str) -> str:
    return text.replace("${AWS::AccountId}", LOCAL_ACCOUNT).replace("${AWS::Region}", LOCAL_REGION)
