"""Whether a page of our own origin sent a request, for every combination of the headers that browsers send."""

from __future__ import annotations

from itertools import product

import pytest

from cairn.cdn import HOST_HEADER
from functions.api.auth import same_origin

SITES = (None, "same-origin", "same-site", "cross-site", "none", "", "Same-Origin", "same-origin, cross-site")
ORIGINS = (
    *(None, "https://cairn.example", "https://CAIRN.example"),
    *("https://evil.example", "https://a.cairn.example", "null", ""),
)
HOSTS = (None, "cairn.example", "Cairn.Example", "")
OURS = {"https://cairn.example", "https://CAIRN.example"}


def headers(site: str | None, origin: str | None, host: str | None) -> dict[str, str]:
    values = {"sec-fetch-site": site, "origin": origin, HOST_HEADER: host}
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize(("site", "origin", "host"), [*product(SITES[1:], ORIGINS, HOSTS)])
def test_what_the_browser_says_of_itself_is_all_that_counts(site: str, origin: str | None, host: str | None) -> None:
    assert same_origin(headers(site, origin, host)) == (site == "same-origin")


@pytest.mark.parametrize(("origin", "host"), [*product(ORIGINS[1:], HOSTS)])
def test_a_browser_that_does_not_say_is_judged_by_its_origin(origin: str, host: str | None) -> None:
    assert same_origin(headers(None, origin, host)) == (origin in OURS and bool(host))


def test_a_header_that_cloudfront_does_not_set_says_nothing() -> None:
    assert not same_origin({"origin": "https://cairn.example", "x-forwarded-host": "cairn.example"})


@pytest.mark.parametrize("host", HOSTS)
def test_who_says_nothing_at_all_is_no_browser(host: str | None) -> None:
    assert same_origin(headers(None, None, host))


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("http://127.0.0.1:4567", "127.0.0.1:4567", True),
        ("http://127.0.0.1:4568", "127.0.0.1:4567", False),
        ("http://127.0.0.1", "127.0.0.1:4567", False),
        ("https://cairn.example", "cairn.example:443", False),
        ("http://[", "cairn.example", False),
        ("http://[::1]:80", "[::1]:80", True),
        ("https://cairn.example.evil.example", "cairn.example", False),
        ("https://evil.example/cairn.example", "cairn.example", False),
        ("https://cairn.example@evil.example", "cairn.example", False),
        ("cairn.example", "cairn.example", False),
    ],
)
def test_an_origin_is_ours_by_its_whole_host_and_port(origin: str, host: str, ours: bool) -> None:
    assert same_origin(headers(None, origin, host)) == ours
