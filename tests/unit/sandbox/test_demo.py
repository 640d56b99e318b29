"""The demo: a first milestone within a minute, and more in the minutes after."""

import pytest

from local.sandbox import demo
from tests.unit.sandbox.helpers import FakeClock, FakeWebhook, Sandbox

pytestmark = pytest.mark.anyio
LADDER = (
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    75_000,
    100_000,
    250_000,
    500_000,
    750_000,
    1_000_000,
)


async def shown(sandbox: Sandbox) -> dict[str, int]:
    state = (await sandbox.control("GET", "/state")).json()
    return {channel["handle"]: channel["shown"] for channel in state["channels"]}


async def test_channels_pass_milestones_one_after_the_other_as_their_platforms_show_them(
    sandbox: Sandbox, clock: FakeClock
) -> None:
    await sandbox.control("POST", "/demo")
    passed: dict[str, int] = {}
    before = await shown(sandbox)
    for second in range(1, 301):
        clock.advance(1)
        now = await shown(sandbox)
        for handle, count in now.items():
            if any(before[handle] < step <= count for step in LADDER):
                passed.setdefault(handle, second)
        before = now
    assert sorted(passed.values()) == [20, 40, 100, 190]


async def test_the_channels_to_track_are_those_that_exist(sandbox: Sandbox) -> None:
    tracked = (await sandbox.control("POST", "/demo")).json()["channels"]
    assert tracked == demo.channels()
    for channel in tracked:
        assert (await sandbox.channel(channel["platform"], channel["handle"]))["name"] == channel["name"]
    assert {channel["platform"] for channel in tracked} == {"youtube", "telegram", "instagram"}


async def test_two_chats_subscribe_as_soon_as_the_bot_has_a_webhook(sandbox: Sandbox, webhook: FakeWebhook) -> None:
    demo.apply(sandbox.world)
    await sandbox.bot("setWebhook", url="http://127.0.0.1:9/hook")
    await sandbox.world.messenger.updates.settled()
    starts = [update["message"] for update in webhook.updates if "message" in update]
    assert {(start["chat"]["type"], start["text"]) for start in starts} == {("private", "/start"), ("group", "/start")}
