"""An event stream that ends immediately, as an EventSource handles it: it reconnects, and sends its last event's id."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from cairn.aws import dynamodb
from cairn.clock import iso, now
from cairn.viewers.counts import CACHE_TTL, ViewerCounts
from testing.clock import START, ControlledClock
from testing.viewer_site import Site

CACHED = CACHE_TTL.total_seconds()
"""For so long after a first join, the Lambda that answered it believes that nobody was counted yet."""


@dataclass
class EventSource:
    """An EventSource as the standard describes it, as far as it concerns us.

    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """

    site: Site
    channel: str
    retry: int = 3000
    last_event_id: str = ""
    seen: list[dict[str, object]] = field(default_factory=list)

    def connect(self) -> None:
        headers = {"accept": "text/event-stream"}
        if self.last_event_id:
            headers["last-event-id"] = self.last_event_id
        answer = self.site("GET", f"sse/{self.channel}", headers=headers)
        assert answer.status == 200, "anything else would end it for good"
        assert answer.headers["content-type"] == "text/event-stream"
        data, event_id = "", self.last_event_id
        for line in answer.text.split("\n"):
            name, _, value = line.partition(": ")
            match name:
                case "retry":
                    self.retry = int(value)
                case "id":
                    event_id = value
                case "data":
                    data += value
                case "":
                    self.last_event_id = event_id
                    if data:
                        self.seen.append(json.loads(data))
                    data = ""
                case _:
                    pytest.fail(f"an unnamed event was expected, not {line}")

    def stay(self, clock: ControlledClock, seconds: float) -> None:
        """Connect again and again, as a browser does."""
        until = clock.now().timestamp() + seconds
        while clock.now().timestamp() < until:
            self.connect()
            clock.sleep(self.retry / 1000)


@pytest.fixture
def source(site: Site) -> EventSource:
    return EventSource(site, "demo")


def test_it_receives_the_count_immediately(site: Site, source: EventSource, clock: ControlledClock) -> None:
    site.join()
    clock.sleep(CACHED)
    source.connect()
    (seen,) = source.seen
    assert seen == site("GET", "count/demo").json
    assert seen["viewers"] == 1


def test_a_client_that_asks_before_the_first_count_accepts_that_one_as_newer(
    source: EventSource, site: Site, clock: ControlledClock
) -> None:
    """The Lambda has just read that nobody watches, and the count in progress began before its answer."""
    counts = ViewerCounts(dynamodb.resource().Table("presence_table"))
    counts.acquire("demo", "another", now(), timedelta(seconds=2))
    clock.sleep(0.02)
    source.connect()
    assert source.seen[-1]["viewers"] == 0
    clock.sleep(2)
    site.join()
    clock.sleep(2)
    source.connect()
    before, after = source.seen
    assert after["viewers"] == 1
    assert str(before["asOf"]) <= iso(START), "as old as the count that was begun, or older"


def test_it_reconnects_twice_an_interval(source: EventSource) -> None:
    source.connect()
    assert source.retry == 1000


def test_it_sees_who_comes_and_goes_within_two_seconds_and_nothing_twice(
    site: Site, source: EventSource, clock: ControlledClock
) -> None:
    source.stay(clock, 5)
    tab = site.join()
    source.stay(clock, 2.5)
    assert source.seen[-1]["viewers"] == 1
    source.stay(clock, 5)
    site.leave(tab)
    source.stay(clock, 2.5)
    assert [one["viewers"] for one in source.seen] == [0, 1, 0]


def test_a_count_that_stays_the_same_is_not_sent_again(site: Site, source: EventSource, clock: ControlledClock) -> None:
    site.join()
    clock.sleep(CACHED)
    source.stay(clock, 30)
    assert [one["viewers"] for one in source.seen] == [1]


def test_the_count_of_a_channel_that_nobody_watches_is_sent_once(source: EventSource, clock: ControlledClock) -> None:
    source.stay(clock, 30)
    assert [one["viewers"] for one in source.seen] == [0]


def test_a_substitute_that_cannot_set_a_header_sends_its_last_event_in_the_query(site: Site) -> None:
    site.join()
    first = site("GET", "sse/demo").text
    event_id = first.partition("id: ")[2].partition("\n")[0]
    assert site("GET", "sse/demo", query={"lastEventId": event_id}).text == "retry: 1000\n\n"
    assert site("GET", "sse/demo", query={"lastEventId": "other"}).text == first


def test_the_id_is_when_the_count_last_changed(site: Site, clock: ControlledClock) -> None:
    site.join()
    joined_at = int(clock.now().timestamp() * 1000)
    clock.sleep(30)
    assert f"id: {joined_at}\n" in site("GET", "sse/demo").text


@pytest.mark.parametrize("sent", ["\u0000", "x" * 5000, "1\n\ndata: forged", "☃"])
def test_nothing_of_a_clients_last_event_id_is_echoed(site: Site, sent: str) -> None:
    assert sent not in site("GET", "sse/demo", headers={"last-event-id": sent}).text.replace("retry: 1000", "")
