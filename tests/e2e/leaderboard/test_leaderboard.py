"""The sales floor on the deployed template: a burst of updates, rooms that keep others out, and nothing missed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from operations.milestones import announce, redetect
from testing.local_cloud import LocalCloud
from testing.waiting import wait_for
from tests.e2e.channels.test_ways import ok
from tests.e2e.people import People
from tests.e2e.sockets import Listener, open_socket, ticket

REPS = 20
UPDATES_EACH = 10
BUSY = 503
MOST_TRIES = 5
SETTLE_SECONDS = 3.0
"""How long everything must have been quiet, to be at its end."""


@pytest.fixture(scope="module")
def people(local_cloud: LocalCloud) -> People:
    return People(local_cloud)


def hire(cloud: LocalCloud, **described: object) -> int:
    body = {"name": f"Rep {uuid4().hex[:6]}", **described}
    return int(ok(cloud.api.post("/api/leaderboard/sales-reps", json=body))["id"])


def sell(api: httpx.Client, rep: int, **values: object) -> Any:
    """An update, and again when too many are made at once; then it says that it was."""
    address, tries = f"/api/leaderboard/sales-reps/{rep}/update-stats", 1
    while (answer := api.post(address, json=values)).status_code == BUSY and tries < MOST_TRIES:
        tries += 1
    return {**ok(answer), "again": tries > 1}


def quiet(*listeners: Listener) -> None:
    """Return when nobody has heard anything for a while."""

    def heard() -> int:
        return sum(listener.count() for listener in listeners)

    def nothing_new() -> bool | None:
        before = heard()
        time.sleep(SETTLE_SECONDS)
        return True if heard() == before else None

    wait_for(nothing_new, 90)


def places(shown: list[Any]) -> list[tuple[int, int, float]]:
    return [(one["id"], one["rank"], one["monthlyRevenue"]) for one in shown]


def standing(cloud: LocalCloud) -> list[tuple[int, int, float]]:
    """The places that the board shows to all, as the API has them."""
    return places(ok(cloud.api.get("/api/leaderboard", params={"limit": 100}))["items"])


def celebrations(tv: Listener) -> list[str]:
    return [frame["data"]["milestone"]["id"] for frame in tv.frames("achievement:celebration")]


def test_two_hundred_updates_at_once_are_ranked_and_celebrated_once(local_cloud: LocalCloud) -> None:
    reps = [hire(local_cloud) for _ in range(REPS)]
    with Listener(local_cloud, ticket(local_cloud)) as tv:
        assert tv.join_room("tv-display")["event"] == "joined"
        quiet(tv)
        before = len(tv.frames("leaderboard:refresh"))
        updates = [(rep, (number + 1) * 1_000 + rep) for number in range(UPDATES_EACH) for rep in reps]
        began = time.monotonic()

        def sell_alone(update: tuple[int, int]) -> Any:
            rep, revenue = update
            with local_cloud.another() as api:
                return sell(api, rep, monthlyRevenue=str(revenue * 11))

        with ThreadPoolExecutor(len(updates)) as pool:
            answers = list(pool.map(sell_alone, updates))
        answered = [milestone["id"] for answer in answers for milestone in answer["milestones"]]
        # Where the way is slow, it may be quiet for a while before the last of it comes.
        wait_for(lambda: set(answered) <= set(celebrations(tv)) or None, 120)
        wait_for(lambda: places(tv.frames("leaderboard:refresh")[-1]["data"]) == standing(local_cloud) or None, 120)
        quiet(tv)
        refreshes = tv.times("leaderboard:refresh")[before:]
        shown = tv.frames("leaderboard:refresh")[-1]
        celebrated = celebrations(tv)
        ids = [frame["id"] for frame in tv.frames("achievement:celebration")]
    board = ok(local_cloud.api.get("/api/leaderboard", params={"limit": 500}))
    mine = [one for one in board["items"] if one["id"] in reps]
    assert sorted(one["monthlyRevenue"] for one in mine) != []
    scores = [one["monthlyRevenue"] for one in board["items"]]
    assert [one["rank"] for one in board["items"]] == [1 + sum(other > own for other in scores) for own in scores]
    for one in mine:
        assert ok(local_cloud.api.get(f"/api/leaderboard/sales-reps/{one['id']}"))["rank"] == one["rank"]
    assert places(shown["data"]) == places(board["items"][: len(shown["data"])])
    assert shown["total"] == board["total"]
    assert sorted(celebrated) == sorted(set(celebrated)), "a milestone was celebrated twice"
    # What was stored before it was refused is announced, and its answer was the refusal.
    assert sorted(celebrated) == sorted(answered) or any(answer["again"] for answer in answers)
    assert len(ids) == len(set(ids))
    gaps = [later - earlier for earlier, later in pairwise(refreshes)]
    assert len(refreshes) <= refreshes[-1] - began + 2, "more than one refresh a second"
    assert min(gaps, default=1) > 0.5, gaps  # sent a second apart; the network may bring two closer together


def test_a_rep_hears_of_their_own_and_nobody_elses(local_cloud: LocalCloud, people: People) -> None:
    rep = hire(local_cloud, userId=people.seller)
    with (
        Listener(local_cloud, people.ticket(people.seller)) as own,
        Listener(local_cloud, people.ticket(people.other)) as other,
    ):
        assert own.join_room(f"user:{people.seller}")["event"] == "joined"
        refusal = other.join_room(f"user:{people.seller}")
        assert (refusal["event"], refusal["data"]["code"]) == ("error", "forbidden")
        sell(local_cloud.api, rep, monthlySignups=12)
        earned = own.first(lambda frame: frame["event"] == "achievement:earned")
        time.sleep(1)
        assert other.frames("achievement:earned") == []
    assert earned["room"] == f"user:{people.seller}"
    assert earned["data"]["userId"] == people.seller
    assert earned["data"]["milestone"]["salesRep"]["id"] == rep


@pytest.mark.parametrize("room", ["tv-display", "leaderboard", "everyone", "user:ada"])
def test_a_stranger_is_kept_out(local_cloud: LocalCloud, room: str) -> None:
    with Listener(local_cloud, None) as stranger:
        refusal = stranger.join_room(room)
        assert (refusal["event"], refusal["data"]["code"]) == ("error", "forbidden")
        assert stranger.join_room("channel:anything")["event"] == "joined"


def test_a_ticket_opens_one_socket_and_not_for_long(local_cloud: LocalCloud) -> None:
    used = ticket(local_cloud)
    with open_socket(local_cloud, used):
        refused(local_cloud, used)
    refused(local_cloud, used)
    refused(local_cloud, "never-given-out")
    late = ticket(local_cloud)
    table = local_cloud.stack.clients.table(local_cloud.stack.output("ConnectionsTable"))
    for item in table.scan()["Items"]:
        if str(item["pk"]).startswith("ticket#"):
            table.update_item(
                Key={"pk": item["pk"], "sk": item["sk"]},
                UpdateExpression="SET good_until = :past, expires_at = :past",
                ExpressionAttributeValues={":past": 1},
            )
    refused(local_cloud, late)


def refused(cloud: LocalCloud, ticket: str) -> None:
    with pytest.raises(InvalidStatus), open_socket(cloud, ticket):
        pass


def test_what_was_said_while_a_socket_was_away_is_told_when_it_comes_back(local_cloud: LocalCloud) -> None:
    rep = hire(local_cloud)
    with Listener(local_cloud, ticket(local_cloud)) as tv:
        tv.join_room("tv-display")
        sell(local_cloud.api, rep, monthlySignups=10)
        last = tv.first(lambda frame: _of(frame, rep))["id"]
    missed = [sell(local_cloud.api, rep, monthlySignups=signups)["milestones"] for signups in (15, 20)]
    expected = [milestone["id"] for milestones in missed for milestone in milestones]
    with Listener(local_cloud, ticket(local_cloud)) as again:

        def replayed() -> list[str] | None:
            answer = again.join_room("tv-display", after=last)
            assert answer["data"]["recovered"] is True
            heard = [frame for frame in again.frames("achievement:celebration") if _of(frame, rep)]
            numbers = [int(frame["id"].rpartition("/")[2]) for frame in heard]
            assert numbers == sorted(numbers)
            found = {frame["data"]["milestone"]["id"] for frame in heard}
            return sorted(found) if len(found) == len(expected) else None

        assert wait_for(replayed) == sorted(expected)


def _of(frame: dict[str, Any], rep: int) -> bool:
    return bool(frame["event"] == "achievement:celebration" and frame["data"]["milestone"]["salesRep"]["id"] == rep)


def test_what_an_operator_says_again_nobody_takes_for_another_milestone(local_cloud: LocalCloud) -> None:
    rep = hire(local_cloud)
    with Listener(local_cloud, ticket(local_cloud)) as tv:
        tv.join_room("tv-display")
        (milestone,) = sell(local_cloud.api, rep, monthlySignups=10)["milestones"]
        said = tv.first(lambda frame: _of(frame, rep))
    with Listener(local_cloud, ticket(local_cloud)) as late:
        late.join_room("tv-display")
        announce(local_cloud.stack, milestone["id"])
        assert redetect(local_cloud.stack, [f"rep:{rep}"])
        time.sleep(1)
        heard = {frame["id"] for frame in late.frames("achievement:celebration") if _of(frame, rep)}
    assert heard <= {said["id"]}
    answer = ok(local_cloud.api.get("/api/milestones", params={"subject": f"rep:{rep}"}))
    assert [one["id"] for one in answer["items"]] == [milestone["id"]]
