"""What ended a session ends its sockets and tickets at once, and no other's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest

from cairn.aws.sqs import Queue
from cairn.aws.websocket_api import GoneError, PostTimeoutError, ThrottledError
from cairn.clock import now
from cairn.identity.api_keys import ApiKeys
from cairn.identity.revocations import Revocations
from cairn.messages import SignedOut
from cairn.realtime.sign_out import SIGNED_OUT, SignOut
from functions.api.cookies import SESSION
from testing.adversarial_dynamodb import catch_up, in_a_function
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.rooms import members, remaining_keys, sockets_of
from testing.user_pool import PASSWORD
from testing.websocket_api import FakePoster, always, times
from testing.websocket_client import Client

OUR_PAGE = {"sec-fetch-site": "same-origin"}
TV = "tv-display"


@pytest.fixture
def account(poster: FakePoster, aws: Cloud) -> Cloud:
    for name in ("ada", "bob"):
        aws.people.add(name, "leaderboard")
    return aws


@pytest.fixture
def api(account: Cloud) -> Api:
    return Api(account)


@pytest.fixture
def sign_out(account: Cloud) -> SignOut:
    queue = Queue(boto3.client("sqs"), os.environ["BROADCAST_QUEUE_URL"])
    return SignOut(Revocations(account.table("SESSIONS_TABLE")), queue, now)


def signed_in(api: Api, name: str = "ada") -> dict[str, str]:
    """The cookies of a new session."""
    answer = api("POST", "/api/session", {"name": name, "password": PASSWORD}, scopes=None, headers=OUR_PAGE)
    assert answer.status == 200, answer.text
    pairs = (cookie.partition(";")[0].partition("=") for cookie in answer.cookies)
    return {name: value for name, _, value in pairs}


def ticket(api: Api, cookies: dict[str, str] | None = None, key: str = "") -> str:
    headers = {"authorization": f"Bearer {key}"} if key else OUR_PAGE
    answer = api("POST", "/api/ws-ticket", scopes=None, cookies=cookies, headers=headers)
    assert answer.status == 200, answer.text
    return str(answer.json["ticket"])


def listening(api: Api, connection_id: str, cookies: dict[str, str] | None = None, key: str = "") -> Client:
    """A socket in the TV's room."""
    client = Client(connection_id)
    assert client.connect(ticket(api, cookies, key)) == 200
    assert client.join(TV)["recovered"] is False
    return client


def brought(account: Cloud) -> list[str]:
    """Deliver what is on the broadcast queue; the messages that will be retried."""
    failed: list[str] = []
    for record in account.messages("BROADCAST_QUEUE_URL"):
        answer: Any = FUNCTIONS["broadcast"]({"Records": [record]}, Context(20.0))
        failed += [one["itemIdentifier"] for one in answer["batchItemFailures"]]
        if not answer["batchItemFailures"]:
            account.delete("BROADCAST_QUEUE_URL", record)
    return failed


def in_rooms(account: Cloud) -> set[str]:
    return members(sockets_of(account), TV) | members(sockets_of(account), "everyone")


def test_who_signs_out_hears_nothing_more_and_their_other_sessions_go_on(
    account: Cloud, api: Api, poster: FakePoster
) -> None:
    here, elsewhere = signed_in(api), signed_in(api)
    listening(api, "here", here)
    listening(api, "elsewhere", elsewhere)
    listening(api, "bob", signed_in(api, "bob"))
    assert api("DELETE", "/api/session", cookies=here, headers=OUR_PAGE).status == 204
    assert brought(account) == []
    assert poster.closed == ["here"]
    assert [frame["event"] for frame in poster.frames("here")] == [SIGNED_OUT]
    assert in_rooms(account) == {"elsewhere", "bob"}
    assert api("POST", "/api/ws-ticket", cookies=elsewhere, headers=OUR_PAGE).status == 200


@pytest.mark.parametrize("kept", ["session and refresh", "refresh alone", "an expired session"])
def test_a_session_ends_whichever_of_its_cookies_the_browser_still_has(
    account: Cloud, api: Api, poster: FakePoster, clock: ControlledClock, kept: str
) -> None:
    """It forgets the id token after an hour, while a socket lives for two."""
    cookies = signed_in(api)
    session = {SESSION: cookies[SESSION]}
    listening(api, "here", cookies)
    if kept == "refresh alone":
        del cookies[SESSION]
    elif kept == "an expired session":
        clock.sleep(3700)
        cookies = session
    assert api("DELETE", "/api/session", cookies=cookies, headers=OUR_PAGE).status == 204
    assert brought(account) == []
    assert poster.closed == ["here"]


def test_a_session_that_ended_opens_nothing_though_its_token_is_valid_for_an_hour(account: Cloud, api: Api) -> None:
    cookies = signed_in(api)
    assert api("DELETE", "/api/session", cookies=cookies, headers=OUR_PAGE).status == 204
    catch_up()
    for method, path in (("GET", "/api/leaderboard"), ("GET", "/api/session"), ("POST", "/api/ws-ticket")):
        answer = api(method, path, cookies=cookies, headers=OUR_PAGE)
        assert answer.status == 401
        assert [cookie.partition("=")[0] for cookie in answer.cookies] == [SESSION]


def test_a_session_that_is_in_use_ends_within_half_a_minute_and_gets_no_ticket_at_all(
    api: Api, sign_out: SignOut, clock: ControlledClock, account: Cloud
) -> None:
    """As a warm Lambda remembers an API key, it remembers a session."""
    cookies = signed_in(api)
    assert api("GET", "/api/leaderboard", cookies=cookies).status == 200
    with in_a_function():
        sign_out.everywhere("ada", now())
    for _ in range(5):  # whatever copy it reads
        assert api("POST", "/api/ws-ticket", cookies=cookies, headers=OUR_PAGE).status == 401
    catch_up()
    assert api("GET", "/api/leaderboard", cookies=cookies).status == 401


def test_signed_out_everywhere_is_every_session_of_that_person_and_a_new_one_is_welcome(
    account: Cloud, api: Api, poster: FakePoster, sign_out: SignOut, clock: ControlledClock
) -> None:
    for name in ("one", "two"):
        listening(api, name, signed_in(api))
    listening(api, "bob", signed_in(api, "bob"))
    sign_out.everywhere("ada", now())
    clock.sleep(1)
    listening(api, "again", signed_in(api))  # before the queue is delivered
    assert brought(account) == []
    assert sorted(poster.closed) == ["one", "two"]
    assert in_rooms(account) == {"bob", "again"}


def test_a_token_of_the_very_second_is_taken_for_an_ended_one_and_the_browser_told_to_try_again(
    account: Cloud, api: Api, sign_out: SignOut, clock: ControlledClock
) -> None:
    cookies = signed_in(api)
    with in_a_function():
        sign_out.everywhere("ada", now())
    refresh = {"cookies": cookies, "headers": OUR_PAGE}
    for _ in range(5):  # whatever copy it reads
        answer = api("POST", "/api/session/refresh", **refresh)  # type: ignore[arg-type]  # headers
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
    clock.sleep(1)
    assert api("POST", "/api/session/refresh", **refresh).status == 200  # type: ignore[arg-type]  # headers


def test_a_ticket_that_was_given_out_before_lets_nobody_in(
    account: Cloud, api: Api, sign_out: SignOut, poster: FakePoster
) -> None:
    cookies, key = signed_in(api), api.key("leaderboard")
    tickets = [*(ticket(api, cookies) for _ in range(5)), ticket(api, key=key)]
    with in_a_function():
        sign_out.everywhere("ada", now())
        sign_out.key(ApiKeys(account.table("KEYS_TABLE")).named("test").id)
    assert {Client(f"c{number}").connect(one) for number, one in enumerate(tickets)} == {401}
    assert in_rooms(account) == set()
    assert remaining_keys(account) == []


def test_a_revoked_keys_sockets_are_closed_and_another_keys_are_not(
    account: Cloud, api: Api, sign_out: SignOut, poster: FakePoster
) -> None:
    listening(api, "mine", key=api.key("leaderboard"))
    listening(api, "other", key=ApiKeys(account.table("KEYS_TABLE")).create("other", ["admin"], now()))
    sign_out.key(ApiKeys(account.table("KEYS_TABLE")).named("test").id)
    assert brought(account) == []
    assert poster.closed == ["mine"]
    assert in_rooms(account) == {"other"}


def test_a_socket_that_cannot_be_closed_yet_is_deaf_and_closed_at_the_next_try(
    account: Cloud, api: Api, sign_out: SignOut, poster: FakePoster, clock: ControlledClock
) -> None:
    client = listening(api, "here", signed_in(api))
    poster.clings = {"here": times(1, ThrottledError("HTTP 429"))}
    sign_out.everywhere("ada", now())
    assert len(brought(account)) == 1
    assert poster.closed == []
    assert in_rooms(account) == set()
    assert client.send_text('{"action": "join", "room": "tv-display"}') is None
    clock.sleep(30)
    assert brought(account) == []
    assert "here" in poster.closed
    assert remaining_keys(account) == []


@pytest.mark.parametrize("error", [GoneError("HTTP 410"), PostTimeoutError("1.5 s"), ThrottledError("HTTP 429")])
def test_a_socket_that_does_not_take_the_last_frame_is_closed_all_the_same(
    account: Cloud, api: Api, sign_out: SignOut, poster: FakePoster, error: Exception
) -> None:
    listening(api, "here", signed_in(api))
    poster.answers = {"here": always(error)}
    sign_out.everywhere("ada", now())
    assert brought(account) == []
    assert poster.closed == ["here"]


def test_a_socket_that_is_being_opened_finds_the_revocation_or_is_found(
    account: Cloud, api: Api, sign_out: SignOut, poster: FakePoster
) -> None:
    """It is listed before it asks; so a sign-out between its ticket and its answer misses it in no order of events."""
    sent = ticket(api, signed_in(api))
    holder = FUNCTIONS["ws_connect"].dependencies.tickets.redeem(sent, now())
    sockets_of(account).open("late", holder, now())
    sign_out.everywhere("ada", now())
    assert Revocations(account.table("SESSIONS_TABLE")).is_revoked(holder.credential, consistent=True)
    poster.answers = {"late": always(GoneError("HTTP 410"))}  # its handshake is not answered yet
    assert brought(account) == []
    assert in_rooms(account) == set()


def test_a_repeated_message_closes_nothing_that_was_opened_since(
    account: Cloud, api: Api, poster: FakePoster, clock: ControlledClock, sign_out: SignOut
) -> None:
    listening(api, "before", signed_in(api))
    sign_out.everywhere("ada", now())
    (record,) = account.messages("BROADCAST_QUEUE_URL")
    clock.sleep(2)
    listening(api, "since", signed_in(api))
    for _ in range(2):
        assert FUNCTIONS["broadcast"]({"Records": [record]}, Context(20.0)) == {"batchItemFailures": []}
    assert poster.closed == ["before"]


def test_a_closed_socket_is_no_longer_in_its_owners_list(account: Cloud, api: Api) -> None:
    listening(api, "here", signed_in(api)).disconnect()
    assert remaining_keys(account) == []


def test_more_sockets_than_there_is_time_for_are_closed_by_the_next_try(
    account: Cloud, api: Api, sign_out: SignOut, poster: FakePoster
) -> None:
    key = api.key("leaderboard")
    for number in range(3):
        listening(api, f"c{number}", key=key)
    sign_out.key(ApiKeys(account.table("KEYS_TABLE")).named("test").id)
    (record,) = account.messages("BROADCAST_QUEUE_URL")
    answer: Any = FUNCTIONS["broadcast"]({"Records": [record]}, Context(4.0))
    assert len(answer["batchItemFailures"]) == 1
    assert FUNCTIONS["broadcast"]({"Records": [record]}, Context(20.0)) == {"batchItemFailures": []}
    assert sorted(poster.closed) == ["c0", "c1", "c2"]


def test_what_was_revoked_is_forgotten_only_when_nothing_of_it_is_valid_any_more(account: Cloud, api: Api) -> None:
    cookies = signed_in(api)
    api("DELETE", "/api/session", cookies=cookies, headers=OUR_PAGE)
    revocations = Revocations(account.table("SESSIONS_TABLE"))
    revocations.revoke_person("bob", now(), now())
    kept = {"session" if "#session#" in item["pk"] else "person": item for item in _items(account)}
    assert int(kept["session"]["expires_at"]) >= (now() + timedelta(days=90)).timestamp()
    assert int(kept["person"]["expires_at"]) >= (now() + timedelta(hours=1, minutes=1)).timestamp()


def test_a_later_sign_out_is_not_undone_by_an_earlier_one(account: Cloud) -> None:
    revocations = Revocations(account.table("SESSIONS_TABLE"))
    later = revocations.revoke_person("ada", now() + timedelta(seconds=5), now())
    revocations.revoke_person("ada", now(), now())
    (item,) = _items(account)
    assert int(item["until"]) == later


def test_the_message_says_whose_sockets_and_which() -> None:
    assert SignedOut("person:ada", None, 5, None, "t").group != SignedOut("person:bob", None, 5, None, "t").group
    assert SignedOut("person:ada", None, 5, None, "t").key != SignedOut("person:ada", None, 6, None, "t").key
    assert SignedOut("person:ada", "s", None, None, "t").key != SignedOut("person:ada", "r", None, None, "t").key


def _items(account: Cloud) -> Iterator[dict[str, Any]]:
    return (item for item in account.table("SESSIONS_TABLE").scan()["Items"] if item["sk"] == "revoked")
