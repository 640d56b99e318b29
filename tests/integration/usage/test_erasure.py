"""An erased user stays erased: nothing brings the person back, the CRM is told, and what was said is erased."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cairn.clock import now
from cairn.messages import WebhookEvent
from cairn.model import Milestone, Subject
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.usage.erasure import Erasing, Erasures
from cairn.usage.personal_data import UserItems
from cairn.usage.reading import subject_of
from cairn.usage.users import Profile, Users
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.events import Events
from cairn.webhooks.model import Contact, Event, Message, event_id
from testing.adversarial_dynamodb import catch_up
from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.managed_product import ManagedProduct
from testing.mentions import mentions

ADA: dict[str, Any] = {"name": "Zora Quill", "email": "zora@quill.example", "phone": "+49 30 1234567"}
WORDS = ("Zora", "Quill", "zora@quill.example", "quill.example", "1234567", "Lightning")


def milestone(at: Any = None) -> Milestone:
    return Milestone(
        subject=subject_of("4711"),
        name="Zora Quill",
        rule="replies",
        metric="replies",
        period="all-time",
        threshold=10,
        label="10",
        value=12,
        also_passed=(),
        achieved_at=at or now(),
        trace_id="t",
        details={"time_zone": "Europe/Berlin"},
    )


def lived(site: ManagedProduct) -> None:
    """A user with days, freezes, a milestone, and what webhooks said of them."""
    site.put("4711", **ADA, dailyGoal=3, attributes={"team": "Lightning"})
    site.api("POST", "/api/users/4711/freezes", {"reason": "Zora was ill"})
    site.does("4711", count=12)
    Milestones(site.aws.table("MILESTONES_TABLE")).record(milestone())
    site.pass_days(1)
    site.does("4711", count=4)
    site.record()
    say(site, "milestone_reached", "user:4711/replies/all-time/10", {"name": "Zora Quill"})


def endpoint(site: ManagedProduct) -> str:
    made = site.api("POST", "/api/webhooks/endpoints", {"url": "https://crm.test/hook"})
    assert made.status == 201, made.text
    return str(made.json["id"])


def say(site: ManagedProduct, type_: str, key: str, data: dict[str, Any], subject: str = "user:4711") -> str:
    """An event that deliver_webhook stored; its key."""
    contact = Contact(ADA["name"], ADA["email"], ADA["phone"])
    event = Event(event_id(now(), key), type_, now(), subject, data, contact, "t")
    endpoints = [one["id"] for one in site.api("GET", "/api/webhooks/endpoints").json["items"]]
    Events(site.aws.table("WEBHOOKS_TABLE"), now).store(event, endpoints, repeated=False)
    return event.key


def told(site: ManagedProduct) -> list[WebhookEvent]:
    """What waits in the webhook queue of erased users."""
    found = [one for one in site.aws.drain("WEBHOOK_QUEUE_URL") if isinstance(one, WebhookEvent)]
    return [one for one in found if one.event_type == "user_deleted"]


def erase_users() -> dict[str, int]:
    answer: dict[str, int] = FUNCTIONS["erase_users"]({}, Context(300))
    return answer


def test_an_erased_user_is_in_no_table_and_served_nowhere(site: ManagedProduct) -> None:
    lived(site)
    assert {table for table, _ in mentions(*WORDS)} == {
        "STATS_TABLE",
        "USAGE_TABLE",
        "MILESTONES_TABLE",
        "WEBHOOKS_TABLE",
    }
    assert site.api("DELETE", "/api/users/4711").status == 204
    assert {table for table, _ in mentions(*WORDS)} == {"WEBHOOKS_TABLE"}
    erase_users()
    assert mentions(*WORDS) == []
    assert site.aws.table("HISTORY_TABLE").scan()["Items"] == []
    for path in ("", "/usage", "/milestones", "/freezes", "/export"):
        assert site.api("GET", f"/api/users/4711{path}").status == 404
    catch_up()
    assert site.api("GET", "/api/users").json["items"] == []
    served = site.api("GET", "/api/milestones").text
    assert "Erased user" in served
    assert not [word for word in WORDS if word in served]


def test_an_erased_user_stays_erased(site: ManagedProduct) -> None:
    lived(site)
    late = site.aws.changes()
    assert site.api("DELETE", "/api/users/4711").status == 204
    assert site.put("4711", name="Zora Quill").status == 409
    assert site.put("4711", email="zora@quill.example").status == 409
    bulk = site.api("PUT", "/api/users", {"users": [{"id": "4711", "name": "Zora Quill"}, {"id": "4712"}]})
    assert [one["status"] for one in bulk.json["results"]] == [409, 200]
    assert site.api("POST", "/api/users/4711/freezes", {"reason": "x"}).status == 404
    refused = site.product.track("4711")
    assert (refused.status, refused.error[:7]) == (409, "erased:")
    site.aws.flow()
    site.record(late)
    erase_users()
    site.clock.sleep(26 * 3600)
    erase_users()
    assert mentions(*WORDS) == []
    assert site.aws.table("HISTORY_TABLE").scan()["Items"] == []
    assert site.api("GET", "/api/users/4711").status == 404


def test_what_a_record_of_the_stream_brings_after_the_erasure_is_erased_again(site: ManagedProduct) -> None:
    """The stream keeps records for a day, and a function may have been at work with one."""
    site.put("4711", **ADA)
    site.does("4711", count=12)
    site.pass_days(1)
    site.does("4711")
    late = site.aws.changes()
    site.api("DELETE", "/api/users/4711")
    erase_users()
    site.record(late)
    Milestones(site.aws.table("MILESTONES_TABLE")).record(milestone())
    say(site, "milestone_reached", "late", {"name": "Zora Quill"})
    assert site.aws.table("HISTORY_TABLE").scan()["Items"]
    site.clock.sleep(3600)
    assert erase_users() == {"complete": 0, "waiting": 1}
    assert site.aws.table("HISTORY_TABLE").scan()["Items"] == []
    assert {table for table, _ in mentions(*WORDS)} == {"WEBHOOKS_TABLE"}, "it is looked through once more later"
    site.clock.sleep(24 * 3600)
    assert erase_users() == {"complete": 1, "waiting": 0}
    assert mentions(*WORDS) == []
    assert erase_users() == {"complete": 0, "waiting": 0}


def test_the_crm_is_told_once_with_whom_it_knows(site: ManagedProduct) -> None:
    lived(site)
    site.aws.drain("WEBHOOK_QUEUE_URL")
    site.api("DELETE", "/api/users/4711")
    (event,) = told(site)
    assert (event.subject, event.event_type) == ("user:4711", "user_deleted")
    assert json.loads(event.contact) == {"name": "Zora Quill", "email": "zora@quill.example", "phone": "+49 30 1234567"}
    assert json.loads(event.data) == {}
    site.clock.sleep(60)
    assert site.api("DELETE", "/api/users/4711").status == 204
    erase_users()
    assert told(site) == []


def test_a_repeat_after_a_crash_tells_the_crm_the_same(site: ManagedProduct) -> None:
    lived(site)
    site.aws.drain("WEBHOOK_QUEUE_URL")
    site.api("DELETE", "/api/users/4711")
    (first,) = told(site)
    key = {"pk": "erasures", "sk": "4711"}
    site.aws.table("USAGE_TABLE").update_item(
        Key=key,
        UpdateExpression="SET contact = :contact REMOVE told",
        ExpressionAttributeValues={":contact": dict(ADA)},
    )
    site.clock.sleep(600)
    site.api("DELETE", "/api/users/4711")
    (again,) = told(site)
    assert (again.event_id, again.at, again.contact) == (first.event_id, first.at, first.contact)


def test_the_crm_is_told_before_that_event_is_erased(site: ManagedProduct) -> None:
    crm = endpoint(site)
    lived(site)
    site.aws.drain("WEBHOOK_QUEUE_URL")
    site.api("DELETE", "/api/users/4711")
    (event,) = told(site)
    contact = Contact(**json.loads(event.contact))
    stored = Event(event.event_id, event.event_type, event.at, event.subject, {}, contact, "t")
    Events(site.aws.table("WEBHOOKS_TABLE"), now).store(stored, [crm], repeated=False)
    site.clock.sleep(26 * 3600)
    erase_users()
    left = mentions(*WORDS)
    assert [item["type"] for _, item in left] == ["user_deleted"]
    site.clock.sleep(3600)
    assert erase_users() == {"complete": 0, "waiting": 1}
    deliveries = Deliveries(site.aws.table("WEBHOOKS_TABLE"), now)
    deliveries.decide(Message(crm, stored.key, status="sent", sent_at=now()))
    assert erase_users() == {"complete": 1, "waiting": 0}
    assert mentions(*WORDS) == []


@pytest.mark.parametrize("why", ["a week has passed", "the endpoint was deleted"])
def test_an_event_that_nobody_takes_is_erased_in_the_end(site: ManagedProduct, why: str) -> None:
    crm = endpoint(site)
    lived(site)
    site.api("DELETE", "/api/users/4711")
    (event,) = told(site)
    stored = Event(event.event_id, event.event_type, event.at, event.subject, {}, Contact(**ADA), "t")
    Events(site.aws.table("WEBHOOKS_TABLE"), now).store(stored, [crm], repeated=False)
    site.clock.sleep(26 * 3600)
    assert erase_users()["complete"] == 0
    if why == "a week has passed":
        site.clock.sleep(7 * 86400)
    else:
        site.api("DELETE", f"/api/webhooks/endpoints/{crm}")
    assert erase_users()["complete"] == 1
    assert mentions(*WORDS) == []


def test_others_events_and_what_no_erasure_is_under_way_for_stay(site: ManagedProduct) -> None:
    lived(site)
    site.put("4712", name="Ben")
    say(site, "milestone_reached", "other", {"name": "Ben"}, subject="user:4712")
    say(site, "milestone_reached", "like it", {"name": "Ben"}, subject="user:47110")
    say(site, "milestone_reached", "a rep", {"name": "Ben"}, subject="rep:4711")
    site.api("DELETE", "/api/users/4711")
    erase_users()
    kept = [item for _, item in mentions("Ben") if str(item.get("pk", "")).startswith("events#")]
    assert {item["subject"] for item in kept} == {"user:4712", "user:47110", "rep:4711"}
    assert site.user("4712")["name"] == "Ben"


def test_what_receivers_reported_of_the_user_is_erased(site: ManagedProduct) -> None:
    crm = endpoint(site)
    lived(site)
    body = {"endpoint": crm, "subject": "user:4711", "event": "converted"}
    assert site.api("POST", "/api/webhooks/feedback", body).status in (200, 202, 204)
    assert [item for _, item in mentions("user:4711") if str(item.get("pk", "")).startswith("feedback#")]
    site.api("DELETE", "/api/users/4711")
    erase_users()
    assert not [item for _, item in mentions("user:4711") if str(item.get("pk", "")).startswith("feedback#")]


def test_only_one_scan_is_made_for_all_who_wait_and_none_when_nobody_does(site: ManagedProduct) -> None:
    scans = list[str]()
    client = FUNCTIONS["erase_users"].dependencies.webhooks._table.meta.client
    client.meta.events.register("before-call.dynamodb.Scan", lambda **_: scans.append("scan"))
    for number in range(7):
        site.put(f"u{number}", name="Zora Quill")
        site.api("DELETE", f"/api/users/u{number}")
    assert erase_users() == {"complete": 0, "waiting": 7}
    assert len(scans) == 1
    site.clock.sleep(3600)
    erase_users()
    assert len(scans) == 1
    site.clock.sleep(25 * 3600)
    assert erase_users() == {"complete": 7, "waiting": 0}
    assert len(scans) == 2
    erase_users()
    assert len(scans) == 2


def test_when_the_time_is_up_the_next_run_goes_on(site: ManagedProduct) -> None:
    lived(site)
    assert site.api("DELETE", "/api/users/4711", seconds=5).status == 204
    assert mentions("Zora"), "there was no time for more than the tombstone"
    assert site.api("GET", "/api/users/4711").status == 404
    erase_users()
    assert mentions(*WORDS) == []


def test_a_user_is_erased_although_the_crm_cannot_be_told(site: ManagedProduct) -> None:
    lived(site)
    table = site.aws.table

    def broken(*_: object) -> None:
        raise ConnectionError("no queue")

    erasing = Erasing(
        stats=Stats(table("STATS_TABLE")),
        users=Users(table("USAGE_TABLE")),
        erasures=Erasures(table("USAGE_TABLE")),
        items=UserItems(
            stats=table("STATS_TABLE"),
            usage=table("USAGE_TABLE"),
            milestones=table("MILESTONES_TABLE"),
            history=table("HISTORY_TABLE"),
        ),
        tell=broken,
        clock=now,
    )
    with pytest.raises(ConnectionError):
        erasing.erase("4711")
    left = [item["pk"] for table, item in mentions(*WORDS) if table != "WEBHOOKS_TABLE"]
    assert left == ["erasures"], "the contact, until the CRM is told"
    site.aws.drain("WEBHOOK_QUEUE_URL")
    erase_users()
    (event,) = told(site)
    assert json.loads(event.contact)["email"] == ADA["email"]
    assert mentions(*WORDS) == []


def test_a_user_who_never_was_leaves_nothing_behind(site: ManagedProduct) -> None:
    assert site.api("DELETE", "/api/users/nobody").status == 404
    assert mentions("nobody") == []


def test_nothing_of_a_products_user_goes_to_the_room_of_a_person_with_the_same_name(site: ManagedProduct) -> None:
    """Rooms `user:…` are of people who sign in."""
    site.put("ada", name="Zora Quill", dailyGoal=1)
    site.does("ada", count=12)
    site.does("ada", "meme")
    site.pass_days(4)
    site.does("ada")
    site.aws.flow()
    site.api("DELETE", "/api/users/ada")
    site.aws.flow()
    assert site.aws.drain("BROADCAST_QUEUE_URL") == []
    assert site.aws.drain("NOTIFY_QUEUE_URL") == []
    assert site.aws.table("CONNECTIONS_TABLE").scan()["Items"] == []


def test_an_erasure_of_somebody_who_began_with_an_event_needs_no_profile(site: ManagedProduct) -> None:
    site.does("4711", count=3)
    assert site.api("DELETE", "/api/users/4711").status == 204
    assert site.api("GET", "/api/users/4711").status == 404
    (event,) = told(site)
    assert (event.subject, event.contact) == ("user:4711", "")


def test_the_tombstone_announces_nothing(site: ManagedProduct) -> None:
    site.does("4711", count=12)
    site.aws.flow()
    site.aws.drain("WEBHOOK_QUEUE_URL")
    site.api("DELETE", "/api/users/4711")
    site.aws.flow()
    sent = site.aws.drain("WEBHOOK_QUEUE_URL")
    assert [one.event_type for one in sent if isinstance(one, WebhookEvent)] == ["user_deleted"]
    assert len(sent) == 1
    assert site.aws.changes() == []
    assert Subject("user", "4711") == subject_of("4711")
    assert now() + timedelta(0)


def test_a_record_from_before_the_erasure_tells_nobody_of_the_user(site: ManagedProduct) -> None:
    site.put("4711", **ADA, dailyGoal=3)
    site.does("4711", count=12)
    site.does("4711", "meme")
    late = site.aws.changes()
    site.api("DELETE", "/api/users/4711")
    assert len(told(site)) == 1
    assert FUNCTIONS["detect_milestone"]({"Records": late}, Context()) == {"batchItemFailures": []}
    assert site.aws.drain("WEBHOOK_QUEUE_URL") == []
    assert Users(site.aws.table("USAGE_TABLE")).get("4711") == Profile("4711", erased=True)
    erase_users()
    assert mentions(*WORDS) == []
