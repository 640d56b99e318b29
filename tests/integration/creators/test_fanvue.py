"""The client against the sandbox's Fanvue: what one says, the other understands."""

from __future__ import annotations

import os
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from cairn.aws import dynamodb, vault
from cairn.aws.vault import Vault
from cairn.clock import now
from cairn.creators.connecting import Platforms
from cairn.creators.credentials import CONTEXT, Credentials, OAuth
from cairn.creators.model import Creator, Transaction, transactions
from cairn.creators.platforms import Flow
from cairn.errors import KeyRejectedError, PlatformPausedError
from local.sandbox.failures import Failure
from local.sandbox.fanvue_accounts import Fan
from testing.clock import START, ControlledClock
from testing.cloud import Cloud
from testing.fanvue import SandboxFanvue

UUID = "8d5a2c04-3f43-4f0e-9f1c-7a0f54a1f9c1"
MIRA = Creator("c1", "a1", "Mira", "fanvue", UUID, added_at=START)


@pytest.fixture
def fanvue(clock: ControlledClock) -> SandboxFanvue:
    return SandboxFanvue()


@pytest.fixture
def credentials(aws: Cloud, clock: ControlledClock) -> Credentials:
    sealing = Vault(vault.client(), os.environ["WEBHOOK_KEY"], kind=CONTEXT)
    return Credentials(dynamodb.table("creators_table"), sealing, clock=now, sleep=clock.sleep)


@pytest.fixture
def platforms(fanvue: SandboxFanvue, credentials: Credentials, clock: ControlledClock) -> Platforms:
    return Platforms(httpx.Client(transport=fanvue.transport()), credentials, clock=now, sleep=clock.sleep)


def test_a_year_of_earnings_is_read_to_the_cent(
    fanvue: SandboxFanvue, platforms: Platforms, clock: ControlledClock
) -> None:
    account = fanvue.creator(UUID)
    account.add_history(clock.now().timestamp(), 60)
    for number in range(120):
        account.add((START - timedelta(days=3)).timestamp() + 0.001 * number, 100 + number, fan=Fan.named("Ada"))
    connected = platforms.connect(MIRA)
    since, until = START - timedelta(days=365), START
    read: list[Transaction] = []
    while until > since:
        answer = connected.rows(since, until)
        read += transactions(MIRA, answer.earnings, trace_id="t", silent=True)
        until = answer.since
    truth = account.totals(clock.now().timestamp())["USD"]
    sums: dict[str, int] = {
        "gross": sum(one.gross for one in read),
        "net": sum(one.net or 0 for one in read),
        "count": len({one.key for one in read}),
    }
    assert truth == sums
    refunds = [one for one in read if one.gross < 0]
    assert refunds
    assert {one.reverses for one in refunds} <= {one.order for one in read}


def test_audience_and_flows_are_those_of_the_sandbox(fanvue: SandboxFanvue, platforms: Platforms) -> None:
    account = fanvue.creator(UUID)
    account.subscribers, account.followers, account.chats, account.posts = 120, 900, 44, 50
    account.flows[date(2026, 11, 19)] = [3, 5]
    connected = platforms.connect(MIRA)
    audience = connected.audience("")
    assert (audience.subscribers, audience.followers, audience.messages, audience.posts) == (120, 900, 44, 50)
    assert len(fanvue.calls) == 3
    assert connected.flows(date(2026, 11, 18), date(2026, 11, 19)) == [
        Flow(date(2026, 11, 18), 0, 0),
        Flow(date(2026, 11, 19), 3, 5),
    ]


def test_the_limit_of_one_creator_stops_no_other(
    fanvue: SandboxFanvue, platforms: Platforms, clock: ControlledClock
) -> None:
    other = Creator("c2", "a1", "Juno", "fanvue", "5c1f9a52-27b5-4bd4-9a55-0c1d1f6f33a1", added_at=START)
    fanvue.creator(UUID)
    fanvue.creator(other.external_id)
    fanvue.world.limits.fanvue_calls_a_minute = 2
    connected = platforms.connect(MIRA)
    for _ in range(2):
        connected.rows(START - timedelta(hours=1), START)
    asked = len(fanvue.calls)
    with pytest.raises(PlatformPausedError) as paused:
        connected.rows(START - timedelta(hours=1), START)
    assert len(fanvue.calls) == asked, "the headers said so before"
    assert paused.value.until - clock.now() <= timedelta(minutes=1)
    platforms.connect(other).rows(START - timedelta(hours=1), START)
    clock.advance_to(paused.value.until)
    connected.rows(START - timedelta(hours=1), START)


def test_a_refusal_by_another_sandboxs_calls_is_obeyed(fanvue: SandboxFanvue, platforms: Platforms) -> None:
    fanvue.creator(UUID)
    fanvue.world.failures.inject("fanvue", Failure("rate_limited", requests_left=1, retry_after=90))
    with pytest.raises(PlatformPausedError) as paused:
        platforms.connect(MIRA).rows(START - timedelta(hours=1), START)
    assert paused.value.until == START + timedelta(seconds=90)


def test_a_creators_own_consent_is_refreshed_as_it_ends_and_withdrawn_in_words(
    fanvue: SandboxFanvue, platforms: Platforms, credentials: Credentials, clock: ControlledClock
) -> None:
    account = fanvue.creator(UUID)
    account.add(START.timestamp() - 60, 500)
    given: dict[str, Any] = fanvue.world.fanvue.tokens.connect(UUID)
    tokens = {name: given[name] for name in ("client_id", "client_secret", "refresh_token", "access_token")}
    credentials.put("c1", OAuth(**tokens, expires_at=START + timedelta(hours=1)), by="ada")
    for _ in range(3):
        rows = platforms.connect(MIRA).rows(START - timedelta(hours=1), START)
        assert len(rows.earnings) == 1
        clock.sleep(3600)
    assert fanvue.world.fanvue.tokens.refreshed == 2
    fanvue.world.fanvue.tokens.revoke()
    with pytest.raises(KeyRejectedError, match="invalid_grant"):
        platforms.connect(MIRA).rows(START - timedelta(hours=1), START)


def test_a_creator_that_fanvue_does_not_know_is_for_a_person_to_mend(platforms: Platforms) -> None:
    with pytest.raises(KeyRejectedError, match="know no creator"):
        platforms.connect(MIRA).audience("")
