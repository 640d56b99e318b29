"""docs/openapi.json matches the code; `make check` compares them with the script that is tested here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.openapi import main


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    assert main([], path) == 0
    return path


def test_what_was_just_written_agrees_with_the_code(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], document) == 0
    assert capsys.readouterr().out == ""


def test_a_changed_document_is_reported_and_left_alone(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = document.read_text().replace('"/api/health"', '"/api/wealth"')
    document.write_text(changed)
    assert main(["--check"], document) == 1
    shown = capsys.readouterr().out
    assert '+    "/api/health": {' in shown
    assert '-    "/api/wealth": {' in shown
    assert "make openapi" in shown
    assert document.read_text() == changed


def test_a_missing_document_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], tmp_path / "openapi.json") == 1
    assert "make openapi" in capsys.readouterr().out


def test_the_document_is_sorted_and_indented(document: Path) -> None:
    text = document.read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
