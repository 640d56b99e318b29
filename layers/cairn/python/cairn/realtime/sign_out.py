"""Ends sessions at once: what was issued for them is revoked first, then their sockets are closed.

In this order, because a socket that is being opened is in the list of its owner's sockets before it asks whether its
ticket is revoked (`functions.ws_connect`). So either it finds the revocation, or it is found.
"""

from __future__ import annotations

from datetime import datetime

from cairn.aws.sqs import Queue
from cairn.clock import Clock
from cairn.identity.revocations import Credential, Revocations, key_owner, person_owner
from cairn.messages import SignedOut
from cairn.model import new_trace_id

SIGNED_OUT = "signed-out"
"""The last frame of a socket that is closed: its client asks for another ticket, and stops when there is none."""


class SignOut:
    """`queue` is the broadcast queue; `broadcast` closes the sockets. Each method may be repeated."""

    def __init__(self, revocations: Revocations, queue: Queue, clock: Clock) -> None:
        self._revocations = revocations
        self._queue = queue
        self._clock = clock

    def everywhere(self, user_id: str, until: datetime, kept: str | None = None) -> None:
        """Every session of a person that has a token of `until`, Cognito's time, or before; but the session `kept`."""
        second = self._revocations.revoke_person(user_id, until, self._clock(), kept)
        self._close(person_owner(user_id), until=second, kept=kept)

    def session(self, credential: Credential) -> None:
        """The session of a person's id token."""
        if credential.session is None:
            raise ValueError("Cognito issues tokens without an origin: token revocation is off")
        self._revocations.revoke_session(credential.session, self._clock())
        self._close(credential.owner, session=credential.session)

    def key(self, key_id: str) -> None:
        """The sockets that were opened with an API key, and its tickets."""
        self._revocations.revoke_key(key_id, self._clock())
        self._close(key_owner(key_id))

    def _close(
        self, owner: str, *, session: str | None = None, until: int | None = None, kept: str | None = None
    ) -> None:
        self._queue.send([SignedOut(owner, session, until, kept, new_trace_id())])
