"""What webhooks store about a person is exported, and erased; what happened stays."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from cairn.aws.vault import Vault
from cairn.clock import now
from cairn.webhooks.deliveries import Deliveries
from cairn.webhooks.endpoints import Endpoints
from cairn.webhooks.events import Events
from cairn.webhooks.model import Attempt, Contact, Endpoint, Event, Message, Secret, event_id
from cairn.webhooks.personal_data import ERASED_NAME
from operations.personal_data import Person, export, purge
from operations.stack import OperationError, Stack
from testing.cloud import Cloud
from testing.mentions import mentions
from testing.operator import operators_stack

ADA = Contact("Ada Okafor", "ada@example.com", "+49 30 12345")


@pytest.fixture
def stack(aws: Cloud) -> Stack:
    aws.people.add("ada", "webhooks")
    return operators_stack()


@pytest.fixture
def endpoint(aws: Cloud) -> Endpoint:
    made = endpoints(aws).add(
        Endpoint(
            "ep_000000000001",
            "https://crm.test/hook",
            "standard",
            ("*",),
            (Secret("whsec_x"),),
            owner="user:ada",
            default_contact=Contact("Nobody", "nobody@example.com"),
            created_at=now(),
            created_by="ada",
        )
    )
    assert made
    return made


def endpoints(aws: Cloud) -> Endpoints:
    return Endpoints(aws.table("WEBHOOKS_TABLE"), Vault(boto3.client("kms"), os.environ["WEBHOOK_KEY"]))


def happened(aws: Cloud, endpoint: Endpoint, subject: str, **more: Any) -> Event:
    """An event that was delivered, and whose answer repeated what it said."""
    table = aws.table("WEBHOOKS_TABLE")
    fields = {"data": {"name": "Ada Okafor"}, "contact": None} | more
    event = Event(event_id(now(), subject), "acme.order_paid", now(), subject, **fields)
    stored = Events(table, now).store(event, [endpoint.id], repeated=False)
    attempt = Attempt(1, now(), 5, 200, response=True)
    message = Message(endpoint.id, stored.key, "sent", attempts=(attempt,), tries=1, sent_at=now())
    Deliveries(table, now).note(message, b"thank you, Ada Okafor")
    return stored


@pytest.mark.parametrize(
    ("person", "more"),
    [
        ("rep:17", {"data": {"name": "Ada Okafor", "details": {"user_id": "ada"}}}),
        ("user:4711", {}),
        ("contact:ADA@example.com", {"contact": ADA}),
        ("contact:+493012345", {"contact": ADA}),
        ("person:ada", {"data": {"name": "Ada Okafor", "details": {"user_id": "Ada"}}}),
    ],
)
def test_what_an_event_said_is_erased_and_what_became_of_it_stays(
    aws: Cloud, stack: Stack, endpoint: Endpoint, person: str, more: dict[str, Any]
) -> None:
    subject = person if person.startswith(("rep", "user")) else "rep:17"
    event = happened(aws, endpoint, subject, **more)
    other = happened(aws, endpoint, "user:9", data={"name": "Bo"}, contact=Contact(email="bo@example.com"))
    exported = export(stack, person)
    assert "Ada Okafor" in exported
    assert "thank you" in exported
    assert "Bo" not in json.loads(exported)["tables"]["webhooks_table"][0]["item"].get("data", "")
    assert any("webhooks_table: anonymised" in line for line in purge(stack, person, confirmed=False))
    assert mentions("Ada Okafor")
    purge(stack, person, confirmed=True)
    assert mentions("Ada Okafor", "Okafor", "ada@example.com") == []
    table = aws.table("WEBHOOKS_TABLE")
    stored = Events(table, now).get(event.key)
    assert stored
    assert (stored.erased, stored.data, stored.contact) == (True, {}, None)
    message = Deliveries(table, now).get(endpoint.id, event.key)
    assert message
    assert (message.status, message.attempts[0].status) == ("sent", 200)
    kept = Events(table, now).get(other.key)
    assert kept
    assert kept.data == {"name": "Bo"}
    assert not any("webhooks_table" in line for line in purge(stack, person, confirmed=True))


def test_an_endpoint_forgets_its_owner_its_maker_and_its_contact_and_still_works(
    aws: Cloud, stack: Stack, endpoint: Endpoint
) -> None:
    purge(stack, "person:ada", confirmed=True)
    purge(stack, "contact:Nobody@example.com", confirmed=True)
    found = endpoints(aws).get(endpoint.id)
    assert found
    assert (found.owner, found.created_by, found.default_contact) == (None, ERASED_NAME, None)
    assert endpoints(aws).unseal(found).secrets == (Secret("whsec_x"),)
    changed = endpoints(aws).change(replace(found), owner="chat:77")
    assert changed
    purge(stack, "telegram:77", confirmed=True)
    found = endpoints(aws).get(endpoint.id)
    assert found
    assert found.owner is None


def test_an_export_has_no_sealed_bytes(aws: Cloud, stack: Stack, endpoint: Endpoint) -> None:
    (item,) = [one["item"] for one in json.loads(export(stack, "person:ada"))["tables"]["webhooks_table"]]
    assert item["host"] == "crm.test"
    assert not {"sealed", "data_key"} & item.keys()


def test_reports_about_a_subject_are_deleted(aws: Cloud, stack: Stack, endpoint: Endpoint) -> None:
    expires = int((now() + timedelta(days=1)).timestamp())
    item = {"pk": f"feedback#{endpoint.id}", "sk": "user:4711", "converted": 1, "expires_at": expires}
    aws.table("WEBHOOKS_TABLE").put_item(Item=item)
    purge(stack, "user:4711", confirmed=True)
    assert mentions("user:4711") == []


@pytest.mark.parametrize("text", ["contact:", "user:", "somebody:1"])
def test_who_is_no_kind_of_person_is_refused(text: str) -> None:
    with pytest.raises(OperationError, match="contact:ADDRESS"):
        Person.parse(text)
