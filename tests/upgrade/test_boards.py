"""The boards that version 0.1.0 kept elsewhere: nobody is missing from a rank, before and after they are moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError

from operations.migration import move_keys
from operations.personal_data import purge
from testing.dynamodb import restored
from testing.functions import FUNCTIONS
from testing.mentions import mentions
from testing.operator import operators_stack
from tests.upgrade import product
from tests.upgrade.fixtures import Fixture, arrived, logged, plain
from tests.upgrade.site import Site

REPS = "/api/leaderboard/sales-reps"
SOON = timedelta(minutes=2)


@pytest.fixture
def fixture() -> Fixture:
    return Fixture.of("0.1.0")


@pytest.fixture
def deployed(fixture: Fixture) -> Iterator[Site]:
    """The functions are new, and the operator has not run `migrate` yet."""
    with arrived(fixture, migrated=False) as site:
        yield site


def board(site: Site, fixture: Fixture, **query: object) -> dict[str, tuple[int, float]]:
    answer = site.api("GET", "/api/leaderboard", query=query, key=fixture.clients["keys"]["admin"]).json
    assert answer["total"] == len(answer["items"])
    return {rep["name"]: (rep["rank"], rep["monthlyRevenue"]) for rep in answer["items"]}


def update(site: Site, fixture: Fixture, name: str, **stats: float) -> Any:
    path = f"{REPS}/{fixture.clients['reps'][name]}/update-stats"
    answer = site.api("POST", path, stats, key=fixture.clients["keys"]["admin"])
    assert answer.status == 200, answer.text
    return answer.json


def ranks_celebrated(site: Site) -> list[str]:
    frames = logged(site, "tv-display").values()
    return [id_ for frame in frames if "/rank/" in (id_ := frame["data"]["milestone"]["id"])]


@pytest.fixture(autouse=True)
def _keys_are_moved(deployed: Site) -> None:
    """Those who call the API are not what this is about."""
    table = deployed.account.cloud.table
    move_keys(table("AUDIENCE_TABLE"), table("KEYS_TABLE"))


def test_until_it_is_moved_the_board_is_that_of_before(deployed: Site, fixture: Fixture) -> None:
    before = board(deployed, fixture)
    assert list(before) == ["Ada", "Bob", "Cyd", "Eve"]
    past = board(deployed, fixture, period="2026-11")
    assert past["Bob"] == (1, 26000.55)
    product.migrate(deployed.account)
    assert board(deployed, fixture) == before
    assert board(deployed, fixture, period="2026-11") == past
    assert [item["pk"] for item in plain(deployed, "LEADERBOARD_TABLE")] == ["ids"]


def test_nobody_is_celebrated_for_a_rank_that_others_have_only_lost_by_the_upgrade(
    deployed: Site, fixture: Fixture
) -> None:
    deployed.run(deployed.now + SOON)
    before = ranks_celebrated(deployed)
    answer = update(deployed, fixture, "Eve", monthlyRevenue=1)
    assert (answer["rep"]["rank"], answer["milestones"]) == (4, [])
    deployed.run(deployed.now + SOON)
    assert ranks_celebrated(deployed) == before
    assert update(deployed, fixture, "Cyd", monthlyRevenue=60000.01)["rep"]["rank"] == 1
    deployed.run(deployed.now + SOON)
    assert f"rep:{fixture.clients['reps']['Cyd']}/rank/2026-12/3" in ranks_celebrated(deployed)


def test_what_happened_before_the_move_is_kept_by_it(deployed: Site, fixture: Fixture) -> None:
    update(deployed, fixture, "Cyd", monthlyRevenue=60000.01)
    key = fixture.clients["keys"]["admin"]
    assert deployed.api("DELETE", f"{REPS}/{fixture.clients['reps']['Bob']}", key=key).status < 300
    assert deployed.api("POST", REPS, {"name": "Fay"}, key=key).json["id"] == max(fixture.clients["reps"].values()) + 1
    deployed.run(deployed.now + SOON)
    before = board(deployed, fixture)
    assert [name for name in before if before[name][0] < 4] == ["Cyd", "Ada", "Eve"]
    product.migrate(deployed.account)
    assert board(deployed, fixture) == before
    assert update(deployed, fixture, "Ada", monthlyRevenue=70000)["rep"]["rank"] == 1


def test_what_the_old_version_wrote_while_both_were_running_is_moved_too(deployed: Site, fixture: Fixture) -> None:
    """The new code had stored Ada's row already."""
    update(deployed, fixture, "Ada", monthlyRevenue=51000)
    table = deployed.account.cloud.table("LEADERBOARD_TABLE")
    key = {"pk": "board", "sk": f"rep#{fixture.clients['reps']['Ada']:015d}"}
    row = table.get_item(Key=key)["Item"]
    later = int((deployed.now + timedelta(seconds=1)).timestamp() * 1000)
    row |= {"score": 77000, "metrics": row["metrics"] | {"monthly_revenue": 77000}, "as_of": later}
    table.put_item(Item=row)
    assert board(deployed, fixture)["Ada"] == (1, 77000)
    product.migrate(deployed.account)
    assert board(deployed, fixture)["Ada"] == (1, 77000)


def test_a_move_that_dies_at_any_call_is_finished_by_the_next(deployed: Site, fixture: Fixture) -> None:
    update(deployed, fixture, "Cyd", monthlyRevenue=60000.01)
    before = board(deployed, fixture)
    for calls in range(1000):
        FUNCTIONS.restart("api")  # it has seen the end of the last move
        with restored():
            if not _dies_after(calls, lambda: product.migrate(deployed.account)):
                break
            assert board(deployed, fixture) == before, calls
            product.migrate(deployed.account)
            assert board(deployed, fixture) == before, calls
            assert [item["pk"] for item in plain(deployed, "LEADERBOARD_TABLE")] == ["ids"]
            (count,) = [item["reps"] for item in plain(deployed, "BOARD_TABLE") if item["pk"] == "count"]
            assert count == len(before), calls
    assert 15 < calls < 999
    assert product.migrate(deployed.account) != []
    assert product.migrate(deployed.account) == []


def test_a_row_that_nobody_can_read_is_reported_and_stays(deployed: Site) -> None:
    table = deployed.account.cloud.table("LEADERBOARD_TABLE")
    table.put_item(Item={"pk": "board", "sk": "rep#000000000000099", "score": 5})
    lines = product.migrate(deployed.account)
    assert [line.partition(" of a leaderboard")[0] for line in lines if "NOT" in line] == [
        "NOT moved: the row board rep#000000000000099"
    ]
    assert table.scan()["Count"] == 2


def test_a_rep_who_is_purged_before_the_move_is_nowhere_after_it(deployed: Site) -> None:
    assert deployed.account.cloud.people
    purge(operators_stack(), "rep:1", confirmed=True)
    product.migrate(deployed.account)
    deployed.run(deployed.now + SOON)
    tables = {"LEADERBOARD_TABLE", "BOARD_TABLE", "STATS_TABLE"}
    assert [found for found in mentions("Ada") if found[0] in tables] == []


def _dies_after(calls: int, act: Callable[[], object]) -> bool:
    """Whether the connection broke at the DynamoDB call after so many."""
    made = 0

    def count(**_: object) -> None:
        nonlocal made
        made += 1
        if made > calls:
            raise ConnectionClosedError(endpoint_url="dynamodb")

    events: Any = boto3._get_default_session().events
    events.register("before-call.dynamodb.*", count)
    try:
        act()
    except ConnectionClosedError:
        return True
    finally:
        events.unregister("before-call.dynamodb.*", count)
    return False
