"""The two cookies of a session: browsers send the id token with every call, the refresh token only to /api/session.

The prefixes of their names make browsers reject them without Secure, and `__Host-` if another host sets it. Chromium
accepts them on http://127.0.0.1 too, where all ports share them: two local clouds sign each other's people out.
https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.shared.cookies import Cookie, SameSite

SESSION = "__Host-cairn"
REFRESH = "__Secure-cairn-refresh"
REFRESH_PATH = "/api/session"
REFRESH_SECONDS = 90 * 86_400
"""As long as Cognito accepts the refresh token: a TV on the wall stays signed in."""
MAX_BYTES = 4096
"""A browser drops a longer cookie silently."""


def parse(event: Mapping[str, Any]) -> dict[str, str]:
    """The cookies of a request by name: Lambda lists them; MiniStack leaves them in the header."""
    pairs: list[str] = event.get("cookies") or [event["headers"].get("cookie", "")]
    found: dict[str, str] = {}
    for pair in ";".join(pairs).split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals:
            found.setdefault(name, value)
    return found


def session(id_token: str, seconds: int) -> Cookie:
    return _cookie(SESSION, id_token, "/", seconds)


def refresh(refresh_token: str) -> Cookie:
    return _cookie(REFRESH, refresh_token, REFRESH_PATH, REFRESH_SECONDS)


def expired(*, permanent: bool) -> list[Cookie]:
    """Make the browser delete the session, and with `permanent` the refresh token too."""
    cleared = [_cookie(SESSION, "", "/", 0)]
    return [*cleared, _cookie(REFRESH, "", REFRESH_PATH, 0)] if permanent else cleared


def _cookie(name: str, value: str, path: str, seconds: int) -> Cookie:
    cookie = Cookie(name, value, path=path, max_age=seconds, http_only=True, same_site=SameSite.STRICT_MODE)
    if len(str(cookie)) > MAX_BYTES:
        raise RuntimeError(f"the cookie {name} is longer than {MAX_BYTES} bytes: the person has too many attributes")
    return cookie
