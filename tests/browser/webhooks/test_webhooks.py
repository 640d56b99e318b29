"""The page of webhooks: endpoints are made, changed and tried; deliveries are found, explained and sent again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.backend import Backend
from tests.browser.conftest import WAIT_MILLISECONDS, sign_in
from tests.browser.viewers.audience import iso
from tests.browser.webhooks.service import NEW_SECRET, SECRET, Service, attempt, figures, statistics

URL = "https://crm.example/hooks/other"


@pytest.fixture
def context(browser: Browser, backend: Backend) -> Iterator[BrowserContext]:
    """A profile in which somebody with the module `webhooks` is signed in."""
    with browser.new_context(base_url=backend.origin, viewport={"width": 1366, "height": 900}) as made:
        made.set_default_timeout(WAIT_MILLISECONDS)
        sign_in(made, backend, "hook")
        yield made


@pytest.fixture
def service(backend: Backend) -> Service:
    return backend.webhooks


def button(where: Page | Locator, name: str) -> Locator:
    return where.get_by_role("button", name=name)


def card(page: Page, number: int = 0) -> Locator:
    return page.locator(".endpoint").nth(number)


def asked(service: Service, method: str, path: str) -> object:
    """The last body, or query, of a request."""
    bodies = [body for one, other, body in service.asked if (one, other) == (method, path)]
    assert bodies, f"no {method} {path} among {[entry[:2] for entry in service.asked]}"
    return bodies[-1]


def rows(page: Page) -> Locator:
    return page.locator("#delivery-rows tr")


# -- endpoints


def test_a_new_endpoint_gets_what_was_typed_and_shows_its_secret_once(page: Page, service: Service) -> None:
    page.goto("/webhooks")
    expect(page.get_by_text("No endpoint yet.")).to_be_visible()
    button(page, "New endpoint").click()
    form = page.get_by_role("dialog", name="New endpoint")
    form.get_by_label("Address").fill(URL)
    form.get_by_label("Description").fill("CRM")
    form.get_by_label("Format").select_option("source")
    form.get_by_label("Only these").check()
    form.get_by_label("payment_failed").check()
    form.get_by_label("Types of your own").fill("acme.order_paid acme.order_lost")
    form.get_by_text("Filter, headers, limits, owner").click()
    for path, operator, value in (
        ("data.rule", "in", "revenue, signups"),
        ("threshold", "gte", "1000"),
        ("name", "exists", ""),
    ):
        button(form, "Add a condition").click()
        row = form.locator("#conditions li").last
        row.get_by_label("Field").fill(path)
        row.get_by_label("Condition").select_option(operator)
        row.get_by_label("Value").fill(value)
    button(form, "Add a header").click()
    form.get_by_label("Header").fill("Authorization")
    form.locator("#headers").get_by_label("Value").fill("Bearer pit-1")
    form.get_by_label("Messages a second").fill("0.5")
    form.get_by_label("Hold-out group").fill("10")
    form.get_by_label("Owner").fill("user:hook")
    form.get_by_label("E-mail").fill("crm@example.com")
    button(form, "Save").click()
    secret = page.get_by_role("dialog", name="Secret")
    expect(secret).to_contain_text(SECRET)
    assert asked(service, "POST", "/endpoints") == {
        "url": URL,
        "description": "CRM",
        "format": "source",
        "events": ["payment_failed", "acme.order_paid", "acme.order_lost"],
        "filter": {
            "data.rule": {"in": ["revenue", "signups"]},
            "threshold": {"gte": 1000},
            "name": {"exists": True},
        },
        "headers": {"Authorization": "Bearer pit-1"},
        "rateLimit": 0.5,
        "holdOut": 10,
        "owner": "user:hook",
        "defaultContact": {"name": None, "email": "crm@example.com", "phone": None},
    }
    button(secret, "Done").click()
    expect(card(page)).to_contain_text(URL)
    expect(card(page)).to_contain_text("3 conditions · 1 header · at most 0.5 a second · 10% held out")
    expect(page.locator("#secret")).to_have_text("")  # the dialog's event comes a moment later
    assert SECRET not in page.content()
    page.reload()
    expect(card(page)).to_contain_text(URL)
    assert SECRET not in page.content()


def test_a_secret_can_be_copied(page: Page, context: BrowserContext, service: Service) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    service.endpoint()
    page.goto("/webhooks")
    button(card(page), "More").click()
    button(card(page), "Rotate the secret").click()
    question = page.get_by_role("dialog", name="Rotate the secret?")
    assert not [entry for entry in service.asked if entry[1].endswith("/rotate")]
    button(question, "Rotate").click()
    secret = page.get_by_role("dialog", name="Secret")
    expect(secret).to_contain_text(NEW_SECRET)
    button(secret, "Copy").click()
    expect(button(secret, "Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == NEW_SECRET


def test_an_edit_changes_what_was_changed_and_keeps_the_rest(page: Page, service: Service) -> None:
    made = service.endpoint(
        headers=["Authorization", "X-Old"],
        events=["user_created", "acme.order_paid"],
        filter={"rule": {"eq": "revenue"}, "code": {"eq": "10"}},
        rateLimit=2,
    )
    page.goto("/webhooks")
    button(card(page), "Edit").click()
    form = page.get_by_role("dialog", name="Edit endpoint")
    expect(form.get_by_label("Address")).to_have_value(made["url"])
    expect(form.get_by_label("user_created")).to_be_checked()
    expect(form.get_by_label("Types of your own")).to_have_value("acme.order_paid")
    form.get_by_label("Description").fill("Renamed")
    form.get_by_text("Filter, headers, limits, owner").click()
    old = form.locator("#headers li").nth(1)
    button(old, "Remove").click()
    button(form, "Add a header").click()
    form.locator("#headers li").nth(1).get_by_label("Header").fill("X-New")
    form.locator("#headers li").nth(1).get_by_label("Value").fill("v")
    button(form, "Save").click()
    expect(page.get_by_role("status")).to_contain_text("saved")
    body = asked(service, "PATCH", f"/endpoints/{made['id']}")
    assert isinstance(body, dict)
    assert "url" not in body
    assert (body["description"], body["rateLimit"]) == ("Renamed", 2)
    assert body["headers"] == {"X-Old": None, "X-New": "v"}
    assert body["filter"] == {"rule": {"eq": "revenue"}, "code": {"eq": "10"}}
    expect(card(page)).to_contain_text("2 headers")


def test_what_the_api_refuses_is_said_in_the_form_and_nothing_is_lost(page: Page, service: Service) -> None:
    service.refusal = "url: 10.0.0.1 is a private address"
    page.goto("/webhooks")
    button(page, "New endpoint").click()
    form = page.get_by_role("dialog", name="New endpoint")
    form.get_by_label("Address").fill("https://10.0.0.1/")
    button(form, "Save").click()
    expect(form.get_by_role("alert")).to_have_text("Url: 10.0.0.1 is a private address.")
    expect(form.get_by_label("Address")).to_have_value("https://10.0.0.1/")
    page.keyboard.press("Escape")
    expect(form).to_be_hidden()
    expect(page.get_by_text("No endpoint yet.")).to_be_visible()


def test_an_endpoint_says_how_it_is(page: Page, service: Service, backend: Backend) -> None:
    since, until = backend.now() - timedelta(hours=1), backend.now() + timedelta(hours=1)
    service.endpoint(description="well")
    health = {"failures": 12, "failingSince": iso(since), "openUntil": iso(until), "lastError": "HTTP 503"}
    service.endpoint(description="failing", health=health)
    service.endpoint(description="gone", state="disabled", stateReason="it answered 410 Gone")
    page.goto("/webhooks")
    expect(card(page, 0).locator(".badge")).to_have_text("Active")
    expect(card(page, 1)).to_contain_text("12 attempts failed since")
    expect(card(page, 1)).to_contain_text("HTTP 503. Nothing is sent before")
    expect(card(page, 2)).to_contain_text("it answered 410 Gone")
    expect(button(card(page, 2), "Resume")).to_be_visible()
    expect(button(card(page, 2), "Pause")).to_be_hidden()


def test_an_endpoint_is_tried_paused_and_resumed(page: Page, service: Service) -> None:
    service.endpoint()
    page.goto("/webhooks")
    button(card(page), "Send sample").click()
    expect(page.get_by_role("status")).to_have_text("The sample was delivered: HTTP 200 in 12 ms.")
    service.sample_status = "failed"
    button(card(page), "Send sample").click()
    expect(page.get_by_role("status")).to_have_text("The sample was not delivered: TIMEOUT: no answer within 15 s.")
    button(card(page), "Pause").click()
    expect(card(page).locator(".badge")).to_have_text("Paused")
    button(card(page), "Resume").click()
    expect(card(page).locator(".badge")).to_have_text("Active")
    button(card(page), "Deliveries").click()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("milestone_reached (sample)")
    expect(page.locator("#by-endpoint")).to_have_value(next(iter(service.endpoints)))


def test_a_replay_says_the_number_first(page: Page, service: Service) -> None:
    made = service.endpoint()
    path = f"/endpoints/{made['id']}/replay"
    page.goto("/webhooks")
    button(card(page), "More").click()
    button(card(page), "Replay").click()
    dialog = page.get_by_role("dialog", name="Replay")
    dialog.get_by_label("From").fill("2026-11-01T00:00")
    dialog.get_by_label("To", exact=True).fill("2026-11-30T12:00")
    button(dialog, "Count first").click()
    expect(dialog).to_contain_text("1,204 messages would be sent again.")
    counted = asked(service, "POST", path)
    assert isinstance(counted, dict)
    assert counted["dryRun"] is True
    dialog.get_by_label("Types").fill("payment_failed")
    expect(button(dialog, "Count first")).to_be_visible()  # another question: the number is not its answer
    button(dialog, "Count first").click()
    button(dialog, "Send 1,204 messages").click()
    expect(page.get_by_role("status").first).to_contain_text("1,204 messages will be sent again.")
    sent = asked(service, "POST", path)
    assert isinstance(sent, dict)
    assert (sent["dryRun"], sent["events"]) == (False, ["payment_failed"])
    assert [entry[1] for entry in service.asked].count(path) == 3


def test_recovery_says_the_number_first(page: Page, service: Service) -> None:
    made = service.endpoint()
    page.goto("/webhooks")
    button(card(page), "More").click()
    button(card(page), "Recover what failed").click()
    question = page.get_by_role("dialog", name="Recover what failed?")
    expect(question).to_contain_text("1,204 messages failed and were not delivered since.")
    assert asked(service, "POST", f"/endpoints/{made['id']}/recover") == {"dryRun": True}
    button(question, "Send 1,204 messages").click()
    expect(page.get_by_role("status").first).to_contain_text("1,204 messages will be sent again.")
    assert asked(service, "POST", f"/endpoints/{made['id']}/recover") == {"dryRun": False}
    service.replayable = 0
    button(card(page), "Recover what failed").click()
    expect(page.get_by_role("status").first).to_contain_text("Nothing failed")


def test_two_people_do_not_undo_each_others_edits(page: Page, service: Service) -> None:
    made = service.endpoint()
    page.goto("/webhooks")
    button(card(page), "Edit").click()
    made |= {"description": "by somebody else", "version": 2}
    form = page.get_by_role("dialog", name="Edit endpoint")
    button(form, "Save").click()
    expect(form.get_by_role("alert")).to_have_text("Somebody has changed the endpoint since.")
    assert made["description"] == "by somebody else"


def test_figures_say_how_well_it_goes(page: Page, service: Service, backend: Backend) -> None:
    made = service.endpoint(holdOut=10)
    sums = {"messages": 2_000, "sent": 1_970, "pending": 4, "deliveryRate": 0.9899, "retrySuccess": 0.96}
    latency = {"p50": 340, "p95": 2_140, "p99": 181_000}
    service.stats = statistics(**sums, latency=latency, oldestPending=iso(backend.now()))
    lift = {"sent": 40, "sentConverted": 12, "heldOut": 12, "heldOutConverted": 3, "lift": 0.2}
    service.stats["endpoints"] = [figures(**sums, latency=latency) | {"endpoint": made["id"], "lift": lift}]
    service.stats["feedback"] = [
        {
            "type": "milestone_reached",
            "template": "century_club",
            "sent": 120,
            "openRate": 0.5,
            "clickRate": 0.25,
            "conversionRate": 0.1,
        }
    ]
    page.goto("/webhooks")
    sums_shown = page.locator("#sums")
    expect(sums_shown).to_contain_text("98%")  # rounded down: what is short of 99% is not called that
    expect(sums_shown).to_contain_text("2.1 s")
    expect(card(page)).to_contain_text("98% of 2,000 delivered in 7 days · half within 340 ms · 4 pending")
    expect(card(page)).to_contain_text("12 of 40 converted, held out 3 of 12: lift +20%")
    row = page.get_by_role("row", name="century_club")
    expect(row).to_contain_text("50%25%10%")


def test_a_deletion_asks_first(page: Page, service: Service) -> None:
    service.endpoint()
    page.goto("/webhooks")
    button(card(page), "More").click()
    button(card(page), "Delete").click()
    question = page.get_by_role("dialog", name="Delete this endpoint?")
    button(question, "Cancel").click()
    assert len(service.endpoints) == 1
    button(card(page), "Delete").click()
    button(question, "Delete").click()
    expect(page.get_by_text("No endpoint yet.")).to_be_visible()
    assert service.endpoints == {}


# -- deliveries


def test_an_address_leads_to_what_was_sent_of_one_event(page: Page, service: Service) -> None:
    """The page of usage links there from a milestone."""
    one = service.endpoint(description="One")
    wanted, _ = service.message(one), service.message(one, type="payment_failed")
    page.goto(f"/webhooks#deliveries?event={wanted['event']}")
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("milestone_reached")
    expect(page.get_by_role("search").get_by_label("Event")).to_have_value(wanted["event"])


def test_deliveries_are_filtered_and_the_address_keeps_the_filter(page: Page, service: Service) -> None:
    one, other = service.endpoint(description="One"), service.endpoint(description="Other")
    service.message(one)
    service.message(other, status="failed", errorMessage="HTTP 503", type="payment_failed", subject="user:5")
    page.goto("/webhooks#deliveries")
    expect(rows(page)).to_have_count(2)
    filters = page.get_by_role("search")
    filters.get_by_label("Status").select_option("failed")
    filters.get_by_label("Endpoint").select_option(label="Other")
    filters.get_by_label("Type", exact=True).fill("payment_failed")
    filters.get_by_label("Subject").fill("user:5")
    filters.get_by_label("From").fill("2020-01-01T00:00")
    button(filters, "Show").click()
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("HTTP 503")
    query = asked(service, "GET", "/messages")
    assert isinstance(query, dict)
    assert (query["status"], query["endpoint"], query["type"], query["subject"]) == (
        "failed",
        other["id"],
        "payment_failed",
        "user:5",
    )
    assert query["from"].endswith("Z")
    page.reload()
    expect(rows(page)).to_have_count(1)
    expect(filters.get_by_label("Status")).to_have_value("failed")
    button(filters, "Clear").click()
    expect(rows(page)).to_have_count(2)


def test_more_deliveries_follow_without_gap_or_repeat(page: Page, service: Service) -> None:
    service.page_size = 3
    endpoint = service.endpoint()
    for number in range(7):
        service.message(endpoint, subject=f"rep:{number}")
    page.goto("/webhooks#deliveries")
    expect(rows(page)).to_have_count(3)
    button(page, "Show more").click()
    button(page, "Show more").click()
    expect(rows(page)).to_have_count(7)
    expect(button(page, "Show more")).to_be_hidden()
    assert rows(page).locator(".subject").all_text_contents() == [f"rep:{number}" for number in reversed(range(7))]


def test_a_delivery_shows_each_attempt_and_is_sent_again(page: Page, service: Service, backend: Backend) -> None:
    endpoint = service.endpoint()
    at = backend.now()
    attempts = [
        attempt(1, at, error="TIMEOUT", reason="no answer within 15 s", milliseconds=15_000),
        attempt(2, at, status=503, error="HTTP", reason="503", response="<b>maintenance</b>"),
    ]
    service.message(endpoint, status="failed", attempts=attempts, errorMessage="HTTP 503", sentAt=None)
    page.goto("/webhooks#deliveries")
    button(rows(page), "Details").click()
    dialog = page.get_by_role("dialog", name="milestone_reached")
    expect(dialog).to_contain_text("TIMEOUT: no answer within 15 s")
    expect(dialog).to_contain_text("15,000 ms")
    expect(dialog).to_contain_text("<b>maintenance</b>")
    expect(dialog.get_by_role("region", name="Event")).to_contain_text('"label": "$10,000"')
    button(dialog, "Resend").click()
    expect(dialog.get_by_role("status")).to_contain_text("sent again")
    expect(dialog.locator("#attempts li")).to_have_count(3)
    button(dialog, "Close").click()
    expect(rows(page)).to_contain_text("Sent")


def test_the_content_of_a_delivery_is_erased_after_a_question(page: Page, service: Service) -> None:
    message = service.message(service.endpoint(), contact={"name": "Ada", "email": "ada@example.com", "phone": None})
    page.goto("/webhooks#deliveries")
    button(rows(page), "Details").click()
    dialog = page.get_by_role("dialog", name="milestone_reached")
    expect(dialog).to_contain_text("Ada, ada@example.com")
    button(dialog, "Erase").click()
    question = page.get_by_role("dialog", name="Erase the content?")
    assert not message["erased"]
    button(question, "Erase").click()
    expect(dialog).to_contain_text("Somebody erased its content.")
    expect(dialog).not_to_contain_text("ada@example.com")
    expect(button(dialog, "Resend")).to_be_hidden()
    assert message["erased"]


def test_what_is_due_can_be_sent_at_once(page: Page, service: Service) -> None:
    page.goto("/webhooks#deliveries")
    expect(page.get_by_text("Nothing was delivered yet.")).to_be_visible()
    button(page, "Send what is due now").click()
    expect(page.get_by_role("status")).to_contain_text("3 messages will be sent now.")


# -- the catalogue, and who may see the page


def test_the_catalogue_has_examples_and_verifiers(page: Page) -> None:
    page.goto("/webhooks#catalogue")
    page.get_by_text("payment_failed").click()
    expect(page.get_by_text("says when it is tried again")).to_be_visible()
    expect(page.get_by_text("retryAt", exact=True)).to_be_visible()
    example = page.get_by_role("region", name="Example").filter(visible=True)
    expect(example).to_contain_text('"subject": "rep:17"')
    for language in ("Python", "Node", "Shell and curl"):
        page.locator("summary", has_text=language).click()
        expect(page.get_by_role("region", name=language)).to_contain_text("webhook-signature")


def test_errors_are_said_on_the_page(page: Page, service: Service) -> None:
    service.endpoint()
    page.goto("/webhooks")
    service.refusal = "too soon"
    button(card(page), "Send sample").click()
    expect(page.get_by_role("alert")).to_have_text("Too soon.")


def test_who_may_not_see_webhooks_learns_why(browser: Browser, backend: Backend) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        page = context.new_page()
        page.goto("/webhooks")
        page.wait_for_url("**/sign-in?next=%2Fwebhooks")
        sign_in(context, backend, "ada")
        page.goto("/webhooks")
        expect(page.get_by_role("heading", name="You don’t have access to webhooks")).to_be_visible()


def test_a_dialog_is_used_by_keyboard_alone(page: Page, service: Service) -> None:
    service.endpoint()
    page.goto("/webhooks")
    button(card(page), "Edit").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Edit endpoint")
    expect(dialog.get_by_role("heading", name="Edit endpoint")).to_be_focused()
    page.keyboard.press("Tab")
    expect(dialog.get_by_label("Address")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button(card(page), "Edit")).to_be_focused()
