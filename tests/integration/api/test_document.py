"""The OpenAPI document matches what the API does."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from operations import api_docs
from testing.api import SESSION, Api
from testing.cloud import Cloud
from testing.platforms import FakePlatforms
from testing.user_pool import PASSWORD
from tests.integration.api.test_access import INGEST


def test_health_says_ok(api: Api) -> None:
    assert api("GET", "/api/health", scopes=None).json == {"status": "ok"}


DOCUMENT: dict[str, Any] = json.loads(api_docs.compact())
"""As it is published; tests/unit/test_openapi_file.py compares it with the code."""


@pytest.mark.parametrize("path", ["/api/docs", "/api/openapi.json"])
def test_no_function_is_started_for_the_document(api: Api, path: str) -> None:
    """It is a file beside the pages: tests/infrastructure/test_cdn.py, tests/e2e/test_document.py."""
    assert api("GET", path, scopes=None).status == 401
    assert api("GET", path).status == 404


def test_the_document_knows_no_422() -> None:
    document = DOCUMENT
    assert document["openapi"].startswith("3.")
    assert "422" not in json.dumps(list(document["paths"].values()))
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])


PUBLIC = {
    "GET /api/health",
    "GET /api/config",
    "POST /api/session",
    "DELETE /api/session",
    "POST /api/session/challenge",
    "POST /api/telegram/webhook",
    "POST /hooks/creators/fanvue",
    "POST /api/viewer/join",
    "POST /api/viewer/heartbeat",
    "POST /api/viewer/leave",
    "GET /api/viewer/count/{channelId}",
    "GET /api/viewer/sse/{channelId}",
    "GET /api/viewer/curve/{channelId}",
    "GET /api/viewer/channel/{channelId}",
}
OTHERWISE: dict[str, list[dict[str, list[str]]]] = {
    "GET /api/session": [{"session": []}],
    "POST /api/session/refresh": [{"refresh": []}],
    "POST /api/session/password": [{"session": [], "refresh": []}],
    "GET /api/session/second-factor": [{"session": [], "refresh": []}],
    "POST /api/session/second-factor": [{"session": [], "refresh": []}],
    "PUT /api/session/second-factor": [{"session": [], "refresh": []}],
    "POST /api/session/second-factor/removal": [{"session": [], "refresh": []}],
}


def test_every_route_says_who_may_call_it_and_how_it_fails() -> None:
    document = DOCUMENT
    public = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            if path in INGEST:
                continue
            security = operation.get("security", document["security"])
            if security == []:
                public.add(name)
            else:
                assert security == OTHERWISE.get(name, [{"apiKey": []}, {"session": []}]), name
            if path in ("/api/health", "/api/telegram/webhook") or path.startswith(("/api/viewer/", "/hooks/")):
                continue  # the viewer routes are tested in tests/integration/viewers/test_document.py
            for status in ("400", "401", "403", "404", "413", "429", "500", "503"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/Error")
    assert public == PUBLIC


def test_the_document_says_how_keys_and_cookies_are_sent() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert (schemes["apiKey"]["type"], schemes["apiKey"]["scheme"]) == ("http", "bearer")
    for scheme, cookie in (("session", "__Host-cairn"), ("refresh", "__Secure-cairn-refresh")):
        assert (schemes[scheme]["type"], schemes[scheme]["in"], schemes[scheme]["name"]) == ("apiKey", "cookie", cookie)


def test_a_response_without_a_body_is_described_without_one() -> None:
    paths = DOCUMENT["paths"]
    empty = [
        operation["responses"]["204"]
        for item in paths.values()
        for operation in item.values()
        if "204" in operation["responses"]
    ]
    assert len(empty) >= 2
    assert not [response for response in empty if "content" in response]


def test_what_the_document_points_to_is_there() -> None:
    text = json.dumps(DOCUMENT)
    schemas = json.loads(text)["components"]["schemas"]
    referenced = {piece.split('"')[0] for piece in text.split("#/components/schemas/")[1:]}
    assert referenced <= set(schemas)


def test_fields_are_written_in_camel_case() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    names = {name for schema in schemas.values() for name in schema.get("properties", {})}
    assert "asOf" in names
    assert not [name for name in names if "_" in name]


def test_when_the_table_of_keys_does_not_answer_that_is_said_in_json(api: Api, aws: Cloud) -> None:
    header = {"authorization": f"Bearer {api.key('admin')}"}
    aws.table("KEYS_TABLE").delete()
    response = api("GET", "/api/channels", scopes=None, headers=header)
    assert response.status == 500
    assert response.error == "internal error; it has been logged"


def test_when_the_pools_keys_cannot_be_read_that_is_said_and_nobody_signed_out(
    api: Api, platforms: FakePlatforms
) -> None:
    platforms.broken["people"] = lambda: httpx.Response(500)
    api.aws.people.add("ada", "admin")
    for response in (
        api("GET", "/api/subscribers", cookies={SESSION: api.aws.people.tokens("ada")["IdToken"]}),
        api("POST", "/api/session", {"name": "ada", "password": PASSWORD}, scopes=None),
    ):
        assert (response.status, response.cookies) == (503, ())
        assert response.error == "Cognito does not answer: no keys, HTTPStatusError"
    assert api("GET", "/api/subscribers").status == 200


def test_what_fails_inside_is_not_revealed_to_callers(api: Api, aws: Cloud) -> None:
    api("GET", "/api/channels")
    aws.table("CHANNELS_TABLE").delete()
    response = api("GET", "/api/channels")
    assert response.status == 500
    assert response.json == {"error": "internal error; it has been logged", "details": []}
