"""Fanvue's OAuth server: access tokens live an hour, a refresh token is used once, and its second use ends them all.

https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2 describes the reuse detection.
"""

import base64
import binascii
import secrets
from collections import deque
from dataclasses import dataclass, field

from local.sandbox.clock import Clock

ACCESS_SECONDS = 3600
KEPT = 1000
CLIENT_ID = "sandbox-fanvue-client"
CLIENT_SECRET = "sandbox-fanvue-client-secret"  # noqa: S105 - not a real one


class TokenError(Exception):
    """An error of the token endpoint: https://www.rfc-editor.org/rfc/rfc6749#section-5.2"""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"error": error, "error_description": description}


@dataclass
class Family:
    """The tokens that follow from one consent: of a creator, or of an agency, which may read all of them."""

    creator: str | None
    refresh: str = ""
    used: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    access: dict[str, float] = field(default_factory=dict)
    """The access tokens, and when each ends."""
    revoked: bool = False


class Tokens:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._families: list[Family] = []
        self.refreshed = 0

    def connect(self, creator: str | None) -> dict[str, object]:
        """As if a person had consented: the first tokens, and the client that may refresh them."""
        family = Family(creator)
        self._families.append(family)
        return {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **self._issue(family)}

    def refresh(self, authorization: str, token: str) -> dict[str, object]:
        if not is_client(authorization):
            raise TokenError(401, "invalid_client", "client authentication failed")
        for family in self._families:
            if token in family.used:
                family.revoked = True
                raise TokenError(400, "invalid_grant", "the refresh token was used before; all of its tokens end")
            if token == family.refresh and not family.revoked:
                family.used.append(token)
                self.refreshed += 1
                return self._issue(family)
        raise TokenError(400, "invalid_grant", "the refresh token is invalid, expired or revoked")

    def owner(self, token: str) -> Family | None:
        """Whose access token it is, while it lives."""
        now = self._clock.now()
        return next(
            (family for family in self._families if not family.revoked and family.access.get(token, 0) > now), None
        )

    def revoke(self) -> None:
        """As if every person had withdrawn their consent."""
        for family in self._families:
            family.revoked = True

    def _issue(self, family: Family) -> dict[str, object]:
        now = self._clock.now()
        access, family.refresh = f"fv_at_{secrets.token_hex(16)}", f"fv_rt_{secrets.token_hex(16)}"
        family.access = {token: ends for token, ends in family.access.items() if ends > now}
        family.access[access] = now + ACCESS_SECONDS
        return {
            "access_token": access,
            "refresh_token": family.refresh,
            "expires_in": ACCESS_SECONDS,
            "token_type": "bearer",
            "scope": "read:self read:creator read:insights read:chat read:post offline_access",
        }


def is_client(authorization: str) -> bool:
    """Basic authentication with the client's id and secret."""
    scheme, _, value = authorization.partition(" ")
    try:
        given = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return scheme.lower() == "basic" and given == f"{CLIENT_ID}:{CLIENT_SECRET}"
