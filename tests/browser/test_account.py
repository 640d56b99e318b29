"""Signing in with more than a password, and one's own account."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import sign_in_form
from tests.browser.backend import CODE, NEW_PASSWORD, PASSWORD, Backend


def sign_in(page: Page, name: str) -> None:
    page.goto("/sign-in?next=%2Flive%2Fdemo")
    sign_in_form.submit(page, name, PASSWORD)


@pytest.mark.parametrize(
    ("name", "field", "wrong", "right"),
    [
        ("tess", "Code from your authenticator app", "999999", CODE),
        ("newt", "New password", "Not this one 1!", NEW_PASSWORD),
    ],
)
def test_the_page_asks_for_what_a_sign_in_still_needs(
    browser: Browser, backend: Backend, name: str, field: str, wrong: str, right: str
) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        page = context.new_page()
        sign_in(page, name)
        expect(page.get_by_label(field)).to_be_focused()
        expect(page.get_by_label("Password", exact=True)).to_be_hidden()
        page.get_by_label(field).fill(wrong)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("Wrong code: use the newest one.")
        page.get_by_label(field).fill(right)
        page.keyboard.press("Enter")
        page.wait_for_url("**/live/demo")


def test_who_has_to_wait_learns_how_long(browser: Browser, backend: Backend) -> None:
    backend.limited = True
    with browser.new_context(base_url=backend.origin) as context:
        page = context.new_page()
        sign_in(page, "ada")
        expect(page.get_by_role("alert")).to_have_text("Too many attempts. Try again in 3 minutes.")


def test_people_change_their_password(page: Page) -> None:
    page.goto("/")
    page.get_by_role("banner").get_by_role("link", name="Ada").click()
    page.wait_for_url("**/account")
    current, new = page.get_by_label("Current password"), page.get_by_label("New password")
    button = page.get_by_role("button", name="Change password")
    current.fill("wrong")
    new.fill(NEW_PASSWORD)
    button.click()
    expect(page.get_by_role("alert")).to_have_text("The current password is wrong.")
    current.fill(PASSWORD)
    new.fill("long enough but weak")
    button.click()
    expect(page.get_by_role("alert")).to_have_text("New: must have symbols.")
    new.fill(NEW_PASSWORD)
    button.click()
    expect(page.get_by_role("status")).to_contain_text("Your password is changed.")
    expect(current).to_have_value("")


def test_people_turn_their_second_factor_on_and_off(page: Page, backend: Backend) -> None:
    page.goto("/account")
    expect(page.get_by_text("Off. With it")).to_be_visible()
    page.locator("#begin-password").fill(PASSWORD)
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator("#secret")).to_have_text("JBSW Y3DP EHPK 3PXP")
    expect(page.get_by_role("link", name="open it there")).to_have_attribute(
        "href", r"otpauth://totp/Cairn%3Aada?secret=JBSWY3DPEHPK3PXP"
    )
    page.locator("#confirm-code").fill("999999")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("Wrong code")
    page.locator("#confirm-code").fill(CODE)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text("The second factor is on.")
    assert backend.second_factor
    page.locator("#remove-password").fill(PASSWORD)
    page.locator("#remove-code").fill(CODE)
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("Off. With it")).to_be_visible()
    assert not backend.second_factor


def test_who_is_not_signed_in_is_sent_to_the_sign_in(browser: Browser, backend: Backend) -> None:
    with browser.new_context(base_url=backend.origin) as context:
        page = context.new_page()
        page.goto("/account")
        page.wait_for_url("**/sign-in?next=%2Faccount")
