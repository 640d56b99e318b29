"""GitHub's workflows run only code that was reviewed, with no more rights than reading this repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github").rglob("*.y*ml"))
WORKFLOWS = [path for path in FILES if path.parent.name == "workflows"]
USES = re.compile(r"^\s*(?:-\s+)?uses:\s*(.*)$", re.MULTILINE)
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def workflow(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text())
    return loaded


def test_there_is_a_workflow() -> None:
    assert WORKFLOWS


def test_every_action_is_pinned_by_its_commit_and_names_its_version() -> None:
    used = [used for path in FILES for used in USES.findall(path.read_text())]
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


@each_workflow
def test_a_workflow_may_only_read_the_repository(path: Path) -> None:
    loaded = workflow(path)
    assert loaded["permissions"] == {"contents": "read"}
    assert [name for name, job in loaded["jobs"].items() if "permissions" in job] == []


@each_workflow
def test_a_workflow_gets_no_secret_and_keeps_no_credentials(path: Path) -> None:
    assert "secrets" not in path.read_text()
    loaded = workflow(path)
    assert "pull_request_target" not in loaded[True]  # YAML 1.1 reads the key `on` as true
    steps = [step for job in loaded["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@each_workflow
def test_a_workflow_ends_in_time_and_runs_once_for_each_change(path: Path) -> None:
    loaded = workflow(path)
    assert loaded["concurrency"]["group"]
    assert all(0 < job["timeout-minutes"] <= 60 for job in loaded["jobs"].values())


def test_ci_runs_what_every_developer_can_run() -> None:
    jobs = workflow(ROOT / ".github" / "workflows" / "ci.yml")["jobs"].values()
    assert [step["run"] for job in jobs for step in job["steps"] if "run" in step] == [".ci/run"]
    commands = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in commands if line.startswith("make ")] == ["make check", "make test"]


def test_the_audit_that_every_developer_can_run_runs_once_a_week() -> None:
    loaded = workflow(ROOT / ".github" / "workflows" / "audit.yml")
    assert [step["run"] for job in loaded["jobs"].values() for step in job["steps"] if "run" in step] == ["make audit"]
    (schedule,) = loaded[True]["schedule"]
    minute, hour, day, month, weekday = schedule["cron"].split()
    assert (day, month) == ("*", "*")
    assert all(field.isdecimal() for field in (minute, hour, weekday))
    recipe = (ROOT / "Makefile").read_text().partition("\naudit:")[2].partition("\n\n")[0]
    assert all(command in recipe for command in ("pip-audit --strict", "npm audit", "tools.licences"))
    locked = {f"requirements/{path.name}" for path in (ROOT / "requirements").glob("*.txt")}
    assert set(re.findall(r"-r (\S+)", recipe)) == locked
