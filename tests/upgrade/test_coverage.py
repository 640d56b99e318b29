"""Nothing that Cairn stores or sends is left out of the fixtures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from tests.upgrade import product
from tests.upgrade.fixtures import FOLDER, Fixture
from tests.upgrade.kinds import KINDS, NEW_ATTRIBUTES, NEW_KEYS, NEW_MESSAGES, NOWHERE, documented_rows


def test_every_item_is_of_a_kind_that_is_listed(fixture: Fixture) -> None:
    for table in product.TABLES:
        for item in fixture.items(table):
            assert [kind for kind in KINDS if kind.fits(table, item)], f"{table} has an item of no kind: {item}"


def test_every_kind_is_in_the_fixture_with_all_its_attributes(fixture: Fixture) -> None:
    for kind in (kind for kind in KINDS if not (kind.gone and fixture.is_present)):
        items = [item for item in fixture.items(kind.table) if kind.fits(kind.table, item)]
        seen = {name for item in items for name in item}
        expected = kind.attributes_of(present=fixture.is_present)
        assert items or (kind.is_new and not fixture.is_present), f"no item of {kind.name}"
        assert expected <= seen, f"{kind.name} lacks {expected - seen}"


def test_no_attribute_is_new_without_being_listed(fixture: Fixture) -> None:
    by_content = re.compile(r"#.+|n\d\d")  # earned badges, and a rank tree's branches
    for table in product.TABLES:
        for item in fixture.items(table):
            kinds = [kind for kind in KINDS if kind.fits(table, item)]
            known = {name for kind in kinds for name in kind.attributes_of(present=fixture.is_present)}
            known |= {"pk", "sk", "subject", *item.get("tabs", {}).get("SS", ())}
            assert not {name for name in item.keys() - known - NEW_ATTRIBUTES if not by_content.fullmatch(name)}, (
                f"{table}: {item}"
            )


BOARDS = "LEADERBOARD_TABLE BOARD_TABLE"
STATES: dict[str, tuple[str, Callable[[Mapping[str, Any]], bool]]] = {
    "a mark that is claimed and not announced": (
        "MILESTONES_TABLE",
        lambda one: _number(one, "told") < _number(one, "height"),
    ),
    "a mark that is announced": ("MILESTONES_TABLE", lambda one: 0 < _number(one, "height") == _number(one, "told")),
    "a mark that was set in silence": ("MILESTONES_TABLE", lambda one: one.get("silent") == {"BOOL": True}),
    "a part whose sender died": ("AUDIENCE_TABLE", lambda one: "leased_until" in one and "delivered" in one),
    "a part with doubts": ("AUDIENCE_TABLE", lambda one: {"in_doubt", "failed", "delivered"} <= one.keys()),
    "a finished part": ("AUDIENCE_TABLE", lambda one: "finished_at" in one),
    "a plan of several parts": ("AUDIENCE_TABLE", lambda one: bool(one.get("cuts", {}).get("L"))),
    "a send slot that is held": ("AUDIENCE_TABLE", lambda one: "held_until" in one),
    "a channel that is unknown": ("CHANNELS_TABLE", lambda one: _of(one, "trouble", "code") == "unknown_channel"),
    "a channel that hides its count": ("CHANNELS_TABLE", lambda one: _of(one, "trouble", "code") == "hidden_count"),
    "a channel without a page": ("CHANNELS_TABLE", lambda one: "handle" in one and "page" not in one),
    "a fetch under way": ("CHANNELS_TABLE", lambda one: "leased_until" in one),
    "a fetch that is done": ("CHANNELS_TABLE", lambda one: "done_at" in one and "leased_until" not in one),
    "a count that is rounded": ("STATS_TABLE", lambda one: bool(one["precision"]["M"])),
    "a rep who has retired": ("STATS_TABLE", lambda one: _of(one, "details", "retired_at") is not None),
    "a rep on the podium": ("STATS_TABLE", lambda one: _of(one, "metrics", "podium") == "3"),
    "a rep in last month": (
        BOARDS,
        lambda one: one["pk"]["S"] == "board" and one.get("period") == {"S": "2026-11"},
    ),
    "a score in cents": (BOARDS, lambda one: "." in one.get("score", {"N": ""})["N"]),
    "a person's socket": ("CONNECTIONS_TABLE", lambda one: _of(one, "holder", "user_id") == "ada" and "rooms" in one),
    "a key's socket": ("CONNECTIONS_TABLE", lambda one: "NULL" in one.get("holder", {"M": {}})["M"].get("user_id", {})),
    "a stranger's socket": ("CONNECTIONS_TABLE", lambda one: "holder" not in one and "rooms" in one),
    "a socket in a channel before there were seats": (
        "CONNECTIONS_TABLE",
        lambda one: one.get("rooms") == {"SS": ["channel:demo"]},
    ),
    "a closed socket": ("CONNECTIONS_TABLE", lambda one: "closed" in one),
    "a count that was never finished": ("PRESENCE_TABLE", lambda one: "begun_at" in one and "as_of" not in one),
    "a count that was begun again": (
        "PRESENCE_TABLE",
        lambda one: 0 < _number(one, "as_of") < _number(one, "begun_at"),
    ),
    "a viewer with a socket and heartbeats": (
        "PRESENCE_TABLE",
        lambda one: {tab[0] for tab in one.get("tabs", {}).get("SS", ())} == {"s", "h"},
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_every_state_that_an_upgrade_may_find_is_in_the_fixture(fixture: Fixture, state: str) -> None:
    tables, holds = STATES[state]
    assert any(holds(item) for table in tables.split() for item in fixture.items(table))


def _number(item: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(item.get(name, {"N": "0"})["N"])


def _of(item: Mapping[str, Any], name: str, inner: str) -> str | None:
    """What an attribute holds under a name."""
    held = item.get(name, {"M": {}})["M"].get(inner, {})
    return next((str(value) for value in held.values()), None)


def test_every_documented_key_is_of_a_kind_that_is_listed() -> None:
    documented = {row for _, docstring in product.docstrings() for row in documented_rows(docstring)}
    assert documented == {kind.row for kind in KINDS if kind.row != NOWHERE} | NEW_KEYS


def test_every_message_is_in_the_fixture(fixture: Fixture) -> None:
    waiting = {json.loads(one["body"])["type"] for one in fixture.messages("waiting")}
    assert waiting == product.MESSAGE_TYPES - (set() if fixture.is_present else NEW_MESSAGES)


def test_fixtures_hold_no_path_of_a_machine_and_stay_small() -> None:
    for release in FOLDER.iterdir():
        files = list(release.glob("*.json"))
        assert sum(path.stat().st_size for path in files) < 250_000
        assert not [path for path in files if re.search(r"/(home|root|tmp|work|Users)/", path.read_text("utf-8"))]
