"""Every page in light and dark, from phone to wall: automated checks, and a screenshot of each."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from local.settings import ROOT
from tests.browser.axe import violations
from tests.browser.backend import Backend
from tests.browser.conftest import shot, sign_in, wait_for_the_end_of
from tests.browser.leaderboard.people import celebration

CHECKS = (Path(__file__).parent / "checks.js").read_text()
PHONE, LAPTOP, HD, UHD = (390, 844), (1366, 900), (1920, 1080), (3840, 2160)
Scheme = Literal["light", "dark"]
LOOKS: list[tuple[str, tuple[int, int], Scheme]] = [
    ("/", LAPTOP, "light"),
    ("/", PHONE, "dark"),
    ("/sign-in", LAPTOP, "light"),
    ("/sign-in", PHONE, "dark"),
    ("/account", LAPTOP, "light"),
    ("/account", PHONE, "dark"),
    ("/leaderboard", LAPTOP, "light"),
    ("/leaderboard", LAPTOP, "dark"),
    ("/leaderboard", PHONE, "light"),
    ("/leaderboard", PHONE, "dark"),
    ("/leaderboard", HD, "light"),
    ("/tv", HD, "light"),
    ("/tv", HD, "dark"),
    ("/tv", UHD, "dark"),
    ("/tv", PHONE, "light"),
]


@pytest.fixture
def floor_with_history(backend: Backend) -> Backend:
    """A sales floor with badges and past celebrations."""
    badge = [{"id": "goal-crusher", "name": "Goal Crusher", "emoji": "🏁"}]
    backend.badges = {backend.reps[0]["id"]: badge, backend.reps[1]["id"]: badge}
    for place, title, icon, minutes in (
        (7, "15 sign-ups in a month", "🎯", 190),
        (4, "$25,000 in a month", "💰", 120),
        (1, "Monthly goal reached", "🏁", 64),
        (0, "Bonus tier 5", "👑", 31),
    ):
        at = backend.now() - timedelta(minutes=minutes)
        backend.celebrate(celebration(backend.reps[place], title, at=at, icon=icon))
    return backend


def opened(browser: Browser, backend: Backend, path: str, size: tuple[int, int], scheme: Scheme) -> Page:
    context = browser.new_context(
        base_url=backend.origin, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    sign_in(context, backend, "ada")
    page = context.new_page()
    page.goto(path)
    if path in ("/leaderboard", "/tv"):
        expect(page.locator("live-state")).to_have_text("Live")
        expect(page.locator("#latest li").nth(3)).to_be_visible()
    page.evaluate("document.fonts.ready.then(() => null)")
    return page


@pytest.mark.parametrize(("path", "size", "scheme"), LOOKS)
def test_every_page_is_accessible_in_every_size_and_colour(
    browser: Browser, floor_with_history: Backend, path: str, size: tuple[int, int], scheme: Scheme
) -> None:
    page = opened(browser, floor_with_history, path, size, scheme)
    assert page.evaluate(CHECKS) == []
    assert violations(page) == []
    shot(page, f"{path.strip('/') or 'home'}-{size[0]}-{scheme}")
    page.context.close()


@pytest.mark.parametrize(("size", "scheme"), [(HD, "light"), (HD, "dark"), (PHONE, "dark")])
def test_a_celebration_fills_the_screen(
    browser: Browser, floor_with_history: Backend, size: tuple[int, int], scheme: Scheme
) -> None:
    page = opened(browser, floor_with_history, "/tv", size, scheme)
    person = floor_with_history.reps[0]
    floor_with_history.celebrate(
        celebration(person, "$100,000 in a month", also=("$75,000",), description="In a single month.")
    )
    floor_with_history.celebrate(celebration(floor_with_history.reps[1], "Rank #1", icon="🥇"))
    expect(page.locator("#celebration .who")).to_have_text(person["name"])
    expect(page.locator("#celebration .also")).to_contain_text("$75,000")
    expect(page.locator("#celebration .next")).to_have_text("1 more to come")
    wait_for_the_end_of(page, "lift")
    shot(page, f"celebration-{size[0]}-{scheme}")
    box = page.locator("#celebration").bounding_box()
    assert box
    assert (box["width"], box["height"]) == size
    page.context.close()


def test_a_long_name_stays_within_the_screen(browser: Browser, floor_with_history: Backend) -> None:
    floor_with_history.reps[0]["name"] = "Wolfeschlegelsteinhausenbergerdorff-" * 4
    floor_with_history.reps[1]["name"] = (
        "Pablo Diego José Francisco de Paula Juan Nepomuceno María de los Remedios Picasso"
    )
    for path, size in (("/leaderboard", PHONE), ("/leaderboard", LAPTOP), ("/tv", HD), ("/tv", PHONE)):
        page = opened(browser, floor_with_history, path, size, "light")
        if path == "/tv":
            floor_with_history.celebrate(celebration(floor_with_history.reps[0], f"Celebrated at {size[0]}"))
            expect(page.locator("#celebration .what")).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shot(page, f"long-names{path.replace('/', '-')}-{size[0]}")
        page.context.close()


def test_reduced_motion_is_respected(browser: Browser, floor_with_history: Backend) -> None:
    context = browser.new_context(base_url=floor_with_history.origin, reduced_motion="reduce")
    sign_in(context, floor_with_history, "ada")
    page = context.new_page()
    page.goto("/tv")
    expect(page.locator("#places li")).to_have_count(8)
    floor_with_history.celebrate(celebration(floor_with_history.reps[0]))
    expect(page.locator("#celebration")).to_be_visible()
    floor_with_history.reps[4]["monthlyRevenue"] = 90_000
    floor_with_history.refresh()
    expect(page.locator("#places li").nth(1)).to_contain_text(floor_with_history.reps[4]["name"])
    page.wait_for_timeout(400)
    assert page.evaluate("document.getAnimations().length") == 0
    drawn = "(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean))"
    assert page.evaluate(f"{drawn}(document.getElementById('confetti'))") is False
    context.close()


def test_nothing_in_the_pages_needs_an_exception_from_the_policy() -> None:
    for page in (ROOT / "web").glob("*.html"):
        text = page.read_text()
        for forbidden in (" style=", "<style", " onclick=", "javascript:", "<script>", "http://", "https://"):
            assert forbidden not in text.replace('xmlns="http://www.w3.org/2000/svg"', ""), f"{page.name}: {forbidden}"
    for module in (ROOT / "web").glob("*.js"):
        text = module.read_text()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert forbidden not in text, f"{module.name}: {forbidden}"
