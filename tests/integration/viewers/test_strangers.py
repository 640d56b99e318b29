"""What strangers cause has an end and a bound, and stays out of the operator's list."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import cycle, islice

import pytest

from cairn.aws import dynamodb
from cairn.aws.sqs import _digest
from cairn.clock import now
from cairn.errors import TooManyJoinsError
from cairn.messages import SHARED_CHECK_GROUPS, SHARED_MILESTONE_GROUPS, CountViewers, RoomEvent, RoomState
from cairn.model import Reading
from cairn.readings.history import RETENTION, History
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.realtime.event_log import HEAD_RETENTION, MAX_PUBLIC_REPLAY_BYTES, EventLog, current_state
from cairn.rules import Transition
from cairn.viewers.join_limits import JoinCaps, JoinLimits
from cairn.viewers.subjects import UNNAMED_RETENTION, viewer_subject
from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud, Context
from testing.functions import FUNCTIONS
from testing.logs import Written
from testing.viewer_site import PromptSite, Site, count_now
from testing.websocket_api import FakePoster
from testing.websocket_client import Client
from testing.workspace import begin_with

IN_FLIGHT = 120_000
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""


def joined(site: Site, addresses: list[str], channel: str = "demo") -> int:
    """How many of these may join."""
    return sum(site("POST", "join", {"channelId": channel}, address=address).status == 200 for address in addresses)


def sockets_joined(addresses: list[str]) -> int:
    answers = [Client(f"c{number}", address=address).join("channel:demo") for number, address in enumerate(addresses)]
    assert {answer.get("code") for answer in answers} <= {None, "too_many_joins"}
    return sum("code" not in answer for answer in answers)


@pytest.mark.parametrize("join", ["heartbeats", "sockets"])
@pytest.mark.parametrize(
    ("address", "most"),
    [("2001:db8:0:{:x}00::1", 250), ("2001:db8:0:7{:02x}::1", 225), ("2001:db8:0:7::{:x}", 200)],
    ids=["/48", "/56", "/64"],
)
def test_a_wider_network_passes_no_limit(site: Site, poster: FakePoster, join: str, address: str, most: int) -> None:
    """260 joins in a minute, each from another address of one network."""
    addresses = [address.format(number % 256) for number in range(260)]
    assert (joined(site, addresses) if join == "heartbeats" else sockets_joined(addresses)) == most


def test_all_addresses_together_have_a_limit(aws: Cloud, clock: ControlledClock) -> None:
    limits = JoinLimits(dynamodb.resource().Table("presence_table"), 200, JoinCaps(total=500))
    allowed = 0
    for number in range(600):
        try:
            limits.allow(f"198.51.{number // 250}.{number % 250}", clock.now())
        except TooManyJoinsError:
            continue
        allowed += 1
    assert allowed == 500


def test_joins_of_watched_channels_leave_room_for_those_that_open_one(aws: Cloud, clock: ControlledClock) -> None:
    limits = JoinLimits(dynamodb.resource().Table("presence_table"), 200, JoinCaps(channels_total=5))
    for number in range(20):
        limits.allow(f"198.51.100.{number}", clock.now())
    for number in range(5):
        limits.allow(f"203.0.113.{number}", clock.now(), opens=f"channel{number}")
    with pytest.raises(TooManyJoinsError, match="that open a channel"):
        limits.allow("203.0.113.9", clock.now(), opens="one more")


def test_an_address_opens_so_many_channels_and_still_joins_others(site: Site, clock: ControlledClock) -> None:
    begin_with(live_channels={"named": "Named"})
    assert site("POST", "join", {"channelId": "crowded"}, address="198.51.100.1").status == 200
    clock.sleep(3)
    site.count("crowded")
    answers = [site("POST", "join", {"channelId": f"made-up-{number}"}).status for number in range(40)]
    assert Counter(answers) == {200: 30, 429: 10}
    assert site("POST", "join", {"channelId": "crowded"}).status == 200
    assert site("POST", "join", {"channelId": "named"}).status == 200
    assert site("POST", "join", {"channelId": "mine"}, address="198.51.100.1").status == 200
    clock.sleep(60)
    assert site("POST", "join", {"channelId": "made-up-39"}).status == 200


@pytest.mark.parametrize(
    "addresses", [["203.0.113.9"], [f"2001:db8:0:{number:x}::1" for number in range(40)]], ids=["IPv4", "/48"]
)
def test_sockets_open_no_more_channels(poster: FakePoster, aws: Cloud, addresses: list[str]) -> None:
    codes = [
        Client(f"c{number}", address=address).join(f"channel:made-up-{number}").get("code")
        for number, address in enumerate(islice(cycle(addresses), 40))
    ]
    assert Counter(codes) == {None: 30, "too_many_joins": 10}


@pytest.mark.parametrize(("lasted", "groups"), [(False, SHARED_CHECK_GROUPS), (True, SHARED_MILESTONE_GROUPS)])
def test_scheduled_counts_of_made_up_channels_leave_room_in_the_count_queue(
    clock: ControlledClock, *, lasted: bool, groups: int
) -> None:
    """Ten messages of a group are in flight at most, and no number of channels has more groups."""

    def group(number: int) -> str:
        channel = f"made-up-{number}"
        return CountViewers(channel, clock.now(), check=not lasted, trace_id="t", shared=True, lasted=lasted).group

    assert len({group(number) for number in range(40_000)}) <= groups
    assert 10 * (SHARED_CHECK_GROUPS + SHARED_MILESTONE_GROUPS) < IN_FLIGHT * 0.7


def test_a_named_channel_waits_behind_no_made_up_one(clock: ControlledClock) -> None:
    named = CountViewers("check 7", clock.now(), check=True, trace_id="t")
    assert named.group == "check 7 check"
    assert _digest(named.group) != _digest(named.channel)


# -- what is left behind


def pass_ten(aws: Cloud, clock: ControlledClock, channel: str) -> None:
    """Ten viewers last; and what the streams lead to."""
    for number in range(10):
        PromptSite(address=f"198.51.100.{number}").join(channel)
    for _ in range(2):
        clock.sleep(3)
        assert Site().count(channel) == (10, 10)
    records = {"Records": aws.changes()}
    for function in ("detect_milestone", "record_history"):
        assert FUNCTIONS[function](records, Context()) == {"batchItemFailures": []}


@pytest.fixture
def left(aws: Cloud, clock: ControlledClock) -> Cloud:
    """Ten viewers have watched a channel that the operator named, and one that somebody made up, over midnight."""
    begin_with(live_channels={"named": "Named"}, viewer_milestone_seconds=3)
    for channel in ("named", "made-up"):
        pass_ten(aws, clock, channel)
        clock.sleep(90_000)
        count_now(channel)
        assert FUNCTIONS["record_history"]({"Records": aws.changes()}, Context()) == {"batchItemFailures": []}
    return aws


def test_everything_of_a_made_up_channel_expires_and_of_a_named_one_nothing_that_lasts(left: Cloud) -> None:
    kinds: dict[str, set[str]] = {}
    for table in ("STATS_TABLE", "MILESTONES_TABLE", "HISTORY_TABLE", "PRESENCE_TABLE", "CONNECTIONS_TABLE"):
        for item in left.table(table).scan()["Items"]:
            kind = f"{table} {item.get('sk', '').partition('#')[0]}"
            who = "named" if "named" in (item.get("pk") or item["subject"]) else "made up"
            kinds.setdefault(who, set()).add(kind)
            if who == "made up":
                assert int(item["expires_at"]) <= (now() + UNNAMED_RETENTION).timestamp(), item
            elif table in ("STATS_TABLE", "MILESTONES_TABLE") or kind == "HISTORY_TABLE day":
                assert "expires_at" not in item, item
    lasting = {"STATS_TABLE ", "MILESTONES_TABLE mark", "MILESTONES_TABLE milestone", "HISTORY_TABLE day"}
    assert lasting <= kinds["made up"]
    assert lasting <= kinds["named"]


def test_its_milestones_are_not_in_the_operators_list_unless_asked_for(left: Cloud, api: Api) -> None:
    def subjects(**query: str) -> list[str]:
        return [item["subject"] for item in api("GET", "/api/milestones", query=query).json["items"]]

    assert subjects() == ["channel:live:named"]
    assert subjects(unnamed="true") == ["channel:live:made-up"]
    assert subjects(subject="channel:live:made-up") == ["channel:live:made-up"]


def test_what_has_expired_is_read_as_gone_before_dynamodb_deletes_it(left: Cloud, clock: ControlledClock) -> None:
    subject = viewer_subject("made-up")
    stats, milestones = Stats(left.table("STATS_TABLE")), Milestones(left.table("MILESTONES_TABLE"))
    history, first_day = History(left.table("HISTORY_TABLE")), (now() - timedelta(days=9)).date()
    last = stats.get(subject)
    assert last
    assert last.expires_at == (last.as_of + UNNAMED_RETENTION).replace(microsecond=0)
    assert history.days(subject, first_day, now().date())
    clock.sleep((UNNAMED_RETENTION + timedelta(days=2)).total_seconds())
    assert (stats.get(subject), stats.get_many([subject])) == (None, {})
    assert milestones.page(subject, last.as_of - RETENTION, now(), 9, None).items == []
    assert milestones.page(None, last.as_of - RETENTION, now(), 9, None, unnamed=True).items == []
    assert list(milestones.of(subject)) == []
    assert milestones.high_water_marks([subject], "viewers", "all-time") == {}
    assert history.days(subject, first_day, now().date()) == {}
    assert history.before(subject, now().date()) is None
    assert Site()("GET", "curve/made-up").json["items"] == []
    # And what is stored next begins again, over what is still there.
    fresh = Reading(subject, "made-up", {"viewers": 1}, now(), "viewers", "t")
    assert stats.update(subject, lambda stored: stored or fresh) == (None, fresh)


def claim(milestones: Milestones, threshold: int) -> bool:
    found = milestones.claim(
        viewer_subject("made-up"),
        "viewers",
        "all-time",
        threshold,
        achieved_at=now(),
        event_id="e",
        transition=Transition.CROSSED,
        expires_at=now() + UNNAMED_RETENTION,
    )
    if found:
        milestones.record_notified(viewer_subject("made-up"), "viewers", "all-time", threshold)
    return found is not None


def test_a_mark_is_forgotten_only_if_nothing_was_passed_for_long(aws: Cloud, clock: ControlledClock) -> None:
    milestones, days = Milestones(aws.table("MILESTONES_TABLE")), 86_400
    assert claim(milestones, 25)
    for _ in range(4):
        clock.sleep(29 * days)
        assert not claim(milestones, 10), "it is put off"
    clock.sleep(31 * days)
    assert claim(milestones, 10)
    assert not claim(milestones, 10)
    assert claim(milestones, 25)


def test_a_channel_that_never_ends_keeps_its_mark(aws: Cloud, clock: ControlledClock) -> None:
    """Above its threshold for months, it passes none again; nothing is announced a second time."""
    stats, announced = Stats(aws.table("STATS_TABLE")), list[RoomEvent]()
    for viewers in range(12, 82):
        at = now()
        metrics = {"viewers": viewers, "connections": viewers, "peak": viewers, "sustained": 12}
        expires_at = (at + UNNAMED_RETENTION).replace(microsecond=0)
        reading = Reading(viewer_subject("endless"), "endless", metrics, at, "viewers", "t", expires_at=expires_at)
        assert stats.record(reading)
        assert FUNCTIONS["detect_milestone"]({"Records": aws.changes()}, Context()) == {"batchItemFailures": []}
        announced += [one for one in aws.drain("BROADCAST_QUEUE_URL") if isinstance(one, RoomEvent)]
        clock.sleep(86_400)
    (mark,) = [item for item in aws.table("MILESTONES_TABLE").scan()["Items"] if item["sk"].startswith("mark#")]
    assert int(mark["expires_at"]) > now().timestamp() + 28 * 86_400
    assert len(announced) == 1


def test_a_deletion_by_ttl_starts_no_function(left: Cloud) -> None:
    """The streams' filters let only new and changed items through; tests/infrastructure has the filter."""
    left.table("STATS_TABLE").delete_item(Key={"subject": "channel:live:made-up"})
    assert left.changes() == []


def test_the_log_of_a_channels_room_expires_and_that_of_a_persons_does_not(aws: Cloud, clock: ControlledClock) -> None:
    log = EventLog(aws.table("CONNECTIONS_TABLE"))
    for room in ("channel:made-up", "user:ada"):
        assert log.append(RoomEvent(room, "e", "key", "{}", now(), None, "t"), now())
    expiries = {
        item["pk"]: item.get("expires_at")
        for item in aws.table("CONNECTIONS_TABLE").scan()["Items"]
        if item["sk"] == "head"
    }
    assert expiries == {"log#channel:made-up": (now() + HEAD_RETENTION).timestamp(), "log#user:ada": None}
    assert log.append(RoomEvent("channel:made-up", "e", "next", "{}", now(), None, "t"), now())
    assert log.last("channel:made-up") == 2
    at = now()
    state = RoomState("channel:made-up", "e", "key", "{}", at, "t")
    assert log.store_state(current_state(state))
    stored = aws.table("CONNECTIONS_TABLE").get_item(Key={"pk": "log#channel:made-up", "sk": "state"})["Item"]
    assert stored["expires_at"] == (at + timedelta(days=1)).timestamp()


# -- sockets


def test_a_small_join_causes_no_large_replay(aws: Cloud, poster: FakePoster) -> None:
    """The newest events that fit; the client is told that it has not received all, and fetches the rest."""
    log = EventLog(aws.table("CONNECTIONS_TABLE"))
    for number in range(250):
        assert log.append(RoomEvent("channel:demo", "e", str(number), f'"{"x" * 1700}"', now(), None, "t"), now())
    client = Client("c")
    assert client.connect() == 200
    answer = client.join("channel:demo", after="channel:demo/0")
    assert answer["recovered"] is False
    assert answer["last"] == "channel:demo/250"
    sent = sum(len(text) for _, text in poster.posts)
    assert MAX_PUBLIC_REPLAY_BYTES / 2 < sent <= MAX_PUBLIC_REPLAY_BYTES


def test_replays_of_one_address_are_limited_as_joins_are(aws: Cloud, poster: FakePoster) -> None:
    begin_with(viewer_joins_per_minute=20)
    answers = []
    for number in range(5):
        client = Client(f"c{number}")
        answers += [client.join("channel:demo", after="channel:demo/0") for _ in range(5)]
    assert Counter(answer.get("code") for answer in answers) == {None: 20, "too_many_joins": 5}


def test_a_join_that_is_repeated_without_a_replay_is_no_further_one(aws: Cloud, poster: FakePoster) -> None:
    begin_with(viewer_joins_per_minute=5)
    client = Client("c")
    assert {client.join("channel:demo").get("code") for _ in range(10)} == {None}
    assert [Client(f"d{number}").join("channel:demo").get("code") for number in range(5)] == [None] * 4 + [
        "too_many_joins"
    ]


def test_a_socket_that_sends_too_much_is_refused_and_then_closed(
    aws: Cloud, poster: FakePoster, logs: Written, clock: ControlledClock
) -> None:
    client = Client("c")
    client.join("channel:demo")
    answers = [client.send_text('{"action": "ping"}') for _ in range(400)]
    events = Counter(answer["event"] if answer else None for answer in answers)
    assert events == {"pong": 99, "error": 50, None: 251}
    assert next(answer for answer in answers if answer and answer["event"] == "error")["data"] == {
        "code": "too_many_requests",
        "message": "too many frames",
        "retryAfter": 10,
    }
    assert poster.closed == ["c"]
    assert client.send_text('{"action": "join", "room": "channel:demo"}') is None
    assert len([line for line in logs.lines if line["message"] == "socket closed"]) == 1


def test_a_frame_that_is_too_long_is_not_parsed(aws: Cloud, poster: FakePoster) -> None:
    answer = Client("c").send_text('{"action": "ping", "x": "' + "x" * 5000 + '"}')
    assert answer
    assert (answer["event"], answer["data"]["code"]) == ("error", "bad_request")
