"""A dependency whose licence is not on the list stops `make audit`, wherever it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.licences import ROOT, is_allowed, of_npm, of_python, of_vendored


@pytest.mark.parametrize(
    "expression",
    [
        "MIT",
        "MIT License; MIT No Attribution License (MIT-0)",
        "Mozilla Public License 2.0 (MPL 2.0)",
        "Apache-2.0 AND CNRI-Python",
        "GPL-3.0-only OR MIT",
        "(MIT OR Apache-2.0)",
        "BSD 3-Clause OR Apache-2.0",
    ],
)
def test_a_licence_on_the_list_is_allowed(expression: str) -> None:
    assert is_allowed(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "UNKNOWN",
        "GPL-3.0-only",
        "GNU Affero General Public License v3",
        "MIT AND GPL-3.0-only",
        "MIT License; GNU General Public License v3 (GPLv3)",
        "(MIT OR Apache-2.0) AND SSPL-1.0",
        "MIT-like",
    ],
)
def test_any_other_licence_is_not(expression: str) -> None:
    assert not is_allowed(expression)


def test_a_python_package_is_reported_with_its_version_and_licence() -> None:
    packages = [
        {"Name": "good", "Version": "1.0", "License": "MIT"},
        {"Name": "bad", "Version": "2.0", "License": "AGPL-3.0-only"},
        {"Name": "cairn", "Version": "0.1.0", "License": "UNKNOWN"},
    ]
    assert of_python(packages) == ["bad 2.0: 'AGPL-3.0-only'"]


def test_an_npm_package_is_reported_and_one_without_a_licence_too() -> None:
    lock = {"packages": {"": {"name": "cairn"}, "a": {"version": "1", "license": "GPL-2.0"}, "b": {"version": "2"}}}
    assert of_npm(lock) == ["a 1: 'GPL-2.0'", "b 2: 'no licence'"]


def test_the_locked_npm_packages_and_the_vendored_files_have_allowed_licences() -> None:
    assert of_npm(json.loads((ROOT / "package-lock.json").read_text())) == []
    assert of_vendored(ROOT / "web" / "vendor") == []


def test_a_vendored_file_without_a_licence_is_reported(tmp_path: Path) -> None:
    (tmp_path / "chart.js").write_text("")
    (tmp_path / "confetti.js").write_text("")
    (tmp_path / "confetti.LICENSE.txt").write_text("ISC License")
    assert of_vendored(tmp_path) == ["chart.js: no allowed licence beside it"]
