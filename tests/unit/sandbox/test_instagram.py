"""Instagram's business discovery as Cairn uses it."""

import json

import httpx
import pytest

from tests.unit.sandbox.helpers import FakeClock, Sandbox

pytestmark = pytest.mark.anyio
COUNTS = "business_discovery.username(lakeside){followers_count,media_count}"


def code(answer: httpx.Response) -> tuple[int, int]:
    error = answer.json()["error"]
    assert {"message", "type", "code", "fbtrace_id"} <= set(error)
    return answer.status_code, error["code"]


async def test_only_the_requested_fields_and_the_id_are_returned(sandbox: Sandbox) -> None:
    channel = await sandbox.channel("instagram", "lakeside", count=267_793, videos=1205, name="Lakeside")
    answer = await sandbox.instagram(COUNTS)
    assert answer.json() == {
        "business_discovery": {"followers_count": 267_793, "media_count": 1205, "id": channel["id"]},
        "id": "17841400000000001",
    }
    answer = await sandbox.instagram("id, username, business_discovery.username(Lakeside){ name , username }")
    assert answer.json()["business_discovery"] == {"name": "Lakeside", "username": "lakeside", "id": channel["id"]}


@pytest.mark.parametrize("name", ["nobody", "@lakeside"])
async def test_an_unknown_username_is_error_110(sandbox: Sandbox, name: str) -> None:
    await sandbox.channel("instagram", "lakeside")
    answer = await sandbox.instagram(f"business_discovery.username({name}){{followers_count}}")
    assert code(answer) == (400, 110)
    assert answer.json()["error"]["error_subcode"] == 2207013


async def test_a_bad_token_is_error_190(sandbox: Sandbox) -> None:
    assert code(await sandbox.instagram(COUNTS, token="nonsense")) == (400, 190)
    assert code(await sandbox.instagram(COUNTS, token=None)) == (400, 104)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("business_discovery.username(lakeside){shoe_size}", 100),
        ("business_discovery{followers_count}", 100),
        ("shoe_size", 100),
        ("business_discovery.username(lakeside){followers_count", 2500),
        ("id}", 2500),
    ],
)
async def test_unknown_fields_are_rejected(sandbox: Sandbox, fields: str, expected: int) -> None:
    await sandbox.channel("instagram", "lakeside")
    assert code(await sandbox.instagram(fields)) == (400, expected)


async def test_another_user_and_another_path_are_rejected(sandbox: Sandbox) -> None:
    assert code(await sandbox.instagram(COUNTS, user_id="1")) == (400, 100)
    assert code(await sandbox.instagram(COUNTS, version="latest")) == (400, 2500)


async def test_usage_rises_in_the_headers_until_every_call_is_error_4(sandbox: Sandbox, clock: FakeClock) -> None:
    await sandbox.channel("instagram", "lakeside")
    await sandbox.control("PUT", "/limits", {"instagram_calls_an_hour": 4})
    seen = []
    for _ in range(4):
        answer = await sandbox.instagram(COUNTS)
        assert answer.status_code == 200
        seen.append(json.loads(answer.headers["X-App-Usage"])["call_count"])
    assert seen == [25, 50, 75, 100]
    answer = await sandbox.instagram(COUNTS)
    assert code(answer) == (403, 4)
    (business,) = json.loads(answer.headers["X-Business-Use-Case-Usage"])["17841400000000001"]
    assert (business["type"], business["call_count"], business["estimated_time_to_regain_access"]) == (
        "instagram",
        100,
        60,
    )
    clock.advance(3600)
    assert (await sandbox.instagram(COUNTS)).status_code == 200


async def test_one_account_fails_alone_until_its_error_ends(sandbox: Sandbox) -> None:
    await sandbox.channel("instagram", "lakeside", count=5)
    await sandbox.channel("instagram", "blue", count=7)
    await sandbox.channel("instagram", "lakeside", error="100")
    answer = await sandbox.instagram(COUNTS)
    assert code(answer) == (400, 100)
    assert answer.json()["error"]["error_subcode"] == 33
    assert (await sandbox.instagram("business_discovery.username(blue){followers_count}")).status_code == 200
    await sandbox.channel("instagram", "lakeside", error="")
    assert (await sandbox.instagram(COUNTS)).status_code == 200


async def test_a_freed_name_may_be_taken_by_an_account_with_another_id(sandbox: Sandbox) -> None:
    first = await sandbox.channel("instagram", "lakeside", count=5)
    await sandbox.control("PUT", "/channels/instagram/lakeside", {"remove": True})
    await sandbox.channel("instagram", "lakeside", count=990_000, id="17840000000000001")
    found = (await sandbox.instagram(COUNTS)).json()["business_discovery"]
    assert (found["id"], found["followers_count"]) == ("17840000000000001", 990_000)
    assert found["id"] != first["id"]
