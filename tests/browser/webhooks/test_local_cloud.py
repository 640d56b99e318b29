"""The page with the deployed template: a person connects a receiver, tries it, and finds what was delivered."""

from __future__ import annotations

from uuid import uuid4

from playwright.sync_api import Browser, expect

from operations import people
from testing.local_cloud import LocalCloud
from tests.browser import sign_in_form
from tests.browser.conftest import shot

PATIENCE_MILLISECONDS = 30_000


def test_a_person_connects_a_receiver_and_tries_it(browser: Browser, local_cloud: LocalCloud) -> None:
    name, password, crm = f"hook-{uuid4().hex[:6]}", f"Aa1!{uuid4().hex}", f"page-{uuid4().hex[:6]}"
    people.add(local_cloud.stack, name, ["webhooks"], password)
    with browser.new_context(base_url=local_cloud.outputs["WebUrl"]) as context:
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        page = context.new_page()
        page.goto("/webhooks")
        page.wait_for_url("**/sign-in?next=%2Fwebhooks")
        sign_in_form.sign_in(page, name, password, leads_to="**/webhooks")
        page.get_by_role("button", name="New endpoint").click()
        form = page.get_by_role("dialog", name="New endpoint")
        form.get_by_label("Address").fill("http://10.0.0.1/hook")
        form.get_by_role("button", name="Save").click()
        expect(form.get_by_role("alert")).not_to_be_empty()
        form.get_by_label("Address").fill(f"{local_cloud.outputs['SandboxUrl']}/crm/{crm}")
        form.get_by_label("Description").fill(crm)
        form.get_by_label("Only these").check()
        form.get_by_label("payment_failed").check()
        form.get_by_role("button", name="Save").click()
        expect(page.locator("#secret")).to_contain_text("whsec_")
        secret = page.locator("#secret").text_content()
        local_cloud.sandbox.put(f"/control/crm/{crm}", json={"secret": secret}).raise_for_status()
        page.get_by_role("button", name="Done").click()
        page.get_by_role("button", name=f"Send sample: {crm}").click()
        expect(page.get_by_role("status").first).to_contain_text("The sample was delivered: HTTP 200")
        (delivery,) = local_cloud.sandbox.get(f"/control/crm/{crm}").json()["deliveries"]
        assert (delivery["type"], delivery["problem"]) == ("payment_failed", None)
        page.get_by_role("button", name=f"Deliveries: {crm}").click()
        row = page.locator("#delivery-rows tr")
        expect(row).to_contain_text("payment_failed (sample)")
        row.get_by_role("button").click()
        expect(page.get_by_role("dialog")).to_contain_text("HTTP 200")
        shot(page, "webhooks-local-cloud")
        page.goto("/webhooks#catalogue")
        expect(page.locator("#type-list details").first).to_be_visible()
