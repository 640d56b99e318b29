"""What ends a session ends its sockets, on the deployed template with IAM enforced."""

from __future__ import annotations

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from operations import people as operator
from testing.local_cloud import LocalCloud
from testing.waiting import wait_for
from tests.e2e.people import People
from tests.e2e.sockets import Listener, open_socket


@pytest.fixture
def people(local_cloud: LocalCloud) -> People:
    return People(local_cloud)


def refused(cloud: LocalCloud, people: People, name: str) -> bool:
    url = f"{cloud.outputs['ApiUrl']}/api/ws-ticket"
    answer = httpx.post(url, headers={"Cookie": people.cookies(name)}, timeout=60, trust_env=False)
    return answer.status_code == 401


def test_a_removed_persons_socket_is_closed_at_once_and_nobody_elses(local_cloud: LocalCloud, people: People) -> None:
    unused = people.ticket(people.seller)
    with (
        Listener(local_cloud, people.ticket(people.seller)) as removed,
        Listener(local_cloud, people.ticket(people.other)) as other,
    ):
        assert removed.join_room("tv-display")["event"] == "joined"
        assert other.join_room("tv-display")["event"] == "joined"
        operator.remove(local_cloud.stack, people.seller)
        wait_for(lambda: removed.frames("signed-out") or None, 20)
        with pytest.raises(ConnectionClosed):
            removed.join_room("leaderboard")
        assert other.join_room("leaderboard")["event"] == "joined"
        assert other.frames("signed-out") == []
    assert refused(local_cloud, people, people.seller)
    with pytest.raises(InvalidStatus), open_socket(local_cloud, unused):
        pass


def test_who_signs_out_in_one_browser_is_still_signed_in_at_another(local_cloud: LocalCloud, people: People) -> None:
    elsewhere = People.__new__(People)
    elsewhere.__dict__ |= {**people.__dict__, "_cookies": {}}
    with (
        Listener(local_cloud, people.ticket(people.other)) as here,
        Listener(local_cloud, elsewhere.ticket(people.other)) as there,
    ):
        url = f"{local_cloud.outputs['ApiUrl']}/api/session"
        headers = {"Cookie": people.cookies(people.other)}
        assert httpx.delete(url, headers=headers, timeout=60, trust_env=False).status_code == 204
        wait_for(lambda: here.frames("signed-out") or None, 20)
        assert there.join_room("tv-display")["event"] == "joined"
    assert refused(local_cloud, people, people.other)
