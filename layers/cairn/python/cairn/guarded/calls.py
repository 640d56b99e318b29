"""One call: how long it may still take, and how it fails."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import Literal

ErrorKind = Literal["TIMEOUT", "CONNECTION", "TLS", "HTTP", "DNS", "INVALID_TARGET"]

_SHORTEST = 0.001
"""A time-out of zero would mean an operation that does not wait at all."""


class DeliveryError(Exception):
    """There is no answer. `reason` is fit for people and logs; `milliseconds` is how long the call took.

    TIMEOUT         no connection, or no answer, in time
    CONNECTION      refused, unreachable, broken, or closed without an answer
    TLS             the handshake failed, or the certificate is not one of this name that we trust
    HTTP            the answer is not HTTP, or its headers are too long
    DNS             the name could not be resolved now, which may heal
    INVALID_TARGET  there is no such name, or Cairn does not call such an address
    """

    def __init__(self, kind: ErrorKind, reason: str, milliseconds: int) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason
        self.milliseconds = milliseconds


class Call:
    """Begins when it is made; `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._start = clock()
        self._until = self._start + seconds

    def until(self, seconds: float) -> float:
        """The instant after some seconds; the call's end if that is sooner."""
        return min(self._clock() + seconds, self._until)

    def left(self, until: float | None = None) -> float:
        """Seconds until an instant, or until the call's end; TimeoutError if that is over."""
        seconds = (self._until if until is None else until) - self._clock()
        if seconds <= 0:
            raise TimeoutError
        return max(seconds, _SHORTEST)

    def milliseconds(self) -> int:
        return round((self._clock() - self._start) * 1000)

    def failed(self, kind: ErrorKind, reason: str) -> DeliveryError:
        return DeliveryError(kind, reason, self.milliseconds())

    def broken(self, error: OSError, in_time: str) -> DeliveryError:
        """The failure that an error of a connection is; `in_time` says what did not happen in time."""
        if isinstance(error, TimeoutError):
            return self.failed("TIMEOUT", in_time)
        if isinstance(error, ssl.SSLCertVerificationError):
            return self.failed("TLS", _about_certificate(error.verify_code))
        if isinstance(error, ssl.SSLError):
            return self.failed("TLS", f"TLS failed ({error.reason or 'the connection was closed'})")
        return self.failed("CONNECTION", os.strerror(error.errno).lower() if error.errno else "the connection failed")


_CERTIFICATES = {
    9: "is not valid yet",
    10: "has expired",
    18: "is signed by itself",
    19: "is of an authority that nobody trusts",
    20: "is of an authority that is not known, or an intermediate certificate is missing",
    21: "is of an authority that is not known, or an intermediate certificate is missing",
    62: "is of another host",
    64: "is of another address",
}
"""OpenSSL's codes; its own texts contain the host. https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/"""


def _about_certificate(code: int) -> str:
    return f"the receiver's certificate {_CERTIFICATES.get(code, f'is not valid (code {code})')}"
