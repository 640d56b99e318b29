"""Signing in, refreshing and signing out, as a browser does it; and what another site's page cannot make it do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber

from cairn.clock import from_iso, iso, now
from cairn.identity.user_pool import WRONG_CREDENTIALS
from cairn.realtime.tickets import Holder, Tickets
from functions.api.cookies import MAX_BYTES, REFRESH, SESSION
from testing.api import Answer, Api
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import cloud
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.platforms import FakePlatforms
from testing.user_pool import CLIENT_ID, MODULES, PASSWORD, POOL_ID

ADA = json.dumps({"name": "ada", "password": PASSWORD})
OUR_PAGE = {"sec-fetch-site": "same-origin"}
DELETED = {
    f"{SESSION}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict",
    f"{REFRESH}=; Path=/api/session; Max-Age=0; HttpOnly; Secure; SameSite=Strict",
}


@pytest.fixture(scope="module")
def clock() -> Iterator[ControlledClock]:
    with controlled_clock() as controlled:
        yield controlled


@pytest.fixture(scope="module")
def api(clock: ControlledClock) -> Iterator[Api]:
    """One account for all tests of this file, in which time only moves forward."""
    with cloud(FakePlatforms().transport()) as aws:
        aws.people.add("ada", "leaderboard")
        yield Api(aws)


@pytest.fixture(autouse=True)
def _nothing_secret_is_written(logs: Written) -> Iterator[None]:
    yield
    assert PASSWORD not in logs.text
    assert "eyJ" not in logs.text


def sign_in(api: Api, name: str = "ada", password: str = PASSWORD) -> Answer:
    return api("POST", "/api/session", {"name": name, "password": password}, scopes=None, headers=OUR_PAGE)


def jar(answer: Answer) -> dict[str, str]:
    """The cookies of an answer as a browser keeps them."""
    pairs = (cookie.partition(";")[0].partition("=") for cookie in answer.cookies)
    return {name: value for name, _, value in pairs}


def flags(answer: Answer) -> dict[str, str]:
    return {cookie.partition("=")[0]: cookie.partition("; ")[2] for cookie in answer.cookies}


# -- signing in


def test_signing_in_returns_the_person_and_two_cookies_that_no_script_reads(api: Api) -> None:
    answer = sign_in(api)
    assert answer.status == 200
    until = iso(now() + timedelta(hours=1))
    assert answer.json == {"userId": "ada", "name": "ada", "modules": ["leaderboard"], "expiresAt": until}
    assert flags(answer) == {
        SESSION: "Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Strict",
        REFRESH: "Path=/api/session; Max-Age=7776000; HttpOnly; Secure; SameSite=Strict",
    }


def test_the_session_says_the_same_until_it_is_over(api: Api, clock: ControlledClock) -> None:
    signed_in = sign_in(api)
    session = {SESSION: jar(signed_in)[SESSION]}
    assert api("GET", "/api/session", cookies=session).json == signed_in.json
    clock.advance_to(from_iso(signed_in.json["expiresAt"]) + timedelta(seconds=4))
    assert api("GET", "/api/session", cookies=session).status == 200
    clock.sleep(2)
    over = api("GET", "/api/session", cookies=session)
    assert over.status == 401
    assert set(over.cookies) == {cookie for cookie in DELETED if cookie.startswith(SESSION)}


def test_a_person_is_called_by_their_name_where_they_have_one(api: Api) -> None:
    api.aws.people.add("grace", "admin", "analytics", attributes={"name": "Grace Hopper"})
    answer = sign_in(api, "  grace ")
    assert answer.json["name"] == "Grace Hopper"
    assert answer.json["userId"] == "grace"
    assert answer.json["modules"] == ["admin", "analytics"]


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", "wrong"), ("nobody", PASSWORD), ("ada", f"{PASSWORD} "), ("ada\u0000", "☃"), ("*", "*")],
)
def test_a_wrong_name_and_a_wrong_password_are_answered_alike(api: Api, name: str, password: str) -> None:
    answer = sign_in(api, name, password)
    assert (answer.status, answer.error, answer.cookies) == (401, WRONG_CREDENTIALS, ())


def test_who_is_disabled_is_answered_like_a_stranger(api: Api) -> None:
    api.aws.people.add("gone", "leaderboard")
    api.aws.people.cognito.admin_disable_user(UserPoolId=POOL_ID, Username="gone")
    assert sign_in(api, "gone").error == WRONG_CREDENTIALS


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "ada"}, "password"),
        ({"name": "", "password": PASSWORD}, "name"),
        ({"name": "  ", "password": PASSWORD}, "name"),
        ({"name": "a" * 129, "password": PASSWORD}, "name"),
        ({"name": 5, "password": PASSWORD}, "name"),
        ({"name": "ada", "password": ""}, "password"),
        ({"name": "ada", "password": PASSWORD * 20}, "password"),
        ({"name": "ada", "password": [PASSWORD]}, "password"),
        ({"name": "ada", "password": PASSWORD, "extra": PASSWORD}, "extra"),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not_repeated(api: Api, body: object, field: str) -> None:
    answer = api("POST", "/api/session", body, scopes=None)
    assert answer.status == 400
    assert answer.error.startswith(field)
    assert PASSWORD not in answer.text


def test_the_cookies_of_somebody_with_every_module_and_a_long_name_are_short_enough_for_a_browser(api: Api) -> None:
    api.aws.people.add("n" * 128, *MODULES, attributes={"name": "N" * 256})
    answer = sign_in(api, "n" * 128)
    assert answer.status == 200
    assert max(map(len, answer.cookies)) < MAX_BYTES - 1000  # Cognito adds claims of its own that moto does not
    assert set(answer.json["modules"]) == set(MODULES)


def test_a_cookie_that_a_browser_would_drop_silently_is_not_sent(api: Api, logs: Written) -> None:
    api.aws.people.add("eve", attributes={"name": "N" * 2048, "profile": "P" * 2048})
    assert sign_in(api, "eve").status == 500
    assert f"longer than {MAX_BYTES} bytes" in logs.text


# -- refreshing


def test_a_session_that_is_over_goes_on_with_its_refresh_cookie_alone(api: Api, clock: ControlledClock) -> None:
    kept = jar(sign_in(api))
    clock.sleep(86_400)
    answer = api("POST", "/api/session/refresh", cookies={REFRESH: kept[REFRESH]}, headers=OUR_PAGE)
    assert answer.status == 200
    assert answer.json["expiresAt"] == iso(now() + timedelta(hours=1))
    assert flags(answer) == {SESSION: "Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Strict"}
    assert api("GET", "/api/session", cookies=jar(answer)).status == 200


def test_a_refresh_brings_the_modules_of_now(api: Api) -> None:
    api.aws.people.add("bob", "leaderboard")
    kept = jar(sign_in(api, "bob"))
    api.aws.people.cognito.admin_add_user_to_group(UserPoolId=POOL_ID, Username="bob", GroupName="admin")
    answer = api("POST", "/api/session/refresh", cookies=kept, headers=OUR_PAGE)
    assert answer.json["modules"] == ["admin", "leaderboard"]


@pytest.mark.parametrize("cookies", [{}, {REFRESH: ""}, {REFRESH: "nonsense"}, {SESSION: "nonsense"}])
def test_cookies_that_cannot_be_refreshed_are_all_deleted(api: Api, cookies: dict[str, str]) -> None:
    answer = api("POST", "/api/session/refresh", cookies=cookies, headers=OUR_PAGE)
    assert answer.status == 401
    assert set(answer.cookies) == DELETED


# -- signing out


def test_who_signs_out_cannot_come_back_with_what_they_had(api: Api) -> None:
    kept, elsewhere = jar(sign_in(api)), jar(sign_in(api))
    answer = api("DELETE", "/api/session", cookies=kept, headers=OUR_PAGE)
    assert (answer.status, answer.text) == (204, "")
    assert set(answer.cookies) == DELETED
    assert api.aws.people.revoked(kept[REFRESH])
    assert api("POST", "/api/session/refresh", cookies=kept, headers=OUR_PAGE).status == 401
    assert api("POST", "/api/session/refresh", cookies=elsewhere, headers=OUR_PAGE).status == 200


@pytest.mark.parametrize("cookies", [{}, {REFRESH: "nonsense"}, {SESSION: "nonsense"}])
def test_who_is_not_signed_in_can_sign_out(api: Api, cookies: dict[str, str]) -> None:
    answer = api("DELETE", "/api/session", cookies=cookies)
    assert answer.status == 204
    assert set(answer.cookies) == DELETED


def test_the_browser_deletes_its_cookies_even_when_cognito_does_not_revoke_the_token(api: Api, logs: Written) -> None:
    kept = jar(sign_in(api))
    with Stubber(FUNCTIONS["api"].dependencies.user_pool._cognito) as cognito:
        cognito.add_client_error("revoke_token", "TooManyRequestsException")
        answer = api("DELETE", "/api/session", cookies=kept, headers=OUR_PAGE)
    assert answer.status == 204
    assert set(answer.cookies) == DELETED
    assert "refresh token not revoked; it stays valid until it expires" in [line["message"] for line in logs.lines]


@pytest.mark.parametrize(
    "code", ["NotAuthorizedException", "UnsupportedTokenTypeException", "InvalidParameterException"]
)
def test_what_is_no_refresh_token_need_not_be_revoked(api: Api, logs: Written, code: str) -> None:
    with Stubber(FUNCTIONS["api"].dependencies.user_pool._cognito) as cognito:
        cognito.add_client_error("revoke_token", code)
        assert api("DELETE", "/api/session", cookies={REFRESH: "nonsense"}).status == 204
    assert [line for line in logs.lines if not line.get("audit")] == []


# -- when Cognito fails


@pytest.mark.parametrize("path", ["/api/session", "/api/session/refresh"])
@pytest.mark.parametrize(
    ("code", "http_status", "status"),
    [
        ("TooManyRequestsException", 400, 429),
        ("LimitExceededException", 400, 429),
        ("ThrottlingException", 400, 429),
        ("InternalErrorException", 500, 503),
        ("503", 503, 503),
        ("ResourceNotFoundException", 400, 500),
        ("AccessDeniedException", 400, 500),
    ],
)
def test_an_outage_of_cognito_is_not_a_wrong_password(
    api: Api, logs: Written, path: str, code: str, http_status: int, status: int
) -> None:
    kept = {REFRESH: jar(sign_in(api))[REFRESH]}
    body: Any = {"raw": ADA} if path == "/api/session" else {}
    with Stubber(FUNCTIONS["api"].dependencies.user_pool._cognito) as cognito:
        cognito.add_client_error("admin_initiate_auth", code, f"{PASSWORD} is it", http_status_code=http_status)
        answer = api("POST", path, cookies=kept, headers=OUR_PAGE, **body)
    assert answer.status == status
    assert answer.cookies == ()
    assert answer.headers.get("retry-after") == ("5" if status == 429 else None)
    assert PASSWORD not in answer.text
    if status == 500:
        assert code in logs.text


def test_an_unreachable_cognito_is_reported_as_unavailable(api: Api) -> None:
    def away(**_: object) -> None:
        raise ConnectTimeoutError(endpoint_url="https://cognito-idp.us-east-1.amazonaws.com")

    calls = FUNCTIONS["api"].dependencies.user_pool._cognito.meta.events
    calls.register("before-call", away)
    try:
        answer = sign_in(api)
        assert answer.status == 503
        assert answer.error == "Cognito does not answer: ConnectTimeoutError"
        assert api("DELETE", "/api/session", cookies={REFRESH: "some"}).status == 204
    finally:
        calls.unregister("before-call", away)


@pytest.mark.parametrize("code", ["InvalidParameterException", "NotAuthorizedException", "UserNotFoundException"])
def test_what_cognito_rejects_is_a_wrong_password(api: Api, code: str) -> None:
    with Stubber(FUNCTIONS["api"].dependencies.user_pool._cognito) as cognito:
        cognito.add_client_error("admin_initiate_auth", code, f"Password attempts exceeded with {PASSWORD}")
        answer = sign_in(api)
    assert (answer.status, answer.error) == (401, WRONG_CREDENTIALS)


@pytest.mark.parametrize("code", ["PasswordResetRequiredException", "UserNotConfirmedException"])
def test_a_password_that_no_longer_counts_is_an_operators_matter(api: Api, code: str) -> None:
    with Stubber(FUNCTIONS["api"].dependencies.user_pool._cognito) as cognito:
        cognito.add_client_error("admin_initiate_auth", code)
        assert sign_in(api).status == 403


# -- from which page


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/session"),
        ("DELETE", "/api/session"),
        ("POST", "/api/session/refresh"),
        ("POST", "/api/ws-ticket"),
        ("POST", "/api/leaderboard/sales-reps"),
        ("DELETE", "/api/leaderboard/sales-reps/1"),
        ("PATCH", "/api/leaderboard/sales-reps/1"),
    ],
)
def test_another_sites_page_cannot_write_on_behalf_of_a_user(api: Api, method: str, path: str, site: str) -> None:
    answer = api(method, path, raw=ADA, cookies=jar(sign_in(api)), headers={"sec-fetch-site": site})
    assert answer.status == 403
    assert "another origin" in answer.error
    assert answer.cookies == ()


def test_our_own_page_may_write_and_every_page_may_read(api: Api) -> None:
    session = {SESSION: jar(sign_in(api))[SESSION]}
    new = {"name": "Ada"}
    assert api("POST", "/api/leaderboard/sales-reps", new, cookies=session, headers=OUR_PAGE).status == 201
    assert api("GET", "/api/leaderboard", cookies=session, headers={"sec-fetch-site": "cross-site"}).status == 200


def test_a_browser_that_knows_no_sec_fetch_site_writes_from_the_host_that_it_sees(api: Api) -> None:
    session = {SESSION: jar(sign_in(api))[SESSION]}

    def write(origin: str) -> int:
        headers = {"origin": origin, "x-cairn-host": "cairn.example"}
        return api("POST", "/api/leaderboard/sales-reps", {"name": "Ada"}, cookies=session, headers=headers).status

    assert write("https://cairn.example") == 201
    assert write("https://evil.example") == 403
    assert write("null") == 403


# -- the cookie itself


def test_cookies_are_read_from_their_header_where_lambda_does_not_list_them(api: Api) -> None:
    session = jar(sign_in(api))[SESSION]
    header = {"cookie": f"theme=dark; {SESSION}={session}; other=; {SESSION}=another"}
    assert api("GET", "/api/session", scopes=None, headers=header).json["userId"] == "ada"


@pytest.mark.parametrize("value", ["", "nonsense", "a.b.c", "e30.e30.e30", "☃", "=", "W1tb." * 3, "." * 5000])
def test_a_cookie_that_is_no_token_is_rejected_and_deleted(api: Api, value: str) -> None:
    answer = api("GET", "/api/session", cookies={SESSION: value})
    assert answer.status == 401
    assert [cookie.partition("=")[0] for cookie in answer.cookies] == ([SESSION] if value else [])


def test_a_key_has_no_session(api: Api) -> None:
    answer = api("GET", "/api/session", scopes=("admin",))
    assert answer.status == 401
    assert answer.cookies == ()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/session"),
        ("POST", "/api/session"),
        ("DELETE", "/api/session"),
        ("POST", "/api/session/refresh"),
        ("POST", "/api/ws-ticket"),
    ],
)
def test_nothing_of_a_person_is_kept_in_a_cache(api: Api, method: str, path: str) -> None:
    kept = jar(sign_in(api))
    body: Any = {"raw": ADA} if method == "POST" else {}
    for cookies in (kept, {}):
        answer = api(method, path, cookies=cookies, headers=OUR_PAGE, **body)
        assert answer.headers["cache-control"] == "no-store"
    assert "cache-control" not in api("GET", "/api/health", scopes=None).headers


# -- tickets, and what a page knows before anybody signs in


def test_a_ticket_says_to_the_socket_who_somebody_is(api: Api) -> None:
    answer = api("POST", "/api/ws-ticket", person=("leaderboard", "analytics"))
    assert answer.status == 200
    assert answer.json["expiresIn"] == 60
    assert answer.json["url"] == "ws://sockets.test/live"
    holder = Tickets(api.aws.table("SESSIONS_TABLE")).redeem(answer.json["ticket"], now())
    assert holder
    assert replace(holder, credential=None) == Holder(
        "leaderboard-analytics", "leaderboard-analytics", frozenset({"leaderboard", "analytics"})
    )
    assert holder.credential
    assert (holder.credential.owner, bool(holder.credential.session)) == ("person:leaderboard-analytics", True)


def test_a_keys_ticket_is_nobodys_and_has_its_modules_alone(api: Api) -> None:
    answer = api("POST", "/api/ws-ticket", scopes=("leaderboard", "ingest"))
    holder = Tickets(api.aws.table("SESSIONS_TABLE")).redeem(answer.json["ticket"], now())
    assert holder
    assert holder == Holder(None, "test", frozenset({"leaderboard"}), holder.credential)
    assert holder.credential
    assert holder.credential.owner.startswith("key:")


def test_a_page_knows_where_the_socket_is_and_what_time_before_anybody_signs_in(api: Api) -> None:
    answer = api("GET", "/api/config", scopes=None)
    ladders = answer.json["ladders"]
    assert answer.json == {"webSocketUrl": "ws://sockets.test/live", "timeZone": "UTC", "ladders": ladders}
    assert ladders["goal"] == [100]
    assert set(ladders) == {"revenue", "signups", "bonus_tier", "goal"}
    assert CLIENT_ID not in answer.text
