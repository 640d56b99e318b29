"""One browser and one stand-in for Cairn for all tests here; each test has a fresh profile and a fresh floor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from local.settings import CACHE
from tests.browser.backend import COOKIE, REFRESH_COOKIE, Backend
from tests.browser.browser import launched
from tests.browser.people import floor

SCREENSHOTS = CACHE / "screenshots"
WAIT_MILLISECONDS = 20_000
"""How long what must come is waited for: on busy cores a page takes seconds for what it does at once elsewhere."""
expect.set_options(timeout=WAIT_MILLISECONDS)


# Playwright's own event loop counts as running for as long as it is open: it must end with the tests of this package.
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
    """A page that runs without an error and never comes into conflict with the Content-Security-Policy."""
    troubles: list[str] = []
    made = context.new_page()
    made.on("pageerror", lambda error: troubles.append(str(error)))
    made.on("console", lambda message: troubles.append(message.text) if "Policy" in message.text else None)
    yield made
    made.close()
    assert troubles == []


def shot(page: Page, name: str) -> None:
    """Keep a picture for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def sign_in(context: BrowserContext, backend: Backend, name: str) -> None:
    """Put the cookies of a session into a profile."""
    context.add_cookies(
        [
            {"name": COOKIE, "value": f"{name}.{backend.generation}", "url": backend.origin},
            {"name": REFRESH_COOKIE, "value": name, "url": f"{backend.origin}/api/session"},
        ]
    )
