"""The page of revenue in light and dark, from the narrowest phone to a large screen, with its dialogs."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.backend import Backend
from tests.browser.conftest import WAIT_MILLISECONDS, shot, sign_in
from tests.browser.revenue.agency import ADA, LONG, NORTH, agency
from tests.browser.test_looks import CHECKS

Scheme = Literal["light", "dark"]
VIEWS = {
    "overview": "?chart=category",
    "fanvue": f"?view=fanvue&creator={ADA}&audience=followers",
    "stale": "",
    "empty": "?agency=empty",
    "transactions": "?view=transactions",
    "creators": "?view=creators",
    "new-agency": "?view=creators",
    "new-creator": "?view=creators",
    "key": "?view=creators",
    "retire": "?view=creators",
}
BUTTONS = {
    "new-agency": "Add an agency",
    "new-creator": "Add a creator",
    "key": "API key of Ada Okafor",
    "retire": "Retire Ada Okafor",
}
NARROW, PHONE, TABLET, LAPTOP = (320, 640), (390, 844), (768, 1024), (1440, 900)
LOOKS: list[tuple[tuple[int, int], Scheme]] = [(NARROW, "dark"), (PHONE, "light"), (TABLET, "dark"), (LAPTOP, "light")]
WHOLE = ("overview", "fanvue", "stale", "empty", "transactions", "creators")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_every_view_is_accessible_in_every_size_and_colour(
    browser: Browser, backend: Backend, view: str, size: tuple[int, int], scheme: Scheme
) -> None:
    agency(backend.revenue)
    backend.revenue.creators["bea"]["name"] = LONG
    backend.revenue.creators["kim"]["sync"] |= {
        "state": "failing",
        "stale": True,
        "error": {"code": "reconnect", "message": "The key is refused", "since": None, "retryAt": None},
    }
    if view == "stale":
        backend.revenue.stale = {"transactions": True, "audience": True}
        backend.revenue.warnings = [
            {
                "code": "failing",
                "message": "Fanvue does not answer for Ada Okafor since Nov 30, 09:12: it is asked again.",
            },
            {"code": "first_sync", "message": "The history of Kim is being read for the first time: its figures grow."},
        ]
        backend.revenue.sale("bea", 4_000, currency="JPY")
    if view == "empty":
        backend.revenue.agency("empty", "Nobody’s agency")
    if view == "overview":
        backend.revenue.run(creators={"total": 3, "done": 1, "failed": 0, "skipped": 0})
    with browser.new_context(
        base_url=backend.origin, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    ) as context:
        context.set_default_timeout(WAIT_MILLISECONDS)
        sign_in(context, backend, "grace")
        page = context.new_page()
        page.goto(f"/revenue{VIEWS[view]}")
        opened(page, view)
        page.evaluate("document.fonts.ready.then(() => null)")
        assert page.evaluate(CHECKS) == []
        assert violations(page) == []
        for dialog in page.locator("dialog[open]").all():
            assert dialog.evaluate("(one) => one.scrollWidth <= one.clientWidth")
        shot(page, f"revenue-{view}-{size[0]}-{scheme}", whole=view in WHOLE)


def opened(page: Page, view: str) -> None:
    """Wait until the view is complete."""
    if view in ("overview", "fanvue", "stale"):
        expect(page.locator("#revenue-chart canvas")).to_be_visible()
        expect(page.locator("#latest-rows tr").first).to_be_visible()
        expect(page.locator("live-state")).to_have_text("Live")
    elif view == "empty":
        expect(page.locator("#no-creators")).to_be_visible()
    elif view == "transactions":
        expect(page.locator("#money-rows tr").first).to_be_visible()
    else:
        expect(page.locator("#creator-rows tr").first).to_be_visible()
    if view == "overview":
        page.locator("#kpis details summary").nth(7).click()
    if view in BUTTONS:
        page.get_by_role("button", name=BUTTONS[view], exact=True).click()
        expect(page.locator("dialog[open]")).to_be_visible()


def test_the_agency_of_the_tests_has_both_kinds_of_creators(backend: Backend) -> None:
    agency(backend.revenue)
    assert [one["agencyId"] for one in backend.revenue.creators.values()].count(NORTH) == 2
