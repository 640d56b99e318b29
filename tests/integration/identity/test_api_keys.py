"""A key is shown once, found by its hash, and gone when it is revoked."""

from __future__ import annotations

import json

import pytest

from cairn.clock import now
from cairn.errors import BadInputError, ConflictError, NotFoundError
from cairn.identity.api_keys import SCOPES, ApiKeys
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.small_pages import small_pages


@pytest.fixture
def keys(aws: Cloud) -> ApiKeys:
    return ApiKeys(aws.table("KEYS_TABLE"))


def test_a_key_is_found_with_its_scopes(keys: ApiKeys) -> None:
    plaintext = keys.create(" The wall ", ["analytics", "ingest"], now())
    key = keys.find(plaintext)
    assert key
    assert (key.name, key.created_at) == ("The wall", now())
    assert key.scopes == {"analytics", "ingest"}
    assert plaintext.startswith("cairn_")
    assert plaintext.endswith(key.hint)


def test_the_table_never_holds_a_key(aws: Cloud, keys: ApiKeys) -> None:
    plaintext = keys.create("wall", ["admin"], now())
    assert plaintext.removeprefix("cairn_") not in json.dumps(aws.table("KEYS_TABLE").scan()["Items"], default=str)


@pytest.mark.parametrize("wrong", ["", "cairn_", "cairn_x", "x" * 49, "cairn_" + "x" * 200, "Cairn_x"])
def test_what_was_never_created_is_not_found(keys: ApiKeys, wrong: str) -> None:
    keys.create("wall", ["admin"], now())
    assert keys.find(wrong) is None


def test_keys_are_listed_the_oldest_first_and_revoked_by_id_or_name(keys: ApiKeys, clock: ControlledClock) -> None:
    made = []
    for name in ("b", "a", "c"):
        made.append(keys.create(name, ["admin"], now()))
        clock.sleep(1)
    assert [key.name for key in keys.list()] == ["b", "a", "c"]
    keys.delete(keys.named("a"))
    keys.delete(keys.named(keys.list()[0].id))
    assert [keys.find(one) is None for one in made] == [True, True, False]
    with pytest.raises(NotFoundError):
        keys.named("a")


def test_keys_that_do_not_fit_into_one_answer_of_the_table_are_all_listed(keys: ApiKeys) -> None:
    for name in "abc":
        keys.create(name, ["admin"], now())
    with small_pages(keys._table):
        assert {key.name for key in keys.list()} == {"a", "b", "c"}
        assert [keys.named(name).name for name in "abc"] == ["a", "b", "c"]


def test_a_name_that_is_shared_revokes_nothing(keys: ApiKeys) -> None:
    for _ in range(2):
        keys.create("twin", ["admin"], now())
    with pytest.raises(ConflictError, match="2 keys are named 'twin'"):
        keys.named("twin")
    assert len(keys.list()) == 2


@pytest.mark.parametrize(
    ("name", "scopes", "message"),
    [
        ("wall", ["root"], "No such scope: root"),
        ("wall", [], "at least one scope"),
        ("", ["admin"], "needs a name"),
        ("  ", ["admin"], "needs a name"),
        ("n" * 101, ["admin"], "needs a name"),
    ],
)
def test_a_key_with_invalid_scopes_or_an_invalid_name_is_not_created(
    keys: ApiKeys, name: str, scopes: list[str], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        keys.create(name, scopes, now())
    assert keys.list() == []


def test_every_scope_may_be_given(keys: ApiKeys) -> None:
    key = keys.find(keys.create("all", SCOPES, now()))
    assert key
    assert key.scopes == SCOPES
