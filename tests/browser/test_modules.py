"""Runs the JavaScript tests that need no browser: the client library, and the pages' logic."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cairn.rules import catalogue
from cairn.rules.ladder import Ladder
from local.settings import ROOT

NODE = Path(sys.executable).with_name("node")
# package.json says nothing of the pages, so Node has to detect that their files are modules.
QUIET = "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"
CLIENT_LINES = 400
COUNTER_BYTES = 8000
IMPORT = re.compile(r"import .*?'\./([^']+)';", re.DOTALL)
LADDERS = ("bonus_tier", "goal", "revenue", "signups")


def node(*arguments: str) -> str:
    done = subprocess.run([NODE, QUIET, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("module", ["board", "cairn", "channels", "pages", "watching"])
def test_the_promises_of_the_modules_are_kept(module: str) -> None:
    output = node("--test", "--test-reporter=tap", f"tests/browser/client/{module}.test.mjs")
    assert "# fail 0" in output
    assert "# pass 0" not in output


def test_the_page_knows_the_same_ladders_as_the_rules() -> None:
    script = "import('./web/next-milestone.js').then(({ LADDERS }) => console.log(JSON.stringify(LADDERS)))"
    rules = {rule.name: rule for rule in catalogue() if isinstance(rule, Ladder)}
    assert json.loads(node("--eval", script)) == {name: list(rules[name].thresholds) for name in LADDERS}


def test_the_client_library_can_be_taken_elsewhere() -> None:
    text = (ROOT / "web" / "cairn.js").read_text()
    assert "import " not in text
    assert len(text.splitlines()) <= CLIENT_LINES


def test_the_counter_costs_little_on_any_page() -> None:
    loaded, wanted = set[str](), ["viewers.js"]
    while wanted:
        name = wanted.pop()
        loaded.add(name)
        text = (ROOT / "web" / name).read_text()
        assert "import(" not in text
        wanted += set(IMPORT.findall(text)) - loaded
    assert sum(len(gzip.compress((ROOT / "web" / name).read_bytes(), 9)) for name in loaded) <= COUNTER_BYTES
