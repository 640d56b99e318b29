"""Fills in the sign-in page as a person does."""

from __future__ import annotations

from playwright.sync_api import Error, Page


def submit(page: Page, name: str, password: str) -> None:
    """Send the form by its button, which waits until the page's code enables it: Enter before that does nothing."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def sign_in(page: Page, name: str, password: str, *, leads_to: str) -> None:
    """Send the form, and wait for the page it `leads_to`. AssertionError, with what the page says, when it stays."""
    submit(page, name, password)
    try:
        page.wait_for_url(leads_to)
    except Error as error:
        said = [text for text in page.get_by_role("alert").all_inner_texts() if text]
        button = page.locator("#submit").all_inner_texts()
        raise AssertionError(f"{name} is still at {page.url}: {said or button}") from error
