"""The environment says which platforms are deployed, and the secrets which of them are ready for use."""

from __future__ import annotations

import httpx
import pytest

from cairn.channels.platforms import Platforms, available
from tests.unit.scripted import ENVIRONMENT, KEYS, FakeClock, Script, channel, platforms


def test_every_module_with_a_platform_is_found() -> None:
    assert sorted(available()) == ["instagram", "telegram", "youtube"]


def test_only_those_that_are_deployed_are_named() -> None:
    script = Script([httpx.Response(200, json={})])
    environment = {"YOUTUBE_SECRET": "YOUTUBE_SECRET"}
    assert Platforms(script.client(), environment, KEYS.__getitem__).names == ["youtube"]
    assert platforms(script).names == ["instagram", "telegram", "youtube"]


@pytest.mark.parametrize("keys", [{}, {"INSTAGRAM_ACCESS_TOKEN": "t"}, {"INSTAGRAM_USER_ID": "1"}])
def test_a_platform_that_lacks_a_key_is_not_ready(keys: dict[str, str]) -> None:
    assert platforms(Script([]), keys=KEYS | {"INSTAGRAM_SECRET": keys}).get("instagram") is None


def test_a_failing_platform_is_waited_for_by_the_clock_it_was_given() -> None:
    clock, script = FakeClock(), Script([httpx.Response(500), httpx.Response(200, json={"items": []})])
    youtube = platforms(script, clock).get("youtube")
    assert youtube is not None
    youtube.fetch([channel("youtube", "UC")])
    assert len(clock.slept) == 1


def test_an_address_may_end_in_a_slash_or_not() -> None:
    script = Script([httpx.Response(200, json={"items": []})])
    for url in ("http://youtube.test/v3", "http://youtube.test/v3/"):
        youtube = Platforms(script.client(), ENVIRONMENT | {"YOUTUBE_API_URL": url}, KEYS.__getitem__).get("youtube")
        assert youtube is not None
        youtube.fetch([channel("youtube", "UC")])
    assert {request.url.path for request in script.asked} == {"/v3/channels"}
