"""Lambda's interpreter is found wherever people have it, and its absence is said before anything is built."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra import interpreter
from infra.interpreter import VARIABLE, VERSION, MissingInterpreterError

OTHER = "/usr/bin/false"


def python(path: Path, said: str) -> str:
    """A program that says it is this interpreter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "INSTALLED", tmp_path / "installed")


@pytest.mark.parametrize(
    ("place", "variable", "value"),
    [
        ("bin/python3.13", "PATH", "bin"),
        (".pyenv/versions/3.13.0/bin/python3.13", "HOME", ""),
        ("pyenv/versions/3.13.11/bin/python3.13", "PYENV_ROOT", "pyenv"),
        (".local/share/uv/python/cpython-3.13.2-linux-x86_64-gnu/bin/python3.13", "HOME", ""),
        ("anywhere/python", VARIABLE, "anywhere/python"),
    ],
)
def test_it_is_found_where_people_have_it(tmp_path: Path, place: str, variable: str, value: str) -> None:
    there = python(tmp_path / place, f"cpython {VERSION}")
    found = interpreter.find({variable: str(tmp_path / value)}, own=OTHER, download=False)
    assert Path(found) == Path(there)


def test_the_interpreter_at_work_is_taken_if_it_fits(tmp_path: Path) -> None:
    own = python(tmp_path / "own", f"cpython {VERSION}")
    assert interpreter.find({}, own=own, download=False) == own


def test_a_name_that_does_not_run_or_is_another_interpreter_is_passed_over(tmp_path: Path) -> None:
    """pyenv puts a program python3.13 on the path that fails, unless that version is chosen."""
    python(tmp_path / "shims/python3.13", "")
    python(tmp_path / "other/python3.13", f"pypy {VERSION}")
    there = python(tmp_path / "bin/python3.13", f"cpython {VERSION}")
    path = ":".join(str(tmp_path / name) for name in ("shims", "other", "bin"))
    assert interpreter.find({"PATH": path}, own=OTHER, download=False) == there


@pytest.mark.parametrize("said", ["cpython 3.12", "pypy 3.13", ""])
def test_the_operators_choice_is_not_replaced_by_another(tmp_path: Path, said: str) -> None:
    chosen = python(tmp_path / "chosen", said)
    with pytest.raises(MissingInterpreterError, match=f"{VARIABLE}={chosen}"):
        interpreter.find({VARIABLE: chosen}, own=python(tmp_path / "own", f"cpython {VERSION}"), download=False)


def test_without_one_the_refusal_says_what_to_install_and_where_to_name_it() -> None:
    with pytest.raises(MissingInterpreterError, match=rf"needs CPython {VERSION}.*python{VERSION}.*{VARIABLE}"):
        interpreter.find({}, own=OTHER, download=False)


def test_where_nothing_can_be_downloaded_the_refusal_says_so() -> None:
    with pytest.raises(MissingInterpreterError, match="uv could not download one"):
        interpreter.find({"UV_OFFLINE": "1", "UV_PYTHON_DOWNLOADS": "never"}, own=OTHER)


def test_it_asks_an_interpreter_for_what_it_is() -> None:
    this = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
    assert interpreter._fits(sys.executable) == (this == f"cpython {VERSION}")


def test_it_can_be_read_without_the_cdk() -> None:
    code = "import infra.interpreter, sys; sys.exit('aws_cdk' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
