"""A product's users: created, changed, read and listed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cairn.clock import now
from cairn.messages import WebhookEvent
from cairn.usage.reading import subject_of
from cairn.usage.users import Latest, Users
from testing.adversarial_dynamodb import catch_up
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.managed_product import ManagedProduct

ADA = {"name": "Ada Okafor", "email": "ada@example.com", "phone": "+4930123456", "timeZone": "Europe/Berlin"}


def told_of(site: ManagedProduct) -> list[str]:
    """The types of the events that webhooks are given of what has changed."""
    assert FUNCTIONS["detect_milestone"]({"Records": site.aws.changes()}, Context()) == {"batchItemFailures": []}
    return [one.event_type for one in site.aws.drain("WEBHOOK_QUEUE_URL") if isinstance(one, WebhookEvent)]


def test_a_rollout_brings_users_of_long_ago_and_nobody_is_mailed(site: ManagedProduct) -> None:
    users = [{"id": "ada", **ADA, "dailyGoal": 1}, {"id": "grace", "email": "grace@example.com"}]
    answer = site.api("PUT", "/api/users", {"users": users, "silent": True})
    assert [one["status"] for one in answer.json["results"]] == [200, 200]
    assert told_of(site) == []
    assert site.api("PUT", "/api/users", {"users": [{"id": "linus"}]}).status == 200
    assert told_of(site) == ["user_created"]
    site.does("ada")
    assert sorted(told_of(site)) == ["daily_goal_achieved", "milestone_reached"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/users", {"activeSince": "0"}),
        ("/api/users/ada/usage", {"to": "1700000000"}),
        ("/api/usage/totals", {"from": "0"}),
    ],
)
def test_a_number_is_no_day(site: ManagedProduct, path: str, query: dict[str, str]) -> None:
    site.put("ada")
    answer = site.api("GET", path, query=query, scopes=("analytics",))
    assert (answer.status, "ISO 8601" in answer.text) == (400, True)


@pytest.mark.parametrize("user_id", [".", ".."])
def test_an_id_that_clients_take_out_of_an_address_is_refused(site: ManagedProduct, user_id: str) -> None:
    assert site.put(user_id).status in (400, 404)
    answer = site.product.track(user_id)
    assert (answer.status, "not . or .." in answer.json["error"]) == (400, True)
    (result,) = site.api("PUT", "/api/users", {"users": [{"id": user_id}]}).json["results"]
    assert result["status"] == 400


def test_a_user_who_is_put_begins_with_zeros_and_in_their_own_zone(site: ManagedProduct) -> None:
    answer = site.put("4711", **ADA, dailyGoal=10, attributes={"plan": "pro", "seats": 3, "trial": False, "mrr": 4.5})
    assert answer.status == 200
    user = answer.json
    assert user == site.user("4711")
    assert {name: user[name] for name in ADA} == ADA
    assert user["attributes"] == {"plan": "pro", "seats": 3, "trial": False, "mrr": 4.5}
    assert (user["dailyGoal"], user["nextDailyGoal"]) == (10, None)
    assert user["today"] == {
        "date": "2026-11-20",
        "counts": {},
        "goalCount": 0,
        "dailyGoal": 10,
        "goalAchieved": False,
    }
    assert (user["totals"], user["streakDays"], user["freezes"], user["daysWithUs"]) == ({}, 0, 0, 0)
    assert (user["latestMilestone"], user["firstReplyAt"]) == (None, None)
    (record,) = site.aws.changes()
    assert record["eventName"] == "INSERT"


def test_what_is_not_sent_stays_and_null_clears(site: ManagedProduct) -> None:
    site.put("4711", **ADA, dailyGoal=10, attributes={"plan": "pro"})
    site.put("4711", email=None, attributes=None)
    user = site.user("4711")
    assert (user["name"], user["email"], user["phone"]) == ("Ada Okafor", None, "+4930123456")
    assert (user["attributes"], user["timeZone"], user["dailyGoal"]) == ({}, "Europe/Berlin", 10)
    site.put("4711", name=None, timeZone=None)
    assert (site.user("4711")["name"], site.user("4711")["timeZone"]) == (None, "UTC")


def test_a_change_of_the_profile_alone_starts_nothing(site: ManagedProduct) -> None:
    site.put("4711", **ADA)
    site.aws.changes()
    site.put("4711", email="ada@example.org", timeZone="Europe/Berlin", name="Ada Okafor")
    assert site.user("4711")["email"] == "ada@example.org"
    assert site.aws.changes() == []


def test_a_first_goal_counts_at_once_and_a_changed_one_from_the_next_day(site: ManagedProduct) -> None:
    site.put("4711", timeZone="Europe/Berlin")
    site.does("4711", count=12)
    site.put("4711", dailyGoal=10)
    user = site.user("4711")
    assert user["today"]["goalAchieved"] is True
    assert (user["dailyGoal"], user["streakDays"]) == (10, 1)
    site.put("4711", dailyGoal=20)
    user = site.user("4711")
    assert (user["dailyGoal"], user["nextDailyGoal"]) == (10, {"dailyGoal": 20, "from": "2026-11-21"})
    assert user["today"]["dailyGoal"] == 10
    site.pass_days(1)
    assert (site.user("4711")["dailyGoal"], site.user("4711")["nextDailyGoal"]) == (20, None)


def test_a_user_who_began_with_an_event_is_known_by_their_id(site: ManagedProduct) -> None:
    site.does("4711", count=3)
    user = site.user("4711")
    assert (user["name"], user["totals"], user["today"]["counts"]) == (None, {"replies": 3}, {"replies": 3})
    assert user["month"] == {"month": "2026-11", "counts": {"replies": 3}}
    assert user["firstReplyAt"] == "2026-11-20T12:00:00.000Z"
    assert user["createdAt"] is None


def test_what_is_near_comes_first(site: ManagedProduct) -> None:
    site.does("4711", count=9)
    site.does("4711", "meme", count=2)
    near = site.user("4711")["near"]
    assert near[0] == {"type": "replies", "threshold": 10, "label": "10", "value": 9, "missing": 1}
    assert [one["type"] for one in near][1] == "memes"
    assert [one["missing"] / one["threshold"] for one in near] == sorted(
        one["missing"] / one["threshold"] for one in near
    )
    site.put("4711", dailyGoal=12)
    assert {one["type"]: one["missing"] for one in site.user("4711")["near"]}["daily_goal"] == 3


def test_the_latest_milestone_is_shown(site: ManagedProduct) -> None:
    site.does("4711")
    latest = Latest("user:4711/replies/all-time/1", "replies", "1", 1, 1, now())
    users = Users(site.aws.table("USAGE_TABLE"))
    assert users.reached("4711", latest)
    assert site.user("4711")["latestMilestone"] == {
        "id": latest.id,
        "type": "replies",
        "label": "1",
        "threshold": 1,
        "value": 1,
        "achievedAt": "2026-11-20T12:00:00.000Z",
    }
    older = Latest("user:4711/feature/meme/1", "feature", "first use", 1, 1, datetime(2026, 11, 19, tzinfo=UTC))
    assert not users.reached("4711", older)
    assert users.took_back("4711", latest.id, older)
    assert not users.took_back("4711", latest.id, None)
    assert site.user("4711")["latestMilestone"]["type"] == "feature"
    assert users.took_back("4711", older.id, None)
    assert site.user("4711")["latestMilestone"] is None


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"timeZone": "Mars/Olympus"}, "timeZone"),
        ({"timeZone": "europe/berlin "}, "timeZone"),
        ({"timeZone": ""}, "timeZone"),
        ({"dailyGoal": 0}, "dailyGoal"),
        ({"dailyGoal": -3}, "dailyGoal"),
        ({"dailyGoal": 2.5}, "dailyGoal"),
        ({"dailyGoal": True}, "dailyGoal"),
        ({"dailyGoal": "10"}, "dailyGoal"),
        ({"dailyGoal": 1_000_001}, "dailyGoal"),
        ({"name": "Ada\u0000"}, "name"),
        ({"name": "\u202eadA"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"email": "ada"}, "email"),
        ({"email": "ada@example"}, "email"),
        ({"email": "Ada <ada@example.com>"}, "email"),
        ({"email": "a" * 250 + "@example.com"}, "email"),
        ({"phone": "call me"}, "phone"),
        ({"phone": "12"}, "phone"),
        ({"attributes": {"a": {"b": 1}}}, "attributes"),
        ({"attributes": {"a": [1]}}, "attributes"),
        ({"attributes": {"a": None}}, "attributes"),
        ({"attributes": {"": 1}}, "attributes"),
        ({"attributes": {"a\n": 1}}, "attributes"),
        ({"attributes": ["a"]}, "attributes"),
        ({"attributes": {f"a{n}": n for n in range(51)}}, "attributes"),
        ({"attributes": {"a": "x" * 4090}}, "attributes"),
        ({"attributes": {"a": "ü" * 2050}}, "attributes"),
        ({"plan": "pro"}, "plan"),
    ],
)
def test_bad_input_is_refused_with_its_field_and_stores_nothing(
    site: ManagedProduct, fields: dict[str, Any], named: str
) -> None:
    answer = site.put("4711", **fields)
    assert answer.status == 400, answer.text
    assert named in answer.error
    assert site.api("GET", "/api/users/4711").status == 404


@pytest.mark.parametrize(
    "user_id", ["a%20b", "a%2Fb", "%00", "x" * 129, "%C3%A9", "a%0A", "%F0%9F%8E%89", "a;b", "a%25b"]
)
def test_an_id_that_is_none_is_refused(site: ManagedProduct, user_id: str) -> None:
    assert site.put(user_id, name="Ada").status in (400, 404)
    assert site.api("GET", f"/api/users/{user_id}").status == 404
    assert site.api("DELETE", f"/api/users/{user_id}").status == 404
    assert site.aws.table("STATS_TABLE").scan()["Items"] == []


@pytest.mark.parametrize(
    ("sent", "id_"),
    [
        ("auth0%7C5f7c8ec7c33c6c004bbafe82", "auth0|5f7c8ec7c33c6c004bbafe82"),
        ("ada+x%40example.com", "ada+x@example.com"),
        ("o'neil!", "o'neil!"),
        ("a.b_c:d=e-f~g", "a.b_c:d=e-f~g"),
        ("users", "users"),
    ],
)
def test_an_id_may_have_the_signs_that_ids_have(site: ManagedProduct, sent: str, id_: str) -> None:
    assert site.put(sent, name="Ada").json["id"] == id_
    assert site.user(sent)["id"] == id_
    catch_up()
    assert [one["id"] for one in site.api("GET", "/api/users").json["items"]] == [id_]
    assert site.api("DELETE", f"/api/users/{sent}").status == 204


def test_many_users_are_put_at_once_and_a_bad_one_spoils_only_itself(site: ManagedProduct) -> None:
    sent = [
        {"id": "1", "name": "Ann", "timeZone": "Asia/Tokyo", "dailyGoal": 5},
        {"id": "2", "timeZone": "Nowhere"},
        {"id": "1", "dailyGoal": None, "email": "ann@example.com"},
        {"name": "without an id"},
        "no object",
        {"id": "a b"},
        {"id": "3"},
    ]
    answer = site.api("PUT", "/api/users", {"users": sent})
    assert answer.status == 200
    results = answer.json["results"]
    assert [one["status"] for one in results] == [200, 400, 200, 400, 400, 400, 200]
    assert [one["id"] for one in results] == ["1", "2", "1", None, None, None, "3"]
    assert (answer.json["succeeded"], answer.json["failed"]) == (3, 4)
    assert "timeZone" in results[1]["error"]
    assert site.user("1")["email"] == "ann@example.com"
    assert site.api("GET", "/api/users/2").status == 404
    assert site.user("3")["totals"] == {}


def test_at_most_500_users_are_put_at_once(site: ManagedProduct) -> None:
    sent = [{"id": f"u{n}", "name": f"User {n}"} for n in range(501)]
    assert site.api("PUT", "/api/users", {"users": sent}).status == 400
    assert site.api("PUT", "/api/users", {"users": []}).status == 400
    answer = site.api("PUT", "/api/users", {"users": sent[:500]})
    assert answer.json["succeeded"] == 500
    assert site.api("PUT", "/api/users", raw=json.dumps({"users": ["x" * 1024 * 1024]})).status == 413


def test_users_for_whom_no_time_is_left_are_named(site: ManagedProduct) -> None:
    answer = site.api("PUT", "/api/users", {"users": [{"id": "1"}]}, seconds=4)
    assert answer.json["results"][0]["status"] == 503
    assert site.api("GET", "/api/users/1").status == 404


def listed(site: ManagedProduct, **query: Any) -> list[str]:
    """All pages of a list."""
    found, cursor = list[str](), None
    while True:
        answer = site.api("GET", "/api/users", query=query | ({"cursor": cursor} if cursor else {}))
        assert answer.status == 200, answer.text
        found += [one["id"] for one in answer.json["items"]]
        cursor = answer.json["nextCursor"]
        if cursor is None:
            return found


def test_users_are_listed_by_their_last_activity_page_by_page(site: ManagedProduct) -> None:
    users = Users(site.aws.table("USAGE_TABLE"))
    for number in range(7):
        site.put(f"u{number}", name=f"User {number}")
        users.note(f"u{number}", active=datetime(2026, 11, 10 + number, tzinfo=UTC).date(), began=now())
    catch_up()
    assert listed(site, limit=3) == [f"u{number}" for number in reversed(range(7))]
    assert listed(site, activeSince="2026-11-14") == ["u6", "u5", "u4"]
    assert site.api("GET", "/api/users", query={"cursor": "e30"}).status == 400
    page = site.api("GET", "/api/users", query={"limit": 2})
    assert (
        site.api("GET", "/api/users", query={"cursor": page.json["nextCursor"], "activeSince": "2026-11-20"}).status
        == 400
    )


def test_somebody_of_whom_nothing_was_counted_is_at_the_end_of_the_list(site: ManagedProduct) -> None:
    users = Users(site.aws.table("USAGE_TABLE"))
    for user in ("imported", "active"):
        site.does(user)
        users.note(user, active=now().date() if user == "active" else None, began=now())
    catch_up()
    assert listed(site, limit=1) == ["active", "imported"]
    found = users.get("imported")
    assert found
    assert found.active is None
    users.note("imported", active=now().date(), began=now())
    users.note("imported", active=None, began=now())
    catch_up()
    assert listed(site, activeSince="2026-11-20") == ["imported", "active"]


def test_a_search_finds_names_addresses_and_ids_in_any_case(site: ManagedProduct) -> None:
    site.put("ab-17", name="Zora Quill", email="zora@example.com")
    site.put("xy-18", name="Ben", email="Quilley@example.org")
    site.put("QUILL", name="Cid")
    site.put("none", name="Dan")
    catch_up()
    assert set(listed(site, search="quill")) == {"ab-17", "xy-18", "QUILL"}
    assert set(listed(site, search="-1")) == {"ab-17", "xy-18"}
    assert listed(site, search="nobody") == []


def test_users_are_filtered_by_goal_zone_and_what_is_near(site: ManagedProduct) -> None:
    site.put("goal", dailyGoal=3, timeZone="Asia/Tokyo")
    site.put("none", timeZone="Asia/Tokyo")
    site.put("near", timeZone="UTC")
    site.does("near", count=85)
    site.does("none", count=20)
    catch_up()
    assert listed(site, hasGoal="true") == ["goal"]
    assert set(listed(site, hasGoal="false")) == {"none", "near"}
    assert set(listed(site, timeZone="Asia/Tokyo")) == {"goal", "none"}
    assert listed(site, near="true") == ["near"]


def test_a_list_reads_a_bounded_number_of_users_and_goes_on_with_its_cursor(site: ManagedProduct) -> None:
    table = site.aws.table("USAGE_TABLE")
    with table.batch_writer() as batch:
        for number in range(1150):
            key = {"pk": f"user#u{number:04d}", "sk": "profile"}
            batch.put_item(Item={**key, "listing": "users", "active": f"2026-11-20#u{number:04d}"})
    site.put("u0000", name="Zora")
    catch_up()
    page = site.api("GET", "/api/users", query={"search": "zora"})
    assert page.json["items"] == []
    assert page.json["nextCursor"]
    assert listed(site, search="zora") == ["u0000"]


def test_nothing_of_a_users_contact_is_in_the_stats_item(site: ManagedProduct) -> None:
    site.put("4711", **ADA, attributes={"plan": "pro"})
    item = site.aws.table("STATS_TABLE").get_item(Key={"subject": str(subject_of("4711"))})["Item"]
    assert not {"ada@example.com", "+4930123456", "pro"} & set(map(str, _values(item)))


def _values(value: Any) -> Any:
    if isinstance(value, dict):
        for one in value.values():
            yield from _values(one)
    else:
        yield value
