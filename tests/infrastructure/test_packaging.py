"""The content of a zip, and that its hash changes exactly with the content."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra import interpreter, packaging
from infra.packaging import ROOT, compile_all, dependencies, tree
from tests.infrastructure.template import Template

# https://peps.python.org/pep-0552/: bit 0 means that the header has a hash, bit 1 that Python checks it.
UNCHECKED_HASH = 0b01
# https://github.com/python/cpython/blob/v3.13.0/Include/internal/pycore_magic_number.h
MAGIC_OF_313 = (3571).to_bytes(2, "little") + b"\r\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in (
        "functions/__init__.py",
        "functions/api/handler.py",
        "functions/api/rules/first.py",
        "functions/notify/handler.py",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"NAME = {name!r}\n")
    return tmp_path


def test_a_functions_zip_holds_its_own_folder_under_its_dotted_path(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tree(checkout, "functions/__init__.py", "functions/api").build(out)
    assert _files(out) == {"functions/__init__.py", "functions/api/handler.py", "functions/api/rules/first.py"}


def test_a_functions_hash_follows_its_code_and_no_other_functions(checkout: Path) -> None:
    def hashes() -> tuple[str, str]:
        api, notify = (tree(checkout, "functions/__init__.py", f"functions/{name}") for name in ("api", "notify"))
        return api.hash, notify.hash

    api, notify = hashes()
    (checkout / "functions/api/rules/first.py").write_text("changed = True\n")
    assert hashes()[0] != api
    assert hashes()[1] == notify
    changed = hashes()
    (checkout / "functions/notify/handler.py").rename(checkout / "functions/notify/main.py")
    assert hashes()[1] != changed[1]


def test_what_python_and_editors_leave_behind_is_not_shipped_and_changes_no_hash(
    checkout: Path, tmp_path: Path
) -> None:
    clean = tree(checkout, "functions/api").hash
    cache = checkout / "functions/api/__pycache__"
    cache.mkdir()
    (cache / "handler.cpython-313.pyc").write_bytes(b"stale")
    (checkout / "functions/api/.DS_Store").write_bytes(b"finder")
    littered = tree(checkout, "functions/api")
    littered.build(tmp_path / "out")
    assert littered.hash == clean
    assert _files(tmp_path / "out") == {"functions/api/handler.py", "functions/api/rules/first.py"}


def test_a_function_that_has_no_folder_yet_still_packs(checkout: Path, tmp_path: Path) -> None:
    tree(checkout, "functions/__init__.py", "functions/broadcast").build(tmp_path / "out")
    assert _files(tmp_path / "out") == {"functions/__init__.py"}


def test_the_dependency_layer_is_another_one_for_another_target_or_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = {dependencies("lambda").hash, dependencies("host").hash}
    lock = tmp_path / "layer.txt"
    lock.write_text("httpx==0.28.1\n")
    monkeypatch.setattr(packaging, "LOCK", lock)
    hashes |= {dependencies("lambda").hash, dependencies("host").hash}
    assert len(hashes) == 4


def test_shipped_bytecode_is_used_whatever_the_sources_time_stamp(checkout: Path) -> None:
    compile_all(checkout, sys.executable)
    bytecode = (checkout / f"functions/api/__pycache__/handler.{sys.implementation.cache_tag}.pyc").read_bytes()
    assert int.from_bytes(bytecode[4:8], "little") == UNCHECKED_HASH
    assert str(checkout).encode() not in bytecode


def test_a_file_that_does_not_compile_stops_the_build(checkout: Path) -> None:
    (checkout / "functions/api/rules/first.py").write_text("def broken(:\n")
    with pytest.raises(subprocess.CalledProcessError):
        compile_all(checkout, sys.executable)


@pytest.mark.parametrize(
    "asset",
    [
        pytest.param(tree(ROOT, "functions/__init__.py", "functions/api"), id="a function"),
        pytest.param(tree(ROOT / "layers" / "cairn", "python"), id="the shared layer"),
        pytest.param(dependencies("lambda"), id="the dependencies"),
    ],
)
def test_what_ships_to_lambda_has_lambdas_bytecode_whatever_interpreter_builds_it(
    asset: packaging.Asset, tmp_path: Path
) -> None:
    """Without it, each cold start compiles what it imports."""
    try:
        python = interpreter.find(download=False)
    except interpreter.MissingInterpreterError as error:
        pytest.skip(str(error))
    asset.build(tmp_path)
    compile_all(tmp_path, python)
    sources = [*tmp_path.rglob("*.py")]
    assert sources
    for source in sources:
        bytecode = (source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc").read_bytes()
        assert bytecode[:4] == MAGIC_OF_313, source
        assert int.from_bytes(bytecode[4:8], "little") == UNCHECKED_HASH, source


def test_an_asset_with_other_bytecode_is_another_asset(template: Template, local_template: Template) -> None:
    """CDK takes what it has built before for what has the same hash."""
    zips = [
        {target_: function["Code"]["S3Key"] for target_, function in one.functions.items()}
        for one in (template, local_template)
    ]
    assert (zips[0] == zips[1]) == (sys.implementation.cache_tag == "cpython-313")


def test_the_lock_of_the_layer_pins_every_package_by_hash() -> None:
    lines = (ROOT / "requirements" / "layer.txt").read_text().splitlines()
    assert not [line for line in lines if "://" in line]
    packages = [line for line in lines if "==" in line]
    assert packages
    assert sum("--hash=sha256:" in line for line in lines) >= len(packages)


def _files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
