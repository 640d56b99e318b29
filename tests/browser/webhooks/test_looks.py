"""The page of webhooks in light and dark, from the narrowest phone to a large screen, with its dialogs."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.backend import Backend
from tests.browser.conftest import WAIT_MILLISECONDS, shot, sign_in
from tests.browser.test_looks import CHECKS
from tests.browser.viewers.audience import iso
from tests.browser.webhooks.service import Service, attempt, figures, statistics

NARROW, LAPTOP, HD = (320, 640), (1366, 900), (1920, 1080)
Scheme = Literal["light", "dark"]
LONG = "https://crm.example/hooks/" + "a-very-long-path-without-any-place-to-break-" * 3


def opened_dialog(page: Page, view: str) -> None:
    """The part of the page that a name stands for."""
    first = page.locator(".endpoint").first
    if view == "form":
        first.get_by_role("button", name="Edit").click()
        page.get_by_text("Filter, headers, limits, owner").click()
        page.get_by_label("Only these").check()
    elif view == "delivery":
        page.locator("#delivery-rows tr").nth(1).get_by_role("button").click()
    elif view == "replay":
        first.get_by_role("button", name="More").click()
        first.get_by_role("button", name="Replay").click()
        page.get_by_role("button", name="Count first").click()
        expect(page.get_by_role("button", name="Send 1,204 messages")).to_be_visible()
    elif view == "secret":
        first.get_by_role("button", name="More").click()
        first.get_by_role("button", name="Rotate the secret").click()
        page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
        expect(page.get_by_role("dialog", name="Secret")).to_be_visible()


VIEWS: dict[str, str] = {
    "endpoints": "endpoints",
    "deliveries": "deliveries",
    "catalogue": "catalogue",
    "form": "endpoints",
    "replay": "endpoints",
    "secret": "endpoints",
    "delivery": "deliveries",
}


@pytest.fixture
def busy(backend: Backend) -> Service:
    """Endpoints in every state, and deliveries of every status."""
    service = backend.webhooks
    now, until = backend.now(), backend.now() + timedelta(hours=1)
    crm = service.endpoint(
        description="CRM of the sales team",
        events=["milestone_reached", "payment_failed", "acme.order_paid"],
        headers=["Authorization"],
        filter={"rule": {"eq": "revenue"}},
        rateLimit=5,
        owner="user:ada",
    )
    health = {
        "failures": 12,
        "failingSince": iso(now),
        "openUntil": iso(until),
        "lastError": "TIMEOUT",
    }
    slow = service.endpoint(url=LONG, health=health)
    service.endpoint(format="ghl", state="paused", stateReason="paused by a person", description="GoHighLevel")
    service.endpoint(state="disabled", stateReason="it answered 410 Gone", url="https://old.example/hook")
    for status, why in (("pending", "the endpoint fails"), ("skipped", "no contact"), ("held_out", None)):
        service.message(crm, status=status, errorMessage=why, attempts=[])
    tries = [
        attempt(1, now, error="TIMEOUT", reason="no answer within 15 s", milliseconds=15_002),
        attempt(2, now, status=503, error="HTTP", reason="Service Unavailable", response='{"error": "maintenance"}'),
    ]
    service.message(
        slow, status="failed", attempts=tries, errorMessage="HTTP 503", type="payment_failed", subject="user:5"
    )
    service.message(crm)
    sums = {"messages": 2_000, "pending": 4, "deliveryRate": 0.9899, "retrySuccess": 0.96, "oldestPending": iso(now)}
    service.stats = statistics(**sums, latency={"p50": 340, "p95": 2_140, "p99": 181_000})
    service.stats["endpoints"] = [figures(**sums) | {"endpoint": crm["id"], "lift": None}]
    rates = {"openRate": 0.5, "clickRate": 0.25, "conversionRate": 0.1}
    service.stats["feedback"] = [{"type": "milestone_reached", "template": "century_club", "sent": 120, **rates}]
    return service


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("size", "scheme"), [(NARROW, "dark"), (LAPTOP, "light"), (HD, "dark")])
@pytest.mark.usefixtures("busy")
def test_every_view_is_accessible_in_every_size_and_colour(
    browser: Browser, backend: Backend, view: str, size: tuple[int, int], scheme: Scheme
) -> None:
    with browser.new_context(
        base_url=backend.origin, viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    ) as context:
        context.set_default_timeout(WAIT_MILLISECONDS)
        sign_in(context, backend, "grace")
        page = context.new_page()
        page.goto(f"/webhooks#{VIEWS[view]}")
        expect(page.locator(f"#{VIEWS[view]} :is(.endpoint, tbody tr, details)").first).to_be_visible()
        opened_dialog(page, view)
        page.evaluate("document.fonts.ready.then(() => null)")
        assert page.evaluate(CHECKS) == []
        assert violations(page) == []
        for dialog in page.locator("dialog[open]").all():
            assert dialog.evaluate("(one) => one.scrollWidth <= one.clientWidth")
        shot(page, f"webhooks-{view}-{size[0]}-{scheme}")
