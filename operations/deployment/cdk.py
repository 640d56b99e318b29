"""The CDK's command line, as package-lock.json pins it, with Node from .venv: nothing of this machine's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from operations.stack import OperationError
from operations.target import Target, context

ROOT = Path(__file__).resolve().parents[2]
CLI = ROOT / "node_modules" / ".bin" / "cdk"
SCRATCH = ROOT / ".local" / "deployment"
"""What a deployment synthesises and writes, apart from the local cloud's."""
_INSTALLED = "node_modules/.package-lock.json"


class Cdk(Protocol):
    """What a deployment needs of the CDK; each raises OperationError when it fails."""

    def version(self) -> str:
        """The version that is installed, after it was installed if need be."""

    def synthesise(self, target: Target, settings: Mapping[str, str]) -> dict[str, Any]:
        """The template as it would be deployed, without the zips."""

    def bootstrap(self, target: Target, account: str) -> None:
        """Create, in the account and region, what deployments need."""

    def diff(self, target: Target, settings: Mapping[str, str]) -> None:
        """Show what a deployment would change."""

    def deploy(self, target: Target, settings: Mapping[str, str], *, approval: str) -> dict[str, str]:
        """Deploy the stack, and answer its outputs."""


class InstalledCdk:
    """The CDK of this checkout."""

    def __init__(self, environment: Mapping[str, str] = os.environ, cli: Path = CLI) -> None:
        self._environment = environment
        self._cli = cli

    def version(self) -> str:
        self._install()
        package = json.loads((ROOT / "node_modules" / "aws-cdk" / "package.json").read_text(encoding="utf-8"))
        return str(package["version"])

    def synthesise(self, target: Target, settings: Mapping[str, str]) -> dict[str, Any]:
        folder = _emptied(SCRATCH / "preflight")
        chosen = {**_context(target, settings), "aws:cdk:bundling-stacks": []}
        environment = {
            **self._child(target),
            "CDK_OUTDIR": str(folder),
            "CDK_DEFAULT_REGION": target.region,
            "CDK_CONTEXT_JSON": json.dumps({**context(), **chosen}),
        }
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            [sys.executable, str(ROOT / "app.py")],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise OperationError(_reason(done.stderr))
        template: dict[str, Any] = json.loads((folder / f"{target.stack}.template.json").read_text(encoding="utf-8"))
        return template

    def bootstrap(self, target: Target, account: str) -> None:
        self._run(target, "bootstrap", f"aws://{account}/{target.region}")

    def diff(self, target: Target, settings: Mapping[str, str]) -> None:
        # Without a change set: for a stack that does not exist yet, that would leave one in REVIEW_IN_PROGRESS.
        self._run(target, "diff", target.stack, "--no-change-set", *_options(target, settings))

    def deploy(self, target: Target, settings: Mapping[str, str], *, approval: str) -> dict[str, str]:
        outputs = _emptied(SCRATCH / "deployed") / "outputs.json"
        self._run(
            target,
            "deploy",
            target.stack,
            # The settings reach some functions as parameters, whose defaults are those of cdk.json.
            "--no-previous-parameters",
            "--require-approval",
            approval,
            "--outputs-file",
            str(outputs),
            *_options(target, settings),
        )
        deployed: dict[str, str] = json.loads(outputs.read_text(encoding="utf-8")).get(target.stack, {})
        return deployed

    def _run(self, target: Target, *arguments: str) -> None:
        self._install()
        command = [str(self._cli), *arguments, "--output", str(SCRATCH / "cdk.out")]
        done = subprocess.run(command, cwd=ROOT, env=self._child(target), check=False)  # noqa: S603 - no shell
        if done.returncode:
            raise OperationError(f"cdk {arguments[0]} failed; its messages are above")

    def _install(self) -> None:
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            [shutil.which("make") or "make", "--no-print-directory", "--silent", "-C", str(ROOT), _INSTALLED],
            stdout=sys.stderr,
            check=False,
        )
        if done.returncode:
            raise OperationError("the CDK could not be installed with npm; its messages are above")

    def _child(self, target: Target) -> dict[str, str]:
        """The environment with the target's region, in each of the CDK's variables, and with Node of .venv."""
        path = os.pathsep.join([str(Path(sys.executable).parent), self._environment.get("PATH", "")])
        region = {"AWS_REGION": target.region, "AWS_DEFAULT_REGION": target.region}
        return {**self._environment, **region, "PATH": path}


def _context(target: Target, settings: Mapping[str, str]) -> dict[str, str]:
    """What the CDK app is given in place of cdk.json: where it goes, and what this deployment chooses.

    Without a region in cdk.json the environment has it, and the template is the same in every region.
    """
    region = {"region": target.region} if context()["region"] else {}
    return {"stack_name": target.stack, **region, **settings}


def _options(target: Target, settings: Mapping[str, str]) -> Sequence[str]:
    return [part for name, value in _context(target, settings).items() for part in ("-c", f"{name}={value}")]


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _reason(stderr: str) -> str:
    """Why the app failed, in one line: from the last line that names cdk.json or an error, past any traceback."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    said = [n for n, line in enumerate(lines) if line.startswith("cdk.json") or re.match(r"[\w.]*Error\b", line)]
    reason = " ".join(line.strip() for line in lines[max(said, default=-1) :])
    return reason[-1000:] or "the CDK app failed without a message"
