"""Audiences with at most five calls, and the days on which subscribers came and went."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import pytest

from cairn.creators.platforms import Flow
from cairn.creators.platforms.fanvue import Fanvue
from cairn.errors import PlatformUnavailableError
from tests.unit.creators.listing import fanvue, scripted
from tests.unit.scripted import FakeClock


class Inbox:
    """Smart lists, and chats and posts by pages."""

    def __init__(self, chats: int, posts: int) -> None:
        self.counts = {"chats": chats, "posts": posts}
        self.calls = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        if request.url.path.endswith("/chats/lists/smart"):
            lists = {"subscribers": 120, "followers": 900, "auto_renewing": 80}
            return httpx.Response(200, json=[{"name": uuid, "uuid": uuid, "count": n} for uuid, n in lists.items()])
        total = self.counts[request.url.path.rsplit("/", 1)[1]]
        page, size = int(request.url.params["page"]), int(request.url.params["size"])
        found = min(size, max(0, total - (page - 1) * size))
        pagination = {"page": page, "size": size, "hasMore": total > page * size}
        return httpx.Response(200, json={"data": [{}] * found, "pagination": pagination})


def polled(platform: Fanvue, inbox: Inbox, polls: int) -> tuple[int | None, int | None, str]:
    hints = ""
    for _ in range(polls):
        before = inbox.calls
        audience = platform.audience(hints)
        hints = audience.hints
        assert inbox.calls - before <= 5
        assert len(hints) < 100
    return audience.messages, audience.posts, hints


def test_a_small_audience_is_counted_with_three_calls() -> None:
    inbox = Inbox(44, 10)
    audience = fanvue(inbox).audience("")
    assert (audience.subscribers, audience.followers, audience.messages, audience.posts) == (120, 900, 44, 10)
    assert inbox.calls == 3


@pytest.mark.parametrize("total", [0, 1, 49, 50, 51, 99, 100, 101, 150])
def test_a_count_at_the_edge_of_a_page_is_exact(total: int) -> None:
    inbox = Inbox(total, total)
    messages, posts, _ = polled(fanvue(inbox), inbox, 3)
    assert (messages, posts) == (total, total)


def test_a_large_inbox_is_unknown_until_its_end_is_found_and_then_costs_one_call() -> None:
    inbox = Inbox(37_123, 0)
    platform = fanvue(inbox, FakeClock())
    assert platform.audience("").messages is None
    messages, _, hints = polled(platform, inbox, 12)
    assert messages == 37_123
    before = inbox.calls
    assert platform.audience(hints).messages == 37_123
    assert inbox.calls - before == 3


@pytest.mark.parametrize("change", [1, 60, -1, -60, 400, -400])
def test_a_count_that_changes_is_found_again_from_where_it_was(change: int) -> None:
    inbox = Inbox(5_000, 1)
    platform = fanvue(inbox)
    _, _, hints = polled(platform, inbox, 12)
    inbox.counts["chats"] += change
    for _ in range(4):
        audience = platform.audience(hints)
        hints = audience.hints
    assert audience.messages == 5_000 + change


@pytest.mark.parametrize("hints", ["nonsense", "1 2 3", "0:0::0 0:0:0:0", "9999999:9999998:9999999:1 x", "🦩"])
def test_hints_that_cannot_be_used_cost_only_time(hints: str) -> None:
    inbox = Inbox(120, 3)
    platform = fanvue(inbox)
    for _ in range(40):
        audience = platform.audience(hints)
        hints = audience.hints
    assert (audience.messages, audience.posts) == (120, 3)


def test_a_smart_list_that_is_missing_is_unknown_and_not_zero() -> None:
    empty = httpx.Response(200, json={"data": [], "pagination": {"page": 1, "size": 50, "hasMore": False}})
    platform, _ = scripted(httpx.Response(200, json=[{"name": "x", "uuid": "followers", "count": 3}]), empty)
    audience = platform.audience("")
    assert (audience.subscribers, audience.followers, audience.messages) == (None, 3, 0)


@pytest.mark.parametrize(
    "lists",
    [
        *({}, {"data": []}, None, [None], [{"uuid": "followers"}]),
        *([{"uuid": "followers", "count": count}] for count in (-1, 1.5, None, True)),
    ],
)
def test_smart_lists_that_cannot_be_read_are_the_platforms_failure(lists: object) -> None:
    platform, _ = scripted(httpx.Response(200, json=lists))
    with pytest.raises(PlatformUnavailableError):
        platform.audience("")


@pytest.mark.parametrize(
    "page", [{"data": []}, {"data": [{}] * 51, "pagination": {"hasMore": False}}, {"data": 5, "pagination": {}}, []]
)
def test_pages_that_cannot_be_read_are_the_platforms_failure(page: object) -> None:
    platform, _ = scripted(httpx.Response(200, json=[]), httpx.Response(200, json=page))
    with pytest.raises(PlatformUnavailableError):
        platform.audience("")


def day(text: str, new: object, ended: object, total: int = 0) -> dict[str, Any]:
    return {"date": text, "total": total, "newSubscribersCount": new, "cancelledSubscribersCount": ended}


def flows_of(*days: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"data": list(days), "nextCursor": None})


def test_days_are_read_whatever_their_total_and_order_and_those_of_another_time_are_left_out() -> None:
    answer = flows_of(
        day("2026-11-20T00:00:00.000Z", 3, 1, -7), day("2026-11-19", 0, 2), day("2026-11-18T00:00:00Z", 9, 9)
    )
    platform, script = scripted(answer)
    assert platform.flows(date(2026, 11, 19), date(2026, 11, 20)) == [
        Flow(date(2026, 11, 19), 0, 2),
        Flow(date(2026, 11, 20), 3, 1),
    ]
    assert dict(script.asked[0].url.params) == {
        "startDate": "2026-11-19T00:00:00.000Z",
        "endDate": "2026-11-21T00:00:00.000Z",
        "size": "50",
    }


def test_a_year_of_days_is_read_a_month_at_a_time() -> None:
    platform, script = scripted(flows_of())
    assert platform.flows(date(2025, 12, 1), date(2026, 11, 30)) == []
    assert len(script.asked) == 12
    assert script.asked[-1].url.params["endDate"] == "2026-12-01T00:00:00.000Z"


@pytest.mark.parametrize("wrong", [day("soon", 1, 1), day("2026-11-20", -1, 0), day("2026-11-20", 1.5, 0), {}])
def test_days_that_cannot_be_read_are_the_platforms_failure(wrong: dict[str, Any]) -> None:
    platform, _ = scripted(flows_of(wrong))
    with pytest.raises(PlatformUnavailableError):
        platform.flows(date(2026, 11, 20), date(2026, 11, 20))
