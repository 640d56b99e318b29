"""Viewers across an upgrade: tokens, sockets and counts go on."""

from __future__ import annotations

from datetime import timedelta

from tests.upgrade import product
from tests.upgrade.fixtures import Fixture, arrived, put_all
from tests.upgrade.scenario import DEMO, STADIUM, viewer_of
from tests.upgrade.site import Site


def test_heartbeats_of_old_tokens_are_accepted(upgraded: Site, fixture: Fixture) -> None:
    for page in fixture.clients["pages"].values():
        answer = upgraded.viewer("heartbeat", page["channel"], page["viewer"], page["token"])
        assert answer.status == 200, answer.text


def test_old_tokens_are_good_for_their_own_viewer_alone(upgraded: Site, fixture: Fixture) -> None:
    pages = fixture.clients["pages"]
    for one, other in (("uma", "vic"), ("xia", "mia")):
        answer = upgraded.viewer("heartbeat", STADIUM, pages[one]["viewer"], pages[other]["token"])
        assert answer.status in (403, 404)


def test_a_viewer_leaves_with_one_of_two_tabs_and_stays(upgraded: Site, fixture: Fixture) -> None:
    pages = fixture.clients["pages"]
    assert upgraded.viewer("leave", STADIUM, pages["uma"]["viewer"], pages["uma"]["token"]).status == 204
    assert upgraded.viewer("heartbeat", STADIUM, pages["uma2"]["viewer"], pages["uma2"]["token"]).status == 200
    assert upgraded.viewer("leave", STADIUM, pages["uma2"]["viewer"], pages["uma2"]["token"]).status == 204
    assert upgraded.viewer("heartbeat", STADIUM, pages["uma2"]["viewer"], pages["uma2"]["token"]).status == 404


def test_viewers_of_a_spread_channel_sit_where_they_sat(upgraded: Site, fixture: Fixture) -> None:
    """A newcomer sits at the new level, and another tab of an old viewer beside the first."""
    newcomer = upgraded.viewer("join", STADIUM)
    assert newcomer.json["token"].startswith("1.")
    again = upgraded.viewer("join", STADIUM, fixture.clients["pages"]["wes"]["viewer"])
    assert again.json["token"].startswith("0.")


def test_counts_go_on_until_only_those_who_stay_are_counted(upgraded: Site, fixture: Fixture) -> None:
    """Pages stop beating, and one socket closed without notice: the counts that were arranged find that."""
    put_all(upgraded, fixture.messages("waiting", "count_viewers"))
    upgraded.run(upgraded.now + timedelta(seconds=100))
    assert _count(upgraded, DEMO) == (3, 3)
    assert _count(upgraded, STADIUM) == (2, 2)
    assert _count(upgraded, "again") == (0, 0)
    assert _count(upgraded, "kiosk") == (0, 0)
    for name, expected in (("anna", 3), ("stella", 2)):
        shown = [frame["data"] for frame in upgraded.frames[name] if frame["event"] == "viewers:count"]
        assert max(shown, key=lambda one: str(one["asOf"]))["viewers"] == expected


def test_viewers_are_shown_the_count_that_was_on_its_way(upgraded: Site, fixture: Fixture) -> None:
    """Of the stadium, an older one is on its way in shards, and newer ones behind it."""
    put_all(upgraded, fixture.messages("waiting", "room_part"))
    put_all(upgraded, fixture.messages("waiting", "room_state"))
    upgraded.bring("broadcast", upgraded.now + timedelta(seconds=5))
    for name, channel, viewers in (("anna", DEMO, 4), ("hal", DEMO, 4), ("stella", STADIUM, 7), ("rex", STADIUM, 7)):
        shown = [frame["data"] for frame in upgraded.frames[name]]
        newest = max(shown, key=lambda one: str(one["asOf"]))
        assert (newest["channelId"], newest["viewers"]) == (channel, viewers)


def test_a_count_that_was_begun_and_never_finished_is_made_again(upgraded: Site) -> None:
    """The one had been finished before: its reading is stored again, in case that of the dead count is on its way."""
    upgraded.advance_to(upgraded.now + timedelta(seconds=3))
    assert upgraded.viewer("join", "kiosk", viewer_of("new")).json["viewers"] >= 1
    assert _count(upgraded, "kiosk")[0] >= 1
    assert _count(upgraded, "again")[0] == 1
    stored = [record["dynamodb"]["Keys"]["subject"]["S"] for record in upgraded.records()]
    assert "channel:live:again" in stored


def test_a_page_that_follows_the_count_goes_on_after_its_last_event(upgraded: Site, fixture: Fixture) -> None:
    before = next(one["answer"] for one in fixture.files["answers"] if one["path"] == f"/api/viewer/sse/{DEMO}")
    last = before.partition("id: ")[2].partition("\n")[0]
    path = f"/api/viewer/sse/{DEMO}"
    first = upgraded.api("GET", path, function="viewer_heartbeat").text
    assert f"id: {last}\n" in first
    again = upgraded.api("GET", path, query={"lastEventId": last}, function="viewer_heartbeat").text
    assert "data:" not in again


def test_a_milestone_in_viewers_is_not_announced_again(upgraded: Site) -> None:
    """Ten watch again; ten were announced in the morning."""
    for number in range(12):
        assert upgraded.viewer("join", DEMO, viewer_of(f"new{number}")).status == 200
    upgraded.run(upgraded.now + timedelta(seconds=20))
    assert _count(upgraded, DEMO)[0] >= 12
    assert upgraded.world.sent == []
    assert not [frame for frame in upgraded.frames["anna"] if frame["event"] == "viewers:milestone"]


def test_joins_of_an_address_go_on_counting(fixture: Fixture) -> None:
    """In the minute before the upgrade, when several releases answer beside each other."""
    (counted,) = [item for item in fixture.items("PRESENCE_TABLE") if "joins" in item]
    at, joins = product.from_iso(counted["sk"]["S"]), int(counted["joins"]["N"])
    with arrived(fixture, at=at, viewer_joins_per_minute=joins + 4) as site:
        assert [site.viewer("join", "other").status for _ in range(6)] == [200] * 4 + [429] * 2
        site.advance_to(at + timedelta(minutes=1))
        assert site.viewer("join", "other").status == 200


def _count(site: Site, channel: str) -> tuple[int, int]:
    answer = site.api("GET", f"/api/viewer/count/{channel}", function="viewer_heartbeat").json
    return answer["viewers"], answer["connections"]
