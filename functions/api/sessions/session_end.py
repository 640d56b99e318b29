"""Ends the session whose cookies a browser sends, even if its id token has expired or is missing."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from cairn.aws.sqs import NotSentError
from cairn.errors import CairnError
from cairn.identity.cognito import IdTokens, Person
from cairn.identity.user_pool import ClientContext, CognitoUserPool
from cairn.observability import logger
from cairn.realtime.sign_out import SignOut


class SessionEnd:
    def __init__(self, user_pool: CognitoUserPool, id_tokens: IdTokens, sign_out: SignOut) -> None:
        self._user_pool = user_pool
        self._id_tokens = id_tokens
        self._sign_out = sign_out

    def end(self, id_token: str | None, refresh_token: str | None, context: ClientContext) -> Person | None:
        """Void its tokens and close its sockets; returns whose it was.

        What fails is logged: the browser deletes its cookies anyway, since the next person there must not be signed in.
        """
        person = self._person(id_token, refresh_token, context)
        if person:
            try:
                self._sign_out.session(person.credential)
            except (ClientError, BotoCoreError, NotSentError) as error:
                logger.error("session not ended; its sockets and tokens stay valid until they expire", exc_info=error)
        if refresh_token and not self._user_pool.revoke(refresh_token):
            logger.warning("refresh token not revoked; it stays valid until it expires")
        return person

    def _person(self, id_token: str | None, refresh_token: str | None, context: ClientContext) -> Person | None:
        """A browser forgets the id token after an hour, and asks with the refresh token for another one."""
        try:
            if id_token:
                return self._id_tokens.person(id_token, expired=True)
        except CairnError:
            pass  # a refresh token may still say whose session it is
        try:
            if refresh_token:
                return self._id_tokens.person(self._user_pool.refresh(refresh_token, context).id_token)
        except CairnError:
            pass  # there is no session to end
        return None
