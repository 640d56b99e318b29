"""The document describes the routes of ingest_usage as they are, though another function serves it."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cairn.aws import dynamodb
from functions.ingest_usage import routes
from testing.outages import failing
from testing.product import Product

SCHEMAS = "components"


@pytest.fixture(scope="module")
def document() -> Any:
    from functions.api.app import app

    return app.get_openapi_schema().model_dump(mode="json", by_alias=True, exclude_none=True)


def errors(document: Any, schema: Any, value: object) -> list[str]:
    whole = {**schema, SCHEMAS: document[SCHEMAS]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def test_the_document_and_the_routes_are_the_same(document: Any) -> None:
    for path in routes.ROUTES:
        assert list(document["paths"][path]) == ["post"]
        assert document["paths"][path]["post"]["security"] == [{"apiKey": []}]
        assert document["paths"][path]["post"]["tags"] == ["usage"]


def test_the_examples_are_some(document: Any) -> None:
    ours = {name: one for name, one in document[SCHEMAS]["schemas"].items() if name.startswith("Usage")}
    found = [(schema, example) for schema in ours.values() for example in schema.get("examples", [])]
    assert len(found) >= 5
    assert [example for schema, example in found if errors(document, schema, example)] == []


def test_every_answer_is_documented(product: Product, document: Any) -> None:
    event = {"userId": "ada", "type": "reply", "id": "1"}
    stats = dynamodb.table("stats_table")
    answers = [
        ("track", product("track", event)),
        ("track", product("track", event)),
        ("track", product.track("ada", "meme", count=12)),
        ("track", product.track("ada", "feature", feature="research")),
        ("track", product("track", event | {"count": 2})),
        ("track", product("track", event | {"count": 0})),
        ("track", product("track", raw="x" * 20_000)),
        ("track", product("track", event, headers={})),
        ("track", Product(product.aws, ("analytics",))("track", event)),
        ("batch", product("batch", {"events": [event, event | {"id": "2"}, 7, {"userId": "ada"}]})),
        ("batch", product("batch", [])),
        ("batch", product("batch", {"events": [event] * 1001})),
        ("batch", product("batch", raw="x" * 1_100_000)),
        ("batch", product("batch", {"events": []}, headers={})),
        ("batch", Product(product.aws, ("analytics",))("batch", {"events": []})),
    ]
    with failing(stats, "GetItem"):
        answers.append(("track", product("track", event | {"id": "3"})))
    seen = set()
    for name, answer in answers:
        responses = document["paths"][f"/api/usage/{name}"]["post"]["responses"]
        seen.add((name, str(answer.status)))
        schema = responses[str(answer.status)]["content"]["application/json"]["schema"]
        assert errors(document, schema, answer.json) == []
    documented = {(name, status) for name in ("track", "batch") for status in _responses(document, name)}
    assert documented - seen == {("track", "500"), ("batch", "500")}


def test_a_request_that_the_document_allows_is_accepted(product: Product, document: Any) -> None:
    schema = document[SCHEMAS]["schemas"]["UsageEvent"]
    for event in (*schema["examples"], {"userId": "ada", "type": "reply", "at": None, "date": "2026-11-20"}):
        assert errors(document, schema, event) == []
        assert product("track", event).status == 200
    for refused in ({"userId": "a b", "type": "reply"}, {"userId": "ada", "type": "reply", "ID": "1"}):
        assert errors(document, schema, refused)
        assert product("track", refused).status == 400


def _responses(document: Any, name: str) -> Any:
    return document["paths"][f"/api/usage/{name}"]["post"]["responses"]
