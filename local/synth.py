"""Synthesises the CDK app as for AWS, but with dependencies built for this machine; skipped when nothing changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.processes import child_environment
from local.settings import CACHE, ROOT, StartError

ASSEMBLY = CACHE / "cdk.out"

_INPUTS = ("app.py", "cdk.json", "infra", "functions", "layers", "requirements")
_OLD_SECONDS = 3600
_CONTEXT = {"dependencies": "host", "region": "", "domain_name": "", "certificate_arn": ""}


def synthesise() -> bool:
    """Bring `ASSEMBLY` up to date; False when it already was. StartError when synthesis fails."""
    CACHE.mkdir(exist_ok=True)
    stamp = ASSEMBLY / "made-of"
    with locked(CACHE / "synth.lock"):
        made_of = fingerprint(ROOT / name for name in _INPUTS)
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == made_of:
            return False
        _run_app()
        _drop_old_assets()
        stamp.write_text(made_of, encoding="utf-8")
        return True


def fingerprint(paths: Iterable[Path]) -> str:
    """A digest of the files' names and contents, and of the Python that bundles them."""
    digest = hashlib.sha256(sys.version.encode())
    for path in paths:
        for file in sorted(_files(path)):
            content = file.read_bytes()
            digest.update(f"\0{file.relative_to(path.parent)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Wait for other local clouds of this checkout that synthesise too."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _drop_old_assets() -> None:
    """Remove unused old assets, since the CDK keeps all that it ever staged; recent ones may still be in use."""
    used = {
        described["source"]["path"]
        for manifest in ASSEMBLY.glob("*.assets.json")
        for described in json.loads(manifest.read_text(encoding="utf-8"))["files"].values()
    }
    for asset in ASSEMBLY.glob("asset.*"):
        if asset.name not in used and asset.stat().st_mtime < time.time() - _OLD_SECONDS:
            shutil.rmtree(asset)


def _run_app() -> None:
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8")).get("context", {})
    environment = child_environment() | {
        "CDK_OUTDIR": str(ASSEMBLY),
        "CDK_CONTEXT_JSON": json.dumps(context | _CONTEXT),
    }
    log = CACHE / "synth.log"
    with log.open("wb") as output:
        code = subprocess.run(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        ).returncode
    if code != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise StartError("\n    ".join([f"Synthesising the CDK app failed ({log}):", *lines]))
