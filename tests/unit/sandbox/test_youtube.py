"""YouTube's channels.list as Cairn uses it."""

from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.sandbox.world import World
from local.sandbox.youtube import PARTS, resource
from tests.unit.sandbox.google import schema_of
from tests.unit.sandbox.helpers import FakeClock, Sandbox

pytestmark = pytest.mark.anyio


def reason(body: dict[str, Any]) -> str:
    return str(body["error"]["errors"][0]["reason"])


@pytest.fixture(scope="module")
def google() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema_of("ChannelListResponse"))


async def test_every_answer_validates_against_googles_own_description(
    sandbox: Sandbox, google: jsonschema.Draft202012Validator
) -> None:
    ids = [
        (await sandbox.channel("youtube", f"c{n}", count=10**n, views=n, videos=n, hidden=n == 3))["id"]
        for n in range(8)
    ]
    queries = [
        {"id": ",".join(ids)},
        {"id": ids[0]},
        {"forHandle": "@c1"},
        {"forHandle": "nobody"},
        {"id": "UCunknown"},
    ]
    for part in (*PARTS, ",".join(PARTS)):
        for query in queries:
            answer = await sandbox.youtube(part=part, **query)
            assert answer.status_code == 200
            google.validate(answer.json())


async def test_googles_description_would_catch_a_count_that_is_not_a_string(
    google: jsonschema.Draft202012Validator,
) -> None:
    for wrong in ({"subscriberCount": 5}, {"subscriberCount": "five"}, {"likes": "5"}):
        assert not google.is_valid({"items": [{"statistics": wrong}]})


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 10**10), hidden=st.booleans(), name=st.text(min_size=1, max_size=30))
def test_any_channel_validates(
    world: World, google: jsonschema.Draft202012Validator, count: int, hidden: bool, name: str
) -> None:
    channel = world.add_channel("youtube", "any", name=name)
    channel.base_count, channel.hidden = count, hidden
    google.validate({"items": [resource(channel, list(PARTS), world.clock.now())]})


async def test_counts_are_strings_and_subscribers_rounded_down(sandbox: Sandbox) -> None:
    channel = await sandbox.channel("youtube", "stone", count=10_486, views=123_456_789, videos=12)
    answer = (await sandbox.youtube(part="statistics", id=channel["id"])).json()
    assert answer["items"][0]["statistics"] == {
        "viewCount": "123456789",
        "subscriberCount": "10400",
        "hiddenSubscriberCount": False,
        "videoCount": "12",
    }


async def test_a_hidden_count_is_returned_as_a_zero_that_is_not_the_count(sandbox: Sandbox) -> None:
    channel = await sandbox.channel("youtube", "shy", count=10_486, hidden=True)
    statistics = (await sandbox.youtube(part="statistics", id=channel["id"])).json()["items"][0]["statistics"]
    assert statistics["hiddenSubscriberCount"] is True
    assert statistics["subscriberCount"] == "0"


async def test_only_the_requested_parts_are_returned(sandbox: Sandbox) -> None:
    channel = await sandbox.channel("youtube", "stone", count=1)
    item = (await sandbox.youtube(part="id", id=channel["id"])).json()["items"][0]
    assert set(item) == {"kind", "etag", "id"}
    item = (await sandbox.youtube(part="snippet,statistics", id=channel["id"])).json()["items"][0]
    assert set(item) == {"kind", "etag", "id", "snippet", "statistics"}


async def test_unknown_ids_are_absent_and_without_any_result_there_are_no_items(sandbox: Sandbox) -> None:
    channel = await sandbox.channel("youtube", "stone", count=1)
    answer = (await sandbox.youtube(part="id", id=f"UCnobody,{channel['id']},UCnone")).json()
    assert [item["id"] for item in answer["items"]] == [channel["id"]]
    assert answer["pageInfo"]["totalResults"] == 1
    answer = (await sandbox.youtube(part="id", id="UCnobody")).json()
    assert "items" not in answer
    assert answer["pageInfo"]["totalResults"] == 0


async def test_the_order_is_never_the_requested_one(sandbox: Sandbox) -> None:
    ids = [(await sandbox.channel("youtube", f"c{n}", count=n))["id"] for n in range(4)]
    for requested in (ids, ids[::-1], sorted(ids), ids[:2], ids[1::-1]):
        items = (await sandbox.youtube(part="id", id=",".join(requested))).json()["items"]
        assert [item["id"] for item in items] != requested
        assert sorted(item["id"] for item in items) == sorted(requested)


async def test_a_handle_is_resolved_with_or_without_the_at_sign(sandbox: Sandbox) -> None:
    channel = await sandbox.channel("youtube", "@Stone", name="Stone & Trail")
    for handle in ("@Stone", "stone"):
        items = (await sandbox.youtube(part="snippet", forHandle=handle)).json()["items"]
        assert [(item["id"], item["snippet"]["title"]) for item in items] == [(channel["id"], "Stone & Trail")]


async def test_fifty_ids_are_answered_and_fifty_one_are_rejected(sandbox: Sandbox) -> None:
    ids = [(await sandbox.channel("youtube", f"c{n}"))["id"] for n in range(51)]
    answer = await sandbox.youtube(part="id", id=",".join(ids[:50]))
    assert len(answer.json()["items"]) == 50
    answer = await sandbox.youtube(part="id", id=",".join(ids))
    assert (answer.status_code, reason(answer.json())) == (400, "invalidFilters")


@pytest.mark.parametrize(
    ("query", "status", "why"),
    [
        ({"part": "id"}, 400, "missingRequiredParameter"),
        ({"part": "id", "id": "UC1", "forHandle": "@a"}, 400, "incompatibleParameters"),
        ({"part": "id", "mine": "true"}, 401, "authorizationRequired"),
        ({"id": "UC1"}, 400, "required"),
        ({"part": "shoesize", "id": "UC1"}, 400, "unknownPart"),
    ],
)
async def test_invalid_requests_are_rejected_with_googles_messages(
    sandbox: Sandbox, query: dict[str, str], status: int, why: str
) -> None:
    answer = await sandbox.youtube(key="sandbox-youtube-key", **query)
    assert answer.status_code == answer.json()["error"]["code"] == status
    assert reason(answer.json()) == why


async def test_a_missing_key_and_a_wrong_one_have_different_errors(sandbox: Sandbox) -> None:
    missing, wrong = (
        await sandbox.youtube(key=None, part="id", id="U"),
        await sandbox.youtube(key="x", part="id", id="U"),
    )
    assert (missing.status_code, missing.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert (wrong.status_code, wrong.json()["error"]["message"]) == (
        400,
        "API key not valid. Please pass a valid API key.",
    )
    assert wrong.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"


async def test_past_ten_thousand_units_a_day_the_quota_is_exceeded_until_the_next_day(
    sandbox: Sandbox, clock: FakeClock
) -> None:
    await sandbox.control("PUT", "/limits", {"youtube_units_a_day": 2})
    statuses = [(await sandbox.youtube(part="id", id="UC1")).status_code for _ in range(3)]
    assert statuses == [200, 200, 403]
    answer = (await sandbox.youtube(part="id", id="UC1")).json()["error"]
    assert (answer["errors"][0]["reason"], answer["errors"][0]["domain"]) == ("quotaExceeded", "youtube.quota")
    clock.advance(86_400)
    assert (await sandbox.youtube(part="id", id="UC1")).status_code == 200


async def test_a_call_with_a_wrong_key_costs_nothing_and_an_invalid_request_costs_a_unit(sandbox: Sandbox) -> None:
    await sandbox.youtube(key="x", part="id", id="UC1")
    assert (await sandbox.control("GET", "/state")).json()["used"]["youtube_units_today"] == 0
    await sandbox.youtube(part="id")
    assert (await sandbox.control("GET", "/state")).json()["used"]["youtube_units_today"] == 1


async def test_fields_select_what_is_answered(sandbox: Sandbox) -> None:
    channel = await sandbox.channel("youtube", "stone", count=1)
    fields = "items(id, statistics,snippet/customUrl)"
    answer = (await sandbox.youtube(part="statistics,snippet", id=channel["id"], fields=fields)).json()
    (item,) = answer.pop("items")
    assert answer == {}
    assert (item["id"], item["snippet"]) == (channel["id"], {"customUrl": "@stone"})
    assert set(item["statistics"]) == {"viewCount", "subscriberCount", "hiddenSubscriberCount", "videoCount"}
    assert (await sandbox.youtube(part="id", id="UCnobody", fields=fields)).json() == {}


@pytest.mark.parametrize("fields", ["items(", "items)", "items(id", "(id)", "items//id", ","])
async def test_a_malformed_selection_of_fields_is_rejected(sandbox: Sandbox, fields: str) -> None:
    answer = await sandbox.youtube(part="id", id="UC", fields=fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["errors"][0]["reason"] == "invalidParameter"


async def test_a_channel_with_an_error_fails_the_whole_call(sandbox: Sandbox) -> None:
    good = await sandbox.channel("youtube", "stone", count=1)
    bad = await sandbox.channel("youtube", "closed", error="channelClosed")
    answer = await sandbox.youtube(part="statistics", id=f"{good['id']},{bad['id']}")
    assert answer.status_code == 403
    assert answer.json()["error"]["errors"][0]["reason"] == "channelClosed"
    assert (await sandbox.youtube(part="statistics", id=good["id"])).status_code == 200
