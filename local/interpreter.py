"""The interpreter for functions: a virtual environment with boto3, as in Lambda's runtime, and nothing else."""

from __future__ import annotations

import compileall
import importlib.util
import shutil
import sys
import venv
from importlib.metadata import version
from pathlib import Path

from local.settings import CACHE

_RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")


def function_interpreter() -> Path:
    """The interpreter's path; created on first use, and again when Python or boto3 changes."""
    home = CACHE / "lambda-runtime"
    binary = home / "bin" / "python"
    stamp = home / "made-of"
    made_of = f"{sys.version} boto3 {version('boto3')} {sys.prefix}"
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == made_of and binary.exists()):
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, symlinks=True)
        packages = home / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        for name in _RUNTIME_PACKAGES:
            source = _location(name)
            compileall.compile_dir(source, quiet=2) if source.is_dir() else compileall.compile_file(source, quiet=2)
            (packages / source.name).symlink_to(source)
        stamp.write_text(made_of, encoding="utf-8")
    return binary


def _location(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    origin = Path(spec.origin)
    return origin.parent if origin.name == "__init__.py" else origin
