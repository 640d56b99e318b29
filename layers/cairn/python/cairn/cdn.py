"""Requests to Lambda URLs come through our distribution: it proves itself by a key, and names the caller's address.

The Lambda URLs are public. A request past the distribution would also be past its firewall, and could name any address.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cairn.errors import ForbiddenError

KEY_HEADER = "x-cairn-front"
VIEWER_HEADER = "x-cairn-viewer"
"""An address. The distribution's function `infra/viewer.js` overwrites it in each request."""
HOST_HEADER = "x-cairn-host"
"""The host that the viewer requested: the distribution's name, or the operator's domain. Overwritten, too."""
CLOUDFRONT_HEADER = "cloudfront-viewer-address"
"""Address and port. CloudFront writes it, and ignores what a client sends for it, where a policy names the header.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html
"""

PREFIXES = (64, 56, 48)
"""Of an IPv6 address, the networks that may each be one person's."""


@dataclass(frozen=True, slots=True)
class Cdn:
    """The distribution, as a function behind it knows it."""

    keys: tuple[str, ...]
    """The accepted keys: the one that the distribution sends, and the one before it."""
    direct_calls: bool = False
    """Whether a request past the distribution is accepted too, as while an older distribution sends no key yet."""

    @classmethod
    def of(cls, keys: str, direct_calls: str) -> Cdn:
        """From a function's settings: `keys` are separated by spaces, `direct_calls` is `allow` or `reject`."""
        return cls(tuple(keys.split()), direct_calls == "allow")

    def address(self, event: Mapping[str, Any]) -> str:
        """The caller's address; ForbiddenError for a request that did not come through the distribution.

        An accepted request past the distribution has the address that connected to the Lambda URL.
        """
        headers = event["headers"]
        if self._proves(headers.get(KEY_HEADER, "")):
            address: str = headers.get(VIEWER_HEADER) or headers.get(CLOUDFRONT_HEADER, "").rpartition(":")[0]
            if address:
                return address.strip("[]")
        elif not self.direct_calls:
            raise ForbiddenError("requests come through the distribution: use its address, not the function's own")
        return str(event["requestContext"]["http"]["sourceIp"])

    def _proves(self, key: str) -> bool:
        sent = key.encode()
        return any(hmac.compare_digest(sent, accepted.encode()) for accepted in self.keys)


def networks(address: str) -> tuple[str, ...]:
    """The networks of an address, the narrowest first: one for IPv4, a /64, a /56 and a /48 for IPv6.

    A household is assigned at least a /64, often a /56, and a company a /48: https://www.rfc-editor.org/rfc/rfc6177
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return (address,)
    if isinstance(parsed, ipaddress.IPv4Address):
        return (str(parsed),)
    if parsed.ipv4_mapped:
        return (str(parsed.ipv4_mapped),)
    return tuple(str(ipaddress.ip_network((int(parsed), prefix), strict=False)) for prefix in PREFIXES)
