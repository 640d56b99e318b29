"""Which IP addresses are the public internet, as far as a stranger's address may lead.

`ipaddress.is_global` is no answer: it is True for multicast, for 6to4 and NAT64 forms of private addresses, and for
ranges that the registries gave a special purpose since. So the ranges are listed here. For IPv6, only the range that
registries assign from is public at all.

https://www.iana.org/assignments/iana-ipv4-special-registry https://www.iana.org/assignments/iana-ipv6-special-registry
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORBIDDEN: Mapping[str, str] = {
    "0.0.0.0/8": "this host",
    "10.0.0.0/8": "a private network",
    "100.64.0.0/10": "a provider's shared network",
    "127.0.0.0/8": "this host",
    "169.254.0.0/16": "a link-local address, as those of AWS's metadata are",
    "172.16.0.0/12": "a private network",
    "192.0.0.0/24": "reserved for protocols",
    "192.0.2.0/24": "reserved for documentation",
    "192.31.196.0/24": "reserved for protocols",
    "192.52.193.0/24": "reserved for protocols",
    "192.88.99.0/24": "a relay between IPv6 and IPv4",
    "192.168.0.0/16": "a private network",
    "192.175.48.0/24": "reserved for protocols",
    "198.18.0.0/15": "reserved for benchmarks",
    "198.51.100.0/24": "reserved for documentation",
    "203.0.113.0/24": "reserved for documentation",
    "224.0.0.0/4": "a multicast address",
    "240.0.0.0/4": "reserved",
    "::1/128": "this host",
    "fc00::/7": "a private network",
    "fe80::/10": "a link-local address",
    "ff00::/8": "a multicast address",
    "64:ff9b::/96": "an IPv4 address in the form of an IPv6 address",
    "64:ff9b:1::/48": "an IPv4 address in the form of an IPv6 address",
    "::/8": "an IPv4 address in the form of an IPv6 address, or reserved",
    "2001::/32": "an IPv4 address in the form of an IPv6 address",
    "2001::/23": "reserved for protocols",
    "2001:db8::/32": "reserved for documentation",
    "2002::/16": "an IPv4 address in the form of an IPv6 address",
    "2620:4f:8000::/48": "reserved for protocols",
    "3fff::/20": "reserved for documentation",
    "3ffe::/16": "reserved",
}
"""The first that contains an address says what it is. Every IPv6 address outside 2000::/3 is forbidden too."""

ASSIGNED_IPV6 = ipaddress.ip_network("2000::/3")

OPERATORS_OWN = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
"""What a target that the operator named may be; never a metadata address."""
METADATA = ("fd00:ec2::/32",)
"""AWS's own services at an instance, in IPv6.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""


def _networks(texts: Iterable[str]) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_FORBIDDEN = tuple((ipaddress.ip_network(text), words) for text, words in FORBIDDEN.items())
_OPERATORS_OWN = _networks(OPERATORS_OWN)
_METADATA = _networks(METADATA)


def why_forbidden(address: str, *, named: bool = False) -> str | None:
    """What the address is instead of a public one; None if Cairn may connect to it.

    `named` when the operator named the target, which may then be at this host or in a private network.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "no IP address"
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.scope_id is not None:
        return "a link-local address"
    if named and any(parsed in network for network in _OPERATORS_OWN) and not any(parsed in own for own in _METADATA):
        return None
    for network, words in _FORBIDDEN:
        if parsed in network:
            return words
    if parsed.version == 6 and parsed not in ASSIGNED_IPV6:
        return "reserved"
    return None
