"""The routes of agencies and creators: what a client sees of them, and what it may not send."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from cairn.clock import iso, now
from cairn.creators.sync_state import Drift, SyncStates
from cairn.model import Number, Reading, Subject
from cairn.readings.stats import Stats
from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud

ID = "8d5a2c04-3f43-4f0e-9f1c-7a0f54a1f9c1"
LEASE = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def north(api: Api) -> str:
    made = api("POST", "/api/agencies", {"name": " North 🎉 "})
    assert made.status == 201
    return str(made.json["id"])


def mia(api: Api, north: str, **more: object) -> dict[str, Any]:
    body = {"agencyId": north, "name": "Mia", "platform": "fanvue", "externalId": ID} | more
    made = api("POST", "/api/creators", body)
    assert made.status == 201, made.text
    found: dict[str, Any] = made.json
    return found


def test_an_agency_is_made_renamed_retired_and_brought_back(api: Api, north: str) -> None:
    path = f"/api/agencies/{north}"
    assert api("GET", path, scopes=("analytics",)).json == {
        "id": north,
        "name": "North 🎉",
        "createdAt": iso(now()),
        "retiredAt": None,
        "creators": 0,
    }
    assert api("PATCH", path, {"name": "Far North"}).json["name"] == "Far North"
    assert api("PATCH", path, {}).json["name"] == "Far North"
    assert api("DELETE", path).status == 204
    catch_up()
    assert api("GET", "/api/agencies").json == {"items": [], "nextCursor": None}
    (found,) = api("GET", "/api/agencies", query={"retired": "true"}).json["items"]
    assert found["retiredAt"] == iso(now())
    assert api("PATCH", path, {"retired": 0}).status == 400
    assert api("PATCH", path, {"retired": False}).json["retiredAt"] is None
    assert api("GET", "/api/agencies/nowhere").status == api("DELETE", "/api/agencies/nowhere").status == 404
    assert api("PATCH", "/api/agencies/nowhere", {"name": "x"}).status == 404


def test_a_new_creator_is_shown_with_nothing_known_yet(api: Api, north: str) -> None:
    made = mia(api, north, externalId=ID.upper(), currency="eur", timeZone="Europe/Lisbon")
    assert made == {
        "id": made["id"],
        "agencyId": north,
        "name": "Mia",
        "platform": "fanvue",
        "externalId": ID,
        "currency": "EUR",
        "timeZone": "Europe/Lisbon",
        "addedAt": iso(now()),
        "retiredAt": None,
        "credentials": "deployment",
        "sync": {
            "asOf": None,
            "stale": True,
            "firstSyncedAt": None,
            "state": "never",
            "error": None,
            "drift": {"waiting": 0, "unconfirmed": 0, "amount": 0},
        },
        "audience": {
            "asOf": None,
            "stale": True,
            "subscribers": None,
            "followers": None,
            "messages": None,
            "posts": None,
            "error": None,
        },
        "revenue": None,
        "revenueCurrency": None,
    }
    assert api("GET", f"/api/creators/{made['id']}", scopes=("analytics",)).json == made
    assert api("GET", f"/api/agencies/{north}").json["creators"] == 1


def test_a_creator_shows_what_is_known_how_old_it_is_and_what_fails(
    aws: Cloud, api: Api, clock: ControlledClock, north: str
) -> None:
    made = mia(api, north)
    path, states, began = f"/api/creators/{made['id']}", SyncStates(aws.table("CREATORS_TABLE")), now()
    states.begin(made["id"], "w", began, LEASE)
    assert api("GET", path).json["sync"]["state"] == "first"
    states.succeeded(made["id"], "w", at=began, until=began, drift=Drift(1, 2, 1250))
    states.first_synced(made["id"], began)
    states.audience(made["id"], began, "")
    metrics: dict[str, Number] = {"subscribers": 120, "followers": 0, "revenue": Decimal("1012.50")}
    subject = Subject("creator", made["id"])
    Stats(aws.table("STATS_TABLE")).record(
        Reading(subject, "Mia", metrics, began, "schedule", "t", details={"currency": "USD"})
    )
    found = api("GET", path).json
    assert found["sync"] == {
        "asOf": iso(began),
        "stale": False,
        "firstSyncedAt": iso(began),
        "state": "ok",
        "error": None,
        "drift": {"waiting": 1, "unconfirmed": 2, "amount": 12.5},
    }
    assert found["audience"] == {
        "asOf": iso(began),
        "stale": False,
        "subscribers": 120,
        "followers": 0,
        "messages": None,
        "posts": None,
        "error": None,
    }
    assert (found["revenue"], found["revenueCurrency"]) == (1012.5, "USD")
    clock.sleep(6 * 60 + 1)
    found = api("GET", path).json
    assert (found["sync"]["stale"], found["audience"]["stale"]) == (False, True)
    clock.sleep(10 * 60)
    assert api("GET", path).json["sync"]["stale"] is True
    states.begin(made["id"], "w", now(), LEASE)
    states.failed(made["id"], "w", at=now(), code="reconnect", message="connect again", not_before=now() + MINUTE)
    sync = api("GET", path).json["sync"]
    assert (sync["state"], sync["stale"]) == ("failing", True)
    assert sync["error"] == {
        "code": "reconnect",
        "message": "connect again",
        "since": iso(now()),
        "retryAt": iso(now() + MINUTE),
    }
    api("DELETE", path)
    retired = api("GET", path).json
    assert (retired["sync"]["state"], retired["sync"]["stale"], retired["audience"]["stale"]) == (
        "retired",
        False,
        False,
    )


def test_the_same_account_twice_is_a_conflict_that_names_who_has_it(api: Api, north: str) -> None:
    made = mia(api, north)
    again = api("POST", "/api/creators", {"agencyId": north, "name": "Another", "externalId": ID.upper()})
    assert again.status == 409
    assert again.json["details"] == [
        {"field": "externalId", "message": "another creator has this account", "id": made["id"]}
    ]
    assert made["id"] in again.error


def test_a_creator_is_changed_moved_retired_and_brought_back(api: Api, north: str) -> None:
    made = mia(api, north)
    south = api("POST", "/api/agencies", {"name": "South"}).json["id"]
    path = f"/api/creators/{made['id']}"
    changed = api("PATCH", path, {"name": "Mia B", "agencyId": south, "timeZone": "Asia/Kathmandu"}).json
    assert changed == made | {"name": "Mia B", "agencyId": south, "timeZone": "Asia/Kathmandu"}
    assert api("DELETE", path).status == api("DELETE", path).status == 204
    assert api("GET", path).json["retiredAt"] == iso(now())
    catch_up()
    assert api("GET", "/api/creators").json["items"] == []
    assert len(api("GET", "/api/creators", query={"retired": "true", "agencyId": south}).json["items"]) == 1
    assert api("DELETE", f"/api/agencies/{south}").status == 204
    refused = api("PATCH", path, {"retired": False})
    assert (refused.status, "is retired" in refused.error) == (400, True)
    back = api("PATCH", path, {"agencyId": north, "retired": False}).json
    assert (back["retiredAt"], back["agencyId"]) == (None, north)
    assert api("DELETE", f"/api/agencies/{north}").status == 409


def test_the_currency_cannot_change_once_transactions_are_synced(aws: Cloud, api: Api, north: str) -> None:
    made = mia(api, north)
    path = f"/api/creators/{made['id']}"
    assert api("PATCH", path, {"currency": "EUR"}).json["currency"] == "EUR"
    SyncStates(aws.table("CREATORS_TABLE")).begin(made["id"], "w", now(), LEASE)
    assert api("PATCH", path, {"currency": "USD", "name": "x"}).status == 409
    assert (api("GET", path).json["currency"], api("GET", path).json["name"]) == ("EUR", "Mia")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"agencyId": "nowhere"}, "agencyId: there is no agency nowhere"),
        ({"agencyId": ""}, "agencyId"),
        ({"name": " "}, "name"),
        ({"name": "M\u202eia"}, "name"),
        ({"name": "m" * 101}, "name"),
        ({"platform": "onlyfans"}, "platform"),
        ({"externalId": ""}, "externalId"),
        ({"externalId": "../agencies"}, "externalId"),
        ({"externalId": ".."}, "externalId"),
        ({"externalId": "a/b?c=d"}, "externalId"),
        ({"externalId": "uuid-1"}, "externalId"),
        ({"externalId": 5}, "externalId"),
        ({"currency": "EURO"}, "currency"),
        ({"currency": "€"}, "currency"),
        ({"timeZone": "Berlin"}, "timeZone"),
        ({"retired": False}, "retired"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_field_is_named_and_no_creator_is_made(api: Api, north: str, more: dict[str, Any], field: str) -> None:
    body = {"agencyId": north, "name": "Mia", "platform": "fanvue", "externalId": ID} | more
    refused = api("POST", "/api/creators", body)
    assert refused.status == 400
    assert field in refused.error
    catch_up()
    assert api("GET", "/api/creators").json["items"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"retired": True}, "retired"),
        ({"externalId": ID}, "externalId"),
        ({"platform": "fanvue"}, "platform"),
        ({"name": ""}, "name"),
        ({"agencyId": "nowhere", "name": "Mia B"}, "agencyId"),
    ],
)
def test_what_cannot_change_is_refused_and_nothing_changes(
    api: Api, north: str, change: dict[str, Any], field: str
) -> None:
    made = mia(api, north)
    refused = api("PATCH", f"/api/creators/{made['id']}", change)
    assert refused.status == 400
    assert field in refused.error
    assert api("GET", f"/api/creators/{made['id']}").json == made


def test_lists_are_paged_and_an_unknown_creator_is_404(api: Api, north: str) -> None:
    made = [mia(api, north, externalId=str(UUID(int=number)))["id"] for number in range(3)]
    catch_up()
    first = api("GET", "/api/creators", query={"limit": 2}, scopes=("analytics",)).json
    second = api("GET", "/api/creators", query={"limit": 2, "cursor": first["nextCursor"]}).json
    assert sorted(one["id"] for one in (*first["items"], *second["items"])) == sorted(made)
    assert second["nextCursor"] is None
    assert api("GET", "/api/creators", query={"cursor": "x"}).status == 400
    assert api("GET", "/api/agencies", query={"cursor": first["nextCursor"]}).status == 400
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/milestones")):
        assert api(method, f"/api/creators/nobody{path}").status == 404
    assert api("PATCH", "/api/creators/nobody", {"name": "x"}).status == 404
