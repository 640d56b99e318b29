"""The repository keeps its own rules: what is promised about the code is checked here."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from cairn.channels.platforms import available
from cairn.messages import _TYPES

ROOT = Path(__file__).parents[2]
CODE = ("bench", "functions", "infra", "layers", "local", "operations", "testing", "tests", "tools")
NAMES = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
MAX_LINES = 450


def documentation() -> str:
    return "\n".join(path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))


def settings_of(function: str) -> Iterator[Any]:
    for path in sorted((ROOT / "functions" / function).glob("*.py")):
        module = importlib.import_module(f"functions.{function}.{path.stem}")
        found = getattr(module, "Settings", None)
        if found and found.__module__ == module.__name__:
            assert is_dataclass(found)
            yield found


@pytest.mark.parametrize("function", NAMES)
def test_every_handler_imports_and_can_be_called(function: str) -> None:
    assert callable(importlib.import_module(f"functions.{function}.handler").handler)


def test_every_function_of_the_contract_is_here() -> None:
    expected = {"api", "broadcast", "count_viewers", "detect_milestone", "fetch_stats", "notify", "record_history"}
    assert set(NAMES) == expected | {
        "check_milestones",
        "creator_webhook",
        "deliver_webhook",
        "roll_up_transactions",
        "sync_transactions",
        "ingest_usage",
        "day_rollover",
        "telegram_webhook",
        "month_rollover",
        "erase_retired_reps",
        "erase_users",
        "viewer_heartbeat",
        "ws_connect",
    }


def test_no_handler_reads_its_settings_before_it_is_called() -> None:
    names = ", ".join(f"functions.{function}.handler" for function in NAMES)
    code = f"import os; os.environ.clear(); os.environ['AWS_DEFAULT_REGION'] = 'eu-west-1'; import {names}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("function", NAMES)
def test_every_setting_is_documented(function: str) -> None:
    text = documentation()
    names = [field.name.upper() for settings in settings_of(function) for field in fields(settings)]
    assert names
    assert [name for name in names if name not in text] == []


def test_every_platforms_address_and_keys_are_documented() -> None:
    text = documentation()
    for name, platform in available().items():
        for variable in (f"{name.upper()}_API_URL", *platform.required_keys):
            assert variable in text, variable


def test_every_message_is_documented() -> None:
    text = (ROOT / "docs" / "events.md").read_text()
    for name, message in _TYPES.items():
        assert f"## `{name}`" in text
        assert f'"type": "{name}"' in text
        for field in fields(message):
            assert f'"{field.name}"' in text, f"{name}.{field.name}"


def test_every_route_is_in_the_document() -> None:
    from functions.api.app import app

    document = app.get_openapi_schema()
    assert document.paths
    for route in app._static_routes + app._dynamic_routes:
        path = route.openapi_path
        assert getattr(document.paths[path], route.method.lower()), f"{route.method} {path}"


def test_no_route_is_documented_to_answer_422() -> None:
    from functions.api.app import app

    for path, item in app.get_openapi_schema().model_dump(by_alias=True, exclude_none=True)["paths"].items():
        for method, operation in item.items():
            assert not {422, "422"} & set(operation["responses"]), f"{method} {path}"


def test_arrows_point_inward() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for folder in CODE
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_test_is_a_module_that_pytest_would_miss() -> None:
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert (path.parent / "__init__.py").exists(), path
