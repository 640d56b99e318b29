"""What decides is read consistently: each of these reads shows what was written a moment ago, beside an adversary.

Each read is made so often that one which may lag would surely show something older.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from boto3.dynamodb.conditions import Attr

from cairn.aws.dynamodb import table
from cairn.aws.personal_data import scan
from cairn.channels.registry import Channel, Channels
from cairn.clock import now
from cairn.errors import NotSignedInError, TooManySignInsError
from cairn.identity.api_keys import ApiKeys
from cairn.identity.revocations import Credential, Revocations, key_owner
from cairn.identity.sign_in_limits import FREE_FAILURES, SignInLimits
from cairn.leaderboard.badges import INITIAL_CATALOGUE, Badges
from cairn.leaderboard.boards import LIVE, Boards
from cairn.leaderboard.former_rows import MOVED, former_key
from cairn.leaderboard.personal_data import RepItems
from cairn.leaderboard.rep_ids import RepIds
from cairn.leaderboard.rows import Row, to_item
from cairn.messages import RoomEvent, RoomState
from cairn.model import Milestone, Reading, Reversal, Subject
from cairn.readings.check_progress import CheckProgress
from cairn.readings.milestones import Milestones
from cairn.readings.personal_data import SubjectItems
from cairn.readings.stats import Stats
from cairn.realtime.event_log import EventLog, current_state
from cairn.realtime.membership import Sockets
from cairn.realtime.tickets import Holder
from cairn.telegram.announcement import AnnouncementChat
from cairn.telegram.deliveries import Deliveries, Plan
from cairn.telegram.personal_data import ChatItems
from cairn.telegram.send_slots import SendSlots
from cairn.telegram.subscribers import Subscribers
from cairn.viewers.counts import ViewerCounts
from cairn.viewers.presence_slots import PresenceSlot, PresenceSlots
from testing.adversarial_dynamodb import adversarial
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.functions import FUNCTIONS
from testing.interleaving import before_next_write
from testing.readings import CATS, channel_milestone, channel_reading
from testing.rooms import sockets_of

T = TypeVar("T")
TRIES = 20
ADA = Subject("rep", "1")
ROOM = "tv-display"
SECOND = timedelta(seconds=1)
HOLDER = Holder("ada", "Ada", frozenset({"leaderboard"}), Credential("person#ada", "session", 1))


@pytest.fixture(autouse=True)
def _adversary(request: pytest.FixtureRequest, aws: Cloud) -> Iterator[None]:
    with adversarial(f"1 {request.node.nodeid}"):
        yield


def always(read: Callable[[], T]) -> T:
    """What each of many reads finds."""
    found = [read() for _ in range(TRIES)]
    assert all(one == found[0] for one in found), found
    return found[0]


def each(act: Callable[[str], T]) -> set[T]:
    """What comes of the same for each of many chats."""
    return {act(str(1000 + number)) for number in range(TRIES)}


# -- readings and milestones


def test_a_reading_that_was_just_stored_is_the_one_that_an_update_starts_from() -> None:
    stats = Stats(table("stats_table"))
    stats.record(channel_reading(100))
    assert always(lambda: stats.get(CATS)) is not None
    seen: list[Reading | None] = []

    def change(stored: Reading | None) -> Reading:
        seen.append(stored)
        assert stored
        return stored

    for _ in range(TRIES):
        stats.update(CATS, change)
    assert None not in seen


def test_several_readings_are_up_to_date_if_asked_for() -> None:
    stats = Stats(table("stats_table"))
    stats.record(channel_reading(100))
    assert always(lambda: list(stats.get_many([CATS], consistent=True))) == [CATS]


def test_a_milestone_that_was_just_recorded_can_be_reverted() -> None:
    milestones = Milestones(table("milestones_table"))
    milestones.record(channel_milestone(1000))
    assert always(lambda: len(list(milestones.of(CATS)))) == 1


def test_a_check_goes_on_where_the_last_one_stopped() -> None:
    progress = CheckProgress(table("milestones_table"))
    progress.store("rep:1")
    assert always(progress.stored) == "rep:1"


# -- the leaderboard


def row(revenue: int, as_of: datetime | None = None) -> Row:
    return Row(ADA, "Ada", "2026-11", {"monthly_revenue": revenue}, {}, as_of or now())


@pytest.mark.parametrize("moved", [False, True])
def test_a_row_that_was_just_stored_is_shown_and_counted(moved: bool) -> None:
    """While rows of 0.1.0 may be left in their former place, and when none is."""
    boards = Boards(table("board_table"), table("leaderboard_table"))
    if not moved:
        table("board_table").delete_item(Key=MOVED)
    assert boards.store(row(100)) == always(lambda: boards.row(ADA)) == row(100)
    assert always(lambda: boards.count_higher(50)) == 1
    assert always(lambda: boards.best(3)) == [100]
    assert len(always(lambda: boards.page(None, 10)).rows) == 1
    assert always(lambda: boards.store(row(50, now() - SECOND))) == row(100)


def test_a_row_that_is_left_in_its_former_place_is_shown() -> None:
    boards = Boards(table("board_table"), table("leaderboard_table"))
    table("board_table").delete_item(Key=MOVED)
    table("leaderboard_table").put_item(Item=to_item(LIVE, row(100)) | former_key(LIVE, ADA.id))
    assert always(lambda: boards.row(ADA)) == row(100)
    assert len(always(lambda: boards.page(None, 10)).rows) == 1


def test_the_last_id_is_known_at_once() -> None:
    ids = RepIds(table("leaderboard_table"))
    assert ids.new() == always(ids.last) == 1


def test_a_changed_badge_is_in_the_catalogue_at_once() -> None:
    badges = Badges(table("milestones_table"))
    badges.put(INITIAL_CATALOGUE[0])
    assert len(always(badges.catalogue)) == len(INITIAL_CATALOGUE)


# -- channels


def channel(number: str = "cats") -> Channel:
    return Channel("youtube", number, "@cats", "Cats", now())


def test_a_channel_that_was_just_added_is_read_if_asked_for() -> None:
    channels = Channels(table("channels_table"))
    channels.add(channel())
    assert always(lambda: channels.get(channel().id, consistent=True)) == channel()


def test_a_fetch_that_has_just_begun_is_waited_for_and_its_end_is_seen() -> None:
    channels = Channels(table("channels_table"))
    assert channels.acquire_fetch(channel(), "one", now(), now(), timedelta(seconds=20))
    assert always(lambda: channels.leased_until(channel())) == now() + timedelta(seconds=20)
    channels.release_fetch(channel(), "one", now())
    assert always(lambda: channels.leased_until(channel())) is None
    checks = always(lambda: channels.checks("youtube", [channel()], consistent=True))
    assert checks.last_found(channel()) == now()


# -- identity


def test_an_operator_can_list_and_revoke_a_key_that_was_just_made() -> None:
    keys = ApiKeys(table("keys_table"))
    keys.create("CRM", ["ingest"], now())
    assert [key.name for key in always(keys.list)] == ["CRM"]
    assert always(lambda: keys.named("CRM")).name == "CRM"


def test_what_was_just_revoked_opens_nothing() -> None:
    revocations = Revocations(table("sessions_table"))
    revocations.revoke_key("k", now())
    assert always(lambda: revocations.is_revoked(Credential(key_owner("k")), consistent=True))


def test_a_failure_to_sign_in_counts_at_once(clock: ControlledClock) -> None:
    limits = SignInLimits(table("signins_table"))

    def wrong() -> None:
        raise NotSignedInError("wrong password")

    for _ in range(FREE_FAILURES):
        with pytest.raises(NotSignedInError):
            limits.guard("ada", "203.0.113.9", wrong)
    for _ in range(TRIES):
        with pytest.raises(TooManySignInsError):
            limits.guard("ada", "203.0.113.9", wrong)


# -- Telegram


def subscribers(*chats: str) -> Subscribers:
    made = Subscribers(table("audience_table"))
    for chat in chats:
        assert made.add(chat, "private", "Ada", now())
    return made


def test_a_chat_that_has_just_subscribed_can_be_suspended_and_resumed() -> None:
    assert each(lambda chat: subscribers(chat).suspend(chat, "gone", now())) == {True}
    assert each(lambda chat: subscribers().resume(chat)) == {True}
    assert {one.chat_id for one in always(lambda: subscribers().between(None, None))} == each(str)


def test_a_subscription_is_read_with_the_chats_last_id() -> None:
    def moved(chat: str) -> str | None:
        assert subscribers(chat).migrate(chat, f"-100{chat}")
        found = subscribers().get(f"-100{chat}")
        return found.key if found else None

    assert each(moved) == each(str)


def test_a_chat_that_moves_to_an_id_that_has_just_subscribed_is_not_there_twice() -> None:
    assert each(lambda chat: subscribers(chat, f"-100{chat}").migrate(chat, f"-100{chat}")) == {False}
    assert {one.key for one in always(lambda: subscribers().between(None, None))} == each(lambda chat: f"-100{chat}")


def test_a_plan_that_was_just_decided_stays() -> None:
    milestone = recorded(1000)
    deliveries = Deliveries(table("audience_table"), table("milestones_table"))
    plan = Plan(("30",), 45)
    assert deliveries.plan(milestone, plan, now()) == plan
    assert always(lambda: deliveries.plan(milestone, Plan((), 1), now())) == plan


def recorded(threshold: int) -> Milestone:
    return Milestones(table("milestones_table")).record(channel_milestone(threshold))


def test_an_alert_of_a_milestone_that_was_just_reverted_is_not_sent() -> None:
    milestone = recorded(1000)
    deliveries = Deliveries(table("audience_table"), table("milestones_table"))
    assert not always(lambda: deliveries.is_reverted(milestone))
    Milestones(table("milestones_table")).revert([milestone], [], Reversal(now(), "grace", "false"))
    assert always(lambda: deliveries.is_reverted(milestone))


def test_the_announcement_channels_hold_is_seen_by_the_next_sender() -> None:
    chat = AnnouncementChat(table("audience_table"), "@cairn")
    chat.resolve("-1009", now())
    chat.hold(now() + SECOND)
    found = always(chat.get)
    assert found
    assert (found.chat_id, found.held_until) == ("-1009", now() + SECOND)


# -- sockets and viewers


def test_a_room_numbers_its_events_and_replays_what_was_just_said() -> None:
    room = table("connections_table")
    for key in "ab":
        event = RoomEvent(ROOM, "achievement", key, json.dumps({}), now(), None, "t")
        EventLog(room).append(event, now())
        again = always(lambda event=event: EventLog(room).append(event, now()))  # type: ignore[misc]  # mypy infers no default
        assert again
    assert always(lambda: EventLog(room).last(ROOM)) == 2
    assert always(lambda: [one.number for one in EventLog(room).after(ROOM, 0, now()).events]) == [1, 2]
    state = RoomState(ROOM, "board", "b", json.dumps({}), now(), "t")
    EventLog(room).store_state(current_state(state))
    assert always(lambda: EventLog(room).state(ROOM)) is not None


def test_what_was_just_suppressed_is_not_said_to_its_rep() -> None:
    room = table("connections_table")

    def said(key: str) -> bool:
        EventLog(room).suppress(key, now())
        event = RoomEvent("user:ada", "achievement", key, json.dumps({}), now(), None, "t")
        return EventLog(room).append(event, now()) is not None

    assert each(said) == {False}


@pytest.fixture
def sockets(aws: Cloud) -> Sockets:
    return sockets_of(aws)


def test_a_socket_that_was_just_opened_is_in_its_rooms_and_in_its_owners_list(sockets: Sockets) -> None:
    sockets.open("c", HOLDER, now())
    opened = always(lambda: sockets.get("c", now(), now()))
    assert opened
    assert opened.holder == HOLDER
    assert len(always(lambda: sockets.owned("person#ada", now()))) == 1
    sockets.join(opened, ROOM, now())
    assert [one.connection_id for one in always(lambda: sockets.audience(ROOM, now())) or ()] == ["c"]
    sockets.remove("c", now())
    assert always(lambda: sockets.get("c", now(), now())) is None
    assert always(lambda: sockets.audience(ROOM, now())) == []


def test_a_socket_that_closes_while_it_joins_is_in_no_room(sockets: Sockets, aws: Cloud) -> None:
    """A join of a channel's room looks last whether its socket is closed by now."""

    def joins(name: str) -> None:
        socket = sockets.open(name, HOLDER, now())
        with before_next_write(sockets._presence.slots._table, lambda: sockets_of(aws).silence(name, now())):
            sockets.join(socket, "channel:demo", now())

    each(joins)
    assert PresenceSlots(table("presence_table")).count("demo", 0, now(), now()).viewers == 0


def test_a_viewer_who_has_just_come_is_found_and_counted() -> None:
    viewers = PresenceSlots(table("presence_table"))
    viewer = "ada" * 8
    viewers.enter(PresenceSlot("demo", viewer, "h1", 0), now() + 60 * SECOND, now())
    assert always(lambda: viewers.find("demo", viewer, range(2))) == 0
    assert always(lambda: viewers.count("demo", 0, now(), now()).viewers) == 1


def test_a_count_that_has_just_begun_is_known() -> None:
    counts = ViewerCounts(table("presence_table"))
    counts.acquire("demo", "a", now(), SECOND)
    assert always(lambda: counts.get("demo", now())) is not None


# -- personal data


def test_a_purge_finds_everything_that_was_just_written_about_a_chat() -> None:
    made = subscribers("77")
    made.migrate("77", "-10077")
    SendSlots(table("audience_table")).is_second_refusal("77", now())
    items = always(lambda: [one.item["sk"] for one in ChatItems(table("audience_table")).of("-10077")])
    assert sorted(items) == ["chat#-10077", "chat#77", "refused"]
    made.suspend("77", "gone", now())
    found = always(lambda: [one.item["pk"] for one in ChatItems(table("audience_table")).of("77")])
    assert "suspended" in found
    assert len(always(lambda: list(scan(table("audience_table"), Attr("pk").eq("aliases"))))) == 1


def test_where_a_purge_cuts_an_audience_regards_who_has_just_subscribed() -> None:
    """Otherwise they would change parts, and might be told twice."""
    subscribers("75", "76")
    assert always(lambda: ChatItems(table("audience_table"))._before("77")) == "76"


def test_a_purge_finds_everything_that_was_just_written_about_a_subject() -> None:
    recorded(1000)
    tables = table("milestones_table"), table("history_table")
    tables[0].put_item(Item={"pk": str(CATS), "sk": "mark#subscribers#all"})
    tables[1].put_item(Item={"pk": str(CATS), "sk": "day", "metrics": {"subscribers": 5}})
    assert always(lambda: len(list(SubjectItems(*tables).of(CATS, "somebody")))) == 3


def test_a_purge_finds_everything_that_was_just_written_about_a_rep() -> None:
    items: RepItems = FUNCTIONS["erase_retired_reps"].dependencies.items
    table("stats_table").put_item(Item={"subject": str(ADA)})
    table("milestones_table").put_item(Item={"pk": str(ADA), "sk": "badges"})
    for board in (LIVE, f"{LIVE}#2026-11"):
        table("board_table").put_item(Item=to_item(board, row(100)))
        table("leaderboard_table").put_item(Item=to_item(board, row(100)) | former_key(board, ADA.id))
    found = always(lambda: sorted(str(one.item.get("pk", "stats")) for one in items.of(ADA)))
    assert found == [LIVE, LIVE, f"{LIVE}#2026-11", f"{LIVE}#2026-11", str(ADA), "stats"]
