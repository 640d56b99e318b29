"""`make mutants` finds the code and the tests of each area, and counts what survived."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.mutants import AREAS, LINKS, ROOT, Area, _changes_only_letters_case


def linked(pattern: str) -> list[Path]:
    name, _, rest = pattern.partition("/")
    return list(LINKS[name].glob(rest))


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
def test_the_code_and_the_tests_of_an_area_exist(area: Area) -> None:
    assert [pattern for pattern in (*area.code, *area.tests) if not linked(pattern)] == []


def test_the_areas_are_documented() -> None:
    makefile, guide = ((ROOT / name).read_text() for name in ("Makefile", "CONTRIBUTING.md"))
    assert f"AREA={', '.join(AREAS)}\n" in makefile
    assert all(f"`{area}`" in guide for area in AREAS)


@pytest.mark.parametrize(
    ("changed", "only_case"), [("set a = :b", True), ("SET A = :B", True), ("SET a = :c", False), ("", False)]
)
def test_a_change_of_nothing_but_letters_case_is_recognised(changed: str, *, only_case: bool) -> None:
    diff = f'--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n def f():\n-    return "SET a = :b"\n+    return "{changed}"'
    assert _changes_only_letters_case(diff) is only_case
