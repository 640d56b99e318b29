"""The audit trail: whatever is changed or refused leaves a line that says who, what, on what, and from where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cairn.model import Subject
from functions.api.audit import ACTIONS
from testing.api import ABSENT, Api
from testing.clock import controlled_clock
from testing.cloud import cloud
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.platforms import FakePlatforms, counts
from testing.user_pool import PASSWORD
from tests.integration.api.test_access import ID, INGEST, PUBLIC, ROUTES, call, documented

HERE = {"x-cairn-viewer": "203.0.113.7"}
OUR_PAGE = {"sec-fetch-site": "same-origin", **HERE}
READS = ("GET", "HEAD")
OTHERS = ("/api/viewer/", "/api/telegram/", "/hooks/", *INGEST)
"""Served by other functions."""
OWN_ROUTES = {route for route in documented() if not route[1].startswith(OTHERS)}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    platforms = FakePlatforms(youtube={ID: counts(9500)})
    with controlled_clock(), cloud(platforms.transport()) as aws:
        aws.people.add("ada", "leaderboard")
        made = Api(aws)
        made("POST", "/api/channels", {"platform": "youtube", "handle": ID})
        made.key("admin")
        made.key("analytics")
        yield made


def lines(logs: Written, *actions: str) -> list[dict[str, Any]]:
    return [line for line in logs.audit if not actions or line["action"] in actions]


def action_of(route: tuple[str, str]) -> str:
    return ACTIONS.get(" ".join(route), " ".join(route))


@pytest.mark.parametrize("route", sorted(OWN_ROUTES), ids=" ".join)
def test_every_route_that_writes_leaves_a_line_and_none_that_reads_does(
    api: Api, logs: Written, route: tuple[str, str]
) -> None:
    """Of all routes in the document: a new one is covered without a change here."""
    api("POST", "/api/channels", {"platform": "youtube", "handle": ID})
    before = len(lines(logs, action_of(route)))
    assert call(api, route, ("admin",)).status < 500
    found = lines(logs, action_of(route))[before:]
    if route[0] in READS:
        assert [line for line in found if line["outcome"] == "done"] == []
    else:
        assert len(found) == 1
        assert set(found[0]) >= {"action", "actor", "from", "targets", "outcome"}
        assert found[0]["from"] == "127.0.0.1"


@pytest.mark.parametrize("route", sorted(OWN_ROUTES - PUBLIC), ids=" ".join)
def test_every_route_that_refuses_somebody_leaves_a_line(api: Api, logs: Written, route: tuple[str, str]) -> None:
    path = route[1].replace("{rep_id}", "1")
    assert api(route[0], path.replace("{", "").replace("}", ""), {}, scopes=None, headers=HERE).status == 401
    (line,) = lines(logs)
    assert line["actor"]["kind"] == "anonymous"
    assert (line["outcome"], line["from"]) == ("refused", "203.0.113.7")


@pytest.mark.parametrize("route", sorted(ROUTES), ids=" ".join)
def test_a_key_that_lacks_the_scope_is_named(api: Api, logs: Written, route: tuple[str, str]) -> None:
    if "analytics" in ROUTES[route][0]:
        return
    assert call(api, route, ("analytics",)).status == 403
    (line,) = lines(logs, action_of(route))
    assert (line["actor"]["kind"], line["actor"]["name"], line["outcome"]) == ("key", "test", "refused")


def test_an_operator_finds_who_changed_a_rep(api: Api, logs: Written) -> None:
    created = api("POST", "/api/leaderboard/sales-reps", {"name": "Ada"}, person=("leaderboard",), headers=HERE)
    rep, path = f"rep:{created.json['id']}", f"/api/leaderboard/sales-reps/{created.json['id']}"
    api("PATCH", path, {"team": "North"}, person=("leaderboard",), headers=HERE)
    api("POST", f"{path}/update-stats", {"monthlyRevenue": 5}, scopes=("leaderboard",), headers=HERE)
    update = {"repId": created.json["id"], "stats": {"monthlyRevenue": 6}}
    api("POST", "/api/leaderboard/bulk-update", {"updates": [update, update, {"repId": 999_999, "stats": {}}]})
    api("DELETE", path, person=("leaderboard",), headers=HERE)
    found = lines(logs)
    assert {target for line in found for target in line["targets"]} == {rep}
    assert [(line["actor"]["kind"], line["action"].split()[0]) for line in found] == [
        ("person", "POST"),
        ("person", "PATCH"),
        ("key", "POST"),
        ("key", "POST"),
        ("person", "DELETE"),
    ]
    assert found[1]["actor"] == {"kind": "person", "id": "leaderboard", "name": "leaderboard"}
    assert all(line["trace_id"] for line in found[:3]), "with it, the log tells what followed from the change"


def test_what_came_of_a_write_is_told(api: Api, logs: Written) -> None:
    api("PATCH", "/api/leaderboard/sales-reps/999999", {"team": "North"})
    api("POST", "/api/leaderboard/sales-reps", {"name": ""})
    api("POST", "/api/leaderboard/sales-reps", raw="{")
    reps = FUNCTIONS["api"].dependencies.reps
    whole, reps._stats = reps._stats, None
    try:
        api("PATCH", "/api/leaderboard/sales-reps/1", {"team": "North"})
    finally:
        reps._stats = whole
    assert [line["outcome"] for line in lines(logs)] == ["invalid", "invalid", "invalid", "failed"]


def test_a_page_that_has_a_channel_fetched_leaves_a_line(api: Api, logs: Written) -> None:
    path = f"/api/channels/youtube:{ID}"
    api("POST", "/api/channels", {"platform": "youtube", "handle": ID})
    api("GET", path, query={"refresh": "never"})
    assert lines(logs, "GET /api/channels/{channel_id}") == []
    FUNCTIONS["api"].dependencies.stats.delete(Subject("channel", f"youtube:{ID}"))
    api("GET", path, query={"refresh": "auto"})
    (line,) = lines(logs, "GET /api/channels/{channel_id}")
    assert (line["targets"], line["outcome"]) == ([f"channel:youtube:{ID}"], "done")


def test_each_sign_in_sign_out_and_refusal_says_which_name_and_from_where(api: Api, logs: Written) -> None:
    def sign_in(name: str, password: str) -> Any:
        return api("POST", "/api/session", {"name": name, "password": password}, scopes=None, headers=OUR_PAGE)

    sign_in("ada", "wrong")
    signed_in = sign_in("ada", PASSWORD)
    pairs = (cookie.partition(";")[0].partition("=") for cookie in signed_in.cookies)
    jar = {name: value for name, _, value in pairs}
    api("POST", "/api/session/refresh", cookies=jar, headers=OUR_PAGE)
    api("DELETE", "/api/session", cookies=jar, headers=OUR_PAGE)
    api("POST", "/api/session/refresh", cookies=jar, headers=OUR_PAGE)
    anonymous, ada = {"kind": "anonymous", "id": "", "name": ""}, {"kind": "person", "id": "ada", "name": "ada"}
    told = [(line["action"], line["actor"], line["targets"], line["outcome"]) for line in lines(logs)]
    assert told == [
        ("sign in", anonymous, ["person:ada"], "refused"),
        ("sign in", ada, ["person:ada"], "done"),
        ("refresh session", ada, [], "done"),
        ("sign out", ada, [], "done"),
        ("refresh session", anonymous, [], "refused"),
    ]
    assert {line["from"] for line in lines(logs)} == {"203.0.113.7"}


def test_what_somebody_types_as_a_name_stays_on_one_line_and_short(api: Api, logs: Written) -> None:
    forged = 'ada\n{"audit": true, "actor": {"kind": "operator"}}\u202e\x1b[2J' + "x" * 60
    api("POST", "/api/session", {"name": forged, "password": "wrong"}, scopes=None, headers=OUR_PAGE)
    api("GET", "/api/" + "x" * 5000, scopes=None)
    typed, long = lines(logs)
    (target,) = typed["targets"]
    assert target.isprintable()
    assert "\\n" in target
    assert len(long["action"]) <= 200
    raw = [line for line in logs.text.splitlines() if '"audit"' in line]
    assert len(raw) == 2, "it forges no line of its own"
    assert json.loads(raw[0])["actor"]["kind"] == "anonymous"


def test_neither_passwords_nor_keys_nor_tokens_are_in_the_trail(api: Api, logs: Written) -> None:
    api("POST", "/api/session", {"name": "ada", "password": PASSWORD}, scopes=None, headers=OUR_PAGE)
    api("POST", "/api/ws-ticket", scopes=("admin",))
    for secret in (PASSWORD, "eyJ", api.key("admin")):
        assert secret not in logs.text


def test_a_request_past_the_distribution_is_in_the_trail_with_the_address_that_connected(
    api: Api, logs: Written
) -> None:
    api("GET", "/api/channels", ABSENT, headers={"x-cairn-front": "wrong", "x-cairn-viewer": "203.0.113.66"})
    (line,) = lines(logs)
    assert (line["action"], line["from"], line["outcome"]) == ("GET /api/channels", "127.0.0.1", "refused")
