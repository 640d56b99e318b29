"""The page with the deployed template: beside a creator who goes on earning, its figures move without a reload."""

from __future__ import annotations

import re
from uuid import uuid4

from playwright.sync_api import Browser, Page, expect

from operations import people
from testing.local_cloud import LocalCloud
from testing.waiting import wait_for
from tests.browser import sign_in_form
from tests.browser.conftest import shot
from tests.e2e.channels.test_ways import ok

PATIENCE_MILLISECONDS = 60_000
SALES_EVERY_SECONDS = 3


def amount(page: Page) -> float:
    """The total revenue that the page shows."""
    return float(re.sub(r"[^\d.-]", "", page.locator('[data-kpi="totalRevenue"] .value').inner_text()))


def test_the_figures_of_a_new_creator_move_beside_a_growing_sandbox(browser: Browser, local_cloud: LocalCloud) -> None:
    name, password = f"grace-{uuid4().hex[:6]}", f"Aa1!{uuid4().hex}"
    external, creator, agency = str(uuid4()), f"Mira {uuid4().hex[:6]}", f"Agency {uuid4().hex[:6]}"
    on_fanvue = f"/control/fanvue/creators/{external}"
    people.add(local_cloud.stack, name, ["admin"], password)
    ok(local_cloud.sandbox.put(on_fanvue, json={"name": creator, "currency": "USD", "history_days": 20}))
    with browser.new_context(
        base_url=local_cloud.outputs["WebUrl"], viewport={"width": 1440, "height": 900}
    ) as context:
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        page = context.new_page()
        page.goto("/revenue?view=creators")
        page.wait_for_url("**/sign-in?next=*")
        sign_in_form.sign_in(page, name, password, leads_to="**/revenue?view=creators")
        page.get_by_role("button", name="Add an agency").click()
        page.get_by_role("dialog", name="Add an agency").get_by_label("Name").fill(agency)
        page.keyboard.press("Enter")
        expect(page.locator("#note")).to_have_text(f"{agency} is added.")
        page.get_by_role("button", name="Add a creator").click()
        dialog = page.get_by_role("dialog", name="Add a creator")
        dialog.get_by_label("Agency").select_option(agency)
        dialog.get_by_label("Name", exact=True).fill(creator)
        dialog.get_by_label("Id at Fanvue").fill(external)
        dialog.get_by_label("Currency").fill("USD")
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator("#note")).to_contain_text(f"{creator} is added.")

        page.get_by_role("link", name="Fanvue").click()
        page.get_by_label("Creator", exact=True).select_option(creator)
        expect(page.locator("#range")).to_contain_text(f"{creator}: ")
        page.get_by_role("button", name="Sync Data").click()
        expect(page.locator("#sync-words")).to_have_text("Synced 1 of 1 creator.", timeout=PATIENCE_MILLISECONDS)
        expect(page.locator("live-state")).to_have_text("Live")
        wait_for(lambda: amount(page) > 0 or None, 60, missing="the history's figures")
        before = amount(page)
        page.evaluate("window.same = true")
        ok(local_cloud.sandbox.put(on_fanvue, json={"sales_every": SALES_EVERY_SECONDS}))
        wait_for(lambda: amount(page) > before or None, 60, missing="a figure that moves")
        between = amount(page)
        wait_for(lambda: amount(page) > between or None, 60, missing="a figure that moves once more")
        ok(local_cloud.sandbox.put(on_fanvue, json={"sales_every": 0}))
        assert page.evaluate("window.same"), "the page was not loaded again"
        page.get_by_role("link", name="All of this time").click()
        expect(page.locator("#money-rows tr").first).to_contain_text(creator)
        shot(page, "revenue-local-cloud", whole=True)
