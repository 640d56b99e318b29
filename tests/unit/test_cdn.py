"""A caller's address is what the distribution says, and nothing that the caller says."""

from __future__ import annotations

from typing import Any

import pytest

from cairn.cdn import Cdn
from cairn.errors import ForbiddenError

CONNECTED_FROM = "198.51.100.1"


def called(**headers: str) -> dict[str, Any]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"headers": sent, "requestContext": {"http": {"sourceIp": CONNECTED_FROM}}}


@pytest.mark.parametrize(
    ("seen", "address"),
    [
        ({"cloudfront_viewer_address": "192.0.2.1:46532"}, "192.0.2.1"),
        ({"cloudfront_viewer_address": "2001:db8:0:0:0:0:0:1:46532"}, "2001:db8:0:0:0:0:0:1"),
        ({"cloudfront_viewer_address": "[2001:db8::1]:46532"}, "2001:db8::1"),
        ({"x_cairn_viewer": "192.0.2.1"}, "192.0.2.1"),
        ({"x_cairn_viewer": "2001:db8::1"}, "2001:db8::1"),
        ({"x_cairn_viewer": "192.0.2.1", "cloudfront_viewer_address": "203.0.113.1:1"}, "192.0.2.1"),
        ({"x_cairn_viewer": "192.0.2.1", "x_forwarded_for": "203.0.113.1"}, "192.0.2.1"),
        ({"cloudfront_viewer_address": ""}, CONNECTED_FROM),
        ({"x_forwarded_for": "192.0.2.1"}, CONNECTED_FROM),
    ],
)
def test_a_caller_through_the_distribution_is_where_it_says(seen: dict[str, str], address: str) -> None:
    assert Cdn.of("key", "reject").address(called(x_cairn_front="key", **seen)) == address


@pytest.mark.parametrize("key", ["other", "ñ", "", " ", "key old"])
@pytest.mark.parametrize("header", [{"cloudfront_viewer_address": "192.0.2.1:1"}, {"x_cairn_viewer": "192.0.2.1"}])
def test_a_caller_past_it_is_rejected_or_is_where_they_connect_from(header: dict[str, str], key: str) -> None:
    request = called(x_cairn_front=key, **header)
    with pytest.raises(ForbiddenError, match="distribution"):
        Cdn.of("key old", "reject").address(request)
    assert Cdn.of("key old", "allow").address(request) == CONNECTED_FROM


def test_the_key_before_is_accepted_and_no_key_accepts_nobody() -> None:
    assert Cdn.of("key old", "reject").address(called(x_cairn_front="old", x_cairn_viewer="192.0.2.1")) == "192.0.2.1"
    with pytest.raises(ForbiddenError):
        Cdn.of("", "reject").address(called(x_cairn_front=""))
