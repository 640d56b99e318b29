"""What a web page of another site can send to a server on loopback, and what is told apart from it."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from local.foreign_pages import is_loopback, refusal

OWN = "127.0.0.1:4567"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", OWN, "localhost:1", "LOCALHOST", "[::1]:4567", "d1.cloudfront.localhost:4566", "127.0.0.7:1"]
)
def test_names_and_addresses_of_this_machine_are_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "localhost.evil.example", "127.0.0.1.evil.example:4566", "evil.example", "evil.example:80", "localhostx"),
        "0.0.0.0",  # noqa: S104 - which browsers used to take for this machine
        *("10.0.0.1", "[::2]", "[", "169.254.169.254", "user@evil.example"),
    ],
)
def test_everything_else_is_not_whatever_it_resolves_to(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://localhost:4567"},
        {"Origin": f"https://{OWN}"},
        {"Origin": f"http://{OWN}.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": f"http://{OWN}", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_origin_is_refused(page: dict[str, str]) -> None:
    assert refusal(Headers({"Host": OWN, **page}), any_origin=False)
    assert refusal(Headers({"Host": OWN, **page}), any_origin=True) is None


def test_one_own_origin_among_others_does_not_help() -> None:
    raw = [(b"host", OWN.encode()), (b"origin", f"http://{OWN}".encode()), (b"origin", b"https://evil.example")]
    assert refusal(Headers(raw=raw), any_origin=False)


@pytest.mark.parametrize(
    "caller", [{}, {"Origin": f"http://{OWN}"}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}]
)
def test_programs_people_and_own_pages_are_not(caller: dict[str, str]) -> None:
    assert refusal(Headers({"Host": OWN, **caller}), any_origin=False) is None


@pytest.mark.parametrize("hosts", [[], [b"evil.example"], [OWN.encode(), b"evil.example"], [b"evil.example:4567"]])
@pytest.mark.parametrize("any_origin", [True, False])
def test_another_host_is_refused_on_every_route(hosts: list[bytes], any_origin: bool) -> None:
    """The page of a name that was bound again to loopback has that name as its Host, and is its own origin."""
    assert refusal(Headers(raw=[(b"host", host) for host in hosts]), any_origin=any_origin)
