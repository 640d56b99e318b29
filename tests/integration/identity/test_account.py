"""A sign-in with a second factor or a temporary password, and what people change of their own account."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from moto.cognitoidp.utils import cognito_totp

from cairn.identity.user_pool import POLICY, WRONG_CODE, WRONG_CREDENTIALS, WRONG_PASSWORD
from functions.api.cookies import REFRESH, SESSION
from testing.api import Answer, Api
from testing.clock import ControlledClock, controlled_clock
from testing.cloud import cloud
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.platforms import FakePlatforms
from testing.user_pool import PASSWORD, POOL_ID

NEW = "Another horse 2 battery!"
OUR_PAGE = {"sec-fetch-site": "same-origin", "user-agent": "Firefox/140", "x-cairn-viewer": ""}
WRONG = "000000"
ADDRESSES = count(1)
PATHS = {"password": "/api/session/password", "factor": "/api/session/second-factor"}


@pytest.fixture(scope="module")
def clock() -> Iterator[ControlledClock]:
    with controlled_clock() as controlled:
        yield controlled


@pytest.fixture(scope="module")
def one_api(clock: ControlledClock) -> Iterator[Api]:
    with pytest.MonkeyPatch.context() as patch, cloud(FakePlatforms().transport()) as aws:
        patch.setenv("MOTO_COGNITO_IDP_USER_POOL_ENABLE_TOTP", "true")
        yield Api(aws)


@pytest.fixture
def api(one_api: Api, request: pytest.FixtureRequest) -> Api:
    """One account for the file; each test has a person of its own, called `name`."""
    one_api.aws.people.add(name_of(request), "leaderboard")
    OUR_PAGE["x-cairn-viewer"] = f"203.0.113.{next(ADDRESSES)}"  # failures count for an address, too
    return one_api


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return name_of(request)


@pytest.fixture(autouse=True)
def _nothing_secret_is_written(logs: Written) -> Iterator[None]:
    yield
    for secret in (PASSWORD, NEW, "eyJ"):
        assert secret not in logs.text


def name_of(request: pytest.FixtureRequest) -> str:
    return str(abs(hash(request.node.name)))


def post(api: Api, path: str, body: object, cookies: dict[str, str] | None = None, method: str = "POST") -> Answer:
    return api(method, path, body, cookies=cookies, scopes=None, headers=OUR_PAGE)


def sign_in(api: Api, name: str, password: str = PASSWORD) -> Answer:
    return post(api, "/api/session", {"name": name, "password": password})


def go_on(api: Api, challenge: Answer, answer: str) -> Answer:
    return post(api, "/api/session/challenge", {**challenge.json, "answer": answer})


def jar(answer: Answer) -> dict[str, str]:
    pairs = (cookie.partition(";")[0].partition("=") for cookie in answer.cookies)
    return {name: value for name, _, value in pairs if value}


def code_of(secret: str) -> str:
    return cognito_totp(secret).generate(int(time.time())).decode()


def with_second_factor(api: Api, name: str) -> tuple[dict[str, str], str]:
    """The cookies of a person who has just turned it on, and the secret."""
    session = jar(sign_in(api, name))
    secret = post(api, PATHS["factor"], {"password": PASSWORD}, session).json["secret"]
    assert post(api, PATHS["factor"], {"code": code_of(secret)}, session, "PUT").status == 204
    return session, secret


# -- signing in with more than a password


def test_with_a_second_factor_a_sign_in_needs_the_password_and_then_the_code(api: Api, name: str) -> None:
    _, secret = with_second_factor(api, name)
    challenge = sign_in(api, name)
    assert (challenge.status, challenge.cookies) == (202, ())
    assert challenge.json["challenge"] == "totp"
    answer = go_on(api, challenge, code_of(secret))
    assert answer.status == 200
    assert answer.json["userId"] == name
    assert set(jar(answer)) == {SESSION, REFRESH}
    assert api("GET", "/api/session", cookies=jar(answer)).status == 200


def test_a_code_may_be_typed_as_the_app_shows_it(api: Api, name: str) -> None:
    _, secret = with_second_factor(api, name)
    code = code_of(secret)
    assert go_on(api, sign_in(api, name), f"{code[:3]} {code[3:]}").status == 200


@pytest.mark.parametrize("code", [WRONG, "1", "12345a", "1234567", "☃☃☃☃☃☃", "٣٣٣٣٣٣"])
def test_a_wrong_code_signs_nobody_in(api: Api, name: str, code: str) -> None:
    with_second_factor(api, name)
    answer = go_on(api, sign_in(api, name), code)
    assert (answer.status, answer.error, answer.cookies) == (401, WRONG_CODE, ())


def test_codes_cannot_be_tried_one_after_another(api: Api, name: str) -> None:
    with_second_factor(api, name)
    answers = [go_on(api, challenge, WRONG).status for _ in range(5) if (challenge := sign_in(api, name))]
    assert answers == [401] * 5
    refused = sign_in(api, name)
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) == 60


def test_a_challenge_that_nobody_was_given_cannot_be_answered(api: Api, name: str) -> None:
    body = {"challenge": "totp", "name": name, "session": "x" * 40, "answer": "123456"}
    answer = post(api, "/api/session/challenge", body)
    assert (answer.status, answer.cookies) == (401, ())


@pytest.mark.parametrize(
    "change", [{"challenge": "sms"}, {"name": ""}, {"session": ""}, {"session": "x" * 3000}, {"answer": ""}, {"x": 1}]
)
def test_an_answer_that_is_none_is_named(api: Api, name: str, change: dict[str, Any]) -> None:
    body = {"challenge": "totp", "name": name, "session": "x" * 40, "answer": PASSWORD} | change
    answer = post(api, "/api/session/challenge", body)
    assert answer.status == 400
    assert answer.error.startswith(next(iter(change)))
    assert PASSWORD not in answer.text


def test_who_has_a_temporary_password_chooses_one_at_the_first_sign_in(api: Api, name: str) -> None:
    api.aws.people.cognito.admin_set_user_password(UserPoolId=POOL_ID, Username=name, Password=PASSWORD)
    challenge = sign_in(api, name)
    assert (challenge.status, challenge.json["challenge"]) == (202, "newPassword")
    weak = go_on(api, challenge, "short")
    assert (weak.status, weak.error) == (400, f"newPassword: {POLICY}")
    assert go_on(api, challenge, NEW).status == 200
    assert sign_in(api, name).status == 401
    assert sign_in(api, name, NEW).status == 200


def test_a_challenge_that_cairn_does_not_know_is_an_operators_matter(api: Api, name: str) -> None:
    api.aws.people.cognito.admin_set_user_mfa_preference(
        UserPoolId=POOL_ID, Username=name, SMSMfaSettings={"Enabled": True, "PreferredMfa": True}
    )
    answer = sign_in(api, name)
    assert answer.status == 403
    assert "second-factor-off" in answer.error


def test_cognito_is_told_from_where_somebody_signs_in(api: Api, name: str) -> None:
    told: list[Any] = []
    events: Any = FUNCTIONS["api"].dependencies.user_pool._cognito.meta.events

    def note(params: dict[str, Any], **_: object) -> None:
        told.append(params["ContextData"])

    calls = [f"provide-client-params.cognito-identity-provider.{call}" for call in _WITH_CONTEXT]
    for call in calls:
        events.register(call, note)
    try:
        with_second_factor(api, name)
        challenge = sign_in(api, name)
        go_on(api, challenge, WRONG)
    finally:
        for call in calls:
            events.unregister(call, note)
    headers = [{"headerName": "user-agent", "headerValue": "Firefox/140"}]
    assert told[-1] == {
        "IpAddress": OUR_PAGE["x-cairn-viewer"],
        "ServerName": "api.test",
        "ServerPath": "/api/session/challenge",
        "HttpHeaders": headers,
    }
    assert len(told) >= 5
    assert all(context["IpAddress"] == OUR_PAGE["x-cairn-viewer"] for context in told)


_WITH_CONTEXT = ("AdminInitiateAuth", "AdminRespondToAuthChallenge")


# -- the limit


def test_sixty_wrong_passwords_are_answered_by_the_limit_and_leave_sixty_lines(
    api: Api, name: str, logs: Written
) -> None:
    answers = [sign_in(api, name, "wrong").status for _ in range(60)]
    assert answers == [401] * 5 + [429] * 55
    refused = [line for line in logs.audit if line["action"] == "sign in" and line["outcome"] == "refused"]
    assert len(refused) == 60
    assert {(line["from"], *line["targets"]) for line in refused} == {(OUR_PAGE["x-cairn-viewer"], f"person:{name}")}


def test_a_strangers_failures_keep_nobody_out_who_is_elsewhere(api: Api, name: str) -> None:
    session = jar(sign_in(api, name))
    for _ in range(40):
        post(api, "/api/session", {"name": name, "password": "wrong"})
    home = {**OUR_PAGE, "x-cairn-viewer": "192.0.2.1"}
    body = {"name": name, "password": PASSWORD}
    assert api("POST", "/api/session", body, scopes=None, headers=home).status == 200
    assert post(api, "/api/session/refresh", {}, session).status == 200, (
        "who is signed in stays so, even at the address"
    )


# -- one's own password


def test_people_change_their_own_password_which_ends_their_other_sessions(
    api: Api, name: str, clock: ControlledClock
) -> None:
    here, elsewhere = jar(sign_in(api, name)), jar(sign_in(api, name))
    answer = post(api, PATHS["password"], {"current": PASSWORD, "new": NEW}, here)
    assert (answer.status, answer.json["userId"]) == (200, name)
    assert post(api, "/api/session/refresh", {}, elsewhere).status == 401
    assert post(api, "/api/session/refresh", {}, here).status == 401
    assert post(api, "/api/session/refresh", {}, jar(answer)).status == 200, "this browser stays signed in"
    assert api("POST", "/api/ws-ticket", cookies=jar(answer), headers=OUR_PAGE).status == 200
    assert api("POST", "/api/ws-ticket", cookies=elsewhere, headers=OUR_PAGE).status == 401, "nor is its token valid"
    clock.sleep(1)
    assert sign_in(api, name).status == 401
    assert sign_in(api, name, NEW).status == 200


def test_with_a_second_factor_the_new_session_needs_a_code(api: Api, name: str, clock: ControlledClock) -> None:
    session, secret = with_second_factor(api, name)
    answer = post(api, PATHS["password"], {"current": PASSWORD, "new": NEW}, session)
    assert answer.status == 202
    clock.sleep(1)
    assert go_on(api, answer, code_of(secret)).status == 200


def test_a_wrong_current_password_changes_nothing_and_counts_as_a_failure(api: Api, name: str) -> None:
    session = jar(sign_in(api, name))
    wrong = [post(api, PATHS["password"], {"current": "wrong", "new": NEW}, session) for _ in range(6)]
    assert [answer.status for answer in wrong] == [401] * 5 + [429]
    assert wrong[0].error == WRONG_PASSWORD
    assert wrong[0].cookies == (), "the session goes on"
    assert sign_in(api, name, NEW).status == 429


def test_a_weak_password_is_rejected_with_the_rule(api: Api, name: str) -> None:
    session = jar(sign_in(api, name))
    answer = post(api, PATHS["password"], {"current": PASSWORD, "new": "short"}, session)
    assert (answer.status, answer.error) == (400, f"new: {POLICY}")
    assert sign_in(api, name).status == 200


# -- one's own second factor


def test_a_second_factor_is_on_once_a_code_of_it_was_seen(api: Api, name: str) -> None:
    session = jar(sign_in(api, name))
    assert api("GET", PATHS["factor"], cookies=session, headers=OUR_PAGE).json == {"enabled": False}
    begun = post(api, PATHS["factor"], {"password": PASSWORD}, session).json
    assert begun["uri"] == f"otpauth://totp/Cairn%3A{name}?secret={begun['secret']}&issuer=Cairn"
    assert post(api, PATHS["factor"], {"code": WRONG}, session, "PUT").error == WRONG_CODE
    assert sign_in(api, name).status == 200
    assert post(api, PATHS["factor"], {"code": code_of(begun["secret"])}, session, "PUT").status == 204
    assert api("GET", PATHS["factor"], cookies=session, headers=OUR_PAGE).json == {"enabled": True}
    assert sign_in(api, name).status == 202


def test_a_second_factor_that_is_on_is_not_replaced(api: Api, name: str) -> None:
    session, _ = with_second_factor(api, name)
    assert post(api, PATHS["factor"], {"password": PASSWORD}, session).status == 409


def test_it_is_turned_off_with_password_and_code(api: Api, name: str) -> None:
    session, secret = with_second_factor(api, name)
    path = f"{PATHS['factor']}/removal"
    assert post(api, path, {"password": "wrong", "code": code_of(secret)}, session).error == WRONG_CREDENTIALS
    assert post(api, path, {"password": PASSWORD, "code": WRONG}, session).error == WRONG_CODE
    assert sign_in(api, name).status == 202
    assert post(api, path, {"password": PASSWORD, "code": code_of(secret)}, session).status == 204
    assert sign_in(api, name).status == 200


def test_who_only_has_the_browser_cannot_turn_it_on(api: Api, name: str) -> None:
    session = jar(sign_in(api, name))
    assert post(api, PATHS["factor"], {"password": "wrong"}, session).status == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", PATHS["password"], {"current": PASSWORD, "new": NEW}),
        ("POST", PATHS["factor"], {"password": PASSWORD}),
        ("PUT", PATHS["factor"], {"code": "123456"}),
        ("GET", PATHS["factor"], None),
        ("POST", f"{PATHS['factor']}/removal", {"password": PASSWORD, "code": "123456"}),
    ],
)
def test_an_account_is_changed_only_by_who_is_signed_in_at_one_of_our_pages(
    api: Api, name: str, method: str, path: str, body: object
) -> None:
    session = jar(sign_in(api, name))
    more: dict[str, Any] = {} if body is None else {"raw": json.dumps(body)}
    assert api(method, path, scopes=("admin",), headers=OUR_PAGE, **more).status == 401
    assert api(method, path, cookies={SESSION: session[SESSION]}, headers=OUR_PAGE, **more).status == 401
    assert api(method, path, cookies={REFRESH: session[REFRESH]}, headers=OUR_PAGE, **more).status == 401
    if body is not None:
        elsewhere = {**OUR_PAGE, "sec-fetch-site": "cross-site"}
        assert api(method, path, cookies=session, headers=elsewhere, **more).status == 403
