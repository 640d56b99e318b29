"""The page of revenue: its figures, what they are made of, and filters that the address keeps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.backend import Backend
from tests.browser.conftest import sign_in
from tests.browser.revenue.agency import ADA, BEA, KIM, NORTH, SOUTH
from tests.browser.revenue.service import Service, sum_of


@pytest.fixture
def context(context: BrowserContext, backend: Backend) -> BrowserContext:
    """A profile in which somebody of `analytics` is signed in."""
    sign_in(context, backend, "eve")
    return context


def tile(page: Page, name: str) -> Locator:
    return page.locator(f'.kpi[data-kpi="{name}"]')


def asked(service: Service, what: str) -> dict[str, Any]:
    """The query of the newest request for `dashboard` or `transactions`."""
    return next(
        given for method, path, given in reversed(service.asked) if (method, path) == ("GET", f"/api/analytics/{what}")
    )


def opened(page: Page, address: str = "/revenue") -> None:
    page.goto(address)
    expect(page.locator("#dashboard")).to_have_attribute("aria-busy", "false")


# -- who may see it


def test_a_person_without_the_module_is_told_so(browser: Browser, backend: Backend) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        sign_in(context, backend, "hook")
        page = context.new_page()
        page.goto("/revenue")
        expect(page.get_by_role("heading", name="You don’t have access to revenue")).to_be_focused()
        expect(page.locator("main")).to_be_hidden()
        assert backend.revenue.asked == []


def test_a_signed_out_visitor_comes_back_to_the_same_figures(browser: Browser, backend: Backend) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        page = context.new_page()
        page.goto("/revenue?range=7d")
        page.wait_for_url("**/sign-in?next=%2Frevenue%3Frange%3D7d")


# -- figures


def test_each_figure_says_how_it_changed_and_how_old_it_is(page: Page, service: Service) -> None:
    opened(page)
    expect(page.locator(".kpi")).to_have_count(12)
    revenue = tile(page, "totalRevenue")
    total = sum_of(row for row in service.rows if row["date"] > str(service.today - timedelta(days=30)))
    expect(revenue.locator(".value")).to_have_text(f"${total:,.2f}")
    expect(revenue.locator(".change")).to_have_text(f"▲ +25% from ${total * 0.8:,.2f}")
    expect(revenue.locator(".age")).to_have_text("As of 4 minutes ago")
    expect(tile(page, "followers").locator(".change")).to_contain_text("▼ -3.1% from")
    expect(tile(page, "posts").locator(".change")).to_contain_text("Unchanged from")
    expect(tile(page, "followers").locator(".age")).to_have_text("As of 2 minutes ago")
    expect(tile(page, "arpu").locator(".age")).to_have_text("As of 4 minutes ago")  # as old as the older part
    expect(page.locator("#range")).to_contain_text("3 creators: ")
    expect(page.locator("#range")).to_contain_text("days in UTC; the last one is not over. Compared with ")


def test_a_figure_without_meaning_is_a_dash_with_its_reason(page: Page, service: Service) -> None:
    opened(page)
    expect(tile(page, "ltv").locator(".value")).to_have_text("–")
    expect(tile(page, "ltv").locator(".reason")).to_have_text("Nobody has left: a lifetime cannot be told")
    expect(tile(page, "ltv").locator(".change")).to_be_empty()


def test_a_formula_and_its_inputs_are_opened_by_the_keyboard_and_stay_open(page: Page, service: Service) -> None:
    opened(page)
    arpu = tile(page, "arpu")
    summary = arpu.locator("summary")
    expect(summary).to_have_text("How it is computed: Revenue per subscriber (ARPU)")
    summary.focus()
    page.keyboard.press("Enter")
    expect(arpu.locator(".formula")).to_have_text("= netRevenue / mean active subscribers")
    expect(arpu.locator(".inputs")).to_contain_text("Mean subscribers")
    expect(arpu.locator(".inputs")).to_contain_text("118.5")
    service.sale(ADA, 1_000)
    before = arpu.locator(".value").inner_text()
    page.get_by_role("button", name="Sync Data").click()
    expect(page.locator("#sync-words")).to_contain_text("of 3 creators done")
    service.run(state="done")
    expect(arpu.locator(".value")).not_to_have_text(before)
    expect(arpu.locator(".formula")).to_be_visible()


def test_chart_and_table_have_every_bucket_and_say_which_is_not_over(page: Page, service: Service) -> None:
    opened(page, "/revenue?range=7d")
    expect(page.locator("#revenue-chart canvas")).to_be_visible()
    expect(page.locator("#revenue-summary")).to_contain_text("Hatched: not over yet.")
    page.get_by_text("The figures as a table").click()
    rows = page.locator("#figure-rows tr")
    expect(rows).to_have_count(7)
    expect(rows.first).to_contain_text("so far")
    expect(rows.nth(1)).not_to_contain_text("so far")
    shown = [text.replace("$", "").replace(",", "") for text in rows.locator("td:nth-of-type(2)").all_inner_texts()]
    week = [row for row in service.rows if row["date"] > str(service.today - timedelta(days=7))]
    assert round(sum(map(float, shown)), 2) == sum_of(week)
    rows.first.get_by_role("link").click()
    today = str(service.today)
    expect(page).to_have_url(
        f"**/revenue?view=transactions&range=custom&from={today}&to={today}".replace(
            "**", page.url.split("/revenue")[0]
        )
    )
    assert {row["date"] for row in service.rows[:1]} == {today}
    expect(page.locator("#money-rows tr")).to_have_count(sum(row["date"] == today for row in service.rows))


def test_the_pointer_reads_a_bucket_with_its_milestone(page: Page, service: Service) -> None:
    opened(page, "/revenue?range=7d&chart=category")
    over = page.locator("#revenue-chart .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box
    over.hover(position={"x": box["width"] - 10, "y": 40})
    expect(page.locator("#revenue-summary")).to_contain_text("so far")
    expect(page.locator("#revenue-summary")).to_contain_text("100 subscribers")
    expect(page.locator("#legend")).to_contain_text("Messages")


def test_milestones_of_the_time_are_listed_with_their_creator(page: Page, service: Service) -> None:
    opened(page)
    items = page.locator("#milestone-list li")
    expect(items).to_have_count(2)
    expect(items.first).to_contain_text("Bea Lindqvist: 100 subscribers")
    expect(items.last).to_contain_text("Ada Okafor passed $10,000")


def test_a_category_leads_to_its_transactions_and_their_csv(page: Page, service: Service) -> None:
    opened(page)
    page.locator("#breakdown").get_by_role("link", name="Tips").click()
    expect(page.get_by_role("heading", name="Transactions")).to_be_visible()
    assert asked(service, "transactions") == {"timeRange": "30d", "category": "tips", "limit": "50"}
    expect(page.locator("#money-rows tr").first).to_contain_text("Tips")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert download.value.suggested_filename == "transactions.csv"
    assert asked(service, "transactions") == {"timeRange": "30d", "category": "tips", "format": "csv"}


def test_the_latest_transactions_say_what_is_not_settled(page: Page, service: Service) -> None:
    service.sale(ADA, -5.0, timedelta(minutes=1), category="other", source="refund", reversesOrderId="o-1")
    opened(page)
    rows = page.locator("#latest-rows tr")
    expect(rows).to_have_count(8)
    expect(rows.first).to_contain_text("-$5.00")
    expect(rows.first).to_contain_text("reverses o-1")
    expect(rows.nth(1)).to_contain_text("just announced")
    expect(rows.nth(1)).to_contain_text("not known yet")


def test_all_transactions_come_page_by_page(page: Page, service: Service) -> None:
    opened(page, f"/revenue?view=transactions&creator={ADA}&range=1y")
    rows = page.locator("#money-rows tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Show more").click()
    expect(rows).to_have_count(100)
    assert asked(service, "transactions")["cursor"] == "50"
    assert asked(service, "transactions")["modelId"] == ADA


def test_an_answer_that_is_short_or_empty_is_followed_to_the_next(page: Page, service: Service) -> None:
    service.page_size = 15  # the API looks at so many rows at a time, whatever was asked for
    opened(page, f"/revenue?view=transactions&creator={ADA}&range=1y")
    expect(page.locator("#money-rows tr")).to_have_count(50)
    page.get_by_label("Category").select_option("Referrals")
    expect(page.locator("#no-money")).to_have_text("No transaction matches.")
    service.page_size = 0  # and none of those is of the category
    page.get_by_label("Category").select_option("Tips")
    expect(page.locator("#no-money")).to_have_text("None among the newest transactions: go on to those before.")
    expect(page.get_by_role("button", name="Show more")).to_be_visible()


def test_times_are_those_of_cairns_time_zone_unless_the_reader_chooses(
    page: Page, backend: Backend, service: Service
) -> None:
    backend.time_zone = "Asia/Kathmandu"
    at = service.sale(ADA, 5, timedelta(minutes=1))["at"]
    opened(page, "/revenue?view=transactions")
    local = datetime.fromisoformat(at).astimezone(ZoneInfo("Asia/Kathmandu"))
    expect(page.locator("#money-rows time").first).to_contain_text(f"{local:%H:%M}")
    zone = page.get_by_role("search").get_by_label("Time zone")
    expect(zone).to_have_attribute("placeholder", "Asia/Kathmandu")
    zone.fill("America/St_Johns")
    zone.press("Enter")
    local = datetime.fromisoformat(at).astimezone(ZoneInfo("America/St_Johns"))
    expect(page.locator("#money-rows time").first).to_contain_text(f"{local:%H:%M}")


# -- several currencies, nobody, a first sync


def test_several_currencies_have_no_sum_but_figures_of_their_own(page: Page, service: Service) -> None:
    service.sale(BEA, 4_000, currency="JPY", net=3_200)
    opened(page, "/revenue?range=7d")
    revenue = tile(page, "totalRevenue")
    expect(revenue.locator(".value")).to_have_text("Several currencies")
    expect(revenue.locator(".each")).to_contain_text("¥4,000")
    expect(revenue.locator(".each")).to_contain_text("$")
    expect(page.locator("#chart-currency option")).to_have_text(["USD", "JPY"])  # that of most transactions first
    expect(page.locator("#breakdown").get_by_role("link", name="Tips, JPY")).to_be_visible()
    page.get_by_label("Currency of the chart").select_option("JPY")
    expect(page.locator("#revenue-summary")).to_contain_text("¥4,000 so far")
    page.locator("#breakdown").get_by_role("link", name="Tips, JPY").click()
    expect(page.locator("#money-rows tr")).to_have_count(1)


def test_a_cairn_without_creators_says_so_and_invents_no_figure(page: Page, backend: Backend) -> None:
    opened(page)
    expect(page.locator("#no-creators")).to_contain_text("No creator yet. An administrator adds agencies and creators.")
    expect(page.locator("#figures")).to_be_hidden()
    page.get_by_role("link", name="Fanvue").click()
    expect(page.locator("#no-creators")).to_contain_text("No creator of Fanvue yet.")


def test_an_agency_without_creators_is_named(page: Page, service: Service) -> None:
    service.agency("empty", "Nobody’s")
    opened(page, "/revenue?agency=empty")
    expect(page.locator("#no-creators")).to_contain_text("Nobody’s has no creator yet.")
    expect(page.locator("#figures")).to_be_hidden()


def test_a_creator_without_a_sale_has_zeros_and_not_dashes(page: Page, service: Service) -> None:
    opened(page, f"/revenue?view=fanvue&creator={KIM}")
    expect(tile(page, "transactions").locator(".value")).to_have_text("0")
    expect(page.locator("#revenue-summary")).to_contain_text("No revenue in this time.")
    expect(page.locator("#no-latest")).to_be_visible()
    expect(page.locator("#no-breakdown")).to_be_visible()


def test_a_first_sync_under_way_is_said(page: Page, service: Service) -> None:
    service.warnings = [{"code": "first_sync", "message": "The history of Kim is being read for the first time."}]
    service.changes = {"asOf": {"transactions": None, "audience": None}}
    opened(page)
    expect(page.locator("#warnings")).to_contain_text("The history of Kim is being read for the first time.")
    expect(page.locator("#transactions-age")).to_have_text("Not read yet")


# -- the address


def test_the_address_keeps_the_filters_over_a_reload_and_the_back_button(page: Page, service: Service) -> None:
    opened(page)
    form = page.get_by_role("search")
    form.get_by_label("Agency").select_option("Northern Lights")
    form.get_by_label("Time", exact=True).select_option("The last 7 days")
    form.get_by_label("Interval").select_option("Weeks")
    form.get_by_label("Compare with").select_option("Nothing")
    form.get_by_label("Time zone").fill("Asia/Kathmandu")
    form.get_by_label("Time zone").press("Enter")
    wanted = {"agencyId": NORTH, "timeRange": "7d", "interval": "week", "timeZone": "Asia/Kathmandu"}
    address = f"/revenue?agency={NORTH}&range=7d&interval=week&compare=none&zone=Asia%2FKathmandu"
    page.wait_for_url(f"**{address}")
    expect(page.locator("#range")).to_contain_text("days in Asia/Kathmandu")
    assert asked(service, "dashboard") == wanted
    expect(tile(page, "totalRevenue").locator(".change")).to_be_empty()
    page.reload()
    expect(form.get_by_label("Agency")).to_have_value(NORTH)
    expect(form.get_by_label("Interval")).to_have_value("week")
    expect(form.get_by_label("Time zone")).to_have_value("Asia/Kathmandu")
    expect(page.locator("#range")).to_contain_text("2 creators: ")
    page.go_back()
    expect(form.get_by_label("Time zone")).to_have_value("")
    page.go_back()
    expect(form.get_by_label("Compare with")).to_have_value("previous")
    expect(tile(page, "totalRevenue").locator(".change")).not_to_be_empty()
    page.go_forward()
    expect(form.get_by_label("Compare with")).to_have_value("none")


def test_a_long_time_begins_with_wider_buckets(page: Page, service: Service) -> None:
    opened(page)
    page.get_by_label("Time", exact=True).select_option("The last year")
    page.wait_for_url("**/revenue?range=1y")
    expect(page.get_by_label("Interval")).to_have_value("week")
    page.get_by_label("Interval").select_option("Days")
    page.wait_for_url("**/revenue?range=1y&interval=day")


def test_days_of_ones_own_are_asked_for_once_both_are_there(page: Page, service: Service) -> None:
    opened(page)
    page.get_by_label("Time", exact=True).select_option("Other days …")
    page.get_by_label("First day").fill("2026-11-20")
    page.get_by_label("Last day").fill("2026-11-10")
    expect(page.locator("#filter-problem")).to_have_text("The first day is after the last.")
    page.get_by_label("Last day").fill("2026-11-22")
    page.wait_for_url("**/revenue?range=custom&from=2026-11-20&to=2026-11-22")
    expect(page.locator("#range")).to_contain_text("Nov 20, 2026 – Nov 22, 2026")
    query = asked(service, "dashboard")
    assert (query["startDate"], query["endDate"], "timeRange" in query) == ("2026-11-20", "2026-11-22", False)


def test_a_time_zone_that_there_is_not_is_refused_on_the_page(page: Page, service: Service) -> None:
    opened(page)
    zone = page.get_by_role("search").get_by_label("Time zone")
    zone.fill("Europe/Nowhere")
    zone.press("Enter")
    expect(page.locator("#filter-problem")).to_have_text("There is no time zone Europe/Nowhere.")
    assert "timeZone" not in asked(service, "dashboard")


def test_the_tab_of_one_creator_begins_with_the_first_and_keeps_the_choice(page: Page, service: Service) -> None:
    opened(page)
    page.get_by_role("link", name="Fanvue").click()
    page.wait_for_url(f"**/revenue?view=fanvue&creator={ADA}")
    expect(page.locator("#range")).to_contain_text("Ada Okafor: ")
    page.get_by_label("Creator", exact=True).select_option("Kim")
    expect(page.locator("#range")).to_contain_text("Kim: ")
    assert asked(service, "dashboard")["modelId"] == KIM
    page.get_by_role("link", name="Overview").click()
    expect(page.locator("#range")).to_contain_text("3 creators: ")
    assert "modelId" not in asked(service, "dashboard")


def test_an_address_that_is_wrong_shows_what_is_usual(page: Page, service: Service) -> None:
    opened(page, "/revenue?view=nothing&range=9d&interval=hour&from=x")
    assert asked(service, "dashboard") == {"timeRange": "30d", "interval": "day", "compare": "previous"}
    opened(page, "/revenue?range=custom&from=2026-11-20&to=2026-11-01")
    assert asked(service, "dashboard")["timeRange"] == "30d"


def test_the_agencies_of_other_creators_are_apart(page: Page, service: Service) -> None:
    opened(page, f"/revenue?agency={SOUTH}")
    expect(page.locator("#range")).to_contain_text("Kim: ")
    expect(tile(page, "totalRevenue").locator(".value")).to_have_text("0")


def test_the_csv_of_the_chart_is_that_of_the_filters(page: Page, service: Service) -> None:
    opened(page, f"/revenue?agency={NORTH}&range=7d")
    href = page.locator("#chart-csv").get_attribute("href")
    assert href == f"/api/analytics/dashboard?agencyId={NORTH}&timeRange=7d&interval=day&compare=previous&format=csv"
