"""The leaderboard page: who has access, and what it shows."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser import sign_in_form
from tests.browser.backend import PASSWORD, WEB, Backend
from tests.browser.conftest import sign_in
from tests.browser.leaderboard.people import celebration, rep

HOSTILE = [
    "<img src=x onerror=window.broken=1>",
    '"><script>window.broken=1</script>',
    "${window.broken=1}{{constructor.constructor('window.broken=1')()}}",
    "'; window.broken=1; //",
]
HOSTILE_AVATARS = [
    "javascript:window.broken=1",
    "data:text/html,<script>window.broken=1</script>",
    'https://pictures.invalid/x.png" onerror="window.broken=1',
    "<b>",
    "http://pictures.invalid/plain.png",
]


def open_board(page: Page) -> None:
    page.goto("/leaderboard")
    expect(page.locator("#rows tr")).to_have_count(12)
    expect(page.locator("live-state")).to_have_text("Live")


def names(page: Page) -> list[str]:
    return page.locator("#rows tr:not([hidden]) .full").all_text_contents()


def test_signing_in_leads_to_the_page_that_was_requested(browser: Browser, backend: Backend) -> None:
    context = browser.new_context(base_url=backend.origin)
    page = context.new_page()
    page.goto("/leaderboard")
    page.wait_for_url("**/sign-in?next=%2Fleaderboard")
    sign_in_form.submit(page, "ada", "wrong")
    expect(page.get_by_role("alert")).to_have_text("That name and password do not match.")
    page.get_by_role("button", name="Show password").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/leaderboard")
    expect(page.locator("#rows tr")).to_have_count(12)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto("/leaderboard")
    page.wait_for_url("**/sign-in?next=%2Fleaderboard")
    context.close()


@pytest.mark.parametrize("elsewhere", ["/.//evil.invalid/", "/leaderboard/..//evil.invalid/"])
def test_signing_in_never_leads_to_another_site(browser: Browser, backend: Backend, elsewhere: str) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        page = context.new_page()
        page.goto(f"/sign-in?next={quote(elsewhere, safe='')}")
        sign_in_form.submit(page, "ada", PASSWORD)
        page.wait_for_url(lambda url: "/sign-in" not in url)
        assert page.url.startswith(f"{backend.origin}/")


@pytest.mark.parametrize("path", ["/leaderboard", "/tv"])
def test_without_the_module_a_page_says_so_and_shows_nothing(browser: Browser, backend: Backend, path: str) -> None:
    context = browser.new_context(base_url=backend.origin)
    sign_in(context, backend, "eve")
    page = context.new_page()
    page.goto(path)
    expect(page.get_by_text("Eve is signed in, but has no access to the leaderboard.")).to_be_visible()
    expect(page.get_by_role("table")).to_have_count(0)
    assert not [address for _, address in backend.requests if address.startswith("/api/leaderboard")]
    context.close()


@pytest.mark.parametrize("name", ["grace", "wall"], ids=["admin", "display"])
def test_an_admin_and_a_tvs_account_see_the_board_too(browser: Browser, backend: Backend, name: str) -> None:
    context = browser.new_context(base_url=backend.origin)
    sign_in(context, backend, name)
    page = context.new_page()
    open_board(page)
    context.close()


def test_an_expired_session_is_renewed_silently(page: Page, backend: Backend) -> None:
    backend.generation += 1
    open_board(page)
    assert backend.requests.count(("POST", "/api/session/refresh")) == 1


def test_the_board_shows_everybody_with_all_there_is_to_know(page: Page, backend: Backend) -> None:
    backend.badges = {backend.reps[0]["id"]: [{"id": "x", "name": "Rising Star", "emoji": "🌟"}]}
    page.goto("/leaderboard")
    expect(page.get_by_role("heading", name="November 2026")).to_be_visible()
    first = page.get_by_role("row").nth(1)
    for text in ("1", "Ada Lovelace", "North", "$98,400", "38", "123%", "+12.5%"):
        expect(first).to_contain_text(text)
    expect(first.get_by_role("img", name="Badge: Rising Star")).to_be_visible()
    expect(first.get_by_role("img", name="Bonus tier 5 of 6")).to_be_visible()
    expect(first.get_by_role("meter", name="Goal of Ada Lovelace")).to_have_attribute("aria-valuetext", "123%")
    last = page.get_by_role("row").last
    expect(last.get_by_role("meter")).to_have_attribute("aria-valuetext", "unknown")
    expect(page.locator("#sum-revenue")).to_have_text("$492,205")
    expect(page.locator("#reach li").first).to_contain_text("Katherine Johnson")
    expect(page.locator("#reach li").first).to_contain_text("$10")


def test_every_column_sorts_both_ways_and_says_so(page: Page, backend: Backend) -> None:
    open_board(page)
    revenue = page.get_by_role("columnheader", name="Revenue")
    page.get_by_role("button", name="Name").click()
    assert names(page) == sorted(names(page))
    page.get_by_role("button", name="Revenue").click()
    expect(revenue).to_have_attribute("aria-sort", "descending")
    expect(page.locator("#announcement")).to_have_text("Sorted by Revenue, highest first")
    assert names(page)[0] == "Ada Lovelace"
    page.get_by_role("button", name="Revenue").press("Enter")
    expect(revenue).to_have_attribute("aria-sort", "ascending")
    assert names(page)[0] == "Tim"
    assert page.locator("th[aria-sort]").count() == 1
    page.get_by_role("button", name="Growth").click()
    assert (names(page)[0], names(page)[-1]) == ("Katherine Johnson", "Tim")


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(page: Page) -> None:
    open_board(page)
    reached = []
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("(({ textContent, id }) => textContent.trim() || id)(document.activeElement)"))
    header = ["Skip to content", "Cairn", "Leaderboard", "TV", "Live viewers", "Ada", "Sign out"]
    assert reached[:8] == [*header, "filter"]
    assert reached[9:] == ["Rank", "Name", "Revenue", "Sign-ups", "Goal", "Growth", "Tier"]


def test_a_filter_finds_names_and_teams(page: Page) -> None:
    open_board(page)
    page.get_by_label("Filter by name or team").fill("south")
    assert names(page) == ["Edsger Dijkstra", "Barbara Liskov", "Radia Perlman"]
    page.get_by_label("Filter by name or team").fill("nobody at all")
    expect(page.get_by_text("Nobody matches “nobody at all”.")).to_be_visible()


def test_a_change_is_seen_at_once_with_who_rose_and_who_fell(page: Page, backend: Backend) -> None:
    open_board(page)
    backend.reps[4]["monthlyRevenue"] = 77_000.5
    backend.refresh()
    row = page.get_by_role("row").nth(2)
    expect(row).to_contain_text("Alan Turing")
    expect(row).to_contain_text("$77,001")
    expect(row.locator(".move .unseen")).to_contain_text("up 3 places since")
    expect(page.get_by_role("row").nth(3).locator(".move .unseen")).to_contain_text("down 1 place since")


def test_a_milestone_is_announced_and_its_badge_appears(page: Page, backend: Backend) -> None:
    open_board(page)
    person = backend.reps[5]
    backend.badges = {person["id"]: [{"id": "x", "name": "Rising Star", "emoji": "🌟"}]}
    backend.celebrate(celebration(person, "$50,000 in a month"))
    expect(page.locator("#toast")).to_contain_text("Margaret Hamilton")
    expect(page.locator("#announcement")).to_have_text("Margaret Hamilton: $50,000 in a month")
    expect(page.locator("#latest li")).to_have_count(1)
    expect(page.get_by_role("img", name="Badge: Rising Star")).to_be_visible()


def test_what_was_missed_while_the_connection_was_cut_is_there_afterwards(page: Page, backend: Backend) -> None:
    open_board(page)
    backend.down = True
    backend.cut()
    backend.celebrate(celebration(backend.reps[0], "Missed"))
    backend.reps[11]["monthlyRevenue"] = 99_000
    expect(page.locator("live-state")).to_contain_text("Connection lost")
    expect(page.locator("#fresh")).to_contain_text("as of")
    backend.down = False
    expect(page.locator("#latest li")).to_have_count(1, timeout=15_000)
    expect(page.get_by_role("row").nth(1)).to_contain_text("Tim")
    expect(page.locator("live-state")).to_have_text("Live")


def test_a_cut_is_shown_soon_though_one_attempt_after_another_fails(page: Page) -> None:
    open_board(page)
    attempts = """async (element) => {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        for (element.state of ['waiting', 'connecting']) await new Promise((done) => { setTimeout(done, 200); });
      }
      return element.textContent;
    }"""
    assert page.locator("live-state").evaluate(attempts) == "Connection lost, trying again …"


def test_a_hundred_rows_and_more(page: Page, backend: Backend) -> None:
    backend.reps = [rep(f"Rep {number:03}", monthlyRevenue=1000 * number + 1) for number in range(230)]
    backend.page_size = 40
    page.goto("/leaderboard")
    expect(page.locator("#rows tr")).to_have_count(100)
    expect(page.locator("#sums")).to_be_hidden()
    page.get_by_role("button", name="Show more of 230").click()
    expect(page.locator("#rows tr")).to_have_count(200)
    backend.reps[0]["monthlyRevenue"] = 500_000
    backend.refresh()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Rep 000")
    expect(page.locator("#rows tr")).to_have_count(200)
    page.get_by_role("button", name="Show more of 230").click()
    expect(page.locator("#rows tr")).to_have_count(230)
    expect(page.locator("#more")).to_be_hidden()


def test_a_month_that_is_over_is_shown_as_it_ended(page: Page, backend: Backend) -> None:
    backend.archive["2026-10"] = [rep("Old Winner", monthlyRevenue=12_345) | {"rank": 1}]
    page.goto("/leaderboard")
    page.get_by_label("Month").select_option("2026-10")
    page.wait_for_url("**/leaderboard?period=2026-10")
    expect(page.get_by_role("heading", name="October 2026")).to_be_visible()
    expect(page.get_by_role("row").nth(1)).to_contain_text("$12,345")
    expect(page.locator("#aside")).to_be_hidden()
    assert backend.sockets == 0
    page.goto("/leaderboard?period=2025-01")
    expect(page.get_by_role("status")).to_have_text("There is no leaderboard for this month.")


def test_an_empty_board_says_so(page: Page, backend: Backend) -> None:
    backend.reps = []
    page.goto("/leaderboard")
    expect(page.get_by_text("Nobody is on the board yet.")).to_be_visible()


def test_an_invalid_response_is_requested_again(page: Page, backend: Backend) -> None:
    broken = iter(["", "<html>", '{"userId"'])

    def answer(route: Route) -> None:
        body = next(broken, None)
        route.continue_() if body is None else route.fulfill(body=body, content_type="application/json")

    page.route("**/api/session", answer)
    page.goto("/leaderboard")
    expect(page.locator("#rows tr")).to_have_count(12, timeout=10_000)
    assert page.url.endswith("/leaderboard")


def test_an_api_that_is_down_at_first_is_waited_for(page: Page, backend: Backend) -> None:
    page.route("**/api/**", lambda route: route.abort())
    page.goto("/leaderboard")
    expect(page.get_by_role("status")).to_contain_text("cannot be reached")
    page.unroute("**/api/**")
    expect(page.locator("#rows tr")).to_have_count(12, timeout=10_000)
    expect(page.get_by_role("status")).to_be_hidden()


@pytest.mark.parametrize("path", ["/leaderboard", "/tv"])
def test_no_name_team_avatar_or_title_is_ever_anything_but_text(page: Page, backend: Backend, path: str) -> None:
    backend.reps = [
        rep(text, team=text, avatar=avatar, monthlyRevenue=9_000 - place)
        for place, (text, avatar) in enumerate(zip([*HOSTILE, HOSTILE[0]], HOSTILE_AVATARS, strict=True))
    ]
    badge = {"id": HOSTILE[0], "name": HOSTILE[0], "emoji": HOSTILE[0]}
    backend.badges = {person["id"]: [badge] for person in backend.reps}
    page.goto(path)
    expect(page.locator("live-state")).to_have_text("Live")
    for person in backend.reps:
        hostile = celebration(person, HOSTILE[0], also=(HOSTILE[0],), description=HOSTILE[1], icon=HOSTILE[0])
        backend.celebrate(hostile)
    expect(page.locator("#latest li")).to_have_count(5)
    shown = page.locator(".full").all_text_contents()
    assert set(HOSTILE) <= set(shown)
    page.wait_for_timeout(300)
    assert page.evaluate("window.broken") is None
    assert page.locator("script").count() == (WEB / f"{path[1:]}.html").read_text().count("<script")
    assert page.locator("#content img").evaluate_all("images => images.every(i => i.src.startsWith('https:'))")
    handlers = "all => all.filter(one => one.getAttributeNames().some(name => name.startsWith('on'))).length"
    assert page.locator("*").evaluate_all(handlers) == 0


def test_a_picture_that_does_not_load_becomes_initials(page: Page, backend: Backend) -> None:
    backend.reps = [rep("Ada Lovelace", avatar="https://pictures.invalid/ada.png", monthlyRevenue=1)]
    page.goto("/leaderboard")
    expect(page.locator("#rows rep-avatar")).to_have_text("AL")


def test_a_picture_is_requested_without_a_referrer(page: Page, backend: Backend) -> None:
    requested: list[dict[str, str]] = []
    pixel = b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>"

    def answer(route: Route) -> None:
        requested.append(route.request.headers)
        route.fulfill(body=pixel, content_type="image/svg+xml")

    page.route(re.compile("pictures.invalid"), answer)
    backend.reps = [rep("Ada Lovelace", avatar="https://pictures.invalid/ada.svg", monthlyRevenue=1)]
    page.goto("/leaderboard")
    expect(page.locator("#rows rep-avatar img")).to_be_visible()
    assert requested
    assert all("referer" not in headers for headers in requested)


@pytest.mark.parametrize("avatar", ["https://elsewhere.invalid/a.png", "https://me:secret@pictures.invalid/a.png"])
def test_a_picture_of_another_host_or_with_credentials_is_never_requested(
    context: BrowserContext, backend: Backend, avatar: str
) -> None:
    """In a page of its own, which may violate the policy: that is what stops the request."""
    requested: list[str] = []
    page = context.new_page()
    page.route(re.compile(r"\.invalid"), lambda route: requested.append(route.request.url))
    backend.reps = [rep("Ada Lovelace", avatar=avatar, monthlyRevenue=1)]
    page.goto("/leaderboard")
    expect(page.locator("#rows rep-avatar")).to_have_text("AL")
    assert requested == []


def test_a_board_that_is_pushed_in_part_keeps_the_rest_and_is_not_fetched_with_each_frame(
    page: Page, backend: Backend
) -> None:
    open_board(page)
    rows = page.get_by_role("row")
    before = rows.count()
    assert before > 3
    page.wait_for_timeout(200)
    fetched = [address for _, address in backend.requests if address.startswith("/api/leaderboard")]
    backend.pushed = 2
    last = rows.nth(before - 1).inner_text()
    for revenue in (98_500, 98_600, 98_700):
        backend.reps[0]["monthlyRevenue"] = revenue
        backend.refresh()
        expect(rows.nth(1)).to_contain_text(f"${revenue:,}")
    assert rows.count() == before
    assert rows.nth(before - 1).inner_text() == last
    assert [address for _, address in backend.requests if address.startswith("/api/leaderboard")] == fetched
