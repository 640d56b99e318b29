"""The page of usage: users are found, one's days can be walked through, and only administrators change anything."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.backend import Backend
from tests.browser.conftest import sign_in
from tests.browser.usage.people import GOAL, crowded
from tests.browser.usage.service import Service

DRAWN = """(mark) => {
  const { borderStyle, borderWidth } = getComputedStyle(mark);
  return [borderStyle, borderWidth, getComputedStyle(mark, '::after').content];
}"""


@pytest.fixture
def context(context: BrowserContext, backend: Backend) -> BrowserContext:
    """A profile in which an administrator is signed in."""
    sign_in(context, backend, "grace")
    return context


@pytest.fixture
def service(backend: Backend) -> Service:
    return backend.usage


def button(where: Page | Locator, name: str) -> Locator:
    return where.get_by_role("button", name=name, exact=True)


def rows(page: Page) -> Locator:
    return page.locator("#user-rows tr")


def asked(service: Service, method: str, path: str) -> Any:
    """The body or the query of the newest such request."""
    return next(given for made, at, given in reversed(service.asked) if (made, at) == (method, path))


def open_user(page: Page, id_: str) -> None:
    page.goto(f"/usage#user?id={quote(id_, safe='')}")
    expect(page.locator("#day")).not_to_be_empty()


# -- who may see it


def test_a_person_without_the_module_is_told_so(browser: Browser, backend: Backend) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        sign_in(context, backend, "hook")
        page = context.new_page()
        page.goto("/usage")
        expect(page.get_by_role("heading", name="You don’t have access to product usage")).to_be_focused()
        expect(page.locator("main")).to_be_hidden()


def test_a_signed_out_visitor_is_sent_to_the_sign_in_and_back(browser: Browser, backend: Backend) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        page = context.new_page()
        page.goto("/usage")
        page.wait_for_url("**/sign-in?next=%2Fusage")


def test_somebody_of_analytics_sees_everything_and_changes_nothing(browser: Browser, backend: Backend) -> None:
    ada = crowded(backend.usage)
    with browser.new_context(base_url=backend.origin) as context:
        sign_in(context, backend, "eve")
        page = context.new_page()
        open_user(page, ada["id"])
        expect(page.get_by_role("heading", name="Ada Okafor")).to_be_visible()
        for name in ("Grant a freeze", "Goal and time zone", "Erase"):
            expect(button(page, name)).to_have_count(0)
        expect(page.locator("#milestone-rows .sent").first).to_contain_text("Shown to people with the module webhooks")
        assert backend.webhooks.asked == []


# -- the list


def test_an_empty_cairn_says_how_a_user_begins(page: Page) -> None:
    page.goto("/usage")
    expect(page.locator("#no-users")).to_contain_text("No user yet.")
    expect(page.locator("#first-event-code")).to_contain_text('{"userId": "ada", "type": "reply", "id": "reply-1"}')
    expect(page.locator("#user-table")).to_be_hidden()
    page.get_by_role("link", name="Totals").click()
    expect(page.locator("#no-totals")).to_be_visible()
    expect(page.locator("#chart-card")).to_be_hidden()
    expect(page.locator("#totals")).to_contain_text("and were not yet")


def test_users_are_found_and_the_address_keeps_the_filter(page: Page, service: Service) -> None:
    crowded(service)
    page.goto("/usage")
    expect(rows(page)).to_have_count(4)
    expect(rows(page).first).to_contain_text("1,247 replies, 41 memes, 96 suggestions")
    expect(rows(page).first).to_contain_text("84 replies, 2 memes this month")
    expect(rows(page).first).to_contain_text("100 suggestions 4 to go", use_inner_text=False)
    search = page.get_by_role("search")
    search.get_by_label("Name, e-mail or id").fill("bru")
    search.get_by_label("Daily goal").select_option("With one")
    search.get_by_label("Next milestone").select_option("Near")
    search.get_by_label("Active").select_option("In the last 7 days")
    button(search, "Show").click()
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("Bruno")
    query = asked(service, "GET", "/api/users")
    since = str(service.today - timedelta(days=7))
    assert query == {"limit": "50", "search": "bru", "hasGoal": "true", "near": "true", "activeSince": since}
    page.reload()
    expect(search.get_by_label("Name, e-mail or id")).to_have_value("bru")
    expect(rows(page)).to_have_count(1)
    rows(page).get_by_role("link").click()
    expect(page.get_by_role("heading", name="Bruno")).to_be_focused()
    page.get_by_role("link", name="All users").click()
    expect(rows(page)).to_have_count(1)
    button(search, "Clear").click()
    expect(rows(page)).to_have_count(4)


def test_no_match_is_not_an_empty_cairn(page: Page, service: Service) -> None:
    crowded(service)
    page.goto("/usage#users?search=nobody")
    expect(page.locator("#no-users")).to_contain_text("No user matches.")
    expect(page.locator("#first-event")).to_be_hidden()


def test_more_users_than_a_page_holds_follow_on_request(page: Page, service: Service) -> None:
    service.page_size = 3
    crowded(service)
    page.goto("/usage")
    expect(rows(page)).to_have_count(3)
    button(page, "Show more").click()
    expect(rows(page)).to_have_count(4)
    expect(button(page, "Show more")).to_be_hidden()


def test_an_id_with_any_character_leads_to_its_user(page: Page, service: Service) -> None:
    odd = "a+b=c|d@e:f~'!"
    service.user(odd)
    page.goto("/usage")
    rows(page).get_by_role("link").click()
    expect(page.locator("#user-title")).to_have_text(odd)
    page.goto("/usage#user?id=who")
    expect(page.locator("#nobody")).to_have_text("There is no user who.")


# -- one user


def test_lifetime_totals_stand_beside_this_months_each_under_its_name(page: Page, service: Service) -> None:
    ada = crowded(service)
    open_user(page, ada["id"])
    table = page.get_by_role("region", name="Totals and this month")
    expect(table.get_by_role("columnheader").nth(1)).to_have_text("Lifetime total")
    expect(table.get_by_role("columnheader").nth(2)).to_contain_text("This month (")
    expect(table.get_by_role("row", name="Replies")).to_contain_text("1,247")
    expect(table.get_by_role("row", name="Replies").get_by_role("cell").nth(1)).to_have_text("84")
    expect(table.get_by_role("row", name="Memes")).to_contain_text("50 memes: 9 to go")
    for words in ("Pacific/Auckland", "+15555550101", "pro", "23 days", "3 of 5", "8 from"):
        expect(page.locator("#person")).to_contain_text(words)


def test_every_day_says_what_was_done_and_whether_the_goal_was_met(page: Page, service: Service) -> None:
    ada = crowded(service)
    open_user(page, ada["id"])
    grid = page.get_by_role("grid")

    def day(ago: int) -> Locator:
        return grid.locator(f'[data-date="{service.today - timedelta(days=ago)}"]')

    assert "Frozen" in (day(40).get_attribute("aria-label") or "")
    assert f"Goal of {GOAL} met" in (day(1).get_attribute("aria-label") or "")
    assert f"Goal of {GOAL} missed" in (day(29).get_attribute("aria-label") or "")
    assert "nothing" in (day(17).get_attribute("aria-label") or ""), "a day without a record"
    assert "(today): 3 replies, 1 meme. Goal of 5 not met yet" in (day(0).get_attribute("aria-label") or "")
    moods = {ago: day(ago).locator(".mark").get_attribute("data-mood") for ago in (0, 1, 29, 40)}
    assert moods == {0: "counted", 1: "met", 29: "missed", 40: "frozen"}
    shapes = [str(day(ago).locator(".mark").evaluate(DRAWN)) for ago in moods]
    assert len(set(shapes)) == len(shapes), "each state differs by more than its colour"
    page.get_by_text("The days as a list").click()
    expect(page.get_by_role("region", name="The days as a list").get_by_role("row").nth(1)).to_contain_text("3 replies")


def test_what_was_imported_counts_beside_what_cairn_counted(page: Page, service: Service) -> None:
    service.user("ada")
    service.day("ada", 3, {"replies": 2}, imported={"replies": 40, "memes": 1})
    service.day("ada", 2, {}, imported={})
    open_user(page, "ada")
    day = page.get_by_role("grid").locator(f'[data-date="{service.today - timedelta(days=3)}"]')
    assert (day.get_attribute("aria-label") or "").endswith(": 42 replies, 1 meme")
    page.get_by_text("The days as a list").click()
    expect(page.locator("#day-rows tr")).to_have_count(1)
    expect(page.locator("#day-rows tr")).to_contain_text("2 replies, 40 replies, 1 meme imported")


def test_the_calendar_is_walked_through_with_the_keyboard(page: Page, service: Service) -> None:
    ada = crowded(service)
    open_user(page, ada["id"])
    cell = page.get_by_role("grid").locator('[tabindex="0"]')
    expect(cell).to_have_count(1)
    cell.focus()
    for key, ago in (
        ("ArrowUp", 1),
        ("ArrowLeft", 8),
        ("PageUp", 36),
        ("ArrowDown", 35),
        ("End", 0),
        ("ArrowRight", 0),
    ):
        page.keyboard.press(key)
        focused = page.locator(":focus")
        expect(focused).to_have_attribute("data-date", str(service.today - timedelta(days=ago)))
        expect(cell).to_have_count(1)
    page.keyboard.press("Home")
    expect(page.locator("#day")).to_contain_text("Monday")
    assert page.evaluate("document.activeElement.getBoundingClientRect().left >= 0")


def test_what_was_sent_of_each_milestone_leads_to_its_deliveries(
    page: Page, backend: Backend, service: Service
) -> None:
    service.user("ada")
    one, other = backend.webhooks.endpoint(), backend.webhooks.endpoint()
    sent, half = service.milestone("ada", "replies", 1), service.milestone("ada", "replies", 10)
    service.milestone("ada", "replies", 50, corrected=True)
    service.milestone("ada", "daily_goal", 3, label="3 a day", period="2026-11-24", streakDays=4)
    backend.webhooks.message(one, event=sent["event"])
    backend.webhooks.message(one, event=half["event"])
    backend.webhooks.message(other, event=half["event"], status="failed", errorMessage="HTTP 503")
    open_user(page, "ada")
    listed = page.locator("#milestone-rows tr")
    expect(listed.nth(0)).to_contain_text("Daily goal of 3 Nov 24, 2026, day 4 of a streak", use_inner_text=False)
    expect(listed.nth(1)).to_contain_text("50 replies")
    expect(listed.nth(1)).to_contain_text("Corrected")
    expect(listed.nth(1)).to_contain_text("No endpoint wanted it")
    expect(listed.nth(2)).to_contain_text("Failed (1 of 2)")
    expect(listed.nth(3).get_by_text("Corrected")).to_be_hidden()
    listed.nth(3).get_by_role("link", name="Sent: deliveries of 1 reply").click()
    page.wait_for_url(f"**/webhooks#deliveries?event={sent['event']}")
    expect(page.locator("#delivery-rows tr")).to_have_count(1)


def test_all_that_is_stored_of_a_user_can_be_taken_along(page: Page, service: Service) -> None:
    service.user("a@b.example", name="Ada")
    open_user(page, "a@b.example")
    with page.expect_download() as download:
        button(page, "Export").click()
    assert download.value.suggested_filename == "a-b.example.json"
    assert json.loads(Path(download.value.path()).read_text())["user"]["name"] == "Ada"


# -- what administrators do


def test_a_freeze_is_granted_with_a_reason_and_listed(page: Page, service: Service) -> None:
    service.user("ada", name="Ada")
    open_user(page, "ada")
    button(page, "Grant a freeze").click()
    dialog = page.get_by_role("dialog", name="Grant a freeze")
    button(dialog, "Grant").click()
    expect(dialog).to_be_visible()  # the reason is missing
    dialog.get_by_label("How many").fill("2")
    dialog.get_by_label("Why").fill("Our outage of Monday")
    button(dialog, "Grant").click()
    expect(page.get_by_role("status").first).to_have_text("2 freezes are granted.")
    expect(page.locator("#freezes")).to_have_text("2")
    page.get_by_text("Freezes that were granted").click()
    expect(page.locator("#freeze-rows")).to_contain_text("Our outage of Monday")
    body = asked(service, "POST", "/api/users/ada/freezes")
    assert (body["count"], body["reason"]) == (2, "Our outage of Monday")
    assert len(body["id"]) >= 32, "a repeat of the request grants nothing more"


def test_goal_and_zone_are_changed_alone_if_they_differ(page: Page, service: Service) -> None:
    service.user("ada", dailyGoal=3)
    open_user(page, "ada")
    button(page, "Goal and time zone").click()
    dialog = page.get_by_role("dialog", name="Goal and time zone")
    dialog.get_by_label("Daily goal").fill("")
    button(dialog, "Save").click()
    expect(page.get_by_role("status").first).to_have_text("Saved.")
    assert asked(service, "PUT", "/api/users/ada") == {"dailyGoal": None}
    button(page, "Goal and time zone").click()
    dialog.get_by_label("Time zone").fill("Europe/Nowhere")
    service.refusal = "timeZone: there is no Europe/Nowhere"
    button(dialog, "Save").click()
    expect(dialog.get_by_role("alert")).to_have_text("TimeZone: there is no Europe/Nowhere.")
    assert asked(service, "PUT", "/api/users/ada") == {"timeZone": "Europe/Nowhere"}


def test_a_user_is_erased_only_once_the_id_was_typed(page: Page, service: Service) -> None:
    service.user("ada-1", name="Ada")
    open_user(page, "ada-1")
    button(page, "Erase").click()
    dialog = page.get_by_role("dialog", name="Erase this user?")
    dialog.get_by_label("Type the id ada-1 to confirm").fill("Ada")
    button(dialog, "Erase").click()
    expect(dialog.get_by_role("alert")).to_contain_text("That is not the id")
    assert "ada-1" in service.users
    dialog.get_by_label("Type the id ada-1 to confirm").fill("ada-1")
    button(dialog, "Erase").click()
    expect(page.get_by_role("status").first).to_contain_text("ada-1 is erased.")
    expect(page.locator("#no-users")).to_contain_text("No user yet.")
    assert service.users == {}


# -- totals


def test_totals_are_drawn_and_told_in_words_and_as_a_table(page: Page, service: Service) -> None:
    crowded(service)
    page.goto("/usage#totals")
    expect(page.locator("#chart canvas")).to_be_visible()
    summary = page.locator("#chart-summary")
    expect(summary).to_contain_text("replies in 90 days. The most on")
    expect(page.locator("#totals")).to_contain_text("computed once an hour, the last time")
    page.get_by_label("Metric").select_option("Memes")
    expect(summary).to_contain_text("memes in 90 days")
    page.get_by_label("Time", exact=True).select_option("The last 30 days")
    expect(summary).to_contain_text("memes in 30 days")
    page.get_by_text("The figures as a table").click()
    table = page.get_by_role("region", name="The figures as a table")
    expect(table.get_by_role("columnheader")).to_have_text(["Day", "Replies", "Memes", "Active users", "Goals met"])
    expect(table.get_by_role("row")).to_have_count(31)


def test_what_fails_is_said_and_what_is_shown_stays_usable(page: Page, backend: Backend, service: Service) -> None:
    crowded(service)
    page.goto("/usage")
    expect(rows(page)).to_have_count(4)
    backend.down = True
    button(page.get_by_role("search"), "Show").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    backend.down = False
    button(page.get_by_role("search"), "Show").click()
    expect(rows(page)).to_have_count(4)
