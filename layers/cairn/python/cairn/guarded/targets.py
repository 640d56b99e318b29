"""What an address says about itself: its parts, or the reason why Cairn does not call it. No look-up, no connection.

An address is parsed once, strictly, and what was parsed is what is resolved, connected to and requested: two parsers
that understand an address differently are how such checks are bypassed.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

from cairn.errors import InvalidTargetError
from cairn.guarded.addresses import why_forbidden

MAX_LENGTH = 2048
DEFAULT_PORTS = {"https": 443, "http": 80}
FIRST_FREE_PORT = 1024
"""The ports below belong to other protocols, 443 excepted: mail, name servers, directories."""

_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)(?P<rest>[^#]*)", re.ASCII | re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]]+)(:(?P<port>[0-9]{1,5}))?", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label of this form makes the whole host an IPv4 number: https://url.spec.whatwg.org/#ends-in-a-number-checker"""
_SAFE = "/?%:@!$&'()*+,;=-._~"


@dataclass(frozen=True, slots=True)
class Target:
    """`host` is lower-case ASCII, an IPv6 address without brackets; `path` has the query, as it is requested.

    `named`: the operator named it among the allowed targets.
    """

    scheme: str
    host: str
    port: int
    path: str
    named: bool

    @property
    def is_number(self) -> bool:
        """Whether the host is an IP address, so that nothing is looked up."""
        return ":" in self.host or _NUMBER.fullmatch(self.host.rpartition(".")[2]) is not None

    @property
    def authority(self) -> str:
        """The Host header."""
        return _place(self.host, self.port).removesuffix(f":{DEFAULT_PORTS[self.scheme]}")


def allowed_targets(text: str) -> frozenset[str]:
    """`host:port` pairs, as WEBHOOK_ALLOWED_TARGETS lists them, with commas; ValueError for anything else."""
    found = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        pieces = _AUTHORITY.fullmatch(part)
        if not pieces or not pieces["port"]:
            raise ValueError(f"an allowed target is host:port, and not {part!r}")
        try:
            found.add(_place(_host(pieces["host"]), int(pieces["port"])))
        except InvalidTargetError as error:
            raise ValueError(f"an allowed target is host:port, and not {part!r}: {error.message}") from None
    return frozenset(found)


def parse(url: str, allowed: frozenset[str] = frozenset()) -> Target:
    """The target of an address; InvalidTargetError with the reason if Cairn does not call such an address."""
    if len(url) > MAX_LENGTH:
        raise InvalidTargetError(f"the address is longer than {MAX_LENGTH} characters")
    if not url.isprintable() or " " in url or "\\" in url:
        raise InvalidTargetError("the address contains a space, a backslash or a character that cannot be printed")
    if "#" in url:
        raise InvalidTargetError("the address must end before the #, because what follows is never sent")
    parts = _URL.fullmatch(url)
    if not parts:
        raise InvalidTargetError("the address must have the form https://host/path")
    scheme, authority = parts["scheme"].lower(), parts["authority"]
    if "@" in authority:
        raise InvalidTargetError("the address must not contain a user name or a password; use a header instead")
    pieces = _AUTHORITY.fullmatch(authority)
    if not pieces or "%" in authority:
        raise InvalidTargetError("host and port must have the form host or host:port")
    host = _host(pieces["host"])
    port = int(pieces["port"]) if pieces["port"] else DEFAULT_PORTS[scheme]
    target = Target(scheme, host, port, _path(parts["rest"]), named=_place(host, port) in allowed)
    _check(target)
    return target


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _host(written: str) -> str:
    """The host in its one plain form."""
    if written.startswith("["):
        try:
            return str(ipaddress.IPv6Address(written[1:-1]))
        except ValueError:
            raise InvalidTargetError("the host is not a valid IPv6 address") from None
    host = (written if written.isascii() else _idna(written)).lower()
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise InvalidTargetError("an IPv4 address must be four decimal numbers without leading zeros") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise InvalidTargetError("the host is not a valid name")
    return host


def _idna(host: str) -> str:
    """A name in ASCII, mapped as browsers map it: circled digits become digits, and then count as digits."""
    import idna

    try:
        return idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise InvalidTargetError("the host is not a valid name") from None


def _path(rest: str) -> str:
    return quote(rest if rest.startswith("/") else f"/{rest}", safe=_SAFE)


def _check(target: Target) -> None:
    if not 0 < target.port < 2**16:
        raise InvalidTargetError("the port must be between 1 and 65535")
    if not target.named:
        if target.scheme != "https":
            raise InvalidTargetError("the address must begin with https://")
        if target.port < FIRST_FREE_PORT and target.port != DEFAULT_PORTS["https"]:
            raise InvalidTargetError(f"the port must be 443, or {FIRST_FREE_PORT} or higher")
        if not target.is_number and "." not in target.host:
            raise InvalidTargetError("the host must be a full name, such as hooks.example.com")
    if target.is_number and (what := why_forbidden(target.host, named=target.named)):
        raise InvalidTargetError(f"the address must be public, and this is {what}")
