"""Cairn's errors. A CairnError is answered with its HTTP status; any other error is retried, then dead-lettered.

Exception
├── CairnError
│   ├── BadInputError            400  the caller can fix the input
│   │   └── InvalidTargetError   400  an address that Cairn does not call
│   │   └── NoContactError       400  a webhook's format needs an e-mail or a telephone number, and there is none
│   ├── NotSignedInError         401
│   │   └── SessionEndedError    401  the session cookie is no longer valid; the browser must delete it
│   ├── ForbiddenError           403
│   ├── NotFoundError            404
│   ├── ConflictError            409
│   ├── TooLargeError            413
│   ├── TooManyTabsError         429  the viewer has the maximum number of tabs open
│   ├── TooManyJoinsError        429  too many viewers joined from one address; retry at `until`
│   ├── TooManySignInsError      429  too many failed sign-ins from one address; retry at `until`
│   ├── PlatformPausedError      429  a platform asked us to wait; retry at `until`
│   ├── ContentionError          503  too many concurrent updates of one item; retry
│   └── PlatformUnavailableError 503  a platform does not answer
│       └── KeyRejectedError     503  a platform rejects our key: no other call would succeed
├── NotYetError                  a worker retries its message at `until`; no caller sees this error
└── UnfinishedError              a worker retries its message, because the time was up; no caller sees this error
"""

from __future__ import annotations

from datetime import datetime


class CairnError(Exception):
    """An error whose message is meant for the caller."""

    status = 500

    def __init__(self, message: str, details: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class BadInputError(CairnError):
    status = 400


class NoContactError(BadInputError):
    pass


class InvalidTargetError(BadInputError):
    """Cairn does not call such an address; the message says why, without the address."""


class NotSignedInError(CairnError):
    status = 401


class SessionEndedError(NotSignedInError):
    """`permanent` when the session cannot be refreshed either."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class ForbiddenError(CairnError):
    status = 403


class NotFoundError(CairnError):
    status = 404


class ConflictError(CairnError):
    status = 409


class TooLargeError(CairnError):
    status = 413


class ContentionError(CairnError):
    status = 503


class TooManyTabsError(CairnError):
    status = 429


class TooManyJoinsError(CairnError):
    """They may join again in the next minute; `where` says whose limit it is."""

    status = 429

    def __init__(self, until: datetime, where: str = "from one address") -> None:
        super().__init__(f"too many joins {where} in a minute; try again in the next minute")
        self.until = until


class TooManySignInsError(CairnError):
    """The name, or anybody at the address, may try again at `until`."""

    status = 429

    def __init__(self, until: datetime) -> None:
        super().__init__(f"too many failed sign-ins; try again after {until.isoformat(timespec='seconds')}")
        self.until = until


class PlatformPausedError(CairnError):
    """The platform asked us to wait: a rate limit or an exhausted quota."""

    status = 429

    def __init__(self, platform: str, reason: str, until: datetime) -> None:
        super().__init__(f"{platform} asks Cairn to wait until {until.isoformat(timespec='seconds')}: {reason}")
        self.platform = platform
        self.reason = reason
        self.until = until


class PlatformUnavailableError(CairnError):
    """The platform failed or timed out, after the retries that the time budget allowed; or it rejected our key."""

    status = 503

    def __init__(self, platform: str, reason: str) -> None:
        super().__init__(f"{platform} does not answer: {reason}")
        self.platform = platform
        self.reason = reason


class KeyRejectedError(PlatformUnavailableError):
    """The platform rejected our key, so each further call with it would fail too."""


class NotYetError(Exception):
    """Another worker holds the item, or it is not due yet."""

    def __init__(self, reason: str, until: datetime) -> None:
        super().__init__(f"{reason}; retry at {until.isoformat(timespec='milliseconds')}")
        self.until = until


class UnfinishedError(Exception):
    """The time was up before all recipients were reached: the message must be retried."""
