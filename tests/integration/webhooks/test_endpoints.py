"""The endpoints' table: secrets sealed, and no writer loses what another one wrote."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from cairn.aws.vault import BrokenSealError, Vault
from cairn.clock import now
from cairn.errors import ConflictError
from cairn.webhooks.endpoints import MAX_SECRETS, Endpoints, host_of
from cairn.webhooks.model import Condition, Contact, Endpoint, Health, Secret, new_endpoint_id
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.interleaving import before_next_write

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
URL = "https://crm.test/hook?token=t0ken-in-the-address"
SECRET = Secret("whsec_c2VjcmV0IG9mIHRoaXMgZW5kcG9pbnQgaGVyZQ==")


@pytest.fixture
def endpoints(aws: Cloud) -> Endpoints:
    return Endpoints(aws.table("WEBHOOKS_TABLE"), Vault(boto3.client("kms"), os.environ["WEBHOOK_KEY"]))


def endpoint(**changes: Any) -> Endpoint:
    plain = Endpoint(
        id=new_endpoint_id(),
        url=URL,
        format="standard",
        events=("*",),
        secrets=(SECRET,),
        headers={"authorization": "Bearer of-the-receiver"},
        created_at=now(),
        created_by="person:ada",
    )
    return replace(plain, **changes)


def added(endpoints: Endpoints, **changes: Any) -> Endpoint:
    made = endpoints.add(endpoint(**changes))
    assert made
    return made


def stored(endpoints: Endpoints, endpoint_id: str) -> Endpoint:
    found = endpoints.get(endpoint_id, consistent=True)
    assert found
    return found


def test_an_endpoint_is_read_as_it_was_added(endpoints: Endpoints) -> None:
    given = endpoint(
        format="ghl",
        events=("milestone_reached", "acme.order_paid"),
        filter=(
            Condition("details.team", "in", ["North", 3, Decimal("2.5")]),
            Condition("value", "gte", 1000),
            Condition("details.note", "exists", False),
        ),
        rate_limit=0.5,
        description="The CRM",
        owner="chat:-100",
        default_contact=Contact("Ada", None, "+49 30 1"),
        hold_out=20,
    )
    assert endpoints.add(given)
    sealed = stored(endpoints, given.id)
    assert (sealed.url, sealed.secrets, sealed.headers) == ("", (), {})
    assert (sealed.host, sealed.header_names) == ("crm.test", ("authorization",))
    opened = endpoints.unseal(sealed)
    derived = ("host", "header_names", "fingerprint", "sealed")
    assert opened == replace(given, **{name: getattr(sealed, name) for name in derived})


def test_the_table_holds_no_address_no_header_value_and_no_secret(endpoints: Endpoints, aws: Cloud) -> None:
    made = added(endpoints)
    endpoints.rotate(made, "whsec_bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXcgbmV3IQ==", now())
    (item,) = aws.table("WEBHOOKS_TABLE").scan()["Items"]
    stored = (getattr(value, "value", None) or str(value).encode() for value in item.values())
    everything = b" ".join(stored)
    for secret in (b"t0ken", b"of-the-receiver", b"whsec", b"c2Vjcm", b"/hook"):
        assert secret not in everything


def test_no_text_form_of_an_endpoint_shows_a_secret(endpoints: Endpoints) -> None:
    made = added(endpoints)
    for secret in ("t0ken", "of-the-receiver", "whsec"):
        assert secret not in repr(made)
        assert secret not in repr(made.secrets)
        assert secret not in str((made, [made]))


def test_endpoints_are_listed_the_oldest_first_and_one_that_is_unreadable_hides_no_other(
    endpoints: Endpoints, aws: Cloud, clock: ControlledClock
) -> None:
    made = []
    for _ in range(3):
        made.append(added(endpoints).id)
        clock.advance_to(now() + MINUTE)
    aws.table("WEBHOOKS_TABLE").put_item(Item={"pk": "endpoints", "sk": "ep_x", "format": "standard"})
    assert [one.id for one in endpoints.all(consistent=True)] == made


def test_an_id_is_added_once(endpoints: Endpoints) -> None:
    made = added(endpoints)
    assert endpoints.add(endpoint(id=made.id, description="another")) is None
    assert stored(endpoints, made.id).description == ""


def test_a_change_of_settings_keeps_the_secrets_and_a_change_of_secrets_the_settings(endpoints: Endpoints) -> None:
    made = added(endpoints, rate_limit=2.0)
    changed = endpoints.change(stored(endpoints, made.id), description="The CRM", rate_limit=None)
    assert changed
    assert (changed.version, changed.description, changed.rate_limit) == (2, "The CRM", None)
    assert endpoints.unseal(changed).url == URL
    moved = endpoints.change(endpoints.unseal(changed), url="https://other.test:8443/x")
    assert moved
    again = endpoints.unseal(stored(endpoints, made.id))
    assert (again.url, again.host, again.description) == ("https://other.test:8443/x", "other.test:8443", "The CRM")
    assert (again.secrets, again.headers) == ((SECRET,), made.headers)
    assert again == moved


def test_what_is_sealed_is_not_changed_unseen(endpoints: Endpoints) -> None:
    made = added(endpoints)
    with pytest.raises(ValueError, match="unseal it"):
        endpoints.change(stored(endpoints, made.id), url="https://other.test/")
    with pytest.raises(ValueError, match="not settings: state"):
        endpoints.change(made, state="paused")


def test_of_two_administrators_who_saw_the_same_version_one_changes_it(endpoints: Endpoints) -> None:
    made = added(endpoints)
    with before_next_write(endpoints._table, lambda: endpoints.change(made, description="first")):
        assert endpoints.change(made, description="second") is None
    assert stored(endpoints, made.id).description == "first"


def test_a_deleted_endpoint_is_not_brought_back_by_any_write(endpoints: Endpoints, aws: Cloud) -> None:
    made = added(endpoints)
    assert endpoints.delete(made.id)
    assert not endpoints.delete(made.id)
    assert endpoints.change(made, description="x") is None
    assert endpoints.rotate(made, SECRET.value, now()) is None
    assert endpoints.pause(made.id) is None
    assert endpoints.resume(made.id) is None
    assert endpoints.disable(made.id, "gone") is None
    assert endpoints.record_failure(made.id, "HTTP 500", now()) is None
    assert not endpoints.record_success(made.id, now())
    assert not endpoints.open(made.id, now())
    assert not endpoints.claim_probe(made.id, now(), now())
    assert aws.table("WEBHOOKS_TABLE").scan()["Items"] == []


def test_a_rotated_secret_signs_for_a_day_beside_the_new_one(endpoints: Endpoints) -> None:
    made = added(endpoints)
    rotated = endpoints.rotate(made, "whsec_new", now())
    assert rotated
    assert rotated.secrets == (Secret("whsec_new"), Secret(SECRET.value, now() + 24 * HOUR))
    assert endpoints.unseal(stored(endpoints, made.id)).secrets == rotated.secrets


def test_rotating_again_keeps_what_still_signs_and_drops_what_is_over(
    endpoints: Endpoints, clock: ControlledClock
) -> None:
    seen: Endpoint | None = added(endpoints)
    for number in range(MAX_SECRETS - 1):
        assert seen
        seen = endpoints.rotate(seen, f"whsec_{number}", now())
        clock.advance_to(now() + HOUR)
    assert seen
    assert [one.value for one in seen.secrets] == ["whsec_3", "whsec_2", "whsec_1", "whsec_0", SECRET.value]
    with pytest.raises(ConflictError, match="5 secrets are in use"):
        endpoints.rotate(seen, "whsec_4", now())
    clock.advance_to(now() + 20 * HOUR + MINUTE)
    seen = endpoints.rotate(seen, "whsec_4", now())
    assert seen
    assert [one.value for one in seen.secrets] == ["whsec_4", "whsec_3", "whsec_2", "whsec_1", "whsec_0"]


def test_a_pause_ends_by_resuming_which_forgets_the_failures(endpoints: Endpoints) -> None:
    made = added(endpoints)
    endpoints.record_failure(made.id, "HTTP 500", now())
    endpoints.open(made.id, now() + HOUR)
    paused = endpoints.pause(made.id)
    assert paused
    assert (paused.state, paused.state_reason, paused.version) == ("paused", "paused by a person", 1)
    assert paused.health.failures == 1
    resumed = endpoints.resume(made.id)
    assert resumed
    assert (resumed.state, resumed.state_reason, resumed.health) == ("active", "", Health())


def test_an_endpoint_is_disabled_once_and_one_that_a_person_paused_stays_paused(endpoints: Endpoints) -> None:
    made = added(endpoints)
    assert endpoints.disable(made.id, "it answered 410 Gone")
    assert endpoints.disable(made.id, "it failed for five days") is None
    assert stored(endpoints, made.id).state_reason == "it answered 410 Gone"
    endpoints.pause(made.id)
    assert endpoints.disable(made.id, "it answered 410 Gone") is None
    assert stored(endpoints, made.id).state == "paused"


def test_failures_are_counted_by_workers_at_once_from_the_first_one_on(
    endpoints: Endpoints, clock: ControlledClock
) -> None:
    made = added(endpoints)
    first = now()
    endpoints.record_failure(made.id, "TIMEOUT", first)
    clock.advance_to(now() + MINUTE)
    health = endpoints.record_failure(made.id, "HTTP 503", now())
    assert health == Health(2, first, None, "HTTP 503")
    assert stored(endpoints, made.id).health == health


def test_a_success_ends_the_failures_before_it_and_not_those_after_it(
    endpoints: Endpoints, clock: ControlledClock
) -> None:
    made = added(endpoints)
    succeeded = now()
    clock.advance_to(now() + MINUTE)
    endpoints.record_failure(made.id, "HTTP 503", now())
    assert not endpoints.record_success(made.id, succeeded)
    assert stored(endpoints, made.id).health.failures == 1
    assert endpoints.record_success(made.id, now())
    assert stored(endpoints, made.id).health == Health()


def test_the_longer_pause_of_two_counts(endpoints: Endpoints) -> None:
    made = added(endpoints)
    assert endpoints.open(made.id, now() + HOUR)
    assert not endpoints.open(made.id, now() + MINUTE)
    assert stored(endpoints, made.id).health.open_until == now() + HOUR


def test_one_of_several_workers_probes(endpoints: Endpoints) -> None:
    made = added(endpoints)
    endpoints.open(made.id, now())
    assert endpoints.claim_probe(made.id, now(), now() + MINUTE)
    assert not endpoints.claim_probe(made.id, now(), now() + MINUTE)
    assert stored(endpoints, made.id).health.open_until == now() + MINUTE


@pytest.mark.parametrize("write", ["failure", "open", "disable", "pause"])
def test_a_change_of_settings_and_a_workers_write_do_not_lose_each_other(endpoints: Endpoints, write: str) -> None:
    made = added(endpoints)
    writes = {
        "failure": lambda: endpoints.record_failure(made.id, "HTTP 500", now()),
        "open": lambda: endpoints.open(made.id, now() + HOUR),
        "disable": lambda: endpoints.disable(made.id, "gone"),
        "pause": lambda: endpoints.pause(made.id),
    }
    with before_next_write(endpoints._table, writes[write]):
        assert endpoints.change(made, description="changed")
    found = stored(endpoints, made.id)
    assert found.description == "changed"
    assert (found.health, found.state) != (Health(), "active")


def test_a_change_whose_answer_was_lost_and_that_the_client_repeats_is_made_once(endpoints: Endpoints) -> None:
    """botocore repeats a request without an answer: its own first try then fails the repeat's condition."""
    made = added(endpoints)
    client: Any = endpoints._table.meta.client
    sent: list[Any] = []

    def twice(model: Any, params: dict[str, Any], **_: Any) -> None:
        if model.name == "UpdateItem" and not sent:
            sent.append(params)
            client.update_item(**sent_as[0])

    sent_as: list[Any] = []
    client.meta.events.register("provide-client-params.dynamodb.UpdateItem", lambda params, **_: sent_as.append(params))
    client.meta.events.register("before-call.dynamodb.UpdateItem", twice)
    changed = endpoints.change(made, description="once", url="https://other.test/")
    assert changed
    assert (changed.version, changed.url) == (2, "https://other.test/")


def test_a_sealed_part_of_another_endpoint_is_not_taken_for_its_own(endpoints: Endpoints, aws: Cloud) -> None:
    mine, other = added(endpoints), added(endpoints, url="https://secret.test/")
    item = aws.table("WEBHOOKS_TABLE").get_item(Key={"pk": "endpoints", "sk": other.id})["Item"]
    aws.table("WEBHOOKS_TABLE").put_item(Item=item | {"sk": mine.id})
    with pytest.raises(BrokenSealError):
        endpoints.unseal(stored(endpoints, mine.id))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.com/x", "example.com"),
        ("https://example.com:8443?token=x", "example.com:8443"),
        ("https://ada:secret@example.com/x", "example.com"),
        ("https://[2001:db8::1]:443/x", "[2001:db8::1]:443"),
        ("https://example.com#x", "example.com"),
    ],
)
def test_a_host_is_shown_without_path_query_and_credentials(url: str, host: str) -> None:
    assert host_of(url) == host
