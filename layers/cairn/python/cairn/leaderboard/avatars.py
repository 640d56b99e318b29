"""Which avatars of reps are shown: a short text, or a picture of a host that the operator named.

Every browser that shows a board loads its pictures, so the owner of a picture's host learns who watches the board, and
may replace the picture at any time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cairn.errors import BadInputError

_ADDRESS = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]*:")
"""What a browser takes for an address: https://url.spec.whatwg.org/#scheme-state."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""Browsers drop some of these from an address."""
_PICTURE = re.compile(r"https://([a-z0-9.-]+)/[!-~]*")
"""An address in the only form that every parser reads alike: no user, no password, no port, no backslash."""


@dataclass(frozen=True, slots=True)
class Avatars:
    """`hosts` are the names of the hosts whose pictures are shown."""

    hosts: frozenset[str]

    @classmethod
    def of(cls, setting: str) -> Avatars:
        """The hosts of AVATAR_HOSTS, which are separated by commas."""
        return cls(frozenset(filter(None, setting.split(","))))

    def shown(self, avatar: object) -> str | None:
        """The avatar; None if it is the address of anything but a picture of these hosts."""
        return avatar if isinstance(avatar, str) and self._is_allowed(avatar) else None

    def check(self, avatar: str | None) -> None:
        """BadInputError if the avatar would not be shown."""
        if avatar is None or self._is_allowed(avatar):
            return
        hosts = ", ".join(sorted(self.hosts)) or "none; the operator's setting avatar_hosts names them"
        raise BadInputError(
            "avatar: a short text, or an https address without user, password and port, of one of the allowed hosts "
            f"({hosts})"
        )

    def _is_allowed(self, avatar: str) -> bool:
        if _CONTROL.search(avatar):
            return False
        if not _ADDRESS.match(avatar):
            return True
        picture = _PICTURE.fullmatch(avatar)
        return picture is not None and "\\" not in avatar and picture[1] in self.hosts
