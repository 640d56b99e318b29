"""API keys as an operator creates, lists, revokes and moves them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cairn.errors import BadInputError, ConflictError, NotFoundError
from cairn.identity.api_keys import ApiKeys
from operations import keys, migration
from operations.stack import Stack

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def api_keys(stack: Stack) -> ApiKeys:
    return ApiKeys(stack.clients.table("keys"))


def test_a_key_is_found_by_itself_with_its_scopes(api_keys: ApiKeys) -> None:
    plaintext = api_keys.create("importer", {"ingest", "analytics"}, NOON)
    assert plaintext.startswith("cairn_")
    assert len(plaintext) == len("cairn_") + 43
    found = api_keys.find(plaintext)
    assert found is not None
    assert (found.name, found.created_at) == ("importer", NOON)
    assert found.scopes == {"ingest", "analytics"}
    assert plaintext.endswith(found.hint)


def test_the_table_does_not_hold_the_key(api_keys: ApiKeys, stack: Stack) -> None:
    plaintext = api_keys.create("importer", {"ingest"}, NOON)
    (item,) = stack.clients.table("keys").scan()["Items"]
    assert plaintext.removeprefix("cairn_") not in str(item)


@pytest.mark.parametrize(
    "plaintext", ["", "cairn_", "cairn_unknown", "Bearer x", "cairn_" + "x" * 10_000, "cairn_\ud800"]
)
def test_what_was_never_created_is_no_key(api_keys: ApiKeys, plaintext: str) -> None:
    assert api_keys.find(plaintext) is None


def test_a_revoked_key_is_found_no_more(api_keys: ApiKeys) -> None:
    plaintext = api_keys.create("importer", {"ingest"}, NOON)
    api_keys.delete(api_keys.named("importer"))
    assert api_keys.find(plaintext) is None
    assert api_keys.list() == []


def test_of_two_keys_with_one_name_only_the_one_that_is_meant_is_revoked(api_keys: ApiKeys) -> None:
    old, new = (api_keys.create("importer", {"ingest"}, NOON) for _ in range(2))
    with pytest.raises(ConflictError, match="by its id"):
        api_keys.named("importer")
    found = api_keys.find(old)
    assert found is not None
    api_keys.delete(api_keys.named(found.id))
    assert api_keys.find(old) is None
    assert api_keys.find(new) is not None


def test_a_key_that_does_not_exist_cannot_be_revoked(api_keys: ApiKeys) -> None:
    with pytest.raises(NotFoundError, match="'nobody'"):
        api_keys.named("nobody")


def test_the_keys_of_version_0_1_0_are_moved_and_open_what_they_opened(stack: Stack, api_keys: ApiKeys) -> None:
    audience = stack.clients.table("audience")
    old = ApiKeys(audience).create("importer", {"ingest"}, NOON)
    stack.clients.table("audience").put_item(Item={"pk": "subscribers", "sk": "chat#1"})
    assert migration.migrate(stack) == [
        "moved the API key 'importer' (ingest; created 2026-11-20T12:00:00.000Z)",
        "Revoke what you do not know: ./cairn keys revoke",
    ]
    found = api_keys.find(old)
    assert found is not None
    assert found.name == "importer"
    assert found.scopes == {"ingest"}
    assert [item["pk"] for item in audience.scan()["Items"]] == ["subscribers"]


def test_a_move_that_was_interrupted_is_finished_by_the_next_and_then_nothing_is_left_to_do(
    stack: Stack, api_keys: ApiKeys
) -> None:
    audience = stack.clients.table("audience")
    old = ApiKeys(audience).create("importer", {"ingest"}, NOON)
    (item,) = audience.scan()["Items"]
    stack.clients.table("keys").put_item(Item=item)
    assert len(migration.migrate(stack)) == 2
    assert migration.migrate(stack) == []
    assert api_keys.find(old) is not None


def test_a_key_that_is_planted_in_the_audience_table_is_never_moved_and_is_reported(
    stack: Stack, api_keys: ApiKeys
) -> None:
    assert migration.migrate(stack) == []
    planted = ApiKeys(stack.clients.table("audience")).create("mine", {"admin"}, NOON)
    (line,) = migration.migrate(stack)
    assert line.startswith("NOT moved: 'mine'")
    assert api_keys.find(planted) is None
    assert api_keys.list() == []


@pytest.mark.parametrize(("name", "scopes"), [("a", {"root"}), ("a", set()), ("", {"admin"}), ("x" * 101, {"admin"})])
def test_an_invalid_key_is_rejected_and_not_created(api_keys: ApiKeys, name: str, scopes: set[str]) -> None:
    with pytest.raises(BadInputError):
        api_keys.create(name, scopes, NOON)
    assert api_keys.list() == []


def test_keys_are_listed_by_what_may_be_shown_of_them(stack: Stack) -> None:
    plaintext = keys.create(stack, "importer", "ingest, analytics")
    titles, line = keys.table_of_keys(stack)
    assert titles.split() == ["ID", "NAME", "ENDS", "IN", "CREATED", "SCOPES"]
    assert "analytics,ingest" in line
    assert plaintext not in line
