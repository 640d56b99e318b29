"""axe-core's rules for the current page: https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md"""

from __future__ import annotations

from functools import cache

from playwright.sync_api import Page

from local.settings import ROOT

_SCRIPT = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html}`));
}"""


def violations(page: Page) -> list[str]:
    """What is wrong, in axe's words. FileNotFoundError until `make check` has installed node_modules."""
    page.evaluate(_source())  # by the debugger's protocol, which no policy of the page forbids
    found: list[str] = page.evaluate(_RUN)
    return found


@cache
def _source() -> str:
    return _SCRIPT.read_text(encoding="utf-8")
