"""The signature of a message as Standard Webhooks describes it, and which headers an endpoint may add. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Iterable, Mapping
from datetime import datetime

from cairn.errors import BadInputError
from cairn.webhooks.model import Secret

PREFIX = "whsec_"
_SECRET_BYTES = 32
_LENGTHS = range(24, 65)
"""The lengths in bytes that Standard Webhooks allows."""
MAX_HEADERS = 20
MAX_NAME = 100
MAX_VALUE = 4096
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2"""
_VALUE = re.compile(r"(?:[!-~](?:[ \t!-~]*[!-~])?)?")
"""Visible ASCII; spaces and tabs only within: https://www.rfc-editor.org/rfc/rfc9110#section-5.5"""
_REFUSED = frozenset(
    {
        # Hop by hop: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "http2-settings"),
        # Cairn sets them, or they change how the request is read.
        *("host", "user-agent", "expect", "accept-encoding"),
    }
)
_REFUSED_BEGINNINGS = ("content-", "webhook-")


def new_secret() -> str:
    """A random signing secret, `whsec_…`."""
    return PREFIX + base64.b64encode(randomness.token_bytes(_SECRET_BYTES)).decode()


def headers(message_id: str, at: datetime, body: bytes, secrets: Iterable[Secret]) -> dict[str, str]:
    """The three headers of an attempt at `at`: a signature of these bytes for each secret that is still in use."""
    timestamp = str(int(at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    keys = [_key(secret.value) for secret in secrets if secret.until is None or secret.until > at]
    signatures = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def check_headers(added: Mapping[str, str]) -> None:
    """BadInputError, which names the header and never its value, for a header that an endpoint may not add."""
    if len(added) > MAX_HEADERS:
        raise BadInputError(f"headers: at most {MAX_HEADERS}")
    seen = set[str]()
    for name, value in added.items():
        lower = name.lower()
        if not _TOKEN.fullmatch(name) or len(name) > MAX_NAME:
            raise BadInputError(f"headers: {name[:MAX_NAME]!r} is not the name of a header")
        if lower in _REFUSED or lower.startswith(_REFUSED_BEGINNINGS):
            raise BadInputError(f"headers.{name}: Cairn sets this header, or a connection does")
        if lower in seen:
            raise BadInputError(f"headers.{name}: given twice; capitals make no difference")
        if not _VALUE.fullmatch(value):
            raise BadInputError(f"headers.{name}: visible ASCII characters, with spaces only between them")
        if len(value) > MAX_VALUE:
            raise BadInputError(f"headers.{name}: at most {MAX_VALUE} bytes")
        seen.add(lower)


def _key(secret: str) -> bytes:
    """The bytes of a secret. ValueError, without the secret, when it is not one."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a signing secret is not base64") from None
    if len(key) not in _LENGTHS:
        raise ValueError(f"a signing secret has {len(key)} bytes")
    return key
