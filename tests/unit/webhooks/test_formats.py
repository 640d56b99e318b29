"""What each format looks like, and that the bytes are those that were meant."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.codec import from_json
from cairn.errors import NoContactError
from cairn.webhooks import ghl
from cairn.webhooks.catalogue import CATALOGUE
from cairn.webhooks.fields import snake
from cairn.webhooks.formats import render, sample
from cairn.webhooks.model import Contact, Endpoint, Event, Format, Secret, event_id
from cairn.webhooks.signing import headers
from testing.webhooks import ADA, AT, SECRET, endpoint, event, message_of
from tests.unit.webhooks.values import names, objects, scalars

FORMATS: tuple[Format, ...] = get_args(Format)
OFFICE = Contact("The office", "office@example.com")
MILESTONE = CATALOGUE["milestone_reached"].example


def content(event_: Event, endpoint_: Endpoint, *, template: str | None = None, sample: bool = False) -> bytes:
    return render(event_, endpoint_, template=template, message_id=message_of(event_, endpoint_), sample=sample).content


def body(event_: Event, endpoint_: Endpoint, *, template: str | None = None, sample: bool = False) -> Any:
    return from_json(content(event_, endpoint_, template=template, sample=sample))


def milestone(contact: Contact | None = None, **changed: object) -> Event:
    return event({**MILESTONE, **changed}, type="milestone_reached", subject="rep:17", contact=contact)


# -- standard


def test_the_standard_body_is_type_timestamp_and_data_with_what_cairn_knows() -> None:
    assert body(event({"order": 7}), endpoint(), template="thanks") == {
        "type": "acme.order_paid",
        "timestamp": "2026-11-30T14:03:07.250Z",
        "data": {
            "order": 7,
            "subject": "user:ada",
            "sequence": 3,
            "contact": {"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+15555550101"},
            "template": "thanks",
        },
    }


def test_what_is_unknown_is_null_and_never_absent() -> None:
    nobody = event({}, subject=None, contact=None, sequence=None)
    assert body(nobody, endpoint())["data"] == {"subject": None, "sequence": None, "contact": None, "template": None}
    assert body(nobody, endpoint("source"))["user"] == {"id": None, "name": None, "email": None, "phone": None}
    partly = event({}, contact=Contact(email="ada@example.com"))
    assert body(partly, endpoint())["data"]["contact"] == {"name": None, "email": "ada@example.com", "phone": None}


# -- source


def test_the_source_body_is_event_timestamp_user_and_metadata() -> None:
    found = body(milestone(ADA), endpoint("source"), template="first_reply_celebration")
    assert list(found) == ["event", "timestamp", "user", "metadata"]
    assert (found["event"], found["timestamp"]) == ("milestone_reached", "2026-11-30T14:03:07.250Z")
    assert found["user"] == {"id": "17", "name": "Ada Lovelace", "email": "ada@example.com", "phone": "+15555550101"}
    metadata = found["metadata"]
    assert {name: metadata[name] for name in ("milestone_type", "milestone_value", "is_first")} == {
        "milestone_type": "revenue",
        "milestone_value": 25_000,
        "is_first": True,
    }
    assert metadata["template"] == "first_reply_celebration"
    assert metadata["also_passed"] == [{"threshold": 10_000, "label": "$10,000"}]
    assert all(name == snake(name) for name in metadata)


def test_a_months_value_is_no_lifetime_total() -> None:
    assert body(milestone(), endpoint("source"))["metadata"]["lifetime_total"] is None
    of_all_time = milestone(period="all-time", value=10_100)
    assert body(of_all_time, endpoint("source"))["metadata"]["lifetime_total"] == 10_100


def test_a_subject_without_a_contact_has_at_least_its_own_name() -> None:
    assert body(milestone(), endpoint("source"))["user"]["name"] == "Ada Okafor"


def test_what_a_product_published_by_the_sources_names_stays_as_it_was() -> None:
    published = {"milestone_type": "replies", "milestone_value": 10, "lifetime_total": 12, "is_first": False}
    metadata = body(event(published, type="milestone_reached"), endpoint("source"))["metadata"]
    assert {name: metadata[name] for name in published} == published


@given(objects)
def test_no_field_is_lost_for_its_name(data: dict[str, Any]) -> None:
    added = body(event(), endpoint("source"))["metadata"]
    metadata = body(event(data), endpoint("source"))["metadata"]
    assert len(metadata) == len(added) + len(data)
    assert all(value in metadata.values() for value in data.values())


# -- GoHighLevel


def scalar(value: object) -> bool:
    return isinstance(value, str | bool | int | Decimal)


published_types = st.sampled_from(sorted(CATALOGUE))
contacts = st.sampled_from([ADA, Contact(phone="+15555550102"), Contact("Only a name"), None])


@given(published_types, st.data(), contacts, st.booleans(), st.none() | st.text(max_size=5))
def test_every_body_for_ghl_has_the_same_keys_in_the_same_order(
    type_: str, draw: st.DataObject, contact: Contact | None, is_sample: bool, template: str | None
) -> None:
    declared = sorted(CATALOGUE[type_].schema["properties"])
    data = draw.draw(
        st.dictionaries(st.sampled_from(declared or ["more"]), scalars | objects | st.lists(scalars), max_size=6)
    )
    published = event(data, type=type_, contact=contact, sequence=None)
    found = body(published, endpoint("ghl", default_contact=OFFICE), template=template, sample=is_sample)
    beyond = [key for key in found if key not in ghl.body_keys()]
    assert list(found)[: len(ghl.body_keys())] == list(ghl.body_keys())
    assert beyond == sorted(beyond)
    assert all(scalar(value) for value in found.values())


@given(published_types, st.booleans())
def test_what_the_catalogue_declares_adds_no_key(type_: str, is_sample: bool) -> None:
    published = event(CATALOGUE[type_].example, type=type_)
    assert tuple(body(published, endpoint("ghl"), sample=is_sample)) == ghl.body_keys()


@given(objects)
def test_a_products_own_fields_follow_in_alphabetical_order_as_scalars(data: dict[str, Any]) -> None:
    found = body(event(data), endpoint("ghl"))
    assert list(found)[: len(ghl.body_keys())] == list(ghl.body_keys())
    assert list(found)[len(ghl.body_keys()) :] == sorted(list(found)[len(ghl.body_keys()) :])
    assert all(scalar(value) for value in found.values())


def test_ghl_keys_are_in_snake_case_and_each_is_there_once() -> None:
    assert all(key == snake(key) and key.isascii() for key in ghl.body_keys())
    assert len(set(ghl.body_keys())) == len(ghl.body_keys())


def test_a_body_for_ghl_is_about_its_contact_and_its_event() -> None:
    found = body(milestone(ADA), endpoint("ghl"), template="century_club")
    expected = {
        "event": "milestone_reached",
        "subject": "rep:17",
        "sequence": 3,
        "template": "century_club",
        "sample": False,
        "full_name": "Ada Lovelace",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "email": "ada@example.com",
        "phone": "+15555550101",
        "name": "Ada Okafor",
        "value": Decimal("25400.50"),
        "also_passed": "$10,000",
        "details_team": "North",
        "milestone_type": "revenue",
        "plan": "",
        "reverted_at": "",
    }
    assert {key: found[key] for key in expected} == expected
    assert "metrics" not in found
    assert "metrics_monthly_revenue" not in found


def test_objects_lists_and_taken_names_of_a_product_become_keys_of_their_own() -> None:
    found = body(
        event({"Order No": 7, "items": [{"sku": "a"}, "b", 2], "address": {"city": "Porto"}, "email": "x@y.example"}),
        endpoint("ghl"),
    )
    assert (found["order_no"], found["items"], found["address_city"]) == (7, '{"sku":"a"}, b, 2', "Porto")
    assert (found["email"], found["data_email"]) == ("ada@example.com", "x@y.example")


def test_without_a_contact_ghl_gets_the_endpoints_and_never_a_mixture() -> None:
    named = milestone(Contact("Ada Lovelace"))
    found = body(named, endpoint("ghl", default_contact=OFFICE))
    assert (found["full_name"], found["email"], found["phone"]) == ("The office", "office@example.com", "")
    for default in (None, Contact("Nobody")):
        with pytest.raises(NoContactError, match="defaultContact"):
            content(named, endpoint("ghl", default_contact=default))


@pytest.mark.parametrize("format_", [one for one in FORMATS if one != "ghl"])
def test_the_other_formats_need_no_contact(format_: Format) -> None:
    assert content(milestone(), endpoint(format_))


# -- samples


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("type_", [*CATALOGUE, "acme.order_paid"])
def test_a_sample_of_each_type_says_that_it_is_one(type_: str, format_: Format) -> None:
    wanted = endpoint(format_)
    found = body(sample(type_, wanted, AT), wanted, sample=True)
    marked = {"standard": found.get("data", {}), "source": found.get("metadata", {}), "ghl": found}[format_]
    assert marked["sample"] is True
    assert type_ in (found.get("type"), found.get("event"))


@pytest.mark.parametrize("type_", CATALOGUE)
def test_one_sample_for_ghl_has_a_value_to_pick_for_every_key(type_: str) -> None:
    wanted = endpoint("ghl")
    found = body(sample(type_, wanted, AT), wanted, sample=True)
    assert [key for key in ghl.body_keys() if found[key] == ""] == []


def test_a_sample_is_of_the_first_type_that_the_endpoint_wants_and_of_its_contact() -> None:
    assert sample(None, endpoint(), AT).type == "milestone_reached"
    wanted = endpoint("ghl", events=("trial_ending", "user_created"), default_contact=OFFICE)
    assert sample(None, wanted, AT).type == "trial_ending"
    assert sample(None, wanted, AT).contact == OFFICE
    unreachable = endpoint("ghl", default_contact=Contact("Nobody"))
    assert body(sample(None, unreachable, AT), unreachable, sample=True)["email"].endswith("@example.com")


# -- bytes


@pytest.mark.parametrize("format_", FORMATS)
@given(data=objects)
def test_the_body_is_the_same_bytes_at_each_try_so_its_signature_holds(format_: Format, data: dict[str, Any]) -> None:
    published, wanted = event(data), endpoint(format_)
    one, other = content(published, wanted), content(published, wanted)
    assert one == other
    assert headers("msg_1", AT, one, [Secret(SECRET)]) == headers("msg_1", AT, other, [Secret(SECRET)])
    json.loads(one)


@pytest.mark.parametrize("format_", FORMATS)
def test_text_and_numbers_are_sent_as_they_were_published(format_: Format) -> None:
    published = event(
        from_json('{"text": "🎉 \\u001b[1m", "exact": 1.0, "money": 49.90, "big": 123456789012345678901}')
    )
    sent = content(published, endpoint(format_)).decode()
    assert '"text":"🎉 \\u001b[1m"' in sent
    assert '"exact":1.0,' in sent.replace("}", ",")
    assert '"money":49.90' in sent
    assert '"big":123456789012345678901' in sent


def test_the_headers_of_a_body_describe_it() -> None:
    assert render(event(), endpoint(), template=None, message_id="msg_1").headers == {
        "content-type": "application/json"
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alsoPassed", "also_passed"),
        ("HTTPStatus", "http_status"),
        ("user-ID 2", "user_id_2"),
        ("__a__", "a"),
        ("already_snake", "already_snake"),
        ("Größe", "größe"),
        ("!?", ""),
    ],
)
def test_names_in_snake_case(name: str, expected: str) -> None:
    assert snake(name) == expected


@given(names)
def test_snake_case_stays_as_it_is(name: str) -> None:
    assert snake(snake(name)) == snake(name)


# -- the document for receivers


def documented() -> str:
    return (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()


@pytest.mark.parametrize("format_", FORMATS)
def test_the_document_shows_a_body_of_each_format_as_it_is_sent(format_: Format) -> None:
    (shown,) = re.findall(rf"^```json {format_}\n(.*?)^```$", documented(), re.MULTILINE | re.DOTALL)
    office = Contact("Sales office", "sales@example.com")
    wanted = replace(endpoint(format_, default_contact=office), id="ep_4r7k2m9p1c0q")
    one = replace(milestone(), id=event_id(AT, str(MILESTONE["milestone"])), sequence=12)
    assert json.loads(shown, object_pairs_hook=list) == json.loads(content(one, wanted), object_pairs_hook=list)


def test_the_document_shows_the_headers_as_they_are_sent() -> None:
    wanted = replace(endpoint(), id="ep_4r7k2m9p1c0q")
    one = replace(milestone(), id=event_id(AT, str(MILESTONE["milestone"])), sequence=12)
    sent = headers(message_of(one, wanted), AT, content(one, wanted), wanted.secrets)
    assert all(f"{name}: {value}\n" in documented() for name, value in sent.items())


def test_the_document_lists_every_type_with_its_words() -> None:
    assert [
        type_.name for type_ in CATALOGUE.values() if f"| `{type_.name}` | {type_.words} |" not in documented()
    ] == []
