"""Everything that any release stores of a person can be exported and erased: a scan of all tables decides.

A new kind of item is in the scenario of tests/upgrade, so this test finds it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from operations.personal_data import export, purge
from testing.mentions import Found, everything, mentions
from testing.operator import operators_stack
from tests.upgrade.fixtures import Fixture, arrived
from tests.upgrade.site import Site

REP, RETIRED = "rep:1", "rep:4"
# A person, and the words by which a stranger who reads the tables would know them.
PEOPLE = {
    REP: ("Ada", "A"),
    "rep:2": ("Bob",),
    "person:ada": ("ada",),
    "person:bob": ("bob",),
    "telegram:1001": ("1001",),
    "telegram:1008": ("1008",),  # the end of a part
    "telegram:1022": ("1022",),  # in doubt
    "telegram:1025": ("1025",),  # has left, and the bot's answer failed
    "telegram:-2001": ("-2001", "-1002001"),
    "telegram:-1002001": ("-2001", "-1002001"),
    "viewer:viewer-anna00000000000": ("viewer-anna00000000000",),
    "viewer:viewer-vic000000000000": ("viewer-vic000000000000",),
    "viewer:viewer-stella000000000": ("viewer-stella000000000",),
}
CONNECTION = re.compile(r"(socket#|[0-9a-f]#)(ada|bob)")
"""The scenario names sockets after the people who open them; API Gateway does not."""


@pytest.fixture
def site(fixture: Fixture) -> Iterator[Site]:
    with arrived(fixture) as made:
        assert made.account.cloud.people
        yield made


def found(*words: str) -> list[Found]:
    """The items with one of these words, the names of sockets aside."""
    return [
        (table, item)
        for table, item in mentions(*words)
        if not CONNECTION.fullmatch(str(item.get("sk", "")))
        and not (CONNECTION.fullmatch(item.get("pk", "")) and len(item) == len({"pk", "sk", "expires_at"}))
    ]


def keys(items: list[Found]) -> set[tuple[str, str]]:
    return {(table, str([str(item.get(name)) for name in ("pk", "sk", "subject")])) for table, item in items}


def exported(person: str) -> list[Found]:
    tables: dict[str, list[Any]] = json.loads(export(operators_stack(), person))["tables"]
    return [(table.upper(), entry["item"]) for table, items in tables.items() for entry in items]


@pytest.mark.parametrize("person", PEOPLE)
def test_an_export_has_every_item_that_names_the_person(site: Site, person: str) -> None:
    named = keys(found(*PEOPLE[person]))
    assert named
    assert named <= keys(exported(person))


@pytest.mark.parametrize("person", PEOPLE)
def test_after_a_purge_no_table_names_the_person(site: Site, person: str) -> None:
    purge(operators_stack(), person, confirmed=True)
    assert found(*PEOPLE[person]) == []
    assert _erasable(person) == []


@pytest.mark.parametrize("rep", [REP, "rep:2", "rep:3", RETIRED])
def test_a_purged_rep_has_no_name_and_no_details_anywhere(site: Site, rep: str) -> None:
    purge(operators_stack(), rep, confirmed=True)
    own = _items_of(rep)
    assert {one.get("name", "Former rep") for one in own} == {"Former rep"}
    assert {name for one in own for name in one.get("details", {})} <= {"retired_at", "erased_at"}


def test_others_are_left_alone(site: Site) -> None:
    others = ("rep:2", "telegram:1001", "person:bob")

    def known() -> list[set[tuple[str, str]]]:
        """Without the last broadcast of the board, which the next one replaces."""
        stay = [[one for one in found(*PEOPLE[person]) if one[1].get("sk") != "state"] for person in others]
        return list(map(keys, stay))

    before = known()
    for person in (REP, "telegram:1026", "viewer:viewer-vic000000000000"):
        purge(operators_stack(), person, confirmed=True)
    assert known() == before


def test_what_waited_in_queues_brings_a_purged_rep_back_to_no_table(site: Site, fixture: Fixture) -> None:
    purge(operators_stack(), REP, confirmed=True)
    for state in ("delivered", "waiting"):
        for message in fixture.messages(state, "room_event"):
            site.put(message)
    site.run(site.now + timedelta(minutes=1))
    assert found(*PEOPLE[REP]) == []


def test_what_the_stream_still_held_brings_a_purged_rep_back_to_no_table(site: Site, fixture: Fixture) -> None:
    purge(operators_stack(), REP, confirmed=True)
    records = fixture.files["stream_records"]
    for record in [*records["processed"], *records["waiting"]]:
        site.call("detect_milestone", {"Records": [record]})
        site.call("record_history", {"Records": [record]})
    site.run(site.now + timedelta(minutes=1))
    assert found(*PEOPLE[REP]) == []


def test_a_rep_who_retired_before_the_upgrade_is_erased_in_time(site: Site) -> None:
    site.advance_to(site.now + timedelta(days=30))
    site.call("erase_retired_reps", {"source": "schedule"})
    assert {one.get("name", "Former rep") for one in _items_of(RETIRED)} == {"Former rep"}
    assert found("Ada"), "who works here keeps their name"


def _items_of(rep: str) -> list[dict[str, Any]]:
    id_ = int(rep.partition(":")[2])
    items = [item for _, item in everything()]
    own = [one for one in items if rep in (one.get("pk"), one.get("subject")) or one.get("sk") == id_]
    assert own
    return own


def _erasable(person: str) -> list[Any]:
    tables: dict[str, list[Any]] = json.loads(export(operators_stack(), person))["tables"]
    return [entry for items in tables.values() for entry in items if entry["erasure"] != "kept"]
