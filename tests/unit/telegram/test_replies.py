"""The bot's reply to /status: a line for each channel, the highest first, within one message."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from cairn.channels.registry import HIDDEN, Channel, HealthIssue
from cairn.channels.status import ChannelStatus
from cairn.model import Passed, Reading
from functions.telegram_webhook import replies

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEN, TWENTY_FIVE = Passed(10_000, "10K"), Passed(25_000, "25K")


def status_of(
    name: str = "Cats",
    count: int | None = 10_100,
    *,
    stale: bool = False,
    last: Passed | None = TEN,
    upcoming: Passed | None = TWENTY_FIVE,
    issue: str | None = None,
) -> ChannelStatus:
    channel = Channel("youtube", "UC", "@cats", name, NOON, HealthIssue(issue, "why", NOON) if issue else None)
    metrics = {} if count is None else {"subscribers": count}
    reading = Reading(channel.subject, name, metrics, NOON, "schedule", "t")
    return ChannelStatus(channel, reading, NOON, stale, last, NOON if last else None, upcoming)


def test_a_channel_is_a_line_with_its_count_and_its_milestones() -> None:
    assert replies.status([status_of()]) == "<b>Cats</b>: 10,100 – last 10K, next 25K"


def test_an_old_value_is_called_old_and_an_unknown_one_unknown() -> None:
    assert replies.status([status_of(stale=True)]) == "<b>Cats</b>: 10,100 (old) – last 10K, next 25K"
    assert replies.status([status_of(count=None, upcoming=None)]) == "<b>Cats</b>: unknown – last 10K, next unknown"


def test_a_hidden_count_is_called_hidden_and_its_next_milestone_unknown() -> None:
    hidden = status_of(count=None, upcoming=None, issue=HIDDEN)
    assert replies.status([hidden]) == "<b>Cats</b>: hidden – last 10K, next unknown"


def test_only_a_channel_beyond_its_highest_milestone_has_none_left() -> None:
    assert replies.status([status_of(upcoming=None)]).endswith("none left")
    for issue in (None, HIDDEN, "unknown_channel"):
        assert "none left" not in replies.status([status_of(count=None, upcoming=None, issue=issue)])


def test_before_its_first_milestone_a_channel_has_none_yet() -> None:
    assert replies.status([status_of(count=7, last=None, upcoming=Passed(100, "100"))]).endswith("none yet, next 100")


def test_the_highest_counts_come_first_and_the_unknown_last() -> None:
    counts = {"A": 5, "B": None, "C": 500, "D": 500, "E": 0}
    text = replies.status([status_of(name, count) for name, count in counts.items()])
    assert [line[3] for line in text.splitlines()] == ["C", "D", "A", "E", "B"]


def test_without_channels_it_says_so() -> None:
    assert replies.status([]) == replies.NOTHING_TRACKED


def test_what_does_not_fit_is_counted() -> None:
    text = replies.status([status_of("x" * 90, number) for number in range(200)])
    assert len(text) <= replies.LIMIT
    shown = text.splitlines()
    assert shown[-1] == f"… and {200 - (len(shown) - 1)} more"


@given(st.lists(st.text(max_size=300), max_size=60))
def test_names_of_any_kind_are_escaped_and_fit(names: list[str]) -> None:
    text = replies.status([status_of(name) for name in names])
    assert 1 <= len(text) <= replies.LIMIT
    assert text.replace("<b>", "").replace("</b>", "").count("<") == 0


def test_every_answer_fits_into_a_message() -> None:
    for text in (replies.SUBSCRIBED, replies.ALREADY_SUBSCRIBED, replies.UNSUBSCRIBED, replies.HELP):
        assert 1 <= len(text) <= replies.LIMIT
