"""Access: every route of the OpenAPI document against every scope of a key and every module of a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from cairn.clock import now
from cairn.errors import NotSignedInError
from cairn.identity.api_keys import SCOPES, ApiKeys
from cairn.identity.cognito import MODULES
from functions.api.app import app
from functions.api.auth import MAX_BYTES, Authenticator
from testing.api import ABSENT, SESSION, Api, event
from testing.clock import controlled_clock
from testing.cloud import cloud
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms, counts
from testing.user_pool import POOL_ID

ID = "UC" + "a" * 22
CHANNEL = f"/api/channels/youtube:{ID}"
BADGE = {"name": "Rising Star", "emoji": "🌟", "rule": "revenue", "threshold": 25_000}
ENDPOINT: dict[str, Any] = {"url": "https://crm.test/hook"}
FEEDBACK: dict[str, Any] = {"event": "converted", "subject": "user:7"}
"""With the endpoint, which `call` adds."""
INGEST = frozenset({"/api/usage/track", "/api/usage/batch", "/api/usage/import"})
"""Served by ingest_usage; tests/integration/usage tests who may call it."""
ROUTES: dict[tuple[str, str], tuple[set[str], object]] = {
    ("GET", "/api/channels"): ({"analytics", "ingest"}, None),
    ("POST", "/api/channels"): (set(), {"platform": "youtube", "handle": ID}),
    ("GET", "/api/channels/{channel_id}"): ({"analytics", "ingest"}, None),
    ("DELETE", "/api/channels/{channel_id}"): (set(), None),
    ("POST", "/api/channels/{channel_id}/refresh"): ({"analytics", "ingest"}, None),
    ("GET", "/api/channels/{channel_id}/history"): ({"analytics"}, None),
    ("POST", "/api/sync"): ({"ingest"}, {}),
    ("GET", "/api/milestones"): ({"analytics"}, None),
    ("GET", "/api/subscribers"): (set(), None),
    ("GET", "/api/settings"): (set(), None),
    ("PATCH", "/api/settings"): (set(), {"version": 0, "changes": {"stale_after_seconds": 60}}),
    ("GET", "/api/settings/history"): (set(), None),
    ("POST", "/api/settings/undo"): (set(), {"version": 2}),
    ("GET", "/api/leaderboard"): ({"leaderboard", "display"}, None),
    ("GET", "/api/leaderboard/badges"): ({"leaderboard", "display"}, None),
    ("PUT", "/api/leaderboard/badges/{badge_id}"): (set(), BADGE),
    ("POST", "/api/leaderboard/bulk-update"): ({"leaderboard"}, {"updates": [{"repId": 1, "stats": {}}]}),
    ("GET", "/api/leaderboard/sales-reps"): ({"leaderboard", "display"}, None),
    ("POST", "/api/leaderboard/sales-reps"): ({"leaderboard"}, {"name": "Ada"}),
    ("GET", "/api/leaderboard/sales-reps/{rep_id}"): ({"leaderboard", "display"}, None),
    ("PATCH", "/api/leaderboard/sales-reps/{rep_id}"): ({"leaderboard"}, {"team": "North"}),
    ("DELETE", "/api/leaderboard/sales-reps/{rep_id}"): ({"leaderboard"}, None),
    ("GET", "/api/leaderboard/sales-reps/{rep_id}/badges"): ({"leaderboard", "display"}, None),
    ("POST", "/api/leaderboard/sales-reps/{rep_id}/update-stats"): ({"leaderboard"}, {"monthlySignups": 5}),
    ("GET", "/api/webhooks/endpoints"): ({"webhooks"}, None),
    ("POST", "/api/webhooks/endpoints"): ({"webhooks"}, ENDPOINT),
    ("GET", "/api/webhooks/endpoints/{endpoint_id}"): ({"webhooks"}, None),
    ("PATCH", "/api/webhooks/endpoints/{endpoint_id}"): ({"webhooks"}, {"description": "The CRM"}),
    ("DELETE", "/api/webhooks/endpoints/{endpoint_id}"): ({"webhooks"}, None),
    ("POST", "/api/webhooks/endpoints/{endpoint_id}/rotate"): ({"webhooks"}, None),
    ("POST", "/api/webhooks/endpoints/{endpoint_id}/test"): ({"webhooks"}, {}),
    ("POST", "/api/webhooks/endpoints/{endpoint_id}/pause"): ({"webhooks"}, None),
    ("POST", "/api/webhooks/endpoints/{endpoint_id}/resume"): ({"webhooks"}, None),
    ("POST", "/api/webhooks/endpoints/{endpoint_id}/recover"): ({"webhooks"}, None),
    ("POST", "/api/webhooks/endpoints/{endpoint_id}/replay"): ({"webhooks"}, {"from": "2026-11-01", "dryRun": True}),
    ("GET", "/api/webhooks/messages"): ({"webhooks"}, None),
    ("GET", "/api/webhooks/messages/{message_id}"): ({"webhooks"}, None),
    ("POST", "/api/webhooks/messages/{message_id}/resend"): ({"webhooks"}, None),
    ("DELETE", "/api/webhooks/messages/{message_id}/content"): ({"webhooks"}, None),
    ("GET", "/api/webhooks/catalogue"): ({"webhooks", "ingest"}, None),
    ("POST", "/api/webhooks/events"): ({"ingest"}, {"type": "acme.order_paid", "data": {}}),
    ("POST", "/api/webhooks/process-queue"): ({"webhooks"}, {}),
    ("GET", "/api/webhooks/stats"): ({"webhooks"}, None),
    ("POST", "/api/webhooks/feedback"): ({"webhooks", "ingest"}, FEEDBACK),
    ("GET", "/api/usage/totals"): ({"analytics"}, None),
    ("GET", "/api/users"): ({"analytics"}, None),
    ("PUT", "/api/users"): (set(), {"users": [{"id": "4711"}]}),
    ("GET", "/api/users/{user_id}"): ({"analytics"}, None),
    ("PUT", "/api/users/{user_id}"): (set(), {"dailyGoal": 10}),
    ("DELETE", "/api/users/{user_id}"): (set(), None),
    ("GET", "/api/users/{user_id}/usage"): ({"analytics"}, None),
    ("GET", "/api/users/{user_id}/milestones"): ({"analytics"}, None),
    ("GET", "/api/users/{user_id}/freezes"): ({"analytics"}, None),
    ("POST", "/api/users/{user_id}/freezes"): (set(), {"reason": "an outage"}),
    ("GET", "/api/users/{user_id}/export"): ({"analytics"}, None),
    ("GET", "/api/agencies"): ({"analytics"}, None),
    ("POST", "/api/agencies"): (set(), {"name": "North"}),
    ("GET", "/api/agencies/{agency_id}"): ({"analytics"}, None),
    ("PATCH", "/api/agencies/{agency_id}"): (set(), {"name": "North"}),
    ("DELETE", "/api/agencies/{agency_id}"): (set(), None),
    ("GET", "/api/creators"): ({"analytics"}, None),
    ("POST", "/api/creators"): (set(), {}),
    ("GET", "/api/creators/{creator_id}"): ({"analytics"}, None),
    ("PATCH", "/api/creators/{creator_id}"): (set(), {"name": "Mia"}),
    ("DELETE", "/api/creators/{creator_id}"): (set(), None),
    ("GET", "/api/creators/{creator_id}/milestones"): ({"analytics"}, None),
    **{
        (method, f"{path}/credentials"): (set(), {"apiKey": "k"} if method == "PUT" else None)
        for method in ("GET", "PUT", "DELETE")
        for path in ("/api/agencies/{agency_id}", "/api/creators/{creator_id}")
    },
    ("GET", "/api/analytics/dashboard"): ({"analytics"}, None),
    ("GET", "/api/analytics/transactions"): ({"analytics"}, None),
    ("POST", "/api/analytics/sync"): ({"analytics"}, {}),
    ("GET", "/api/analytics/sync"): ({"analytics"}, None),
    ("GET", "/api/analytics/sync/{run_id}"): ({"analytics"}, None),
}
"""Each route with the scopes that grant access besides `admin`, and a valid body."""
ANY_CALLER = {("GET", "/api/session"), ("POST", "/api/session/refresh"), ("POST", "/api/ws-ticket")}
"""Every authenticated caller may use these."""
PUBLIC = {
    ("GET", "/api/health"),
    ("GET", "/api/config"),
    ("POST", "/api/session"),
    ("DELETE", "/api/session"),
    ("POST", "/api/session/challenge"),
    ("POST", "/api/telegram/webhook"),
    ("POST", "/hooks/creators/fanvue"),
}
METHODS = ("get", "post", "put", "patch", "delete")


OWN_ACCOUNT = {
    ("POST", "/api/session/password"),
    ("GET", "/api/session/second-factor"),
    ("POST", "/api/session/second-factor"),
    ("PUT", "/api/session/second-factor"),
    ("POST", "/api/session/second-factor/removal"),
}
"""Every person may use these, with the refresh cookie: tests/integration/identity/test_account.py."""


def documented() -> dict[tuple[str, str], Any]:
    document = app.get_openapi_schema().model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def call(
    api: Api, route: tuple[str, str], scopes: tuple[str, ...] | None = None, person: tuple[str, ...] | None = None
) -> Any:
    body = ROUTES[route][1] if route in ROUTES else None
    path = route[1].replace("{channel_id}", f"youtube:{ID}").replace("{badge_id}", "rising-star")
    if "{user_id}" in path:
        user = f"u{next(_NUMBERS)}"
        if route[0] != "PUT":
            assert api("PUT", f"/api/users/{user}", {}).status == 200
        path = path.replace("{user_id}", user)
    if "{rep_id}" in path:
        path = path.replace("{rep_id}", str(api("POST", "/api/leaderboard/sales-reps", {"name": "Ada"}).json["id"]))
    if "{agency_id}" in path:
        path = path.replace("{agency_id}", str(api("POST", "/api/agencies", {"name": "North"}).json["id"]))
    if "{creator_id}" in path:
        path = path.replace("{creator_id}", str(api("POST", "/api/creators", new_creator(api)).json["id"]))
    if path.startswith("/api/analytics/sync") and route[0] == "GET":
        path = path.replace("{run_id}", str(api("POST", "/api/analytics/sync", {}).json["id"]))
    if path.endswith("/credentials") and route[0] == "GET":
        assert api("PUT", path, {"apiKey": "k"}).status == 200
    if route == ("POST", "/api/creators"):
        body = new_creator(api)
    if route == ("POST", "/api/webhooks/endpoints"):
        body = {**ENDPOINT, "filter": {"n": next(_NUMBERS)}}
    elif "{endpoint_id}" in path or body is FEEDBACK:
        endpoint = _endpoint(api)
        path = path.replace("{endpoint_id}", endpoint)
        body = {**FEEDBACK, "endpoint": endpoint} if body is FEEDBACK else body
    elif "{message_id}" in path:
        sample = api("POST", f"/api/webhooks/endpoints/{_endpoint(api)}/test")
        path = path.replace("{message_id}", sample.json["id"])
    return api(route[0], path, ABSENT if body is None else body, scopes=scopes, person=person)


def new_creator(api: Api) -> dict[str, str]:
    """The body that makes another creator."""
    agency = api("POST", "/api/agencies", {"name": "North"}).json["id"]
    return {"agencyId": agency, "name": "Mia", "platform": "fanvue", "externalId": str(UUID(int=next(_NUMBERS)))}


def _endpoint(api: Api) -> str:
    """The id of the newest endpoint, of a few."""
    numbers = {"n": next(_NUMBERS) % 5}
    made = api("POST", "/api/webhooks/endpoints", {**ENDPOINT, "filter": numbers})
    if made.status == 409:
        return re.search(r"ep_\w{12}", made.error)[0]  # type: ignore[index]  # the refusal names it
    return str(made.json["id"])


_NUMBERS = count()


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One account for all of these tests: a test that needs the channel adds it; adding it twice is harmless."""
    platforms = FakePlatforms(youtube={ID: counts(9500)})
    with controlled_clock(), cloud(platforms.transport()) as aws:
        yield Api(aws)


def test_every_route_of_the_document_is_in_this_table() -> None:
    # Served by other functions: public, and for programs, which tests/integration/usage/test_routes.py tests.
    others = {route for route in documented() if route[1].startswith("/api/viewer/") or route[1] in INGEST}
    assert set(documented()) == set(ROUTES) | ANY_CALLER | OWN_ACCOUNT | PUBLIC | others


@pytest.mark.parametrize("route", [*ROUTES, *sorted(ANY_CALLER | OWN_ACCOUNT)], ids=" ".join)
def test_nobody_enters_without_a_key_or_a_session(api: Api, route: tuple[str, str]) -> None:
    response = call(api, route)
    assert response.status == 401
    assert "sign in" in response.error


@pytest.mark.parametrize("scope", sorted(SCOPES))
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_key_has_access_to_the_routes_of_its_scope_and_no_others(
    api: Api, route: tuple[str, str], scope: str
) -> None:
    api("POST", "/api/channels", {"platform": "youtube", "handle": ID})
    begin_settings(api, route)
    response = call(api, route, (scope,))
    if scope in ROUTES[route][0] | {"admin"}:
        assert response.status in (200, 201, 202, 204)
    else:
        assert response.status == 403
        assert "needs the scope" in response.error
        assert "admin" in response.error


def begin_settings(api: Api, route: tuple[str, str]) -> None:
    """The tests share an account, and each changes the settings from version 0, or takes back the first change."""
    table = api.aws.table("SETTINGS_TABLE")
    for item in table.scan()["Items"]:
        table.delete_item(Key={name: item[name] for name in ("pk", "sk")})
    FUNCTIONS.restart("api")
    if route[1].endswith("/undo"):
        assert api("PATCH", "/api/settings", {"version": 0, "changes": {"stale_after_seconds": 60}}).status == 200


@pytest.mark.parametrize("module", [*sorted(MODULES), None])
@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_session_has_access_to_the_routes_of_its_module_and_no_others(
    api: Api, route: tuple[str, str], module: str | None
) -> None:
    api("POST", "/api/channels", {"platform": "youtube", "handle": ID})
    begin_settings(api, route)
    response = call(api, route, person=(module,) if module else ())
    if module in ROUTES[route][0] | {"admin"}:
        assert response.status in (200, 201, 202, 204)
    else:
        assert response.status == 403
        assert "needs the module" in response.error
        assert "admin" in response.error
        assert "ingest" not in response.error


def test_a_group_that_is_no_module_opens_nothing(api: Api) -> None:
    api.aws.people.cognito.create_group(UserPoolId=POOL_ID, GroupName="ingest")
    assert api("POST", "/api/sync", {}, person=("ingest",)).status == 403


def test_a_display_reads_the_board_and_changes_nothing(api: Api) -> None:
    """The account of a TV on the wall, which anybody in front of it could use."""
    opened = {route for route, (scopes, _) in ROUTES.items() if "display" in scopes}
    assert opened
    assert {method for method, _ in opened} == {"GET"}
    assert all(path.startswith("/api/leaderboard") for _, path in opened)


def test_what_a_key_may_not_do_is_not_done(api: Api) -> None:
    api("POST", "/api/channels", {"platform": "youtube", "handle": ID})
    assert api("DELETE", CHANNEL, scopes=("analytics", "ingest", "leaderboard")).status == 403
    assert api("GET", CHANNEL).status == 200


def test_one_scope_or_module_of_several_is_enough(api: Api) -> None:
    assert api("GET", "/api/milestones", scopes=("leaderboard", "analytics")).status == 200
    assert api("GET", "/api/milestones", person=("leaderboard", "analytics")).status == 200


def test_of_a_key_and_a_session_the_key_counts(api: Api) -> None:
    def both(key: str, *modules: str) -> int:
        header = {"authorization": f"Bearer {key}"}
        return api("GET", "/api/subscribers", cookies={SESSION: api.session(*modules)}, headers=header).status

    assert both(api.key("admin")) == 200
    assert both(api.key("analytics"), "admin") == 403
    assert both("cairn_" + "x" * 43, "admin") == 401
    assert both("", "admin") == 401


def test_a_key_writes_from_wherever_it_is(api: Api) -> None:
    header = {"authorization": f"Bearer {api.key('admin')}", "sec-fetch-site": "cross-site"}
    response = api("POST", "/api/sync", {}, cookies={SESSION: api.session("admin")}, headers=header)
    assert response.status == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer nonsense",
        "Bearer cairn_",
        "Bearer cairn_" + "x" * 43,
        "Bearer cairn_" + "x" * 5000,
        "cairn_" + "x" * 43,
        "Bearer cairn_☃",
    ],
)
def test_a_header_without_a_key_that_was_made_opens_nothing(api: Api, header: str) -> None:
    response = api("GET", "/api/channels", scopes=None, headers={"authorization": header})
    assert response.status == 401
    assert response.headers["content-type"] == "application/json"


def test_the_scheme_may_be_written_in_any_case(api: Api) -> None:
    header = {"authorization": f"bearer {api.key('admin')}"}
    assert api("GET", "/api/channels", scopes=None, headers=header).status == 200


def test_a_revoked_key_opens_nothing_after_half_a_minute(api: Api) -> None:
    keys, seconds = ApiKeys(api.aws.table("KEYS_TABLE")), [0.0]
    made = FUNCTIONS["api"].dependencies
    authenticator = Authenticator(keys, made.id_tokens, made.revocations, clock=lambda: seconds[0])
    request = event(
        "GET", "/api/channels", headers={"authorization": f"Bearer {keys.create('gone', ['admin'], now())}"}
    )
    assert authenticator.authenticate(request)
    keys.delete(keys.named("gone"))
    seconds[0] += 30
    assert authenticator.authenticate(request)
    seconds[0] += 1
    for _ in range(2):
        with pytest.raises(NotSignedInError, match="has been revoked"):
            authenticator.authenticate(request)


def test_public_routes_ask_for_no_key_and_do_not_mind_a_session_that_is_over(api: Api) -> None:
    assert api("GET", "/api/health", scopes=None).status == 200
    assert api("GET", "/api/config", cookies={SESSION: "nonsense"}).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/nothing"),
        ("GET", "/api"),
        ("GET", "/api/channels/"),
        ("GET", f"{CHANNEL}/"),
        ("GET", f"{CHANNEL}/nothing"),
        ("GET", "/etc/passwd"),
        ("GET", "/api/channels/☃"),
        ("GET", "//api/channels"),
    ],
)
def test_an_address_that_is_none_says_where_the_others_are(api: Api, method: str, path: str) -> None:
    response = api(method, path)
    assert response.status == 404
    assert "/api/docs" in response.error


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", CHANNEL, "GET, DELETE"),
        ("PATCH", "/api/channels", "GET, POST"),
        ("POST", "/api/milestones", "GET"),
        ("HEAD", "/api/health", "GET"),
        ("GET", f"{CHANNEL}/refresh", "POST"),
        ("GET", "/api/viewer/join", "POST"),
        ("POST", "/api/viewer/count/demo", "GET"),
        ("GET", "/api/telegram/webhook", "POST"),
    ],
)
def test_an_address_that_is_called_by_the_wrong_method_says_which_it_accepts(
    api: Api, method: str, path: str, allowed: str
) -> None:
    response = api(method, path)
    assert response.status == 405
    assert response.headers["allow"] == allowed
    assert allowed in response.error


def test_a_path_of_another_function_is_not_found_here(api: Api) -> None:
    """Behind CloudFront such a request never reaches this function."""
    assert api("POST", "/api/telegram/webhook", {}).status == 404


def test_a_stranger_learns_nothing_of_which_addresses_there_are(api: Api) -> None:
    assert api("GET", "/api/nothing", scopes=None).status == 401


def test_a_body_that_is_too_long_is_not_read(api: Api) -> None:
    for raw in ("x" * (MAX_BYTES + 1), b"x" * MAX_BYTES):
        response = api("POST", "/api/channels", raw=raw)
        assert response.status == 413
        assert str(MAX_BYTES) in response.error
