"""The page with the deployed template: from an empty Cairn to a user's first milestones, and what was sent of them."""

from __future__ import annotations

from uuid import uuid4

from playwright.sync_api import Browser, expect

from operations import people
from testing.local_cloud import LocalCloud
from testing.waiting import wait_for
from tests.browser import sign_in_form
from tests.browser.conftest import shot
from tests.e2e.channels.test_ways import ok

PATIENCE_MILLISECONDS = 30_000


def test_an_administrator_finds_a_user_and_what_was_sent(browser: Browser, local_cloud: LocalCloud) -> None:
    name, password = f"grace-{uuid4().hex[:6]}", f"Aa1!{uuid4().hex}"
    id_ = f"page-{uuid4().hex[:6]}"
    people.add(local_cloud.stack, name, ["admin"], password)
    with browser.new_context(
        base_url=local_cloud.outputs["WebUrl"], viewport={"width": 1440, "height": 900}
    ) as context:
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        page = context.new_page()
        page.goto("/usage")
        page.wait_for_url("**/sign-in?next=%2Fusage")
        sign_in_form.sign_in(page, name, password, leads_to="**/usage")
        page.get_by_label("Name, e-mail or id").fill(id_)
        page.keyboard.press("Enter")
        expect(page.locator("#no-users")).to_contain_text("No user matches.")

        crm = {"url": f"{local_cloud.outputs['SandboxUrl']}/crm/{id_}", "filter": {"subject": f"user:{id_}"}}
        ok(local_cloud.api.post("/api/webhooks/endpoints", json=crm))
        ok(local_cloud.api.put(f"/api/users/{id_}", json={"name": "Ada Okafor", "timeZone": "Asia/Tokyo"}))
        rows = [{"userId": id_, "date": f"2026-{month:02}-0{day}", "replies": 3} for month in (9, 10) for day in (1, 2)]
        ok(local_cloud.api.post("/api/usage/import", json={"rows": rows}))
        event = {"userId": id_, "type": "meme", "count": 2, "id": f"{id_} meme-1"}
        ok(local_cloud.api.post("/api/usage/track", json=event))

        page.get_by_role("button", name="Show", exact=True).click()
        row = page.locator("#user-rows tr")
        expect(row).to_contain_text("2 memes, 12 replies")
        row.get_by_role("link").click()
        expect(page.get_by_role("heading", name="Ada Okafor")).to_be_visible()
        grid = page.get_by_role("grid")
        expect(grid.locator('[data-date="2026-10-02"]')).to_have_attribute(
            "aria-label", "Friday, October 2, 2026: 3 replies"
        )

        def sent_twice() -> bool:
            page.reload()
            expect(page.locator("#day")).not_to_be_empty()  # drawn last
            return page.locator("#milestone-rows").get_by_text("Sent", exact=True).count() == 2

        wait_for(sent_twice, 30, missing="two deliveries")
        expect(page.locator("#milestone-rows")).to_contain_text("First use of meme")

        page.get_by_role("button", name="Goal and time zone").click()
        page.get_by_role("dialog").get_by_label("Daily goal").fill("4")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#goal")).to_have_text("4")
        page.get_by_role("button", name="Grant a freeze").click()
        page.get_by_role("dialog").get_by_label("Why").fill("A test")
        page.get_by_role("button", name="Grant", exact=True).click()
        expect(page.locator("#freezes")).to_have_text("1")
        shot(page, "usage-local-cloud", whole=True)

        page.get_by_role("button", name="Erase", exact=True).click()
        dialog = page.get_by_role("dialog", name="Erase this user?")
        dialog.get_by_label(f"Type the id {id_}").fill(id_)
        dialog.get_by_role("button", name="Erase", exact=True).click()
        expect(page.get_by_role("status").first).to_contain_text("is erased")
        assert local_cloud.api.get(f"/api/users/{id_}").status_code == 404
