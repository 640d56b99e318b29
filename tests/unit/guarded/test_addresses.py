"""Which addresses are public: listed ranges, forms that hide an IPv4 address, and what `is_global` gets wrong."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.guarded.addresses import FORBIDDEN, why_forbidden

BELIEVED_GLOBAL = [
    "::127.0.0.1",
    "::169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "::ffff:0:127.0.0.1",
    "5f00::1",
    "3fff::1",
    "fec0::1",
    "192.88.99.1",
    "192.0.0.8",
    "224.0.0.1",
    "ff02::1",
]
"""Python's `is_global` was seen to be True for each of them."""


@pytest.mark.parametrize("address", BELIEVED_GLOBAL)
def test_what_python_believes_to_be_global_is_forbidden(address: str) -> None:
    assert why_forbidden(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104 - an address that must not be called
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:8.8.8.8",
        "100::1",
        "100:0:0:1::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "2001::7f00:1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:30::1",
        "2001:db8::1",
        "2002:a9fe:a9fe::",
        "2620:4f:8000::1",
        "3ffe::1",
        "4000::1",
        "8000::1",
        "ff0e::1",
    ],
)
def test_an_address_of_a_special_purpose_is_forbidden(address: str) -> None:
    assert why_forbidden(address)


@pytest.mark.parametrize("address", ["", "localhost", "127.1", "0x7f000001", "1.2.3.4/8", "::1::"])
def test_what_is_no_address_is_forbidden(address: str) -> None:
    assert why_forbidden(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.215.14",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "223.255.255.254",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
    ],
)
def test_a_public_address_is_allowed(address: str) -> None:
    assert why_forbidden(address) is None


@pytest.mark.parametrize("network", FORBIDDEN)
def test_a_range_is_forbidden_from_its_first_address_to_its_last(network: str) -> None:
    whole = ipaddress.ip_network(network)
    assert why_forbidden(str(whole[0]))
    assert why_forbidden(str(whole[-1]))


@given(st.ip_addresses())
def test_no_private_address_is_public_in_any_form(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if not address.is_global or address.is_multicast:
        assert why_forbidden(str(address))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_public_in_the_form_of_an_ipv6_address(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for prefix in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::"):
        assert why_forbidden(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + number)))
    assert why_forbidden(str(ipaddress.IPv6Address((0x2002 << 112) + (number << 80))))
    assert why_forbidden(str(ipaddress.IPv6Address((0x2001 << 112) + (~number & 0xFFFFFFFF))))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "172.17.0.1", "192.168.0.10", "::1", "fd12::1"])
def test_a_target_that_the_operator_named_may_be_private(address: str) -> None:
    assert why_forbidden(address, named=True) is None


@pytest.mark.parametrize("address", ["169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::"])  # noqa: S104
def test_not_even_a_named_target_may_be_a_metadata_address(address: str) -> None:
    assert why_forbidden(address, named=True)
