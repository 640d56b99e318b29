"""What the API says of itself is what it does."""

from __future__ import annotations

import json

import pytest

from tests.support.api import Api
from tests.support.cloud import Cloud


def test_health_says_ok(api: Api) -> None:
    assert api("GET", "/api/health", scopes=None).json == {"status": "ok"}


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # Powertools reads its page of docs so
def test_the_docs_are_a_page(api: Api) -> None:
    page = api("GET", "/api/docs", scopes=None)
    assert page.headers["content-type"].startswith("text/html")
    assert "Cairn" in page.text


def test_the_document_is_json_and_knows_no_422(api: Api) -> None:
    answer = api("GET", "/api/openapi.json", scopes=None)
    assert answer.headers["content-type"] == "application/json"
    document = answer.json
    assert document["openapi"].startswith("3.")
    assert "422" not in json.dumps(list(document["paths"].values()))
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])


def test_every_route_but_the_public_ones_asks_for_a_key_and_says_what_it_refuses(api: Api) -> None:
    document = api("GET", "/api/openapi.json", scopes=None).json
    for path, item in document["paths"].items():
        for operation in item.values():
            if path in ("/api/health", "/api/telegram/webhook"):
                assert operation["security"] == []
                continue
            assert operation.get("security", document["security"]) == [{"apiKey": []}]
            for status in ("400", "401", "403", "404", "413", "429", "500", "503"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema["$ref"].endswith("/Error")


def test_what_the_document_points_to_is_there(api: Api) -> None:
    text = api("GET", "/api/openapi.json", scopes=None).text
    schemas = json.loads(text)["components"]["schemas"]
    pointed = {piece.split('"')[0] for piece in text.split("#/components/schemas/")[1:]}
    assert pointed <= set(schemas)


def test_fields_are_written_in_camel_case(api: Api) -> None:
    schemas = api("GET", "/api/openapi.json", scopes=None).json["components"]["schemas"]
    names = {name for schema in schemas.values() for name in schema.get("properties", {})}
    assert "asOf" in names
    assert not [name for name in names if "_" in name]


def test_when_the_table_of_keys_does_not_answer_that_is_said_in_json(api: Api, aws: Cloud) -> None:
    header = {"authorization": f"Bearer {api.key('admin')}"}
    aws.table("AUDIENCE_TABLE").delete()
    answer = api("GET", "/api/channels", scopes=None, headers=header)
    assert answer.status == 500
    assert answer.error == "something failed here; it has been logged"


def test_what_fails_inside_is_told_to_nobody_outside(api: Api, aws: Cloud) -> None:
    api("GET", "/api/channels")
    aws.table("CHANNELS_TABLE").delete()
    answer = api("GET", "/api/channels")
    assert answer.status == 500
    assert answer.json == {"error": "something failed here; it has been logged", "details": []}
