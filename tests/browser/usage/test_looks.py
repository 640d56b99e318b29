"""The page of usage in light and dark, from the narrowest phone to a large screen, with its dialogs."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.backend import Backend
from tests.browser.conftest import WAIT_MILLISECONDS, shot, sign_in
from tests.browser.test_looks import CHECKS
from tests.browser.usage.people import crowded

Scheme = Literal["light", "dark"]
ADA = "#user?id=ada%40example.com"
VIEWS = {
    "users": "#users",
    "user": ADA,
    "totals": "#totals",
    "freeze": ADA,
    "edit": ADA,
    "erase": ADA,
}
BUTTONS = {"freeze": "Grant a freeze", "edit": "Goal and time zone", "erase": "Erase"}
NARROW, PHONE, TABLET, LAPTOP = (320, 640), (360, 740), (768, 1024), (1440, 900)
LOOKS: list[tuple[tuple[int, int], Scheme]] = [(NARROW, "dark"), (PHONE, "light"), (TABLET, "dark"), (LAPTOP, "light")]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_every_view_is_accessible_in_every_size_and_colour(
    browser: Browser, backend: Backend, view: str, size: tuple[int, int], scheme: Scheme
) -> None:
    crowded(backend.usage)
    endpoint = backend.webhooks.endpoint()
    for number, status in enumerate(("sent", "failed", "pending")):
        backend.webhooks.message(endpoint, event=f"evt_{number:020}", status=status)
    with browser.new_context(
        base_url=backend.origin, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    ) as context:
        context.set_default_timeout(WAIT_MILLISECONDS)
        sign_in(context, backend, "grace")
        page = context.new_page()
        page.goto(f"/usage{VIEWS[view]}")
        opened(page, view)
        page.evaluate("document.fonts.ready.then(() => null)")
        assert page.evaluate(CHECKS) == []
        assert violations(page) == []
        for dialog in page.locator("dialog[open]").all():
            assert dialog.evaluate("(one) => one.scrollWidth <= one.clientWidth")
        shot(page, f"usage-{view}-{size[0]}-{scheme}", whole=view in ("users", "user", "totals"))


def opened(page: Page, view: str) -> None:
    """Wait until the view is complete."""
    if view == "users":
        expect(page.locator("#user-rows tr").first).to_be_visible()
    elif view == "totals":
        expect(page.locator("#chart canvas")).to_be_visible()
    else:
        expect(page.locator("#calendar td").first).to_be_attached()
        expect(page.locator("#milestone-rows .sent").first).not_to_be_empty()
    if view in BUTTONS:
        page.get_by_role("button", name=BUTTONS[view], exact=True).click()
        expect(page.locator("dialog[open]")).to_be_visible()
