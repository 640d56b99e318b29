"""The demo's webhook endpoint."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from local.settings import StartError, read_settings
from local.webhooks import connect


def test_the_crm_gets_the_secret_of_an_endpoint_that_wants_everything() -> None:
    requests: list[tuple[str, str, dict[str, object]]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append((request.method, str(request.url), json.loads(request.content)))
        return httpx.Response(201, json={"id": "ep_1", "secret": "whsec_bm8="})

    settings = read_settings({}, Path("no such file"))
    assert "127.0.0.1:4568/crm/demo" in connect(settings, "key", httpx.MockTransport(answer))
    made, told = requests
    assert made[:2] == ("POST", "http://127.0.0.1:4567/api/webhooks/endpoints")
    assert (made[2]["url"], made[2]["events"]) == ("http://127.0.0.1:4568/crm/demo", ["*"])
    assert told == ("PUT", "http://127.0.0.1:4568/control/crm/demo", {"secret": "whsec_bm8="})


def test_a_refusal_is_said_and_starts_nothing() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(400, json={"error": "url: not allowed"}))
    with pytest.raises(StartError, match="url: not allowed"):
        connect(read_settings({}, Path("no such file")), "key", transport)
