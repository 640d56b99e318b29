"""Refusals: what Cairn answers instead of doing. Anything else goes on to the retry and the dead letters.

CairnError
├── BadInputError            400  the caller can mend it
├── NotSignedInError         401
│   └── SessionEndedError    401  the cookie that was sent is worth nothing, and is to be forgotten
├── ForbiddenError           403
├── NotFoundError            404
├── ConflictError            409
├── TooLargeError            413
├── ContentionError                503  too many at the same thing at once; worth another try
├── TooManyTabsError         429  a viewer has as many tabs as one may have
├── TooManyJoinsError        429  too many viewers came from one address; carries until when
├── PlatformPausedError      429  a platform asked us to wait; carries until when
└── PlatformUnavailableError 503  a platform does not answer
"""

from __future__ import annotations

from datetime import datetime


class CairnError(Exception):
    """A refusal with a message for whoever asked."""

    status = 500

    def __init__(self, message: str, details: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class BadInputError(CairnError):
    status = 400


class NotSignedInError(CairnError):
    status = 401


class SessionEndedError(NotSignedInError):
    """`for_good` when it cannot be refreshed either."""

    def __init__(self, message: str, *, for_good: bool = False) -> None:
        super().__init__(message)
        self.for_good = for_good


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
    """The address may go on when the minute is over."""

    status = 429

    def __init__(self, until: datetime) -> None:
        super().__init__("too many joins from one address in a minute; wait for the next")
        self.until = until


class PlatformPausedError(CairnError):
    """The platform said to wait: a rate limit or a spent quota."""

    status = 429

    def __init__(self, platform: str, reason: str, until: datetime) -> None:
        super().__init__(f"{platform} asks to wait until {until.isoformat(timespec='seconds')}: {reason}")
        self.platform = platform
        self.reason = reason
        self.until = until


class PlatformUnavailableError(CairnError):
    """The platform failed or timed out, after the retries the time allowed; or it refuses our key."""

    status = 503

    def __init__(self, platform: str, reason: str) -> None:
        super().__init__(f"{platform} does not answer: {reason}")
        self.platform = platform
        self.reason = reason


class NotYetError(Exception):
    """Another worker holds this, or its time has not come: retry at `until`. Not an answer to a caller."""

    def __init__(self, reason: str, until: datetime) -> None:
        super().__init__(f"{reason} until {until.isoformat(timespec='milliseconds')}")
        self.until = until
