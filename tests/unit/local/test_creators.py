"""The sandbox's Fanvue tells the local cloud of payments; the real one cannot."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from local.platforms import link_creators
from local.settings import read_settings


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
