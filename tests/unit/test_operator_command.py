"""`./cairn` runs as it stands: in a fresh clone and shell, from any directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "cairn"
MAKEFILE = """\
.venv/ready:
	@echo "Installing Cairn's tools"
	@mkdir -p .venv/bin
	@printf '#!/bin/sh\\necho "$$@"\\n' > .venv/bin/python
	@chmod +x .venv/bin/python
	@touch $@
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone without .venv, whose Makefile makes one that says how it was called."""
    clone = tmp_path / "a clone"
    clone.mkdir()
    shutil.copy(SCRIPT, clone)
    (clone / "Makefile").write_text(MAKEFILE)
    return clone


def run(script: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
    return subprocess.run([script, *arguments], capture_output=True, text=True, cwd=cwd, env=environment, check=False)


def test_the_first_use_makes_the_environment_and_its_output_stays_clean(clone: Path, tmp_path: Path) -> None:
    done = run(clone / "cairn", "keys", "create", "--name", "my key", cwd=tmp_path)
    assert done.stdout == "-P -m operations keys create --name my key\n"
    assert "Installing" in done.stderr
    assert run(clone / "cairn", "queues", cwd=tmp_path).stderr == ""


def test_it_may_be_called_by_a_link(clone: Path, tmp_path: Path) -> None:
    link = tmp_path / "operate"
    link.symlink_to(clone / "cairn")
    assert run(link, "queues", cwd=tmp_path).stdout == "-P -m operations queues\n"


def test_it_runs_from_any_directory_whatever_is_there(tmp_path: Path) -> None:
    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "__init__.py").write_text("raise SystemExit('not this one')")
    done = run(SCRIPT, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ./cairn")


def test_the_module_can_be_run_too() -> None:
    done = subprocess.run([sys.executable, "-m", "operations", "--help"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("usage: ./cairn")
