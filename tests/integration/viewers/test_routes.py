"""A viewer without a socket joins, stays and leaves by these routes, and cannot end anybody else's presence."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from cairn.messages import CountViewers
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.meter import Meter
from testing.outages import failing
from testing.viewer_site import Site, count_now
from testing.workspace import begin_with, know_settings

A_COUNT = 2.0
"""Seconds after which a request is answered with a new count."""
HALF, TIMEOUT = 45.0, 60.0


def test_a_join_returns_the_viewers_id_and_the_count(site: Site, clock: ControlledClock) -> None:
    answer = site("POST", "join", {"channelId": "demo"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    joined = answer.json
    assert set(joined) == {"viewerId", "token", "viewers", "heartbeatInterval"}
    assert (joined["viewers"], joined["heartbeatInterval"]) == (1, 30_000)
    clock.sleep(A_COUNT)
    assert site.count() == (1, 1)


def test_a_join_leaves_counting_to_its_message(aws: Cloud, meter: Meter) -> None:
    """A slot, a read of the last count, a message; and the limits of those who open a channel, which nobody watches."""
    know_settings("viewer_heartbeat")
    with meter.measuring() as used:
        Site().join()
    assert used.calls == {("dynamodb", "GetItem"): 1, ("dynamodb", "UpdateItem"): 1, ("sqs", "SendMessageBatch"): 1}
    (message,) = aws.drain("COUNT_QUEUE_URL")
    assert isinstance(message, CountViewers)
    assert (message.channel, message.check) == ("demo", False)
    assert aws.table("STATS_TABLE").scan()["Items"] == []


def test_a_join_is_answered_with_the_last_count_and_never_with_nobody(clock: ControlledClock, aws: Cloud) -> None:
    """The first viewers are there, though nobody has counted them; the next count says how many."""
    assert [Site()("POST", "join", {"channelId": "demo"}).json["viewers"] for _ in range(3)] == [1, 1, 1]
    count_now("demo")
    clock.sleep(A_COUNT)
    assert [Site()("POST", "join", {"channelId": "demo"}).json["viewers"] for _ in range(3)] == [3, 3, 3]
    count_now("demo")
    assert Site().count() == (6, 6)


def test_a_heartbeat_before_the_first_count_requests_another_and_counts_nothing(
    aws: Cloud, clock: ControlledClock
) -> None:
    """The message of the join may be a dead letter."""
    tab = Site().join()
    aws.drain("COUNT_QUEUE_URL")
    clock.sleep(HALF)
    assert Site().beat(tab).json["viewers"] == 1
    assert [type(message) for message in aws.drain("COUNT_QUEUE_URL")] == [CountViewers]
    assert Site().count() == (0, 0)


def test_ids_and_tokens_cannot_be_guessed(site: Site) -> None:
    joined = [site("POST", "join", {"channelId": "demo"}).json for _ in range(3)]
    for field in ("viewerId", "token"):
        values = {one[field].partition(".")[2] or one[field] for one in joined}
        assert len(values) == 3
        assert all(len(value) == 22 for value in values), "128 bits"


def test_a_viewer_may_bring_an_id_of_their_own(site: Site) -> None:
    own = "0b6f9c1e-4f0e-4d7b-9d0a-6f1f0c6b7a51"
    assert site.join(viewer_id=own).viewer_id == own
    assert site("POST", "join", {"channelId": "demo", "viewerId": None}).json["viewerId"] != own


def test_a_viewer_with_two_tabs_counts_once_and_twice_as_connection(site: Site, clock: ControlledClock) -> None:
    first = site.join()
    second = site.join(viewer_id=first.viewer_id)
    clock.sleep(A_COUNT)
    assert site.count() == (1, 2)
    assert site.leave(first).status == 204
    clock.sleep(A_COUNT)
    assert site.count() == (1, 1)
    assert site.beat(second).status == 200


def test_a_heartbeat_keeps_a_viewer_there(site: Site, clock: ControlledClock) -> None:
    tab = site.join()
    clock.sleep(HALF)
    answer = site.beat(tab)
    assert (answer.status, answer.json) == (200, {"viewers": 1, "heartbeatInterval": 30_000})
    clock.sleep(HALF)
    assert site.count() == (1, 1)


def test_a_viewer_without_a_heartbeat_is_gone_after_the_time_out(site: Site, clock: ControlledClock) -> None:
    site.join()
    clock.sleep(TIMEOUT - 1)
    assert site.count() == (1, 1)
    clock.sleep(A_COUNT)
    assert site.count() == (0, 0)


def test_a_heartbeat_after_a_leave_is_answered_with_join_again(site: Site, clock: ControlledClock) -> None:
    tab = site.join()
    assert site.leave(tab).status == 204
    clock.sleep(A_COUNT)
    assert site.count() == (0, 0)
    answer = site.beat(tab)
    assert answer.status == 404
    assert "join again" in answer.error


def test_a_repeated_leave_is_answered_as_before_and_ends_nobody(site: Site, clock: ControlledClock) -> None:
    tab = site.join()
    assert [site.leave(tab).status for _ in range(3)] == [204, 204, 204]
    again = site.join(viewer_id=tab.viewer_id)
    assert site.leave(tab).status == 403
    clock.sleep(A_COUNT)
    assert site.beat(again).status == 200
    assert site.count() == (1, 1)


def test_a_leave_has_no_body_in_its_answer(site: Site) -> None:
    answer = site.leave(site.join())
    assert (answer.status, answer.text) == (204, "")


def test_a_forged_token_ends_nobody_and_prolongs_nobody(site: Site, clock: ControlledClock) -> None:
    tab = site.join()
    level, _, _ = tab.token.partition(".")
    forged = replace(tab, token=f"{level}.{'A' * 22}")
    clock.sleep(HALF)
    assert site.beat(forged).status == 403
    assert site.leave(forged).status == 403
    assert site.count() == (1, 1)
    clock.sleep(TIMEOUT - HALF)
    assert site.count() == (0, 0), "the forged heartbeat has prolonged it"


def test_another_viewers_token_ends_nobody(site: Site, clock: ControlledClock) -> None:
    mine, yours = site.join(), site.join()
    stolen = replace(yours, token=mine.token)
    assert (site.beat(stolen).status, site.leave(stolen).status) == (403, 403)
    clock.sleep(A_COUNT)
    assert site.count() == (2, 2)


def test_a_token_of_another_channel_is_worth_nothing(site: Site, clock: ControlledClock) -> None:
    there = site.join("there")
    here = site.join("here", there.viewer_id)
    wrong = replace(here, token=there.token)
    assert (site.beat(wrong).status, site.leave(wrong).status) == (403, 403)
    elsewhere = replace(there, channel="elsewhere")
    assert (site.beat(elsewhere).status, site.leave(elsewhere).status) == (404, 204)
    clock.sleep(A_COUNT)
    assert [site.count(name) for name in ("here", "there", "elsewhere")] == [(1, 1), (1, 1), (0, 0)]


@pytest.mark.parametrize("level", ["1", "7", "42", "99"])
def test_a_token_whose_level_is_changed_ends_nobody(site: Site, clock: ControlledClock, level: str) -> None:
    tab = site.join()
    moved = replace(tab, token=f"{level}.{tab.token.partition('.')[2]}")
    assert (site.beat(moved).status, site.leave(moved).status) == (404, 204)
    clock.sleep(A_COUNT)
    assert site.count() == (1, 1)


def test_nothing_of_a_token_is_stored_or_logged(site: Site, aws: Cloud, logs: Written) -> None:
    tab = site.join()
    site.beat(tab)
    secret = tab.token.partition(".")[2]
    assert secret not in str(aws.table("PRESENCE_TABLE").scan()["Items"])
    site.leave(tab)
    site.beat(tab)
    assert secret not in logs.text
    assert tab.viewer_id not in logs.text


def test_a_join_and_a_leave_are_logged_with_their_channel_and_a_heartbeat_is_not(site: Site, logs: Written) -> None:
    tab = site.join()
    site.beat(tab)
    site.leave(tab)
    ours = [line for line in logs.lines if line["location"].startswith(("join:", "heartbeat:", "leave:"))]
    assert [(line["message"], line["channel"]) for line in ours] == [("joined", "demo"), ("left", "demo")]


def test_a_rejection_is_logged_without_what_was_sent(site: Site, logs: Written) -> None:
    site("POST", "join", {"channelId": "<script>"})
    (line,) = [line for line in logs.lines if line["message"] == "request rejected"]
    assert line["status"] == 400
    assert "<script>" not in logs.text


def test_a_count_says_of_when_it_is_and_how_wrong_it_can_be(site: Site, clock: ControlledClock) -> None:
    site.join("youtube:UC_x-1")
    clock.sleep(0.5)
    answer = site("GET", "count/youtube:UC_x-1")
    assert answer.status == 200
    assert answer.json == {
        "channelId": "youtube:UC_x-1",
        "viewers": 1,
        "connections": 1,
        "asOf": "2026-11-20T12:00:00.000Z",
        "window": 60,
    }


def test_a_channel_that_nobody_has_ever_watched_has_nobody(site: Site) -> None:
    assert site.count("unheard-of") == (0, 0)


@pytest.mark.parametrize("path", ["count/a%3Ab", "count/a%3ab", "count/a:b/", "count/a:b"])
def test_an_address_may_be_encoded_and_end_with_a_slash(site: Site, clock: ControlledClock, path: str) -> None:
    site.join("a:b")
    clock.sleep(A_COUNT)
    assert site("GET", path).json["channelId"] == "a:b"
    assert site("GET", path).json["viewers"] == 1


@pytest.mark.parametrize("path", ["count/demo", "sse/demo", "curve/demo", "channel/demo"])
def test_head_is_answered_like_get_without_the_body(site: Site, path: str) -> None:
    got, asked = site("GET", path), site("HEAD", path)
    assert (asked.status, dict(asked.headers), asked.text) == (200, dict(got.headers), "")


# -- what a page sends as it closes


@pytest.mark.parametrize("called", ["text/plain;charset=UTF-8", "application/json", "", "application/octet-stream"])
@pytest.mark.parametrize("in_base64", [False, True])
def test_a_leave_is_understood_however_a_beacon_calls_it(
    site: Site, clock: ControlledClock, called: str, in_base64: bool
) -> None:
    tab = site.join()
    text = json.dumps(tab.body)
    sent = {"content-type": called} if called else {}
    assert site("POST", "leave", raw=text.encode() if in_base64 else text, headers=sent).status == 204
    clock.sleep(A_COUNT)
    assert site.count() == (0, 0)


@pytest.mark.parametrize("in_base64", [False, True])
def test_a_leave_may_be_a_form(site: Site, clock: ControlledClock, in_base64: bool) -> None:
    tab = site.join("youtube:UC1")
    text = urlencode(tab.body)
    sent = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
    assert site("POST", "leave", raw=text.encode() if in_base64 else text, headers=sent).status == 204
    clock.sleep(A_COUNT)
    assert site.count("youtube:UC1") == (0, 0)


# -- the caps


def test_a_flood_of_joins_from_one_address_is_answered_with_retry_after(
    site: Site, clock: ControlledClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_with(viewer_joins_per_minute=10)
    clock.sleep(15)
    codes = [site("POST", "join", {"channelId": "demo"}).status for _ in range(12)]
    assert codes == [200] * 10 + [429] * 2
    refused = site("POST", "join", {"channelId": "demo"})
    assert refused.headers["retry-after"] == "45"
    assert refused.headers["access-control-expose-headers"] == "Retry-After"
    assert "too many joins" in refused.error
    assert site("POST", "join", {"channelId": "demo"}, address="203.0.113.10").status == 200
    clock.sleep(45)
    assert site("POST", "join", {"channelId": "demo"}).status == 200


def test_a_join_that_is_rejected_leaves_nothing_behind(
    site: Site, clock: ControlledClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_with(viewer_joins_per_minute=2)
    assert [site("POST", "join", {"channelId": "demo"}).status for _ in range(4)] == [200, 200, 429, 429]
    clock.sleep(A_COUNT)
    assert site.count() == (2, 2)


def test_heartbeats_and_counts_are_not_capped(
    site: Site, clock: ControlledClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_with(viewer_joins_per_minute=1)
    tab = site.join()
    for _ in range(5):
        clock.sleep(A_COUNT)
        assert (site.beat(tab).status, site("GET", "count/demo").status) == (200, 200)


def test_behind_the_cdn_each_caller_has_joins_of_their_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_with(viewer_joins_per_minute=1)

    def join(caller: str, forwarded: str = "192.0.2.99") -> int:
        headers = {"x-cairn-viewer": "", "cloudfront-viewer-address": caller, "x-forwarded-for": forwarded}
        return site("POST", "join", {"channelId": "demo"}, headers=headers).status

    assert [join("192.0.2.1:46532"), join("192.0.2.2:46532")] == [200, 200]
    assert join("192.0.2.1:46533", "198.51.100.7") == 429, "what the caller claims about itself is not trusted"
    assert join("2001:db8::1:46532") == 200
    assert join("[2001:db8::2]:46532") == 429, "it is one household"


def test_a_viewer_with_too_many_tabs_is_denied_another(site: Site, clock: ControlledClock) -> None:
    first = site.join()
    for _ in range(19):
        site.join(viewer_id=first.viewer_id)
    refused = site("POST", "join", {"channelId": "demo", "viewerId": first.viewer_id})
    assert refused.status == 429
    assert "20 tabs" in refused.error
    assert refused.headers["retry-after"] == "60", "by then the tabs that closed without notice have expired"
    clock.sleep(A_COUNT)
    assert site.beat(first).status == 200
    assert site.count() == (1, 20)


def test_a_requested_count_prunes_expired_tabs_too(site: Site, aws: Cloud, clock: ControlledClock) -> None:
    """Where there are many requests, there may be no other count for long."""
    for _ in range(3):
        site.join()
    clock.sleep(TIMEOUT + A_COUNT)
    assert site.count() == (0, 0)
    assert [item["sk"] for item in aws.table("PRESENCE_TABLE").scan()["Items"]] == ["count"]


def test_a_channel_with_a_scheduled_check_accepts_viewers_though_the_queue_fails(
    site: Site, clock: ControlledClock
) -> None:
    """They would join again, and be present twice."""
    site.join()
    clock.sleep(A_COUNT)
    site.count()
    with failing(FUNCTIONS["viewer_heartbeat"].dependencies.presence.count_requests._queue._sqs, "SendMessageBatch"):
        second = site.join()
        clock.sleep(A_COUNT)
        assert site.count() == (2, 2)
        assert site.leave(second).status == 204
        assert site("POST", "join", {"channelId": "never-counted"}).status == 500
    clock.sleep(A_COUNT)
    assert site.count() == (1, 1)


def test_an_internal_failure_is_not_disclosed(site: Site, aws: Cloud) -> None:
    aws.table("PRESENCE_TABLE").delete()
    for answer in (site("POST", "join", {"channelId": "demo"}), site("GET", "count/demo"), site("GET", "sse/demo")):
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (500, "*")
        assert answer.json == {"error": "internal error; it has been logged", "details": []}
