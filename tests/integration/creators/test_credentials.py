"""Credentials are sealed, and a refresh token is used once: one refresher at a time, and stored before it is used."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import boto3
import httpx
import pytest

from cairn.aws import dynamodb, vault
from cairn.aws.vault import BrokenSealError, Vault
from cairn.clock import now
from cairn.creators import keys
from cairn.creators.credentials import EARLY, Credentials, Key, OAuth
from cairn.errors import KeyRejectedError, PlatformUnavailableError
from testing.clock import START, ControlledClock
from testing.cloud import Cloud
from testing.interleaving import before_next_write
from testing.logs import Written
from tests.integration.creators.oauth import HOUR, MIRA, UUID, Server, platforms, warm


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def credentials(aws: Cloud, clock: ControlledClock) -> Credentials:
    return warm(clock)


def stored(cloud: Cloud, owner: str = "c1") -> dict[str, Any]:
    found: dict[str, Any] = cloud.table("CREATORS_TABLE").get_item(Key={"pk": keys.credentials(owner), "sk": "token"})
    return dict(found["Item"])


def test_credentials_are_read_as_they_were_given_and_described_without_them(credentials: Credentials) -> None:
    assert credentials.get("c1") is None
    assert credentials.describe("c1") is None
    described = credentials.put("c1", Key("FV-secret-1234"), by="ada")
    assert (described.kind, described.ends, described.changed_by) == ("key", "1234", "ada")
    assert credentials.describe("c1") == described
    oauth = OAuth("client-abcd", "hush", "refresh", "access", START + HOUR)
    credentials.put("c1", oauth, by="bela")
    found = credentials.get("c1")
    assert found
    assert (found.secret, found.version) == (oauth, 2)
    assert credentials.delete("c1")
    assert not credentials.delete("c1")
    assert credentials.get("c1") is None


def test_the_table_holds_no_secret_and_nothing_prints_one(aws: Cloud, credentials: Credentials) -> None:
    oauth = OAuth("client-abcd", "SECRET-1", "SECRET-2", "SECRET-3", START)
    credentials.put("c1", oauth, by="ada")
    credentials.put("a1", Key("SECRET-4"), by="ada")
    printed = [repr(stored(aws, owner)) for owner in ("c1", "a1")]
    printed += [repr(credentials.get(owner)) for owner in ("c1", "a1")]
    printed += [repr(oauth), repr(Key("SECRET-4")), repr(credentials.describe("c1"))]
    assert "SECRET" not in " ".join(printed)
    assert "expires_at" not in stored(aws), "the table's time to live"


def test_what_is_sealed_for_one_owner_is_opened_for_no_other_and_for_no_webhook(
    aws: Cloud, credentials: Credentials
) -> None:
    credentials.put("c1", Key("FV-1"), by="ada")
    item = stored(aws)
    aws.table("CREATORS_TABLE").put_item(Item=item | {"pk": keys.credentials("c2")})
    with pytest.raises(BrokenSealError):
        credentials.get("c2")
    webhooks = Credentials(
        dynamodb.table("creators_table"), Vault(vault.client(), os.environ["WEBHOOK_KEY"]), clock=now, sleep=print
    )
    with pytest.raises(BrokenSealError):
        webhooks.get("c1")


def test_the_creators_credentials_count_before_the_agencys_and_these_before_the_deployments(
    server: Server, credentials: Credentials, clock: ControlledClock
) -> None:
    connecting = platforms(server, credentials, clock)
    connecting.connect(MIRA).account()
    credentials.put("a1", agency := server.consent(None), by="ada")
    connecting.connect(MIRA).account()
    credentials.put("c1", own := server.consent(), by="ada")
    connecting.connect(MIRA).account()
    used = [request.headers["authorization"].removeprefix("Bearer ") for request in server.asked]
    assert used == ["FV-test", agency.access_token, own.access_token, own.access_token]


def test_own_credentials_of_another_account_are_refused_and_right_ones_are_asked_about_once(
    server: Server, credentials: Credentials, clock: ControlledClock
) -> None:
    connecting = platforms(server, credentials, clock)
    credentials.put("c1", server.consent("somebody-else"), by="ada")
    with pytest.raises(KeyRejectedError, match="another account"):
        connecting.connect(MIRA)
    credentials.put("c1", Key("FV-of-mira"), by="ada")
    with pytest.raises(KeyRejectedError, match="another account"):
        connecting.connect(MIRA)
    credentials.put("c1", server.consent(), by="ada")
    server.asked.clear()
    for _ in range(3):
        connecting.connect(MIRA)
    assert len(server.asked) == 1


def test_another_accounts_consent_to_the_same_client_is_noticed_by_a_warm_function(
    server: Server, credentials: Credentials, clock: ControlledClock
) -> None:
    connecting = platforms(server, credentials, clock)
    credentials.put("c1", server.consent(), by="ada")
    connecting.connect(MIRA)
    clock.sleep(1)
    credentials.put("c1", server.consent("somebody-else"), by="ada")
    with pytest.raises(KeyRejectedError, match="another account"):
        connecting.connect(MIRA)


def test_credentials_that_cannot_be_opened_stop_their_creator_in_words(
    aws: Cloud, server: Server, credentials: Credentials, clock: ControlledClock
) -> None:
    credentials.put("c1", Key("FV-1"), by="ada")
    aws.table("CREATORS_TABLE").put_item(Item=stored(aws) | {"sealed": b"changed, and long enough"})
    with pytest.raises(KeyRejectedError, match="give them again"):
        platforms(server, credentials, clock).connect(MIRA)


def test_without_any_credentials_it_says_so(aws: Cloud, server: Server, clock: ControlledClock) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId="creator_secret", SecretString="{}")
    with pytest.raises(KeyRejectedError, match="no credentials"):
        platforms(server, warm(clock), clock).connect(MIRA)


def test_a_platform_that_does_not_exist_is_an_error_of_ours(
    server: Server, credentials: Credentials, clock: ControlledClock
) -> None:
    with pytest.raises(KeyError):
        platforms(server, credentials, clock).connect(replace(MIRA, platform="myspace"))


def test_a_token_is_refreshed_shortly_before_it_ends_and_stored_before_it_is_used(
    server: Server, credentials: Credentials, clock: ControlledClock
) -> None:
    credentials.put("c1", given := server.consent(), by="ada")
    connected = platforms(server, credentials, clock).connect(MIRA)
    clock.sleep((HOUR - EARLY).total_seconds())

    def is_stored(request: httpx.Request) -> None:
        if request.url.path.endswith("/users/me"):
            found = warm(clock).get("c1", consistent=True)
            assert found
            assert isinstance(found.secret, OAuth)
            assert request.headers["authorization"] == f"Bearer {found.secret.access_token}"

    server.before = is_stored
    assert connected.account() == UUID
    found = credentials.get("c1")
    assert found
    assert isinstance(found.secret, OAuth)
    assert found.secret.refresh_token != given.refresh_token
    assert (found.version, server.refreshes) == (2, 1)


def test_a_token_that_the_platform_ended_early_is_refreshed(
    server: Server, credentials: Credentials, clock: ControlledClock
) -> None:
    oauth = replace(server.consent(), access_token="ended")
    credentials.put("c1", oauth, by="ada")
    assert platforms(server, credentials, clock).connect(MIRA).account() == UUID
    assert server.refreshes == 1


def test_of_two_refreshers_one_uses_the_token_and_the_other_waits_for_it(
    server: Server, credentials: Credentials, clock: ControlledClock
) -> None:
    """The second begins while the first waits for the platform's answer."""
    credentials.put("c1", replace(server.consent(), access_token=None), by="ada")
    second = platforms(server, warm(clock), clock)
    waited: list[str] = []

    def beside(request: httpx.Request) -> None:
        if request.url.path.endswith("/oauth2/token"):
            server.before = lambda _: None
            with pytest.raises(PlatformUnavailableError, match="another refresh"):
                second.connect(MIRA)
            waited.append("waited")

    server.before = beside
    platforms(server, credentials, clock).connect(MIRA)
    assert waited
    assert second.connect(MIRA).account() == UUID
    assert server.refreshes == 1


def test_a_refresher_that_was_overtaken_takes_the_others_token(
    aws: Cloud, server: Server, credentials: Credentials, clock: ControlledClock
) -> None:
    """The second has read, refreshed and stored before the first claims its lease."""
    credentials.put("c1", replace(server.consent(), access_token=None), by="ada")
    second = platforms(server, warm(clock), clock)
    with before_next_write(dynamodb.table("creators_table"), lambda: second.connect(MIRA)):
        assert platforms(server, credentials, clock).connect(MIRA).account() == UUID
    assert server.refreshes == 1


def test_credentials_that_a_person_replaces_during_a_refresh_win(
    server: Server, credentials: Credentials, clock: ControlledClock
) -> None:
    credentials.put("c1", replace(server.consent(), access_token=None), by="ada")
    given = server.consent()

    def replaced(request: httpx.Request) -> None:
        if request.url.path.endswith("/oauth2/token"):
            warm(clock).put("c1", given, by="bela")

    server.after = replaced
    assert platforms(server, credentials, clock).connect(MIRA).account() == UUID
    found = credentials.get("c1")
    assert found
    assert found.secret == given


def test_a_used_up_token_is_said_once_to_a_person_and_not_asked_about_again_until_they_connect_again(
    server: Server, credentials: Credentials, clock: ControlledClock, logs: Written
) -> None:
    given = server.consent()
    server.tokens.revoke()
    credentials.put("c1", given, by="ada")
    connecting = platforms(server, credentials, clock)
    for _ in range(3):
        with pytest.raises(KeyRejectedError, match="invalid_grant"):
            connecting.connect(MIRA)
    assert server.refreshes == 1
    (line,) = (one for one in logs.lines if one["message"].startswith("refresh token rejected"))
    assert (line["level"], line["owner"], line["reason"]) == ("ERROR", "c1", "its OAuth server says invalid_grant")
    described = credentials.describe("c1")
    assert described
    assert described.rejected == "its OAuth server says invalid_grant"
    credentials.put("c1", server.consent(), by="ada")
    assert connecting.connect(MIRA).account() == UUID


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.Response(503),
        httpx.Response(429, text="slow down"),
        httpx.Response(400, json={"error": "temporarily_unavailable"}),
        httpx.Response(200, json={"refresh_token": "x"}),
        httpx.Response(200, json=["x"]),
        httpx.Response(403, text="<html>"),
    ],
)
def test_an_oauth_server_that_fails_is_asked_once_and_at_the_next_sync(
    server: Server, credentials: Credentials, clock: ControlledClock, refusal: httpx.Response
) -> None:
    """Not at once: a time-out may have used the token up, and a second use would end them all."""
    credentials.put("c1", replace(server.consent(), access_token=None), by="ada")
    server.refusal = refusal
    connecting = platforms(server, credentials, clock)
    with pytest.raises(PlatformUnavailableError) as failed:
        connecting.connect(MIRA)
    assert not isinstance(failed.value, KeyRejectedError)
    assert server.refreshes == 1
    server.refusal = None
    assert connecting.connect(MIRA).account() == UUID


def test_no_error_and_no_log_line_quotes_a_token(
    server: Server, credentials: Credentials, clock: ControlledClock, logs: Written
) -> None:
    oauth = replace(server.consent(), access_token=None)
    credentials.put("c1", oauth, by="ada")
    said = {"error": f"{oauth.refresh_token} {oauth.client_secret}"}
    server.refusal = httpx.Response(400, json=said)
    with pytest.raises(PlatformUnavailableError) as failed:
        platforms(server, credentials, clock).connect(MIRA)
    for text in (str(failed.value), logs.text):
        assert oauth.refresh_token not in text
        assert oauth.client_secret not in text
