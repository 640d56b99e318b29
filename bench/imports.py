"""Cold starts of what ships: each function's code and layers as deployed, in a clean interpreter.

A function's code, the layers and the environment come from the template that the local cloud deploys: the one AWS
gets, with dependencies for this interpreter. They are on `sys.path` in Lambda's order, and nothing else is:
https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS

from bench.figures import Figure, Section, at_most
from bench.invocations import CASES, Stage
from infra.packaging import compile_all
from local.synth import ASSEMBLY, synthesise
from testing.cloud import Context, cloud
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms
from testing.websocket_api import in_place_of_api_gateway

ROUNDS = 9
EVERY = 3
"""Functions without a budget run in every third round only."""
BASELINE = "import boto3; boto3.client('dynamodb')"
BUDGETS = {
    **dict.fromkeys(("detect_milestone", "broadcast", "ws_connect", "viewer_heartbeat", "count_viewers"), 1.5),
    "ingest_usage": 1.5,
    "api": 2.5,
}
"""By function; somebody waits for the others not at all, or not as long as for what they do."""
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
"""What Lambda's Python has beside the standard library. Cairn's layer has no boto3 of its own."""
WITH_AIOHTTP = "broadcast, with aiohttp"
"""What broadcast would be if it posted with aiohttp, which is in no layer: from the development environment."""
SECRETS = "from aws_lambda_powertools.utilities.parameters import SecretsProvider; SecretsProvider()"
AS_LAMBDA = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "key",
    "AWS_SESSION_TOKEN": "token",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin/:/bin",
    "TZ": ":UTC",
}
MEASURE = """
import sys, time
sys.path[:0] = {path!r}
start = time.process_time()
{statement}
print(time.process_time() - start)
"""


@dataclass(frozen=True, slots=True)
class Shipped:
    """A function as it is deployed."""

    code: str
    """Unpacked, as in /var/task."""
    environment: Mapping[str, str]


def measure() -> Section:
    """Medians of `ROUNDS` rounds; each runs everything once, so that a busy machine slows everything equally."""
    synthesise()
    needed = _first_invocations()
    with tempfile.TemporaryDirectory() as folder:
        shipped, libraries = _unpack(Path(folder))
        times = _measured(shipped, libraries, needed)
    ratios = {name: median(seconds) / median(times[""]) for name, seconds in times.items()}
    hot = [name for name in BUDGETS if name in shipped]
    return Section(
        "Imports",
        f"Medians of {ROUNDS} rounds, in which each import runs in a new process, compared with one that runs "
        f"`{BASELINE}`. Measured is what ships: a function's code and layers as they are deployed, with their "
        "bytecode, on Lambda's search path, and boto3 from the runtime, as in Lambda; nothing of the development "
        "environment. It is CPU time, which another load on this machine disturbs least, without the interpreter's own "
        "start. *Ready* has everything that typical first invocations create: clients, tables, queues, sockets. "
        "Functions for which somebody waits come first. "
        f"The interpreter is CPython {platform.python_version()} on {platform.machine()}; Lambda's is 3.13 on arm64.",
        (
            *(figure for name in hot for figure in _budgeted(name, ratios)),
            *(
                Figure(f"`{name}`: import; ready", f"{ratios[name]:.2f}; {ratios[_ready(name)]:.2f}")
                for name in shipped
                if name not in BUDGETS
            ),
            Figure("`broadcast`: ready, if aiohttp posted to sockets", f"{ratios[WITH_AIOHTTP]:.2f}"),
        ),
    )


def _budgeted(name: str, ratios: Mapping[str, float]) -> tuple[Figure, Figure]:
    return (
        at_most(f"`{name}`: import", round(ratios[name], 2), BUDGETS[name]),
        at_most(f"`{name}`: ready", round(ratios[_ready(name)], 2), BUDGETS[name]),
    )


def _ready(name: str) -> str:
    return f"{name}, ready"


# -- what a first invocation creates


def _first_invocations() -> dict[str, str]:
    """Statements that create what the typical invocations of a function create when it is cold, by function."""
    platforms = FakePlatforms()
    created: dict[str, set[str]] = {}
    secrets = set()
    with in_place_of_api_gateway(), cloud(platforms.transport()) as aws:
        stage = Stage(aws, platforms)
        for case in CASES:
            event = case.event(stage, 1)
            FUNCTIONS.restart(case.function)
            DEFAULT_PROVIDERS.clear()
            FUNCTIONS[case.function](event, Context())
            dependencies = FUNCTIONS[case.function].dependencies
            names = {name for name in vars(dependencies) if _is_cached(type(dependencies), name)}
            created[case.function] = created.get(case.function, set()) | names
            if "secrets" in DEFAULT_PROVIDERS:
                secrets.add(case.function)
    return {name: _creating(names) + (f"; {SECRETS}" if name in secrets else "") for name, names in created.items()}


def _is_cached(cls: type, name: str) -> bool:
    return isinstance(getattr(cls, name, None), cached_property)


def _creating(names: set[str]) -> str:
    return "; ".join(["dependencies = handler.Dependencies()", *(f"dependencies.{name}" for name in sorted(names))])


# -- what ships


def _unpack(folder: Path) -> tuple[dict[str, Shipped], list[str]]:
    """The functions, and where Lambda would find libraries: the layers in one folder, and the runtime's own."""
    template = json.loads(next(ASSEMBLY.glob("*.template.json")).read_text())
    assets = json.loads(next(ASSEMBLY.glob("*.assets.json")).read_text())["files"]

    def source(code: Mapping[str, Any]) -> Path:
        return ASSEMBLY / str(assets[str(code["S3Key"]).removesuffix(".zip")]["source"]["path"])

    layers, runtime = folder / "opt", folder / "runtime"
    functions: dict[str, Shipped] = {}
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::LayerVersion":
            shutil.copytree(source(properties["Content"]), layers, dirs_exist_ok=True)
        elif resource["Type"] == "AWS::Lambda::Function" and properties["Handler"].startswith("functions."):
            name = properties["Handler"].split(".")[1]
            variables = properties["Environment"]["Variables"]
            environment = {key: _text(key, value, template["Parameters"]) for key, value in variables.items()}
            functions[name] = Shipped(str(source(properties["Code"])), environment)
    runtime.mkdir()
    installed = Path(sysconfig.get_path("purelib"))
    for part in RUNTIME:
        if (installed / part).is_dir():
            shutil.copytree(installed / part, runtime / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(installed / part, runtime / part)
    compile_all(runtime, sys.executable)
    return functions, [str(layers / "python"), str(runtime)]


def _text(name: str, value: object, parameters: Mapping[str, Mapping[str, str]]) -> str:
    """A variable's value: as in the template, a parameter's default, or a placeholder for what is known later."""
    match value:
        case str():
            return value
        case {"Ref": str(parameter)} if parameter in parameters:
            return str(parameters[parameter].get("Default", ""))
    return f"https://{name.lower().replace('_', '-')}.test/live"


# -- measuring


def _measured(
    shipped: Mapping[str, Shipped], libraries: Sequence[str], needed: Mapping[str, str]
) -> dict[str, list[float]]:
    """CPU seconds by function, and of the baseline under the empty name."""
    runs = {"": (Shipped("", {}), BASELINE)}
    for name, function in shipped.items():
        statement = f"from functions.{name} import handler"
        runs |= {name: (function, statement), _ready(name): (function, f"{statement}; {needed[name]}")}
    broadcast, ready = runs[_ready("broadcast")]
    also = f"sys.path.append({sysconfig.get_path('purelib')!r}); import aiohttp"
    runs[WITH_AIOHTTP] = broadcast, f"{ready}; {also}"
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(ROUNDS + 1):
        for name, (function, statement) in runs.items():
            if name and name.partition(",")[0] not in BUDGETS and number % EVERY:
                continue
            seconds = _seconds(function, libraries, statement)
            if number:  # the first round fills the file system's cache
                times[name].append(seconds)
    return times


def _seconds(function: Shipped, libraries: Sequence[str], statement: str) -> float:
    """The CPU time of a statement in a new interpreter, without this environment's packages."""
    path = [*([function.code] if function.code else []), *libraries]
    program = MEASURE.format(path=path, statement=statement)
    command = [sys.executable, "-I", "-S", "-B", "-c", program]
    environment = {**AS_LAMBDA, **function.environment}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=os.sep, check=False)  # noqa: S603 - ours
    if run.returncode:
        raise RuntimeError(f"{statement}:\n{run.stderr}")
    return float(run.stdout.split()[-1])
