"""The header of every page: the navigation has the pages that the person's modules allow."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import sign_in_form
from tests.browser.backend import PASSWORD, WEB, Backend
from tests.browser.conftest import sign_in

PUBLIC = ["Live viewers"]
BOARD = ["Leaderboard", "TV", "Live viewers"]
ANALYTICS = [*PUBLIC, "Usage", "Revenue"]
HOOKS = [*PUBLIC, "Webhooks"]
ALL = [*BOARD, "Usage", "Revenue", "Webhooks"]
PAGES = sorted(page.name for page in WEB.glob("*.html") if page.name != "embed.html")


def links(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Pages").get_by_role("link")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_the_header(page: str) -> None:
    text = (WEB / page).read_text()
    assert len(re.findall(r'<page-header [^>]*skip-to="(\w+)"', text)) == 1
    assert '<script type="module" src="/page-header.js" blocking="render"></script>' in text
    (target,) = re.findall(r'skip-to="(\w+)"', text)
    assert f'id="{target}"' in text


@pytest.mark.parametrize(
    ("name", "allowed"), [("tess", PUBLIC), ("eve", ANALYTICS), ("ada", BOARD), ("hook", HOOKS), ("grace", ALL)]
)
@pytest.mark.parametrize("path", ["/", "/leaderboard"])
def test_the_navigation_has_the_pages_that_the_modules_allow(
    browser: Browser, backend: Backend, path: str, name: str, allowed: list[str]
) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        sign_in(context, backend, name)
        page = context.new_page()
        page.goto(path)
        expect(page.get_by_role("banner").get_by_role("button", name="Sign out")).to_be_visible()
        expect(page.get_by_role("banner")).to_contain_text(f"Signed in as {name.title()}")
        expect(links(page)).to_have_text(allowed)
        # The next page is drawn without waiting for the API.
        page.route("**/api/**", lambda route: route.abort())
        page.goto("/live/demo")
        expect(links(page)).to_have_text(allowed)
        expect(links(page).get_by_text("Live viewers")).to_have_attribute("aria-current", "page")


@pytest.mark.parametrize("path", ["/", "/sign-in", "/live", "/live/demo"])
def test_a_signed_out_visitor_sees_the_public_pages(browser: Browser, backend: Backend, path: str) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        page = context.new_page()
        page.goto(path)
        expect(links(page)).to_have_text(PUBLIC)
        expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
        if path != "/":  # the home page asks who is signed in, to offer the sign-in
            assert not [path for _, path in backend.requests if path.startswith("/api/session")]


def test_signing_in_and_out_changes_the_navigation(browser: Browser, backend: Backend) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        page = context.new_page()
        page.goto("/sign-in?next=%2Flive%2Fdemo")
        sign_in_form.sign_in(page, "ada", PASSWORD, leads_to="**/live/demo")
        expect(links(page)).to_have_text(BOARD)
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in")
        expect(links(page)).to_have_text(PUBLIC)


def test_a_session_that_ended_elsewhere_leaves_the_public_pages(page: Page, backend: Backend) -> None:
    page.goto("/")
    expect(links(page)).to_have_text(BOARD)
    backend.generation += 1
    backend.refreshable = False
    page.goto("/live/demo")
    expect(links(page)).to_have_text(PUBLIC)
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()


def test_the_header_is_complete_in_the_first_frame_and_nothing_moves_afterwards(page: Page) -> None:
    drawn = "[document.querySelector('page-header nav').textContent, document.querySelector('main').offsetTop]"
    page.add_init_script(f"requestAnimationFrame(() => {{ window.first = {drawn}; }});")
    page.goto("/")
    expect(links(page)).to_have_text(BOARD)
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert page.evaluate(drawn) == page.evaluate("first")
    assert page.evaluate("first[0]") == "".join(BOARD)


def test_the_skip_link_leads_past_the_navigation(page: Page) -> None:
    page.goto("/leaderboard")
    expect(page.locator("#rows tr")).to_have_count(12)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Rank")).to_be_focused()
