"""The documents name only files, code, commands and sections that exist. The changelog names former ones too."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from operations.__main__ import main

ROOT = Path(__file__).parents[2]
CAIRN = ROOT / "layers" / "cairn" / "python"
PACKAGES = ("bench", "functions", "infra", "local", "operations", "testing", "tests", "tools")
FOLDERS = (*PACKAGES, ".ci", ".github", "docs", "layers", "requirements", "web")
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted(ROOT.glob("docs/*.md"))
MADE_BY_MAKE_RUN = ("outputs.json", "stack.json")
A_FILE = re.compile(r"[\w.<>*-]+(?:/[\w.<>*-]+)*/?")
A_FILES_NAME = re.compile(r"[\w-]+\.(?:css|html|js|json|jsonc|md|py|toml|txt)")
A_MODULE = re.compile(rf"(?:cairn|{'|'.join(PACKAGES)})(?:\.\w+)+")
A_COMMAND = re.compile(r"\./cairn (?:--local |--(?:stack|region) \S+ )*([a-z][\w-]*)")
A_MEMBER = re.compile(r"[A-Z]\w+\.\w+")


def fenced(document: Path) -> str:
    return "\n".join(re.findall(r"^```.*?^```$", document.read_text(), re.MULTILINE | re.DOTALL))


def spans(document: Path) -> Iterator[str]:
    """Code in the text. A span that is a line of its own is left out: it names the file that a guide creates."""
    prose = re.sub(r"^```.*?^```$|^`[^`]+`$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose))


def is_missing_file(span: str) -> bool:
    if span in MADE_BY_MAKE_RUN or not A_FILE.fullmatch(span):
        return False
    pattern = re.sub(r"<\w+>", "*", span.rstrip("/"))
    if span.split("/")[0] in (*FOLDERS, "cairn") and "/" in span:
        return not any(list(root.glob(pattern)) for root in (ROOT, CAIRN))
    return bool(A_FILES_NAME.fullmatch(span)) and span not in file_names()


def is_missing_code(span: str) -> bool:
    if A_FILES_NAME.fullmatch(span):
        return False
    if A_MODULE.fullmatch(span):
        try:
            pkgutil.resolve_name(span)
        except (ImportError, AttributeError):
            return True
    return bool(A_MEMBER.fullmatch(span)) and span not in members()


@cache
def file_names() -> set[str]:
    deep = (path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*"))
    return {*deep, *(path.name for path in ROOT.iterdir())}


@cache
def members() -> set[str]:
    """`Class.member`, without what is inherited."""
    found = set()
    for path in (file for folder in ("functions", "infra", "layers") for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for child in node.body if isinstance(node, ast.ClassDef) else ():
                name = getattr(child, "name", None) or getattr(getattr(child, "target", None), "id", None)
                found.add(f"{getattr(node, 'name', '')}.{name}")
    return found


def headings(document: Path) -> set[str]:
    """As GitHub's anchors name them."""
    found = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    assert [span for span in spans(document) if is_missing_file(span)] == []


# cairn-js.md is about a JavaScript object that is called `cairn`.
@pytest.mark.parametrize(
    "document", [path for path in DOCUMENTS if path.stem != "cairn-js"], ids=lambda path: path.stem
)
def test_every_module_class_and_method_that_a_document_names_exists(document: Path) -> None:
    assert [span for span in spans(document) if is_missing_code(span)] == []


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda path: path.stem)
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    broken = []
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", document.read_text()):
        file, _, section = link.partition("#")
        target = document.parent / file if file else document
        if not target.exists() or (section and section not in headings(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_command_that_a_document_names_exists(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join((*spans(document), fenced(document)))
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)", code)) - set(targets) == set()
    for module in set(re.findall(r"\bpython -m ([\w.]+\w)", code)):
        assert importlib.util.find_spec(module), module
    for command in set(re.findall(A_COMMAND, code)):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0, command


def test_every_hint_to_the_operator_is_a_command_that_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    code = [
        file
        for folder in ("functions", "infra", "layers", "local", "operations")
        for file in (ROOT / folder).rglob("*.py")
    ]
    hints = "\n".join(file.read_text() for file in [*code, *DOCUMENTS, ROOT / "Makefile"])
    assert "python -m operations" not in hints
    for command in set(re.findall(A_COMMAND, hints)):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0, command
