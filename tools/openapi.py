"""Writes docs/openapi.json from the API's code. With --check, reports how the file and the code differ instead."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from functions.api.app import app

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.json"
_SHOWN_LINES = 60


def rendered() -> str:
    """The document of the code. Keys are sorted, so that moving a route in the code leaves the file unchanged."""
    document = json.loads(app.get_openapi_json_schema())
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def differences(document: Path) -> list[str]:
    """The first lines of a diff from the file to the code; empty when they agree."""
    committed = document.read_text(encoding="utf-8").splitlines() if document.exists() else []
    diff = difflib.unified_diff(committed, rendered().splitlines(), document.name, "the code", lineterm="")
    return list(islice(diff, _SHOWN_LINES))


def main(arguments: Sequence[str] | None = None, document: Path = DOCUMENT) -> int:
    """0, or 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(prog="python -m tools.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="report differences and write nothing")
    if not parser.parse_args(arguments).check:
        document.write_text(rendered(), encoding="utf-8")
        return 0
    diff = differences(document)
    if diff:
        print(*diff, f"{document.name} and the code differ. `make openapi` rewrites the file.", sep="\n")
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main())
