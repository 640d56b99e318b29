"""The CPython that Lambda runs: nothing else can write the bytecode that Lambda reads.

Only building for Lambda needs it: the local cloud, the tests and `make check` do not. This module imports no CDK, so
that the operator's command can use it at once.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from uv import find_uv_bin

VERSION = "3.13"
VARIABLE = "PYTHON_313"
INSTALLED = Path(__file__).parent.parent / ".local" / "python"
"""Where uv puts an interpreter for this checkout alone."""
_NAME = f"python{VERSION}"
_SAY_WHAT_YOU_ARE = "import sys; print(sys.implementation.name, '{}.{}'.format(*sys.version_info))"


class MissingInterpreterError(Exception):
    """There is none, or PYTHON_313 is another one."""


def find(environment: Mapping[str, str] = os.environ, *, own: str = sys.executable, download: bool = True) -> str:
    """The path of such an interpreter: the one in PYTHON_313, or one that is found.

    If there is none, uv downloads one into this checkout. MissingInterpreterError if that fails, too.
    """
    if chosen := environment.get(VARIABLE):
        if _fits(chosen):
            return chosen
        raise MissingInterpreterError(f"{VARIABLE}={chosen} does not run, or is not CPython {VERSION}")
    found = next(filter(_fits, _candidates(environment, own)), None)
    if found is None and download:
        found = _installed(environment)
    if found is None:
        raise MissingInterpreterError(
            f"Deploying needs CPython {VERSION}, the functions' version: only it writes the bytecode without which "
            f"they start far slower. None was found{', and uv could not download one' if download else ''}. "
            f"Install {_NAME}, or give the path of one in {VARIABLE}."
        )
    return found


def _candidates(environment: Mapping[str, str], own: str) -> Iterator[str]:
    yield own
    # Not `uv python find`: it stops at the first name on the path that does not run, such as a shim of pyenv.
    for folder in environment.get("PATH", "").split(os.pathsep):
        if on_path := shutil.which(_NAME, path=folder):
            yield on_path
    home = environment.get("HOME", "")
    of_pyenv = Path(environment.get("PYENV_ROOT") or f"{home}/.pyenv", "versions")
    of_uv = Path(environment.get("UV_PYTHON_INSTALL_DIR") or f"{home}/.local/share/uv/python")
    for versions in (of_pyenv, of_uv, INSTALLED):
        yield from map(str, sorted(versions.glob(f"*{VERSION}*/bin/{_NAME}"), reverse=True))


def _installed(environment: Mapping[str, str]) -> str | None:
    print(f"Downloading CPython {VERSION} into {INSTALLED} (once) ...", file=sys.stderr)
    install = [find_uv_bin(), "python", "install", VERSION, "--no-progress", "--no-bin"]
    install += ["--install-dir", str(INSTALLED)]
    if subprocess.run(install, env=dict(environment), check=False).returncode != 0:  # noqa: S603 - fixed arguments, no shell
        return None
    return next(filter(_fits, map(str, INSTALLED.glob(f"*{VERSION}*/bin/{_NAME}"))), None)


def _fits(python: str) -> bool:
    try:
        said = subprocess.run([python, "-I", "-c", _SAY_WHAT_YOU_ARE], capture_output=True, text=True, check=False)  # noqa: S603 - as above
    except OSError:
        return False
    return said.stdout.strip() == f"cpython {VERSION}"
