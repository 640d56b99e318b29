"""The demo's viewers: their number passes two thresholds; they send heartbeats on time, and leave or disappear."""

from __future__ import annotations

import json
from collections import Counter

import httpx
import pytest

from local.viewers import CHANNEL, Crowd

HEARTBEAT = 30.0
SECOND_STEP = 25


class Channel:
    """The viewers' routes, in memory: the viewers, and when each sent its last heartbeat."""

    def __init__(self) -> None:
        self.now = 0.0
        self.seen: dict[str, float] = {}
        self.pauses: list[float] = []
        self.asked: Counter[str] = Counter()
        self.full = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        sent, what = json.loads(request.content), request.url.path.removeprefix("/api/viewer/")
        assert sent["channelId"] == CHANNEL
        self.asked[what] += 1
        if what == "join":
            return self._join()
        viewer_id = sent["viewerId"]
        assert sent["token"] == f"token of {viewer_id}"
        if viewer_id not in self.seen:
            return httpx.Response(404, json={"error": "not here any more"})
        if what == "leave":
            del self.seen[viewer_id]
            return httpx.Response(204)
        self.pauses.append(self.now - self.seen[viewer_id])
        self.seen[viewer_id] = self.now
        return httpx.Response(200, json={"heartbeatInterval": 1000 * HEARTBEAT})

    def _join(self) -> httpx.Response:
        if self.full:
            return httpx.Response(429, json={"error": "too many joins"})
        viewer_id = str(self.asked["join"])
        self.seen[viewer_id] = self.now
        answer = {"viewerId": viewer_id, "token": f"token of {viewer_id}", "heartbeatInterval": 1000 * HEARTBEAT}
        return httpx.Response(200, json=answer)


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def crowd(channel: Channel) -> Crowd:
    http = httpx.Client(base_url="http://cairn.test", transport=httpx.MockTransport(channel.answer))
    return Crowd(http, clock=lambda: channel.now)


def watch(crowd: Crowd, channel: Channel, seconds: int) -> list[int]:
    """The number of viewers, second by second."""
    counts = []
    for _ in range(seconds):
        crowd.turn()
        counts.append(len(crowd.watching))
        channel.now += 1
    return counts


def test_it_passes_ten_within_a_minute_and_twenty_five_within_three(crowd: Crowd, channel: Channel) -> None:
    counts = watch(crowd, channel, 180)
    assert counts[0] < 3
    assert 30 < next(second for second, count in enumerate(counts) if count >= 10) < 60
    assert 100 < next(second for second, count in enumerate(counts) if count >= SECOND_STEP) < 180


def test_later_viewers_join_and_leave_for_as_long_as_it_runs(crowd: Crowd, channel: Channel) -> None:
    counts = watch(crowd, channel, 3600)[400:]
    assert min(counts) >= 20
    assert max(counts) <= 37
    assert len(set(counts)) > 5
    assert channel.asked["leave"] > 20


def test_each_viewer_sends_heartbeats_at_the_interval_that_the_api_returns(crowd: Crowd, channel: Channel) -> None:
    watch(crowd, channel, 900)
    assert {HEARTBEAT <= pause <= HEARTBEAT + 1 for pause in channel.pauses} == {True}
    assert sum(channel.asked.values()) < 2 * 900


def test_some_viewers_disappear_without_a_leave(crowd: Crowd, channel: Channel) -> None:
    watch(crowd, channel, 3600)
    gone = channel.asked["join"] - len(crowd.watching)
    assert 0.6 * gone < channel.asked["leave"] < gone


def test_a_viewer_who_timed_out_is_replaced_by_a_new_one(crowd: Crowd, channel: Channel) -> None:
    there = watch(crowd, channel, 120)[-1]
    forgotten = set(channel.seen)
    channel.seen.clear()
    assert watch(crowd, channel, 90)[-1] >= there
    assert not forgotten & set(channel.seen)


def test_a_join_over_the_limit_is_retried(crowd: Crowd, channel: Channel) -> None:
    channel.full = True
    assert set(watch(crowd, channel, 5)) == {0}
    channel.full = False
    assert watch(crowd, channel, 5)[-1] > 0
