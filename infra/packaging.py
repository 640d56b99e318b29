"""Builds Lambda's zips without Docker: each function's folder, the shared layer, the locked dependencies.

CDK cannot see into a local bundler, so this module hashes everything that an asset's content depends on, and the
interpreter that reads its bytecode: Lambda's, or this machine's for the local cloud.
"""

import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct
from uv import find_uv_bin

from infra import interpreter
from infra.settings import SettingsError

Target = Literal["lambda", "host"]

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements" / "layer.txt"

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURE = lambda_.Architecture.ARM_64
_PLATFORM = "aarch64-manylinux2014"


class Packaging(Construct):
    """The two layers that every function has, and each function's code."""

    def __init__(self, scope: Construct, construct_id: str, *, target: Target) -> None:
        super().__init__(scope, construct_id)
        self._python, self._tag = sys.executable, sys.implementation.cache_tag or ""
        if target == "lambda":
            # Without zips, as in tests, nothing is compiled.
            self._python = _interpreter() if Stack.of(self).bundling_required else ""
            self._tag = f"cpython-{interpreter.VERSION.replace('.', '')}"
        self.layers = [
            self._layer("Cairn", tree(ROOT / "layers" / "cairn", "python"), "Cairn's shared package"),
            self._layer("Dependencies", dependencies(target), "Locked third-party packages"),
        ]

    def function(self, name: str, *, includes: str = "") -> lambda_.Code:
        """`functions/<name>` under its dotted path: Lambda and the tests import the same module.

        `includes` is a glob of further files, such as the documents of other functions.
        """
        others = sorted(file.relative_to(ROOT).as_posix() for file in ROOT.glob(includes)) if includes else []
        return self._code(tree(ROOT, "functions/__init__.py", f"functions/{name}", *others))

    def _layer(self, construct_id: str, asset: "Asset", description: str) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            construct_id,
            code=self._code(asset),
            description=description,
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
        )

    def _code(self, asset: "Asset") -> lambda_.Code:
        def bundle(out: Path) -> None:
            asset.build(out)
            compile_all(out, self._python)

        return lambda_.Code.from_asset(
            # CDK requires a source and an image; with a hash and a local bundler it reads neither.
            str(LOCK.parent),
            asset_hash_type=AssetHashType.CUSTOM,
            asset_hash=_hash(asset.hash, self._tag),
            bundling=BundlingOptions(image=DockerImage.from_registry("none"), local=_LocalBundling(bundle)),
        )


def _interpreter() -> str:
    try:
        return interpreter.find()
    except interpreter.MissingInterpreterError as error:
        raise SettingsError(str(error)) from None


@dataclass(frozen=True)
class Asset:
    """A zip: how to build its content, and a hash of everything that the content depends on."""

    hash: str
    build: Callable[[Path], None]


def tree(base: Path, *parts: str) -> Asset:
    """These files and folders of `base`, at the same paths, without caches and hidden files."""
    paths = [base / part for part in parts]
    files = sorted(
        file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]) if _is_source(file)
    )

    def build(out: Path) -> None:
        for file in files:
            copy = out / file.relative_to(base)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)

    return Asset(_hash(*(part for file in files for part in (str(file.relative_to(base)), file))), build)


def dependencies(target: Target) -> Asset:
    """The locked third-party packages, for Lambda's platform or for this machine's interpreter."""
    if target == "lambda":
        built_for = f"{_PLATFORM}-{interpreter.VERSION}"
        options = ["--python-platform", _PLATFORM, "--python-version", interpreter.VERSION, "--only-binary", ":all:"]
    else:
        built_for = f"{sys.platform}-{platform.machine()}-{sys.implementation.cache_tag}"
        options = ["--python", sys.executable]

    def build(out: Path) -> None:
        packages = out / "python"
        locked = ["-r", str(LOCK), "--require-hashes", "--no-installer-metadata"]
        install = [find_uv_bin(), "pip", "install", "--quiet", *locked, *options, "--target", str(packages)]
        subprocess.run(install, check=True)  # noqa: S603 - fixed arguments, no shell
        shutil.rmtree(packages / "bin", ignore_errors=True)

    return Asset(_hash(built_for, LOCK), build)


def compile_all(folder: Path, python: str) -> None:
    """Add bytecode for that interpreter, which halves the import time: Lambda cannot store any, since /var/task and
    /opt are read-only. Raises if a file does not compile.

    It is unchecked: a zip does not keep a source's time stamp, and a mismatch would compile at every cold start.
    """
    compile_ = [python, "-I", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*compile_, "-s", str(folder), str(folder)], check=True)  # noqa: S603 - fixed arguments, no shell


@jsii.implements(ILocalBundling)
class _LocalBundling:
    def __init__(self, build: Callable[[Path], None]) -> None:
        self._build = build

    def try_bundle(self, output_dir: str, *, image: DockerImage, **_: Any) -> bool:  # noqa: ARG002 - jsii passes it by name
        """Raises if the build fails: if this returned False, CDK would look for Docker."""
        self._build(Path(output_dir))
        return True


def _is_source(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc" and not path.name.startswith(".")


def _hash(*content: str | Path) -> str:
    """Includes this file: an asset also depends on what builds it."""
    digest = hashlib.sha256()
    for part in (Path(__file__), *content):
        data = part.read_bytes() if isinstance(part, Path) else part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
