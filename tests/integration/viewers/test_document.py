"""The document describes the viewers' routes as they are, though another function serves it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from functions.viewer_heartbeat import routes
from testing.api import ABSENT
from testing.viewer_site import Site

JSON = "application/json"


@pytest.fixture(scope="module")
def document() -> Any:
    from functions.api.app import app

    return app.get_openapi_schema().model_dump(mode="json", by_alias=True, exclude_none=True)


@pytest.fixture(scope="module")
def operations(document: Any) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": _resolved(document, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if path.startswith("/api/viewer/")
    }


def test_the_document_and_the_routes_are_the_same(operations: dict[str, Any]) -> None:
    answered = {f"POST {path}" for path in routes.WRITES} | {f"GET {path}{{channelId}}" for path in routes.READS}
    assert set(operations) == answered


def test_anybody_may_call_them_and_read_every_answer(operations: dict[str, Any]) -> None:
    for name, operation in operations.items():
        assert operation["security"] == [], name
        for status, answer in operation["responses"].items():
            assert answer["headers"]["Access-Control-Allow-Origin"], f"{name}: {status}"


def _resolved(document: Any, part: Any) -> Any:
    """An operation with its references to responses, headers and parameters replaced by what they name."""
    if isinstance(part, list):
        return [_resolved(document, one) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part and "/schemas/" not in part["$ref"]:
        _, _, kind, name = part["$ref"].split("/")
        return _resolved(document, document["components"][kind][name])
    return {key: _resolved(document, value) for key, value in part.items()}


def schema_errors(document: Any, schema: Any, value: object) -> list[str]:
    whole = {**schema, "components": document["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def examples(part: Any) -> Iterator[tuple[Any, Any]]:
    """Every schema with an example of it."""
    if isinstance(part, dict):
        for example in part.get("examples", []):
            yield part, example
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from examples(inner)


def test_the_examples_are_some(document: Any) -> None:
    ours = {name: schema for name, schema in document["components"]["schemas"].items() if name.startswith("Viewer")}
    found = list(examples(ours))
    assert len(found) >= 5
    assert [example for schema, example in found if schema_errors(document, schema, example)] == []


def calls(site: Site) -> Iterator[tuple[str, str, object]]:
    """Requests for every route and every status that a client can get."""
    one, other = site.join(), site.join()
    gone = site.join("elsewhere")
    site.leave(gone)
    for name in ("join", "heartbeat", "leave"):
        yield f"POST /api/viewer/{name}", name, {}
        yield f"POST /api/viewer/{name}", name, {"channelId": "x" * 3000}
    yield "POST /api/viewer/join", "join", {"channelId": "demo"}
    yield "POST /api/viewer/heartbeat", "heartbeat", gone.body
    for name in ("heartbeat", "leave"):
        yield f"POST /api/viewer/{name}", name, one.body | {"token": other.token}
        yield f"POST /api/viewer/{name}", name, one.body
    for name in ("count", "sse", "curve", "channel"):
        for channel in ("demo", "unheard-of", "no%20channel", "a/b"):
            yield f"GET /api/viewer/{name}/{{channelId}}", f"{name}/{channel}", ABSENT
    for _ in range(20):
        yield "POST /api/viewer/join", "join", {"channelId": "demo", "viewerId": other.viewer_id}


def test_every_answer_is_documented(site: Site, document: Any, operations: dict[str, Any]) -> None:
    seen = set()
    for name, path, body in calls(site):
        method = name.partition(" ")[0]
        answer = site(method, path, body)
        documented = operations[name]["responses"][str(answer.status)]
        seen.add((name, str(answer.status)))
        content = documented.get("content", {})
        assert [answer.headers["content-type"]] == list(content) or (answer.status, content) == (204, {})
        if JSON in content:
            assert schema_errors(document, content[JSON]["schema"], answer.json) == [], name
    all_documented = {(name, status) for name, one in operations.items() for status in one["responses"]}
    never_from_outside = {(name, "500") for name in operations} | {
        (name, "413") for name in operations if name.startswith("GET")
    }
    assert all_documented - seen == never_from_outside
