"""The function that fetches counts, with the sandbox's Fanvue: creators beside channels."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest

from cairn.aws import sqs
from cairn.messages import FetchBatch
from testing.adversarial_dynamodb import catch_up
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context, cloud
from testing.fanvue import SandboxFanvue
from testing.functions import FUNCTIONS
from testing.platforms import FakePlatforms, counts

UUID = "8d5a2c04-3f43-4f0e-9f1c-7a0f54a1f9c1"
CATS = "UC" + "c" * 22


@pytest.fixture
def fanvue(clock: ControlledClock) -> SandboxFanvue:
    return SandboxFanvue()


@pytest.fixture
def platforms() -> FakePlatforms:
    return FakePlatforms(youtube={CATS: counts(9500)})


@pytest.fixture
def aws(clock: ControlledClock, platforms: FakePlatforms, fanvue: SandboxFanvue) -> Iterator[Cloud]:
    def answer(request: httpx.Request) -> httpx.Response:
        return (fanvue if request.url.path.startswith("/fanvue") else platforms).answer(request)

    with cloud(httpx.MockTransport(answer)) as made:
        yield made


@pytest.fixture
def creator(api: Api, fanvue: SandboxFanvue) -> str:
    fanvue.creator(UUID).followers = 900
    agency = api("POST", "/api/agencies", {"name": "North"}).json["id"]
    made = api("POST", "/api/creators", {"agencyId": agency, "name": "Mia", "externalId": UUID})
    assert made.status == 201, made.text
    catch_up()
    return str(made.json["id"])


def tick() -> None:
    FUNCTIONS["fetch_stats"]({"source": "schedule"}, Context())


def test_the_schedule_brings_the_counts_of_creators_too(
    aws: Cloud, api: Api, clock: ControlledClock, fanvue: SandboxFanvue, creator: str
) -> None:
    tick()
    found = api("GET", f"/api/creators/{creator}").json["audience"]
    assert (found["followers"], found["stale"], found["error"]) == (900, False, None)
    assert found["subscribers"] is not None
    assert 0 < len(fanvue.calls) <= 5
    clock.sleep(300)
    tick()
    assert api("GET", f"/api/creators/{creator}").json["audience"]["asOf"] > found["asOf"]


def test_a_schedule_of_a_minute_leaves_no_tick_out_though_the_one_before_was_late(
    aws: Cloud, api: Api, clock: ControlledClock, creator: str
) -> None:
    seen = set()
    for late in (2, 0, 1, 0):
        clock.sleep(late)
        tick()
        seen.add(api("GET", f"/api/creators/{creator}").json["audience"]["asOf"])
        catch_up()
        clock.sleep(60 - late)
    assert len(seen) == 4


def test_sync_data_brings_the_audiences_of_those_it_is_for(
    aws: Cloud, api: Api, clock: ControlledClock, fanvue: SandboxFanvue, creator: str
) -> None:
    other = "9d5a2c04-3f43-4f0e-9f1c-7a0f54a1f9c1"
    fanvue.creator(other, "Zoe")
    agency = api("GET", f"/api/creators/{creator}").json["agencyId"]
    zoe = api("POST", "/api/creators", {"agencyId": agency, "name": "Zoe", "externalId": other}).json["id"]
    catch_up()
    assert api("POST", "/api/analytics/sync", {"creatorId": creator}).status == 202
    aws.flow()
    assert api("GET", f"/api/creators/{creator}").json["audience"]["followers"] == 900
    assert api("GET", f"/api/creators/{zoe}").json["audience"]["asOf"] is None
    clock.sleep(3600)
    assert api("POST", "/api/analytics/sync", {}).status == 202
    aws.flow()
    assert api("GET", f"/api/creators/{zoe}").json["audience"]["asOf"]


def test_an_outage_of_one_platform_leaves_the_counts_of_the_other_and_is_shown(
    aws: Cloud, api: Api, clock: ControlledClock, platforms: FakePlatforms, fanvue: SandboxFanvue, creator: str
) -> None:
    assert api("POST", "/api/channels", {"platform": "youtube", "handle": CATS}).status == 201
    tick()
    clock.sleep(300)
    platforms.broken["youtube"] = lambda: httpx.Response(500)
    tick()
    assert api("GET", f"/api/creators/{creator}").json["audience"]["stale"] is False
    platforms.broken.clear()
    fanvue.world.fanvue.accounts.remove(UUID)
    platforms.youtube[CATS]["subscriberCount"] = "9600"
    clock.sleep(300)
    tick()
    shown = api("GET", f"/api/creators/{creator}").json["audience"]
    assert (shown["stale"], shown["followers"]) == (True, 900)
    assert shown["error"]["code"] in ("unavailable", "reconnect")
    catch_up()
    assert api("GET", f"/api/channels/youtube:{CATS}").json["subscribers"] == 9600


def test_a_batch_of_the_queue_is_fetched_as_the_schedules_are(aws: Cloud, api: Api, creator: str) -> None:
    sqs.queue(os.environ["FETCH_QUEUE_URL"]).send([FetchBatch("creator", 0, (creator,), "sync", "t" * 32)])
    aws.flow()
    assert api("GET", f"/api/creators/{creator}").json["audience"]["followers"] == 900
