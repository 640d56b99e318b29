"""Agencies and creators: made whole or not at all, one creator an account, and nothing is deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cairn.clock import now
from cairn.creators import keys
from cairn.creators.agencies import Agencies
from cairn.creators.model import Creator
from cairn.creators.registry import Creators
from cairn.creators.sync_state import SyncStates
from cairn.errors import BadInputError, ConflictError, ContentionError
from testing.adversarial_dynamodb import catch_up
from testing.cloud import Cloud
from testing.interleaving import before_next_write


@pytest.fixture
def table(aws: Cloud) -> Any:
    return aws.table("CREATORS_TABLE")


@pytest.fixture
def agencies(table: Any) -> Agencies:
    return Agencies(table)


@pytest.fixture
def creators(table: Any) -> Creators:
    return Creators(table)


@pytest.fixture
def north(agencies: Agencies) -> str:
    return agencies.make("North", now()).agency.id


def make(creators: Creators, agency_id: str, external_id: str = "uuid-1", name: str = "Mia") -> Creator:
    return creators.make(agency_id=agency_id, name=name, platform="fanvue", external_id=external_id, now=now())


def how_many(agencies: Agencies, agency_id: str) -> int:
    found = agencies.get(agency_id)
    assert found
    return found.creators


def test_a_creator_is_stored_with_what_was_said_of_them(agencies: Agencies, creators: Creators, north: str) -> None:
    made = creators.make(
        agency_id=north,
        name="Mia 🎉",
        platform="fanvue",
        external_id="uuid-1",
        now=now(),
        currency="EUR",
        time_zone="Europe/Lisbon",
    )
    assert creators.get(made.id) == made
    assert creators.with_account("fanvue", "uuid-1") == made
    assert creators.with_account("fanvue", "uuid-2") is None
    assert creators.get("nobody") is None
    assert (made.subject.kind, made.subject.id) == ("creator", made.id)
    assert how_many(agencies, north) == 1


def test_an_account_of_a_platform_has_one_creator_and_the_refusal_names_them(
    agencies: Agencies, creators: Creators, north: str
) -> None:
    first = make(creators, north)
    south = agencies.make("South", now()).agency.id
    with pytest.raises(ConflictError, match=first.id) as refused:
        make(creators, south, name="Another")
    assert refused.value.details == (
        {"field": "externalId", "message": "another creator has this account", "id": first.id},
    )
    catch_up()
    assert list(creators.all()) == [first]
    assert (how_many(agencies, north), how_many(agencies, south)) == (1, 0)
    creators.retire(first, now())
    with pytest.raises(ConflictError, match="retired"):
        make(creators, south)


def test_nothing_is_stored_of_a_creator_whose_agency_is_unknown_or_retired(
    agencies: Agencies, creators: Creators, north: str
) -> None:
    with pytest.raises(BadInputError, match="no agency nowhere"):
        make(creators, "nowhere")
    agencies.retire(north, now())
    with pytest.raises(BadInputError, match="retired"):
        make(creators, north)
    catch_up()
    assert list(creators.all()) == []
    assert creators.with_account("fanvue", "uuid-1") is None


def test_an_agency_with_creators_does_not_retire_and_one_without_does_once(
    agencies: Agencies, creators: Creators, north: str
) -> None:
    mia = make(creators, north)
    with pytest.raises(ConflictError, match="1 creators"):
        agencies.retire(north, now())
    creators.retire(mia, now())
    retired = agencies.retire(north, now())
    assert retired
    assert retired.agency.retired_at
    assert agencies.retire(north, now() + timedelta(hours=1)) == retired
    assert agencies.retire("nowhere", now()) is None
    back = agencies.bring_back(north)
    assert back
    assert back.agency.retired_at is None


def test_no_creator_is_made_in_an_agency_that_retires_at_the_same_moment(
    table: Any, agencies: Agencies, creators: Creators, north: str
) -> None:
    with before_next_write(table, lambda: agencies.retire(north, now())), pytest.raises(BadInputError, match="retired"):
        make(creators, north)
    catch_up()
    assert list(creators.all()) == []


def test_a_creator_who_retires_keeps_all_but_the_credentials_and_may_come_back(
    table: Any, agencies: Agencies, creators: Creators, north: str
) -> None:
    mia = make(creators, north)
    for owner in (mia.id, north):
        table.put_item(Item={"pk": keys.credentials(owner), "sk": keys.TOKEN})
    retired = creators.retire(mia, now())
    assert retired.retired_at == now()
    assert creators.retire(retired, now() + timedelta(hours=1)) == retired
    assert creators.get(mia.id) == creators.with_account("fanvue", "uuid-1") == retired
    assert how_many(agencies, north) == 0
    assert "Item" not in table.get_item(Key={"pk": keys.credentials(mia.id), "sk": keys.TOKEN})
    assert "Item" in table.get_item(Key={"pk": keys.credentials(north), "sk": keys.TOKEN})
    assert creators.bring_back(retired) == mia
    assert creators.bring_back(mia) == mia
    assert how_many(agencies, north) == 1


def test_a_creator_does_not_come_back_to_a_retired_agency(agencies: Agencies, creators: Creators, north: str) -> None:
    retired = creators.retire(make(creators, north), now())
    agencies.retire(north, now())
    with pytest.raises(BadInputError, match="retired"):
        creators.bring_back(retired)


def test_a_creator_moves_to_another_agency_and_both_count_it(
    agencies: Agencies, creators: Creators, north: str
) -> None:
    south = agencies.make("South", now()).agency.id
    moved = creators.change(make(creators, north), agency_id=south, name="Mia B")
    assert (moved.agency_id, moved.name) == (south, "Mia B")
    assert (how_many(agencies, north), how_many(agencies, south)) == (0, 1)
    with pytest.raises(BadInputError, match="no agency"):
        creators.change(moved, agency_id="nowhere")
    retired = creators.retire(moved, now())
    assert creators.change(retired, agency_id=north).agency_id == north
    assert (how_many(agencies, north), how_many(agencies, south)) == (0, 0)


def test_two_people_who_change_a_creator_at_once_never_lose_each_others_change(
    table: Any, creators: Creators, north: str
) -> None:
    mia = make(creators, north)
    with before_next_write(table, lambda: creators.change(mia, name="Mia B")), pytest.raises(ContentionError):
        creators.change(mia, time_zone="Europe/Lisbon")
    found = creators.get(mia.id)
    assert found
    assert (found.name, found.time_zone) == ("Mia B", None)
    assert creators.change(found, name="Mia B") is found


def test_the_currency_changes_until_transactions_are_synced(table: Any, creators: Creators, north: str) -> None:
    mia = creators.change(make(creators, north), currency="EUR")
    assert mia.currency == "EUR"
    SyncStates(table).begin(mia.id, "worker", now(), timedelta(minutes=2))
    with pytest.raises(ConflictError, match="currency"):
        creators.change(mia, currency="USD")
    assert creators.get(mia.id) == mia
    assert creators.change(mia, name="Mia B").name == "Mia B"


def test_lists_have_each_creator_once_in_the_order_in_which_they_were_made(
    agencies: Agencies, creators: Creators, north: str
) -> None:
    south = agencies.make("South", now()).agency.id
    made = [make(creators, south if number % 3 == 0 else north, f"uuid-{number}") for number in range(7)]
    made[1] = creators.retire(made[1], now())
    catch_up()
    assert sorted(creators.all(), key=lambda one: one.external_id) == made
    assert [one.id for one in creators.all()] == sorted(one.id for one in made)
    assert {one.external_id for one in creators.all(agency_id=north, retired=False)} == {"uuid-2", "uuid-4", "uuid-5"}
    found, cursor = [], None
    while True:
        page = creators.page(2, cursor, agency_id=south)
        found += page.items
        cursor = page.next_cursor
        assert len(page.items) <= 2
        if cursor is None:
            break
    assert sorted(one.external_id for one in found) == ["uuid-0", "uuid-3", "uuid-6"]
    with pytest.raises(BadInputError, match="cursor"):
        creators.page(2, agencies.page(1, None)[1])


def test_agencies_are_listed_with_their_creators_and_renamed(
    agencies: Agencies, creators: Creators, north: str
) -> None:
    make(creators, north)
    south = agencies.make("South", now()).agency.id
    agencies.retire(south, now())
    renamed = agencies.rename(north, "Far North")
    assert renamed
    assert agencies.rename("nowhere", "x") is None
    catch_up()
    assert {(one.agency.name, one.creators) for one in agencies.all()} == {("Far North", 1), ("South", 0)}
    assert [one.agency.name for one in agencies.page(10, None, retired=False)[0]] == ["Far North"]
    first, cursor = agencies.page(1, None)
    second, end = agencies.page(1, cursor)
    assert {one.agency.id for one in (*first, *second)} == {north, south}
    assert end is None


def test_a_creator_whom_nobody_can_read_is_left_out_of_lists(table: Any, creators: Creators, north: str) -> None:
    mia = make(creators, north)
    table.put_item(Item={"pk": "creators", "sk": "broken", "name": 5})
    catch_up()
    assert list(creators.all()) == creators.page(10, None).items == [mia]
    assert creators.get("broken") is None
    assert creators.get_many([mia.id, "broken", "nobody"]) == {mia.id: mia}
