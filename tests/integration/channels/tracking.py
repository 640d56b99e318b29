"""Shared by the tests of the channels' routes: two channels, failing platforms, and what was written."""

from __future__ import annotations

from typing import Any

import httpx

from testing.cloud import INITIAL_SETTINGS, Cloud
from testing.platforms import FakePlatforms, counts

CATS, DOGS = "UC" + "c" * 22, "UC" + "d" * 22
GOOD = {"platform": "youtube", "handle": CATS}
PATH = f"/api/channels/youtube:{CATS}"
ENCODED = f"/api/channels/youtube%3A{CATS}"
REFRESH_AGE = INITIAL_SETTINGS["refresh_age_seconds"]
STALE_AFTER = INITIAL_SETTINGS["stale_after_seconds"]


def busy_platforms() -> FakePlatforms:
    """One or two channels on each platform."""
    return FakePlatforms(
        youtube={CATS: counts("9500"), DOGS: counts("120")},
        members={-42: 777},
        instagram={"blue": {"id": "9", "name": "Blue", "followers_count": 1234}},
    )


def down() -> httpx.Response:
    return httpx.Response(503)


def quota() -> httpx.Response:
    return httpx.Response(403, json={"error": {"code": 403, "errors": [{"reason": "quotaExceeded"}]}})


def stored(aws: Cloud) -> list[dict[str, Any]]:
    """What was written to the stats table since the last call."""
    return aws.changes()
