"""The page of revenue stays fresh on a simulated clock, says what is stale, and shows how a sync goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Route, expect

from tests.browser.backend import Backend
from tests.browser.conftest import sign_in
from tests.browser.revenue.agency import ADA, BEA, NORTH
from tests.browser.revenue.service import Service
from tests.browser.viewers.audience import iso

TWO_MINUTES, SECOND = 120_000, 1_000
ROOM = "creators"
HIDE = """(state) => {
  Object.defineProperty(document, 'visibilityState', { configurable: true, value: state });
  Object.defineProperty(document, 'hidden', { configurable: true, value: state === 'hidden' });
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture
def context(context: BrowserContext, backend: Backend) -> BrowserContext:
    """A profile in which somebody of `analytics` is signed in."""
    sign_in(context, backend, "eve")
    return context


@pytest.fixture
def infos(page: Page) -> list[str]:
    """What the page says in the console as information."""
    said: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "info":
            said.append(message.text)

    page.on("console", hear)
    return said


def opened(page: Page, backend: Backend, address: str = "/revenue") -> None:
    """Open the page with a clock that stands, and wait until it is in the room."""
    page.clock.install(time=backend.now())
    page.goto(address)
    expect(page.locator("#dashboard")).to_have_attribute("aria-busy", "false")
    expect(page.locator("live-state")).to_have_text("Live")
    page.clock.pause_at(backend.now() + timedelta(seconds=30))


def tile(page: Page, name: str) -> Locator:
    return page.locator(f'.kpi[data-kpi="{name}"]')


def revenue(page: Page) -> str:
    return tile(page, "totalRevenue").locator(".value").inner_text()


def reads(service: Service) -> int:
    """How many times the figures were read."""
    return sum(path == "/api/analytics/dashboard" for _, path, _ in service.asked)


def say(backend: Backend, creator: str, event: str = "creators:revenue") -> None:
    """What the room says of a creator; a state of revenue is not numbered."""
    data: dict[str, Any] = {"creatorId": creator, "revenue": 1.0, "asOf": iso(backend.now()), "traceId": "0" * 32}
    if event == "creators:milestone":
        return backend.publish(ROOM, event, data)
    frame = {"id": None, "event": event, "room": ROOM, "at": iso(backend.now()), "data": data}
    return backend._run(backend._post(ROOM, frame))


# -- every two minutes


@pytest.mark.parametrize(
    ("address", "line"), [("/revenue", "Overview"), (f"/revenue?view=fanvue&creator={ADA}", "Fanvue")]
)
def test_figures_move_every_two_minutes_without_a_reload(
    page: Page, backend: Backend, service: Service, infos: list[str], address: str, line: str
) -> None:
    opened(page, backend, address)
    page.evaluate("window.same = true")
    before = revenue(page)
    service.sale(ADA, 1_000)
    page.clock.fast_forward(60 * SECOND)
    assert infos == []
    page.clock.fast_forward(60 * SECOND)
    expect(tile(page, "totalRevenue").locator(".value")).not_to_have_text(before)
    assert infos == [f"[{line}] Auto-refreshing data..."]
    for _ in range(2):
        page.clock.fast_forward(TWO_MINUTES)
    assert infos == [f"[{line}] Auto-refreshing data..."] * 3
    assert page.evaluate("window.same")


def test_a_hidden_page_asks_nothing_and_catches_up_when_it_is_seen(
    page: Page, backend: Backend, service: Service, infos: list[str]
) -> None:
    opened(page, backend)
    before, asked = revenue(page), reads(service)
    page.evaluate(HIDE, "hidden")
    service.sale(ADA, 1_000)
    page.clock.fast_forward(5 * TWO_MINUTES)
    assert (infos, reads(service)) == ([], asked)
    page.evaluate(HIDE, "visible")
    expect(tile(page, "totalRevenue").locator(".value")).not_to_have_text(before)
    assert infos == ["[Overview] Auto-refreshing data..."]
    page.clock.fast_forward(TWO_MINUTES)
    assert infos == ["[Overview] Auto-refreshing data..."] * 2


def test_a_page_that_was_hidden_for_a_moment_asks_nothing_more(
    page: Page, backend: Backend, service: Service, infos: list[str]
) -> None:
    opened(page, backend)
    asked = reads(service)
    page.evaluate(HIDE, "hidden")
    page.clock.run_for(10 * SECOND)
    page.evaluate(HIDE, "visible")
    page.clock.run_for(10 * SECOND)
    assert (infos, reads(service)) == ([], asked)


def test_other_views_are_refreshed_too_and_say_nothing(
    page: Page, backend: Backend, service: Service, infos: list[str]
) -> None:
    opened(page, backend)
    page.get_by_role("link", name="Transactions").click()
    expect(page.locator("#money-rows tr").first).to_be_visible()
    service.sale(BEA, 777)
    page.clock.fast_forward(TWO_MINUTES)
    expect(page.locator("#money-rows tr").first).to_contain_text("$777.00")
    assert infos == []


# -- at once


@pytest.mark.parametrize("event", ["creators:revenue", "creators:milestone"])
def test_the_room_refreshes_the_figures_at_once(
    page: Page, backend: Backend, service: Service, infos: list[str], event: str
) -> None:
    opened(page, backend)
    before = revenue(page)
    service.sale(ADA, 1_000)
    say(backend, ADA, event)
    expect(tile(page, "totalRevenue").locator(".value")).not_to_have_text(before)
    assert infos == []


def test_a_busy_evening_is_asked_about_every_five_seconds(page: Page, backend: Backend, service: Service) -> None:
    opened(page, backend, f"/revenue?agency={NORTH}")
    asked = reads(service)
    before = revenue(page)
    service.sale(ADA, 1_000)
    for _ in range(20):
        say(backend, ADA)
    expect(tile(page, "totalRevenue").locator(".value")).not_to_have_text(before)
    assert reads(service) == asked + 1
    before = revenue(page)
    service.sale(ADA, 2_000)
    say(backend, ADA)
    page.clock.run_for(6 * SECOND)
    expect(tile(page, "totalRevenue").locator(".value")).not_to_have_text(before)
    assert reads(service) == asked + 2


def test_what_a_hidden_page_heard_is_read_when_it_is_seen(page: Page, backend: Backend, service: Service) -> None:
    opened(page, backend)
    before, asked = revenue(page), reads(service)
    page.evaluate(HIDE, "hidden")
    service.sale(ADA, 1_000)
    say(backend, ADA)
    page.clock.run_for(10 * SECOND)
    assert reads(service) == asked
    page.evaluate(HIDE, "visible")
    expect(tile(page, "totalRevenue").locator(".value")).not_to_have_text(before)


def test_a_cut_socket_is_said_and_what_it_missed_is_read(page: Page, backend: Backend, service: Service) -> None:
    opened(page, backend)
    before = revenue(page)
    service.sale(ADA, 1_000)
    backend.cut()
    page.clock.resume()  # it connects again
    expect(page.locator("live-state")).to_have_text("Live")
    expect(tile(page, "totalRevenue").locator(".value")).not_to_have_text(before)


def test_without_the_room_the_page_says_that_it_asks_every_two_minutes(
    page: Page, backend: Backend, service: Service, infos: list[str]
) -> None:
    backend.rooms_refused = {ROOM}
    page.clock.install(time=backend.now())
    page.goto("/revenue")
    expect(page.locator("live-state")).to_have_text("Not live")
    expect(page.locator("#polling")).to_have_text("Asked every 2 minutes.")
    page.clock.pause_at(backend.now() + timedelta(seconds=30))
    before = revenue(page)
    service.sale(ADA, 1_000)
    page.clock.fast_forward(TWO_MINUTES)
    expect(tile(page, "totalRevenue").locator(".value")).not_to_have_text(before)
    assert infos == ["[Overview] Auto-refreshing data..."]


# -- stale, in words


def test_an_outage_of_the_platform_is_said_in_words_and_its_figures_stay(
    page: Page, backend: Backend, service: Service
) -> None:
    opened(page, backend)
    shown = revenue(page)
    service.as_of["transactions"] = timedelta(hours=3, minutes=10)
    service.stale["transactions"] = True
    service.warnings = [{"code": "failing", "message": "Fanvue does not answer for Ada Okafor."}]
    page.clock.fast_forward(TWO_MINUTES)
    expect(page.locator("#warnings .alarm")).to_have_text("Fanvue does not answer for Ada Okafor.")
    expect(page.locator("#transactions-age")).to_contain_text("Stale: last read ")
    expect(page.locator("#transactions-age")).to_contain_text("3 hours ago")
    expect(tile(page, "arpu").locator(".age")).to_contain_text("Stale: last read")
    expect(tile(page, "followers").locator(".age")).to_contain_text("As of ")
    assert revenue(page) == shown


def test_a_cairn_that_does_not_answer_leaves_the_figures_and_says_that_they_are_old(
    page: Page, backend: Backend, service: Service
) -> None:
    opened(page, backend)
    shown = revenue(page)
    service.broken = True
    page.clock.fast_forward(TWO_MINUTES)
    expect(page.locator("#not-refreshed")).to_contain_text(
        "The database answers nothing. The figures are those of before. Cairn is asked again within 2 minutes."
    )
    expect(tile(page, "totalRevenue").locator(".age")).to_contain_text("Stale: last read")
    assert revenue(page) == shown
    service.broken = False
    page.get_by_role("button", name="Try again now").click()
    expect(page.locator("#not-refreshed")).to_be_hidden()
    expect(tile(page, "totalRevenue").locator(".age")).to_contain_text("As of")


def test_a_page_that_never_had_figures_shows_none(page: Page, service: Service) -> None:
    service.broken = True
    page.goto("/revenue")
    expect(page.locator("#not-refreshed")).to_contain_text("The database answers nothing. Cairn is asked again")
    expect(page.locator("#figures")).to_be_hidden()
    expect(page.locator("#no-creators")).to_be_hidden()


def test_ages_grow_while_nothing_is_read(page: Page, backend: Backend, service: Service) -> None:
    opened(page, backend)
    age = tile(page, "totalRevenue").locator(".age")
    expect(age).to_have_text("As of 4 minutes ago")
    page.clock.run_for(75 * SECOND)
    expect(age).to_have_text("As of 5 minutes ago")


def test_an_answer_that_comes_late_does_not_replace_a_newer_one(page: Page, backend: Backend, service: Service) -> None:
    opened(page, backend)
    held: list[Route] = []
    page.route("**/api/analytics/dashboard?timeRange=7d*", lambda route: held.append(route))
    page.get_by_label("Time", exact=True).select_option("The last 7 days")
    expect(page.locator("#dashboard")).to_have_attribute("aria-busy", "true")
    page.get_by_label("Time", exact=True).select_option("The last year")
    expect(page.locator("#dashboard")).to_have_attribute("aria-busy", "false")
    shown = page.locator("#range").inner_text()
    for route in held:
        with page.expect_response("**/api/analytics/dashboard?timeRange=7d*"):
            route.continue_()
    page.clock.run_for(SECOND)
    expect(page.locator("#range")).to_have_text(shown)


# -- Sync Data


def test_sync_data_says_how_far_it_is_and_reads_the_figures_at_its_end(
    page: Page, backend: Backend, service: Service
) -> None:
    opened(page, backend)
    before = revenue(page)
    page.get_by_role("button", name="Sync Data").click()
    words = page.locator("#sync-words")
    expect(words).to_have_text("0 of 3 creators done …")
    service.run(creators={"total": 3, "done": 1, "failed": 1, "skipped": 0})
    page.clock.run_for(2 * SECOND)
    expect(words).to_have_text("2 of 3 creators done, 1 failed …")
    expect(page.locator("#sync-bar")).to_have_js_property("value", 2)
    service.sale(ADA, 1_000)
    error = {"creatorId": BEA, "name": "Bea Lindqvist", "code": "reconnect", "message": "the key is refused"}
    service.run(state="done", creators={"total": 3, "done": 2, "failed": 1, "skipped": 0}, errors=[error])
    page.clock.run_for(3 * SECOND)
    expect(words).to_have_text("Synced 2 of 3 creators. Failed: Bea Lindqvist: the key is refused.")
    expect(page.locator("#sync-bar")).to_be_hidden()
    expect(tile(page, "totalRevenue").locator(".value")).not_to_have_text(before)
    assert ("POST", "/api/analytics/sync", {}) in service.asked


def test_a_second_press_joins_the_sync_that_runs(page: Page, backend: Backend, service: Service) -> None:
    opened(page, backend)
    button = page.get_by_role("button", name="Sync Data")
    button.click()
    expect(page.locator("#sync-words")).to_have_text("0 of 3 creators done …")
    button.click()
    expect(page.locator("#sync-words")).to_have_text("A sync was running already. 0 of 3 creators done …")
    assert len(service.runs) == 1
    service.run(state="done", creators={"total": 3, "done": 3, "failed": 0, "skipped": 0})
    page.clock.run_for(3 * SECOND)
    expect(page.locator("#sync-words")).to_have_text("Synced 3 of 3 creators.")


def test_a_sync_that_runs_already_is_shown_to_who_opens_the_page(
    page: Page, backend: Backend, service: Service
) -> None:
    service.run(creators={"total": 3, "done": 2, "failed": 0, "skipped": 0})
    opened(page, backend)
    expect(page.locator("#sync-words")).to_have_text("2 of 3 creators done …")


def test_the_tab_of_one_creator_syncs_that_one(page: Page, backend: Backend, service: Service) -> None:
    opened(page, backend, f"/revenue?view=fanvue&creator={BEA}")
    page.get_by_role("button", name="Sync Data").click()
    expect(page.locator("#sync-words")).to_contain_text("done …")
    assert ("POST", "/api/analytics/sync", {"creatorId": BEA}) in service.asked


def test_a_sync_that_cannot_be_started_says_why(page: Page, backend: Backend, service: Service) -> None:
    service.refusal = (503, "the queue cannot be reached")
    opened(page, backend)
    page.get_by_role("button", name="Sync Data").click()
    expect(page.locator("#sync-words")).to_have_text("The sync could not be started: The queue cannot be reached.")
