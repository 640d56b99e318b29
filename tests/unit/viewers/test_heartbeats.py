"""A tab that sends heartbeats too often is answered from memory, and the memory has an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cairn.viewers.presence_slots import PresenceSlot
from functions.viewer_heartbeat.heartbeats import MAX_REMEMBERED, Heartbeats

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEAST = timedelta(seconds=7.5)
SLOT = PresenceSlot("demo", "viewer", "tab", 0)


def test_a_heartbeat_is_due_again_after_a_while() -> None:
    heartbeats = Heartbeats(LEAST)
    assert heartbeats.is_due(SLOT, NOON)
    heartbeats.accept(SLOT, NOON)
    assert not heartbeats.is_due(SLOT, NOON + LEAST / 2)
    assert heartbeats.is_due(SLOT, NOON + LEAST)


def test_the_heartbeat_of_a_tab_that_has_left_is_for_the_table_to_reject() -> None:
    heartbeats = Heartbeats(LEAST)
    heartbeats.accept(SLOT, NOON)
    heartbeats.forget(SLOT)
    assert heartbeats.is_due(SLOT, NOON)


def test_another_tab_or_token_of_the_viewer_is_not_affected() -> None:
    heartbeats = Heartbeats(LEAST)
    heartbeats.accept(SLOT, NOON)
    assert heartbeats.is_due(PresenceSlot("demo", "viewer", "forged", 0), NOON)


def test_a_lambda_remembers_so_many_tabs_and_no_more() -> None:
    heartbeats = Heartbeats(LEAST)
    for number in range(MAX_REMEMBERED + 5):
        heartbeats.accept(PresenceSlot("demo", "viewer", f"tab{number}", 0), NOON)
    assert len(heartbeats._accepted) == MAX_REMEMBERED


def test_a_tab_that_goes_on_is_not_forgotten_for_others() -> None:
    heartbeats = Heartbeats(LEAST)
    heartbeats.accept(SLOT, NOON)
    for number in range(MAX_REMEMBERED + 5):
        heartbeats.accept(PresenceSlot("demo", "viewer", f"tab{number}", 0), NOON)
        if number % 1000 == 0:
            heartbeats.accept(SLOT, NOON)
        assert not heartbeats.is_due(SLOT, NOON)
