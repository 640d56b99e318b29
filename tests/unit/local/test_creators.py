"""The demo's agency; and the sandbox's Fanvue tells the local cloud of payments, which the real one cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import creators
from local.platforms import link_creators
from local.sandbox.demo import CREATORS
from local.settings import StartError, read_settings


def test_the_sandbox_is_told_where_to_tell_of_payments_and_with_which_secret() -> None:
    told: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(request)
        return httpx.Response(200, json={})

    settings = read_settings({}, Path("no such file"))
    assert "/hooks/creators/fanvue" in link_creators(settings, httpx.MockTransport(answer))
    assert str(told[0].url) == "http://127.0.0.1:4568/control/fanvue/webhook"
    assert json.loads(told[0].content) == {
        "url": "http://127.0.0.1:4567/hooks/creators/fanvue",
        "secret": settings.choice("creator").secret["CREATOR_WEBHOOK_SECRET"],
    }


def test_the_real_platform_is_told_nothing() -> None:
    settings = read_settings({"CREATOR_API_KEY": "real"}, Path("no such file"))
    assert "cannot reach this machine" in link_creators(settings, httpx.MockTransport(lambda _: httpx.Response(500)))


class Api:
    """What was sent to Cairn's API, in order, and its answers."""

    def __init__(self, status: int = 201) -> None:
        self.status = status
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer key"
        body = json.loads(request.content)
        self.sent.append((request.url.path, body))
        return httpx.Response(self.status, json={"id": f"id-{len(self.sent)}", "name": body.get("name")})


def test_the_demos_creators_are_made_in_their_agency_and_then_synced() -> None:
    api = Api()
    line = creators.sign(read_settings({}, Path("no such file")), "key", httpx.MockTransport(api.answer))
    (first, agency), *made, last = api.sent
    assert (first, agency) == ("/api/agencies", {"name": "Demo agency"})
    assert [path for path, _ in made] == ["/api/creators"] * len(CREATORS)
    assert [body["externalId"] for _, body in made] == [one.uuid for one in CREATORS]
    assert all((body["agencyId"], body["currency"], body["platform"]) == ("id-1", "USD", "fanvue") for _, body in made)
    assert last == ("/api/analytics/sync", {})
    assert "Mira Vale, Juno Hart, Sol Reyes" in line
    assert line.endswith("http://127.0.0.1:4567/revenue")


def test_an_api_that_refuses_the_agency_stops_the_start() -> None:
    with pytest.raises(StartError, match="/api/agencies answered 500"):
        creators.sign(read_settings({}, Path("no such file")), "key", httpx.MockTransport(Api(500).answer))


def test_the_real_platform_gets_no_demo_creators() -> None:
    settings = read_settings({"CREATOR_API_KEY": "real"}, Path("no such file"))
    assert "without the sandbox" in creators.sign(settings, "key", httpx.MockTransport(Api().answer))
