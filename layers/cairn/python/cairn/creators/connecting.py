"""Creators' accounts at their platforms, with the credentials that count: the creator's, else the agency's, else ours.

The deployment's are `CREATOR_API_KEY` of the secret `CREATOR_SECRET`, which locally stand for all.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import httpx

from cairn.aws.secrets import read_secret
from cairn.aws.vault import BrokenSealError
from cairn.clock import Clock, Sleep, now, sleep
from cairn.creators.credentials import Credentials, Key, OAuth, Stored, fresh
from cairn.creators.limiter import Limiter
from cairn.creators.model import Creator
from cairn.creators.platforms import CreatorPlatform, available
from cairn.errors import KeyRejectedError, PlatformUnavailableError
from cairn.upstream import Upstream, as_documented

API_KEY = "CREATOR_API_KEY"
MAX_KNOWN = 5_000
_LIFE = timedelta(hours=1)
"""Of an access token of which nothing is said."""


class Platforms:
    """Connects creators, one after the other or at once; a warm function keeps what it learns of limits."""

    def __init__(
        self,
        http: httpx.Client,
        credentials: Credentials,
        environment: Mapping[str, str] | None = None,
        read: Callable[[str], Mapping[str, str]] = read_secret,
        clock: Clock = now,
        sleep: Sleep = sleep,
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._environment = os.environ if environment is None else environment
        self._read = read
        self._clock = clock
        self._sleep = sleep
        self._limiters: dict[str, Limiter] = {}
        self._known: dict[str, datetime | None] = {}
        """By creator: when the credentials were given that were found to be their own."""

    def connect(self, creator: Creator) -> CreatorPlatform:
        """The creator's account. KeyRejectedError where nobody has credentials for it, or they are of another account;
        KeyError for a platform that does not exist."""
        platform = available()[creator.platform]
        session = self._session(creator)
        url = self._environment["CREATOR_API_URL"]
        upstream = Upstream(
            creator.platform, self._http, url, clock=self._clock, sleep=self._sleep, secrets=session.secrets
        )
        limiter = self._limiters.setdefault(
            creator.platform, Limiter(creator.platform, clock=self._clock, sleep=self._sleep)
        )
        made = platform(upstream, limiter, session, creator)
        if session.own and self._known.get(creator.id) != session.given_at:
            if made.account().lower() != creator.external_id.lower():
                raise KeyRejectedError(creator.platform, "the creator's credentials are those of another account")
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[creator.id] = session.given_at
        return made

    def _session(self, creator: Creator) -> Session:
        for owner in (creator.id, creator.agency_id):
            with _opened(creator.platform):
                stored = self._credentials.get(owner)
            if stored:
                return Session(self, creator, owner, stored, own=owner == creator.id)
        key = self._read(self._environment["CREATOR_SECRET"]).get(API_KEY)
        if not key:
            raise KeyRejectedError(creator.platform, "there are no credentials for this creator")
        return Session(self, creator, None, Stored(Key(key), 0, b""), own=False)

    def renewed(self, creator: Creator, owner: str, rejected: str | None) -> Stored | None:
        with _opened(creator.platform):
            return self._credentials.renew(
                owner, rejected, lambda oauth: self._exchange(creator, oauth), creator.platform
            )

    def is_fresh(self, oauth: OAuth) -> bool:
        return fresh(oauth, None, self._clock())

    def _exchange(self, creator: Creator, oauth: OAuth) -> OAuth:
        """Use the refresh token up, in one attempt: a second one could be a second use of it.

        https://www.rfc-editor.org/rfc/rfc6749#section-6
        """
        secrets = (oauth.client_secret, oauth.refresh_token)
        server = Upstream(
            creator.platform,
            self._http,
            self._environment["CREATOR_AUTH_URL"],
            clock=self._clock,
            sleep=self._sleep,
            secrets=secrets,
        )
        basic = b64encode(f"{oauth.client_id}:{oauth.client_secret}".encode()).decode()
        form = {"grant_type": "refresh_token", "refresh_token": oauth.refresh_token}
        response, body = server.exchange(
            "POST", "/oauth2/token", form=form, headers={"Authorization": f"Basic {basic}"}, attempts=1
        )
        with as_documented(creator.platform):
            if response.status_code == 200:
                ends = self._clock() + timedelta(seconds=int(body.get("expires_in", _LIFE.total_seconds())))
                access, refresh = str(body["access_token"]), str(body.get("refresh_token") or oauth.refresh_token)
                return replace(oauth, access_token=access, refresh_token=refresh, expires_at=ends)
            error = body.get("error", f"HTTP {response.status_code}") if isinstance(body, dict) else "no JSON"
        reason = server.redact(f"its OAuth server says {error}")
        if error in ("invalid_grant", "invalid_client", "unauthorized_client"):
            raise KeyRejectedError(creator.platform, reason)
        raise PlatformUnavailableError(creator.platform, reason)


class Session:
    """The credentials of one connection: what its calls are authorised with."""

    def __init__(self, platforms: Platforms, creator: Creator, owner: str | None, stored: Stored, *, own: bool) -> None:
        self._platforms = platforms
        self._creator = creator
        self._owner = owner
        self._stored = stored
        self.own = own
        self.secrets: set[str] = set()
        """What no log line and no answer may quote; grows with each token."""
        self._note()

    @property
    def given_at(self) -> datetime | None:
        return self._stored.given_at

    def token(self) -> str:
        secret = self._stored.secret
        if isinstance(secret, Key):
            return secret.api_key
        if self._platforms.is_fresh(secret) and secret.access_token:
            return secret.access_token
        return self._renew(None)

    def renew(self, rejected: str) -> str | None:
        """Another token after the platform refused this one; None when there is none to be had."""
        return self._renew(rejected) if isinstance(self._stored.secret, OAuth) else None

    def _renew(self, rejected: str | None) -> str:
        stored = self._owner and self._platforms.renewed(self._creator, self._owner, rejected)
        if not stored:
            raise KeyRejectedError(self._creator.platform, "the credentials were removed")
        self._stored = stored
        self._note()
        return self.token()

    def _note(self) -> None:
        secret = self._stored.secret
        self.secrets |= (
            {secret.api_key}
            if isinstance(secret, Key)
            else {one for one in (secret.client_secret, secret.refresh_token, secret.access_token) if one}
        )


@contextmanager
def _opened(platform: str) -> Iterator[None]:
    """Credentials that no retry opens are as good as none, and stop only whose they are."""
    try:
        yield
    except BrokenSealError as error:
        raise KeyRejectedError(platform, "the stored credentials cannot be opened; give them again") from error
