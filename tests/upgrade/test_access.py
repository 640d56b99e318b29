"""API keys and sessions across an upgrade."""

from __future__ import annotations

import pytest

from tests.upgrade import product
from tests.upgrade.fixtures import Fixture
from tests.upgrade.site import Answer, Site


@pytest.fixture
def signed_in(upgraded: Site) -> Answer:
    upgraded.account.cloud.people.add("ada", "leaderboard", "analytics")
    return upgraded.api("POST", "/api/session", {"name": "ada", "password": product.PASSWORD})


def test_keys_open_what_they_opened(upgraded: Site, fixture: Fixture) -> None:
    admin, screen = fixture.clients["keys"]["admin"], fixture.clients["keys"]["screen"]
    assert upgraded.api("GET", "/api/subscribers", key=admin).status == 200
    assert upgraded.api("GET", "/api/leaderboard", key=screen).status == 200
    assert upgraded.api("GET", "/api/subscribers", key=screen).status == 403
    assert upgraded.api("GET", "/api/leaderboard", key=f"{screen}x").status == 401


def test_cookies_have_the_names_and_the_reach_that_they_had(
    upgraded: Site, fixture: Fixture, signed_in: Answer
) -> None:
    """A browser replaces the old ones by them, and forgets both when somebody signs out."""
    ended = upgraded.api("DELETE", "/api/session")
    known = {_without_age(cookie) for cookie in fixture.files["cookies"]["set_cookies"]}
    assert {_without_age(cookie) for cookie in (*signed_in.cookies, *ended.cookies)} == known
    assert all("Max-Age=0;" in cookie for cookie in ended.cookies)


def test_an_old_session_is_accepted(upgraded: Site, fixture: Fixture, signed_in: Answer) -> None:
    session, refresh = _names(fixture)
    tokens = {cookie.partition("=")[0]: _value(cookie) for cookie in signed_in.cookies}
    known = upgraded.api("GET", "/api/session", cookies={session: tokens[session]})
    assert known.json["userId"] == "ada"
    renewed = upgraded.api("POST", "/api/session/refresh", cookies={refresh: tokens[refresh]})
    assert [cookie.partition("=")[0] for cookie in renewed.cookies] == [session]
    assert upgraded.api("POST", "/api/ws-ticket", cookies={session: tokens[session]}).status == 200


def _names(fixture: Fixture) -> list[str]:
    """Of the session's cookie and of the one that refreshes it."""
    return sorted({cookie.partition("=")[0] for cookie in fixture.files["cookies"]["set_cookies"]})


def _value(cookie: str) -> str:
    return cookie.partition("=")[2].partition(";")[0]


def _without_age(cookie: str) -> str:
    """A Set-Cookie header without what differs from one sign-in to the next."""
    name, _, attributes = cookie.partition("; ")
    kept = [one for one in attributes.split("; ") if not one.startswith("Max-Age")]
    return "; ".join([name.partition("=")[0], *kept])
