"""One browser and one fake Cairn for all tests here; each test has a new profile and a new sales floor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from local.settings import CACHE
from tests.browser.backend import COOKIE, REFRESH_COOKIE, Backend
from tests.browser.browser import launched
from tests.browser.leaderboard.people import floor

SCREENSHOTS = CACHE / "screenshots"
WAIT_MILLISECONDS = 20_000
"""How long an expectation may take: on busy cores a page needs seconds for what is instantaneous elsewhere."""
expect.set_options(timeout=WAIT_MILLISECONDS)


# Playwright's event loop counts as running while it is open, so it must end with the tests of this package.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    try:
        running = launched(playwright)
    except RuntimeError as error:
        pytest.fail(str(error), pytrace=False)
    yield running
    running.close()


@pytest.fixture(scope="package")
def _backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.close()


@pytest.fixture
def backend(_backend: Backend) -> Backend:
    _backend.reset()
    _backend.reps = floor()
    return _backend


@pytest.fixture
def context(browser: Browser, backend: Backend) -> Iterator[BrowserContext]:
    """A profile in which Ada is signed in."""
    with browser.new_context(base_url=backend.origin, viewport={"width": 1366, "height": 900}) as made:
        made.set_default_timeout(WAIT_MILLISECONDS)
        sign_in(made, backend, "ada")
        yield made


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that must not raise an error or violate the Content-Security-Policy."""
    troubles: list[str] = []
    made = context.new_page()
    made.on("pageerror", lambda error: troubles.append(str(error)))
    made.on("console", lambda message: troubles.append(message.text) if "Policy" in message.text else None)
    yield made
    made.close()
    assert troubles == []


def shot(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep a screenshot for people to review, of the `whole` page or of what is in view."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)


def wait_for_the_end_of(page: Page, animation: str) -> None:
    """Wait until no element moves by this animation of the style sheets."""
    page.wait_for_function("name => !document.getAnimations().some((one) => one.animationName === name)", arg=animation)


def sign_in(context: BrowserContext, backend: Backend, name: str) -> None:
    """Add a session's cookies to a profile."""
    context.add_cookies(
        [
            {"name": COOKIE, "value": f"{name}.{backend.generation}", "url": backend.origin},
            {"name": REFRESH_COOKIE, "value": name, "url": f"{backend.origin}/api/session"},
        ]
    )
