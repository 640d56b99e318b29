"""`./cairn webhooks`: what an operator does with endpoints, by the same code as the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from cairn.clock import iso, now
from operations import __main__ as command
from operations import webhooks
from operations.stack import OperationError, Stack
from testing.operator import operators_stack
from tests.integration.webhooks.api_site import ApiSite, api_site

pytestmark = pytest.mark.undisturbed
"""What was written a moment ago is read without waiting until every replica has it."""

HOUR = timedelta(hours=1)


@pytest.fixture
def site() -> Iterator[ApiSite]:
    with api_site() as made:
        yield made


def run(stack: Stack, *arguments: str) -> list[str]:
    """A command's lines, as `./cairn webhooks …` prints them."""
    options = command._parser().parse_args(["webhooks", *arguments])
    return webhooks.COMMANDS[options.command](options, stack)


def test_endpoints_are_listed_with_their_health_and_without_their_addresses(site: ApiSite) -> None:
    stack = operators_stack()
    good = site.endpoint("https://good.test/s3cret-path", description="The CRM")
    bad = site.endpoint("https://bad.test/s3cret-path")
    site.respond = lambda request: httpx.Response(500 if request.url.host == "bad.test" else 200)
    site.publish()
    site.deliver()
    lines = run(stack, "endpoints")
    assert lines[0].split()[:4] == ["ID", "HOST", "FORMAT", "STATE"]
    (of_good,) = (line for line in lines if good["id"] in line)
    (of_bad,) = (line for line in lines if bad["id"] in line)
    assert of_good.endswith("active    -                                   -                         The CRM") or (
        "good.test" in of_good and "The CRM" in of_good
    )
    assert "1 since 2026-11-20T12:00:00.000Z" in of_bad
    assert "s3cret" not in json.dumps(lines)
    assert run(stack, "endpoints") == lines


def test_an_operator_pauses_and_resumes(site: ApiSite) -> None:
    stack = operators_stack()
    made = site.endpoint()
    assert "is paused" in run(stack, "pause", made["id"])[0]
    site.publish()
    site.deliver()
    assert site.received == []
    assert "is sent messages again" in run(stack, "resume", made["id"])[0]
    assert run(stack, "process-queue") == ["endpoints with something due: 1; messages that a crash had left: 0"]
    site.deliver()
    assert len(site.received) == 1


def test_an_operator_counts_before_anything_is_sent_again(site: ApiSite) -> None:
    stack = operators_stack()
    made = site.endpoint()
    start = now()
    site.publish()
    site.deliver()
    site.clock.advance_to(now() + HOUR)
    replay = ("replay", made["id"], "--from", iso(start))
    assert run(stack, *replay, "--dry-run") == ["1 messages would be sent again"]
    site.deliver()
    assert len(site.received) == 1
    assert run(stack, *replay, "--events", "acme.refund") == ["0 messages are sent again"]
    assert run(stack, *replay, "--events", "acme.order_paid,acme.refund") == ["1 messages are sent again"]
    site.deliver()
    assert len(site.received) == 2
    assert run(stack, "recover", made["id"], "--dry-run") == ["0 messages would be sent again"]


@pytest.mark.parametrize("arguments", [("pause",), ("resume",), ("recover",), ("replay", "--from", "2026-11-01")])
def test_an_endpoint_that_is_none_is_an_error_in_words(site: ApiSite, arguments: tuple[str, ...]) -> None:
    name, *options = arguments
    with pytest.raises(OperationError, match="no endpoint ep_000000000000"):
        run(operators_stack(), name, "ep_000000000000", *options)


def test_a_range_that_is_reversed_or_no_instant_is_refused(site: ApiSite) -> None:
    made = site.endpoint()
    with pytest.raises(OperationError, match="--from must not be later"):
        run(operators_stack(), "replay", made["id"], "--from", "2026-11-20", "--to", "2026-11-01")
    with pytest.raises(SystemExit):
        run(operators_stack(), "replay", made["id"], "--from", "yesterday")
