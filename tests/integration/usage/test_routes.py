"""Who may send usage, and how requests that are none of the routes' are answered."""

from __future__ import annotations

import base64
import json

import pytest

from cairn.aws import dynamodb
from cairn.errors import NotSignedInError
from cairn.identity.api_keys import ApiKeys
from cairn.identity.cached_keys import CachedApiKeys
from functions.ingest_usage.dependencies import KEYS_CACHED_SECONDS
from functions.ingest_usage.requests import MAX_BATCH_BYTES, MAX_EVENT_BYTES
from testing.cloud import Cloud
from testing.dynamodb import stored
from testing.logs import Written
from testing.outages import failing
from testing.product import Product

EVENT = {"userId": "ada", "type": "reply"}


def test_a_key_for_ingestion_or_of_an_admin_may_send_usage_and_no_other(aws: Cloud) -> None:
    for accepted in (("ingest",), ("admin",), ("leaderboard", "ingest")):
        assert Product(aws, accepted)("track", EVENT).status == 200
    for others in (("analytics",), ("leaderboard", "display", "webhooks")):
        refused = Product(aws, others)("track", EVENT)
        assert (refused.status, refused.error) == (
            403,
            "this key lacks permission: the request needs the scope admin or ingest",
        )


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer x", "Bearer cairn_unknown", "Basic YTpi", "Bearer cairn_é"]
)
def test_a_request_without_a_valid_key_is_refused(product: Product, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    for path in ("track", "batch", "import", "/api/usage/elsewhere"):
        refused = product(path, EVENT, headers=headers)
        assert refused.status == 401
        assert "API key" in refused.error
    assert stored("STATS_TABLE").items() == []


def test_a_session_of_a_person_is_no_key(product: Product) -> None:
    assert product("track", EVENT, headers={"cookie": "__Host-cairn=x", "sec-fetch-site": "same-origin"}).status == 401


def test_a_revoked_key_is_refused_within_a_minute(product: Product, aws: Cloud) -> None:
    seconds, api_keys = [0.0], ApiKeys(aws.table("KEYS_TABLE"))
    keys = CachedApiKeys(api_keys, KEYS_CACHED_SECONDS, clock=lambda: seconds[0])
    found = keys.find(product.key)
    api_keys.delete(found)
    seconds[0] = KEYS_CACHED_SECONDS
    assert KEYS_CACHED_SECONDS <= 60
    assert keys.find(product.key) == found
    with pytest.raises(NotSignedInError):
        keys.find(product.key, fresh=True)
    seconds[0] += 0.1
    with pytest.raises(NotSignedInError, match="has been revoked"):
        keys.find(product.key)


def test_a_key_is_read_once_for_many_events(product: Product) -> None:
    product.tracked()
    of_keys = failing(dynamodb.table("keys_table"), "GetItem", when=lambda call: call["TableName"] == "keys_table")
    with of_keys as failed:
        product.tracked()
    assert failed == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_only_post_is_answered(product: Product, method: str) -> None:
    answer = product("track", method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.error == "this path accepts POST"


@pytest.mark.parametrize("path", ["/api/usage/tracks", "/api/usage/track/", "/api/usage", "/", "/api/usage/%74rack"])
def test_no_other_path_is_answered(product: Product, path: str) -> None:
    assert product(path, EVENT).status == 404


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "",
        "{",
        "[]",
        "7",
        '"event"',
        "null",
        "[" * 100_0,
        '{"userId": "ada", "type": "reply", "count": NaN}',
        "\ud800",
        b"\xff\xfe",
        b'{"userId": "\xff"}',
    ],
    ids=repr,
)
def test_what_is_no_json_object_is_refused(product: Product, raw: str | bytes | None) -> None:
    for path in ("track", "batch"):
        answer = product(path, raw=raw)
        assert answer.status == 400
        assert answer.error


def test_a_body_that_is_base64_is_read(product: Product) -> None:
    assert product("track", raw=json.dumps(EVENT).encode()).status == 200


def test_a_body_that_is_too_long_is_refused_before_it_is_read(product: Product) -> None:
    for path, most in (("track", MAX_EVENT_BYTES), ("batch", MAX_BATCH_BYTES)):
        for raw in ("x" * (most + 1), "é" * (most // 2 + 1), b"x" * (most + 1)):
            assert product(path, raw=raw).status == 413
        for short in ("x" * most, b"x" * most):
            assert product(path, raw=short).status == 400
    many = product("batch", {"events": [EVENT] * 1001})
    assert (many.status, many.error) == (400, "events: 1001 are more than 1000; send them in several requests")


@pytest.mark.parametrize("body", [{}, {"events": None}, {"events": {}}, {"event": []}, {"events": [], "more": 1}])
def test_a_batch_is_a_list_of_events(product: Product, body: object) -> None:
    assert product("batch", body).status == 400


def test_no_cache_keeps_an_answer(product: Product) -> None:
    for answer in (product("track", EVENT), product("track", {}), product("track", method="GET")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"
        assert "access-control-allow-origin" not in answer.headers


def test_what_fails_inside_is_logged_and_not_told(product: Product, aws: Cloud, logs: Written) -> None:
    aws.table("KEYS_TABLE").delete()
    answer = product("track", EVENT)
    assert (answer.status, answer.error) == (500, "internal error; it has been logged")
    assert [line["level"] for line in logs.lines if line["message"] == "request failed"] == ["ERROR"]
    assert base64.b64encode(product.key.encode()).decode() not in logs.text
    assert product.key not in logs.text


def test_the_log_has_the_address_of_who_is_refused_and_of_nobody_else(product: Product, logs: Written) -> None:
    there = {"x-cairn-viewer": "203.0.113.7"}
    product("track", EVENT, headers=there)
    product("track", {}, headers=there | {"authorization": f"Bearer {product.key}"})
    product("track", EVENT, headers=there | {"authorization": f"Bearer {product.key}"})
    refused, invalid = [line for line in logs.lines if line["message"] == "request rejected"]
    assert (refused["status"], refused["address"]) == (401, "203.0.113.7")
    assert invalid["status"] == 400
    assert logs.text.count("203.0.113.7") == 1
