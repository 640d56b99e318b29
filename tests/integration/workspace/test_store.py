"""Versions of the settings: one writer at a time, a cache of 30 seconds, and nothing is used that was never read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cairn.aws import dynamodb
from cairn.errors import ConflictError, NotFoundError
from cairn.workspace.document import InvalidSettingsError
from cairn.workspace.store import CACHED_FOR, SEEDED_BY, Workspaces
from testing.clock import ControlledClock
from testing.cloud import Cloud

BY = "key:ada"


@pytest.fixture
def workspaces(aws: Cloud, clock: ControlledClock) -> Callable[..., Workspaces]:
    """Warm functions, each with a cache of its own."""
    return lambda given="{}": Workspaces(dynamodb.table("settings_table"), clock.now, given)


Make = Callable[..., Workspaces]


def test_until_somebody_saves_a_version_the_deployments_values_hold(workspaces: Make) -> None:
    found = workspaces('{"time_zone": "Asia/Kolkata"}').current()
    assert (found.version, found.time_zone) == (0, "Asia/Kolkata")


def test_the_deployments_values_become_version_1_once(workspaces: Make) -> None:
    first = workspaces('{"time_zone": "Asia/Kolkata"}').seed()
    assert (first.version, first.changed_by, first.time_zone) == (1, SEEDED_BY, "Asia/Kolkata")
    later = workspaces('{"time_zone": "Europe/Berlin"}')
    assert later.seed() == first
    assert later.current() == first
    assert later.at(0).time_zone == "Asia/Kolkata"


def test_the_first_change_keeps_the_deployments_values_as_version_1(workspaces: Make) -> None:
    made = workspaces('{"time_zone": "Asia/Kolkata"}').save(0, {"stale_after_seconds": 60}, by=BY)
    assert (made.version, made.time_zone, made.stale_after_seconds) == (2, "Asia/Kolkata", 60)
    assert workspaces().at(1).time_zone == "Asia/Kolkata"


def test_every_warm_function_follows_within_a_minute(workspaces: Make, clock: ControlledClock) -> None:
    warm, writer = workspaces(), workspaces()
    assert warm.current().version == 0
    writer.save(0, {"stale_after_seconds": 60}, by=BY)
    assert warm.current().version == 0
    clock.sleep(CACHED_FOR.total_seconds())
    while warm.current().version == 0:  # the copy that it reads may lag
        clock.sleep(1)
    assert warm.current().stale_after_seconds == 60


@pytest.mark.undisturbed
def test_a_warm_function_reads_once_in_30_seconds(
    workspaces: Make, clock: ControlledClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Counted(dynamodb.table("settings_table"))
    warm = Workspaces(calls.table, clock.now)
    for _ in range(60):
        warm.current()
        clock.sleep(1)
    assert calls.made == 2


def test_two_people_who_change_at_once_are_told(workspaces: Make) -> None:
    ada, grace = workspaces(), workspaces()
    ada.save(0, {"stale_after_seconds": 60}, by=BY)
    with pytest.raises(ConflictError, match=r"version: 2 holds now, saved by key:ada"):
        grace.save(1, {"stale_after_seconds": 90}, by="key:grace")
    assert grace.save(2, {"refresh_age_seconds": 90}, by="key:grace").stale_after_seconds == 60


def test_a_person_who_saves_between_another_ones_look_and_write_is_not_overwritten(
    workspaces: Make, clock: ControlledClock
) -> None:
    ada, grace = workspaces(), workspaces()
    seen = ada.save(0, {"stale_after_seconds": 60}, by=BY)
    made = seen.changed({"stale_after_seconds": 70}, at=clock.now(), by=BY)
    grace.save(seen.version, {"stale_after_seconds": 80}, by="key:grace")
    with pytest.raises(ConflictError, match="somebody else has just saved"):
        ada._put(made)
    assert ada.latest().stale_after_seconds == 80
    assert ada.at(3).stale_after_seconds == 80


def test_what_cannot_work_stores_nothing(workspaces: Make) -> None:
    one = workspaces()
    one.seed()
    with pytest.raises(InvalidSettingsError):
        one.save(1, {"stale_after_seconds": 60, "time_zone": "Mars"}, by=BY)
    assert one.latest().version == 1


def test_the_history_has_every_version_newest_first(workspaces: Make) -> None:
    one = workspaces()
    one.save(0, {"stale_after_seconds": 60}, by=BY, reason="slow platform")
    one.save(2, {"stale_after_seconds": 61}, by=BY)
    page, cursor = one.history(2)
    assert [(made.version, made.reason) for made in page] == [(3, ""), (2, "slow platform")]
    rest, cursor = one.history(2, cursor)
    assert [(made.version, made.changed_by) for made in rest] == [(1, SEEDED_BY)]
    while cursor:
        rest, cursor = one.history(2, cursor)
        assert rest == []


def test_a_change_is_undone_without_what_came_after_it(workspaces: Make) -> None:
    one = workspaces()
    one.save(0, {"stale_after_seconds": 60, "refresh_age_seconds": 5}, by=BY)
    one.save(2, {"implausible_factor": 7}, by=BY)
    made = one.undo(2, by=BY)
    assert (made.version, made.given, made.reason) == (4, {"implausible_factor": 7}, "undo of version 2")
    assert one.undo(4, by=BY).stale_after_seconds == 60


def test_what_was_changed_again_since_is_not_undone(workspaces: Make) -> None:
    one = workspaces()
    one.save(0, {"stale_after_seconds": 60}, by=BY)
    one.save(2, {"stale_after_seconds": 61}, by=BY)
    with pytest.raises(ConflictError, match="stale_after_seconds was changed again"):
        one.undo(2, by=BY)


@pytest.mark.parametrize("version", [0, 1, 9])
def test_there_is_nothing_to_undo_before_the_first_change(workspaces: Make, version: int) -> None:
    one = workspaces()
    one.save(0, {"stale_after_seconds": 60}, by=BY)
    with pytest.raises(NotFoundError):
        one.undo(version, by=BY)


def test_a_version_never_changes_and_one_that_is_not_there_is_named(workspaces: Make) -> None:
    one = workspaces()
    made = one.save(0, {"stale_after_seconds": 60}, by=BY)
    one.save(2, {"stale_after_seconds": 61}, by=BY)
    assert workspaces().at(2) == made
    with pytest.raises(NotFoundError, match="no version 9"):
        one.at(9)


def test_a_function_that_never_read_the_settings_fails_instead_of_using_defaults(clock: ControlledClock) -> None:
    with pytest.raises(ClientError):
        Workspaces(Counted(None).table, clock.now).current()


def test_a_warm_function_goes_on_with_what_it_has_when_the_table_cannot_be_read(
    workspaces: Make, clock: ControlledClock, caplog: pytest.LogCaptureFixture
) -> None:
    workspaces().save(0, {"stale_after_seconds": 60}, by=BY)
    calls = Counted(dynamodb.table("settings_table"))
    warm = Workspaces(calls.table, clock.now)
    while warm.current().version < 2:  # the copy that it reads may lag
        clock.sleep(CACHED_FOR.total_seconds())
    calls.target = None
    for _ in range(3):
        clock.sleep(10)
        assert warm.current().stale_after_seconds == 60
    assert calls.made < 5, "a failed read is not repeated at once"
    assert "settings not readable; the cached version is used" in caplog.text


class Counted:
    """A table that counts its reads, or fails when it has no target."""

    def __init__(self, target: Any) -> None:
        self.target = target
        self.made = 0

    @property
    def table(self) -> Any:
        return self

    @property
    def name(self) -> str:
        return "settings_table"

    @property
    def meta(self) -> Any:
        return self

    @property
    def client(self) -> Any:
        return self

    def get_item(self, **request: Any) -> Any:
        self.made += 1
        if self.target is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "gone"}}, "GetItem")
        return self.target.meta.client.get_item(**request)
