"""Credentials by the API: given, shown in part, deleted, and never read back."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest

from cairn.aws import dynamodb, vault
from cairn.aws.vault import Vault
from cairn.clock import iso, now
from cairn.creators.credentials import CONTEXT, Credentials, Key, OAuth
from cairn.creators.sync_state import SyncStates
from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.logs import Written

ID = "8d5a2c04-3f43-4f0e-9f1c-7a0f54a1f9c1"
CLIENT = {"clientId": "client-9876", "clientSecret": "s3cret", "refreshToken": "r3fresh"}


@pytest.fixture
def north(api: Api) -> str:
    return str(api("POST", "/api/agencies", {"name": "North"}).json["id"])


def mia(api: Api, north: str, **more: str) -> str:
    made = api("POST", "/api/creators", {"agencyId": north, "name": "Mia", "externalId": ID, **more})
    assert made.status == 201, made.text
    return str(made.json["id"])


def stored(owner: str) -> Any:
    sealing = Vault(vault.client(), os.environ["WEBHOOK_KEY"], kind=CONTEXT)
    found = Credentials(dynamodb.table("creators_table"), sealing, clock=now, sleep=lambda _: None).get(
        owner, consistent=True
    )
    return found.secret if found else None


def test_a_key_is_sealed_and_shown_by_its_last_characters_alone(api: Api, north: str, logs: Written) -> None:
    creator = mia(api, north)
    path = f"/api/creators/{creator}/credentials"
    assert api("GET", path).status == 404
    given = api("PUT", path, {"apiKey": " fv-topsecret-1234 "})
    shown = {"kind": "key", "ends": "1234", "changedAt": iso(now()), "rejected": None}
    assert given.status == 200
    assert {**given.json, "changedBy": None} == {**shown, "changedBy": None}
    assert given.json["changedBy"].startswith("test (")
    catch_up()
    assert api("GET", path).json == given.json
    assert stored(creator) == Key("fv-topsecret-1234")
    assert api("GET", f"/api/creators/{creator}").json["credentials"] == "own"
    assert api("DELETE", path).status == api("DELETE", path).status == 204
    assert stored(creator) is None
    assert "topsecret" not in logs.text


def test_an_agencys_client_is_used_by_those_who_have_none_of_their_own(api: Api, north: str) -> None:
    creator = mia(api, north)
    ends = iso(now() + timedelta(hours=1))
    given = api("PUT", f"/api/agencies/{north}/credentials", {**CLIENT, "accessToken": "acc3ss", "expiresAt": ends})
    assert (given.json["kind"], given.json["ends"]) == ("oauth", "9876")
    assert not {"s3cret", "r3fresh", "acc3ss"} & set(given.json.values())
    assert stored(north) == OAuth("client-9876", "s3cret", "r3fresh", "acc3ss", now() + timedelta(hours=1))
    catch_up()
    assert api("GET", f"/api/creators/{creator}").json["credentials"] == "agency"
    assert [one["credentials"] for one in api("GET", "/api/creators").json["items"]] == ["agency"]
    assert api("DELETE", f"/api/agencies/{north}/credentials").status == 204
    catch_up()
    assert api("GET", f"/api/creators/{creator}").json["credentials"] == "deployment"


def test_a_creator_may_come_with_a_key_and_a_refused_one_leaves_none(aws: Cloud, api: Api, north: str) -> None:
    creator = mia(api, north, apiKey="fv-1234")
    assert stored(creator) == Key("fv-1234")
    again = api("POST", "/api/creators", {"agencyId": north, "name": "Mia", "externalId": ID, "apiKey": "fv-5678"})
    assert again.status == 409
    items = aws.table("CREATORS_TABLE").scan(ConsistentRead=True)["Items"]
    assert [one["pk"] for one in items if one["pk"].startswith("credentials#")] == [f"credentials#{creator}"]


@pytest.mark.parametrize("owner", ["creator", "agency"])
def test_who_was_refused_is_tried_at_the_next_run_once_others_are_given(
    aws: Cloud, api: Api, north: str, owner: str
) -> None:
    creator = mia(api, north)
    states = SyncStates(aws.table("CREATORS_TABLE"))
    states.begin(creator, "w", now(), timedelta(minutes=2))
    states.failed(creator, "w", at=now(), code="reconnect", message="x", not_before=now() + timedelta(hours=1))
    catch_up()
    path = f"/api/creators/{creator}" if owner == "creator" else f"/api/agencies/{north}"
    assert api("PUT", f"{path}/credentials", {"apiKey": "fv-1234"}).status == 200
    assert states.get(creator).failure is None


def test_a_retired_creator_gets_none_and_lost_theirs(api: Api, north: str) -> None:
    creator = mia(api, north, apiKey="fv-1234")
    assert api("DELETE", f"/api/creators/{creator}").status == 204
    assert stored(creator) is None
    refused = api("PUT", f"/api/creators/{creator}/credentials", {"apiKey": "fv-1234"})
    assert (refused.status, "retired" in refused.error) == (400, True)
    for path in ("/api/creators/nobody", "/api/agencies/nobody"):
        assert api("PUT", f"{path}/credentials", {"apiKey": "fv-1234"}).status == 404
        assert api("DELETE", f"{path}/credentials").status == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"apiKey": ""},
        {"apiKey": "two words"},
        {"apiKey": "line\r\nX-Header: x"},
        {"apiKey": "ключ"},
        {"apiKey": 5},
        {"apiKey": "k" * 4001},
        {"apiKey": "k", **CLIENT},
        {"apiKey": "k", "accessToken": "t"},
        {"clientId": "c", "clientSecret": "s"},
        {**CLIENT, "expiresAt": 5},
        {**CLIENT, "password": "p"},
    ],
)
def test_what_is_neither_a_key_nor_a_client_is_refused_and_changes_nothing(
    api: Api, north: str, clock: ControlledClock, body: dict[str, Any]
) -> None:
    api("PUT", f"/api/agencies/{north}/credentials", {"apiKey": "fv-before"})
    refused = api("PUT", f"/api/agencies/{north}/credentials", body)
    assert refused.status == 400
    assert refused.error
    assert stored(north) == Key("fv-before")
