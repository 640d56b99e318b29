"""Agencies and creators on the page of revenue: only administrators change them, and a key is never shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.backend import Backend
from tests.browser.conftest import sign_in
from tests.browser.revenue.agency import ADA, SOUTH
from tests.browser.revenue.service import Service

EXTERNAL = "0f8fad5b-d9cb-469f-a165-70867728950e"
ADDRESS = "/revenue?view=creators"


@pytest.fixture
def context(context: BrowserContext, backend: Backend) -> BrowserContext:
    """A profile in which an administrator is signed in."""
    sign_in(context, backend, "grace")
    return context


def test_somebody_of_analytics_sees_how_readings_go_and_changes_nothing(
    browser: Browser, backend: Backend, service: Service
) -> None:
    service.creators[ADA]["sync"] |= {
        "state": "failing",
        "error": {"code": "reconnect", "message": "the key is refused", "since": None, "retryAt": None},
    }
    with browser.new_context(base_url=backend.origin) as context:
        sign_in(context, backend, "eve")
        page = context.new_page()
        page.goto(ADDRESS)
        rows = page.locator("#creator-rows tr")
        expect(rows).to_have_count(3)
        expect(rows.first).to_contain_text("Failing")
        expect(rows.first).to_contain_text("the key is refused")
        expect(rows.nth(1)).to_contain_text("Reading")
        for name in (
            "Add an agency",
            "Add a creator",
            "Retire Ada Okafor",
            "API key of Ada Okafor",
            "Retire Northern Lights",
        ):
            expect(page.get_by_role("button", name=name)).to_have_count(0)


def test_an_agency_and_a_creator_are_added_and_the_key_is_not_kept_on_the_page(page: Page, service: Service) -> None:
    page.goto(ADDRESS)
    page.get_by_role("button", name="Add an agency").click()
    dialog = page.get_by_role("dialog", name="Add an agency")
    dialog.get_by_label("Name").fill("Western Wind")
    page.keyboard.press("Enter")
    expect(page.locator("#note")).to_have_text("Western Wind is added.")
    expect(page.locator("#agency-list li")).to_have_count(3)

    page.get_by_role("button", name="Add a creator").click()
    dialog = page.get_by_role("dialog", name="Add a creator")
    dialog.get_by_label("Agency").select_option("Western Wind")
    dialog.get_by_label("Name", exact=True).fill("Lia")
    dialog.get_by_label("Id at Fanvue").fill(EXTERNAL)
    dialog.get_by_label("Currency").fill("eur")
    dialog.get_by_label("API key").fill("secret-key")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#note")).to_contain_text("Lia is added. The first reading begins now")
    row = page.locator("#creator-rows tr").last
    expect(row).to_contain_text("Western Wind · fanvue")
    expect(row).to_contain_text("Key of its own")
    agency = [*service.agencies][-1]
    body = {"agencyId": agency, "name": "Lia", "platform": "fanvue", "externalId": EXTERNAL, "currency": "EUR"}
    assert ("POST", "/api/creators", body | {"apiKey": "secret-key"}) in service.asked
    assert "secret-key" not in page.content()
    expect(page.locator("#creator-key")).to_have_value("")
    page.get_by_role("link", name="Fanvue").click()
    expect(page.get_by_label("Creator", exact=True).get_by_role("option", name="Lia")).to_be_attached()


def test_a_refusal_is_said_in_the_dialog(page: Page, service: Service) -> None:
    page.goto(ADDRESS)
    service.refusal = (409, "the creator is there already, as creator 7")
    page.get_by_role("button", name="Add a creator").click()
    dialog = page.get_by_role("dialog", name="Add a creator")
    dialog.get_by_label("Name", exact=True).fill("Ada")
    dialog.get_by_label("Id at Fanvue").fill(EXTERNAL)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("alert")).to_have_text("The creator is there already, as creator 7.")


def test_a_key_is_replaced_and_forgotten(page: Page, service: Service) -> None:
    page.goto(ADDRESS)
    page.get_by_role("button", name="API key of Ada Okafor").click()
    dialog = page.get_by_role("dialog", name="API key of Ada Okafor")
    expect(dialog.get_by_role("button", name="Forget the key")).to_be_hidden()
    dialog.get_by_label("New key").fill("new-key")
    dialog.get_by_role("button", name="Store").click()
    expect(page.locator("#note")).to_have_text("The key of Ada Okafor is stored, and never shown.")
    expect(page.locator("#key")).to_have_value("")
    assert ("PUT", f"/api/creators/{ADA}/credentials", {"apiKey": "new-key"}) in service.asked
    page.get_by_role("button", name="API key of Ada Okafor").click()
    dialog.get_by_role("button", name="Forget the key").click()
    page.get_by_role("dialog", name="Forget the key of Ada Okafor?").get_by_role("button", name="Forget").click()
    expect(page.locator("#note")).to_have_text("The key of Ada Okafor is forgotten.")


def test_a_creator_and_then_an_agency_are_retired(page: Page, service: Service) -> None:
    page.goto(ADDRESS)
    for name in ("Kim", "Southern Cross"):
        page.get_by_role("button", name=f"Retire {name}").click()
        page.get_by_role("dialog", name=f"Retire {name}?").get_by_role("button", name="Retire").click()
        expect(page.locator("#note")).to_have_text(f"{name} is retired.")
    expect(page.locator("#creator-rows tr")).to_have_count(2)
    assert SOUTH not in service.agencies
