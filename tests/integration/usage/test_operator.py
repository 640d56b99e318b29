"""`./cairn usage …` and `personal-data …` of a product's users, who are not the people that sign in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cairn.clock import now
from cairn.realtime.tickets import Holder
from operations import __main__ as command
from operations import audit
from operations.personal_data import export, purge
from operations.stack import Stack
from testing.adversarial_dynamodb import catch_up
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.managed_product import ManagedProduct
from testing.mentions import mentions
from testing.operator import operators_stack
from testing.rooms import sockets_of
from tests.integration.usage.test_erasure import ADA, WORDS, lived


@pytest.fixture
def stack(site: ManagedProduct) -> Stack:
    assert site.aws.people
    return operators_stack()


def run(stack: Stack, *arguments: str) -> str:
    return "\n".join(command._run(command._parser().parse_args(["usage", *arguments]), stack))


def test_an_operator_changes_and_shows_a_user(site: ManagedProduct, stack: Stack) -> None:
    run(
        stack,
        "set",
        "4711",
        "--time-zone",
        "Asia/Tokyo",
        "--goal",
        "5",
        "--name",
        "Zora",
        "--email",
        "zora@quill.example",
    )
    shown = json.loads(run(stack, "show", "4711"))
    assert shown == site.user("4711")
    assert (shown["timeZone"], shown["dailyGoal"], shown["name"]) == ("Asia/Tokyo", 5, "Zora")
    run(stack, "set", "4711", "--email", "none", "--goal", "none")
    assert site.user("4711")["email"] is None
    assert site.user("4711")["name"] == "Zora"


def test_an_operator_lists_users(site: ManagedProduct, stack: Stack) -> None:
    site.put("4711", name="Zora", dailyGoal=3)
    site.does("4711", count=1200)
    site.put("4712", name="Ben")
    catch_up()
    lines = run(stack, "list").splitlines()
    assert len(lines) == 3
    (zora,) = run(stack, "list", "--search", "zora").splitlines()[1:]
    assert zora.split() == ["4711", "Zora", "2026-11-20", "1", "3", "1,200", "replies"]


def test_an_operator_grants_a_freeze_once(site: ManagedProduct, stack: Stack) -> None:
    site.put("4711")
    for _ in range(2):
        said = run(stack, "grant-freeze", "4711", "--count", "2", "--reason", "an outage", "--id", "one", "--by", "op")
        assert "has 2" in said
    found = site.api("GET", "/api/users/4711/freezes").json
    assert [(one["by"], one["count"]) for one in found["items"]] == [("op", 2)]


def test_an_operator_erases_a_user_once_it_is_confirmed(site: ManagedProduct, stack: Stack) -> None:
    lived(site)
    said = run(stack, "erase", "4711")
    assert "--yes" in said
    assert site.user("4711")["name"] == ADA["name"]
    run(stack, "erase", "4711", "--yes")
    assert site.api("GET", "/api/users/4711").status == 404
    FUNCTIONS["erase_users"]({}, Context(300))
    assert mentions(*WORDS) == []


def test_an_operator_exports_what_is_stored(site: ManagedProduct, stack: Stack) -> None:
    lived(site)
    content = json.loads(run(stack, "export", "4711"))
    assert content["user"]["email"] == ADA["email"]
    assert [one["date"] for one in content["usage"]] == ["2026-11-20", "2026-11-21"]
    assert content["milestones"][0]["label"] == "10"
    assert content["freezes"][0]["reason"] == "Zora was ill"
    by_api = site.api("GET", "/api/users/4711/export").json
    assert by_api["user"] == content["user"]
    assert by_api["usage"] == content["usage"]
    assert [one["id"] for one in by_api["milestones"]] == [one["id"] for one in content["milestones"]]
    assert by_api["freezes"]["items"] == content["freezes"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "a b"),
        ("set", "4711", "--time-zone", "Mars"),
        ("set", "4711", "--goal", "0"),
        ("set", "4711", "--goal", "ten"),
        ("set", "4711", "--email", "zora"),
        ("set", "4711", "--name", "a\x07"),
        ("grant-freeze", "4711"),
        ("grant-freeze", "4711", "--reason", "x", "--count", "32"),
    ],
)
def test_what_makes_no_sense_is_refused(stack: Stack, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        run(stack, *arguments)


def test_the_audit_trail_says_of_whom(site: ManagedProduct) -> None:
    options = command._parser().parse_args(["usage", "erase", "4711", "--yes"])
    assert options.command not in audit.READS
    assert audit._targets(options) == ["user:4711"]


def purged(stack: Stack, person: str) -> list[str]:
    return purge(stack, person, confirmed=True)


def test_personal_data_of_a_products_user_is_exported_and_purged(site: ManagedProduct, stack: Stack) -> None:
    lived(site)
    content: dict[str, Any] = json.loads(export(stack, "user:4711"))
    assert set(content["tables"]) == {
        "stats_table",
        "usage_table",
        "history_table",
        "milestones_table",
        "webhooks_table",
    }
    assert content["account"] is None
    before = mentions(*WORDS)
    assert any("--yes" in line for line in purge(stack, "user:4711", confirmed=False))
    assert mentions(*WORDS) == before
    purged(stack, "user:4711")
    assert mentions(*WORDS) == []
    assert site.put("4711", name="Zora").status == 409
    assert purged(stack, "user:4711")[0] == "nothing is stored that identifies user:4711"


def test_the_person_who_signs_in_with_a_users_name_is_somebody_else(site: ManagedProduct, stack: Stack) -> None:
    site.put("ada", name="Zora Quill")
    site.does("ada", count=3)
    site.aws.people.add("ada", "analytics")
    sockets = sockets_of(site.aws)
    holder = Holder("ada", "Ada", frozenset({"analytics"}))
    sockets.join(sockets.open("c1", holder, now()), "user:ada", now())
    purged(stack, "user:ada")
    assert json.loads(export(stack, "person:ada"))["account"] is not None
    rooms = [item["pk"] for table, item in mentions("ada") if table == "CONNECTIONS_TABLE"]
    assert any("user:ada" in pk for pk in rooms), "the person's own room"
    site.put("bob", name="Zora Quill")
    site.aws.people.add("bob", "analytics")
    purged(stack, "person:bob")
    assert site.user("bob")["name"] == "Zora Quill"
