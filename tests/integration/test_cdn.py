"""A caller of a function's own URL, past the distribution and its firewall, gets no further than that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testing.api import WEBHOOK_SECRET, Api, event
from testing.cloud import CDN_KEY, Cloud, Context
from testing.functions import FUNCTIONS, PUBLIC_FUNCTIONS
from testing.logs import Written

PATHS = {
    "api": "/api/health",
    "creator_webhook": "/hooks/creators/fanvue",
    "ingest_usage": "/api/usage/track",
    "telegram_webhook": "/api/telegram/webhook",
    "viewer_heartbeat": "/api/viewer/count/demo",
}
METHODS = dict.fromkeys(PUBLIC_FUNCTIONS, "POST") | {"api": "GET", "viewer_heartbeat": "GET"}
ANSWERED = dict.fromkeys(PUBLIC_FUNCTIONS, 200) | {"ingest_usage": 401, "creator_webhook": 401}
"""Of those who send no API key, and no platform's signature."""


def call(function: str, key: str | None, **headers: str) -> dict[str, Any]:
    request = event(METHODS[function], PATHS[function], body="{}" if METHODS[function] == "POST" else None)
    request["headers"] |= {"x-telegram-bot-api-secret-token": WEBHOOK_SECRET, **headers}
    if key is None:
        del request["headers"]["x-cairn-front"]
    else:
        request["headers"]["x-cairn-front"] = key
    answer: dict[str, Any] = FUNCTIONS[function](request, Context())
    return answer


@pytest.mark.parametrize("key", [None, "", "wrong", "ñ", f"{CDN_KEY} ", f"{CDN_KEY} the-key-before", "☃" * 500])
@pytest.mark.parametrize("function", PUBLIC_FUNCTIONS)
def test_a_request_without_the_distributions_key_is_rejected(aws: Cloud, function: str, key: str | None) -> None:
    answer = call(function, key)
    assert answer["statusCode"] == 403
    error = json.loads(answer["body"])["error"]
    assert "distribution" in error
    assert CDN_KEY not in error


@pytest.mark.parametrize("key", [CDN_KEY, "the-key-before"])
@pytest.mark.parametrize("function", PUBLIC_FUNCTIONS)
def test_a_request_through_the_distribution_is_answered(aws: Cloud, function: str, key: str) -> None:
    assert call(function, key)["statusCode"] == ANSWERED[function]


@pytest.mark.parametrize("function", PUBLIC_FUNCTIONS)
def test_during_an_upgrade_an_operator_may_allow_both(
    aws: Cloud, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRECT_CALLS", "allow")
    FUNCTIONS.restart(function)
    assert call(function, None)["statusCode"] == ANSWERED[function]


@pytest.mark.parametrize("function", PUBLIC_FUNCTIONS)
def test_a_function_without_a_key_answers_nobody(aws: Cloud, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDN_KEYS", "")
    FUNCTIONS.restart(function)
    assert call(function, "")["statusCode"] == 403


def test_a_key_of_the_api_does_not_help_past_the_distribution(api: Api, logs: Written) -> None:
    answer = call("api", None, authorization=f"Bearer {api.key('admin')}")
    assert answer["statusCode"] == 403
    assert CDN_KEY not in logs.text
