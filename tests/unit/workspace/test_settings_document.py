"""docs/settings.md has every setting with its default and its words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cairn.workspace.document import SETTINGS, plain

PAGE = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)


def test_the_page_has_every_setting_in_order_and_no_other() -> None:
    assert [name for name, _, _ in ROWS] == list(SETTINGS)


@pytest.mark.parametrize(("name", "default", "words"), ROWS)
def test_what_the_page_says_is_what_the_code_does(name: str, default: str, words: str) -> None:
    setting = SETTINGS[name]
    assert words == setting.words
    if name == "webhook_templates":  # too long for the table: the page names each
        assert all(f"`{rule['template']}`" in PAGE for rule in setting.default)
        return
    if name == "usage_types":
        assert all(f"`{type_}`" in PAGE and f"`{one['metric']}`" in PAGE for type_, one in setting.default.items())
        return
    shown = default.strip("`")
    value = plain(setting.default)
    assert shown == (value or "–" if isinstance(value, str) else json.dumps(value))
