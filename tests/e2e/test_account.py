"""One's own account, as deployed: with the API's own permissions, and codes that the emulator really checks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from operations import people
from testing.local_cloud import LocalCloud
from tests.e2e.people import ADDRESS

PASSWORD, NEW = "Aa1! correct horse", "Bb2! another horse"
FACTOR = "/api/session/second-factor"


@pytest.fixture
def http(local_cloud: LocalCloud) -> Iterator[httpx.Client]:
    transport = httpx.HTTPTransport(local_address=ADDRESS)
    url = local_cloud.outputs["ApiUrl"]
    with httpx.Client(base_url=url, transport=transport, timeout=60, trust_env=False) as made:
        yield made


def cookies(answer: httpx.Response) -> dict[str, str]:
    """As a browser sends them; httpx would not, since they are Secure."""
    assert answer.status_code == 200, answer.text
    return {"Cookie": "; ".join(one.partition(";")[0] for one in answer.headers.get_list("set-cookie"))}


def code_of(secret: str) -> str:
    """https://datatracker.ietf.org/doc/html/rfc6238"""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def test_somebody_chooses_a_password_changes_it_and_adds_a_second_factor(
    local_cloud: LocalCloud, http: httpx.Client
) -> None:
    name = f"person-{uuid4().hex[:6]}"
    people.add(local_cloud.stack, name, ["leaderboard"], f"{PASSWORD}?", temporary=True)

    def sign_in(password: str) -> httpx.Response:
        return http.post("/api/session", json={"name": name, "password": password})

    challenge = sign_in(f"{PASSWORD}?")
    assert challenge.json()["challenge"] == "newPassword", challenge.text
    signed_in = cookies(http.post("/api/session/challenge", json={**challenge.json(), "answer": PASSWORD}))

    change = {"current": PASSWORD, "new": NEW}
    signed_in = cookies(http.post("/api/session/password", json=change, headers=signed_in))
    assert sign_in(PASSWORD).status_code == 401

    begun = http.post(FACTOR, json={"password": NEW}, headers=signed_in)
    assert begun.status_code == 200, begun.text
    secret = begun.json()["secret"]
    on = http.put(FACTOR, json={"code": code_of(secret)}, headers=signed_in)
    assert on.status_code == 204, on.text
    assert http.get(FACTOR, headers=signed_in).json() == {"enabled": True}

    # The change of the password ended every session that began before this second was over.
    time.sleep(1 - time.time() % 1)
    challenge = sign_in(NEW)
    assert challenge.json()["challenge"] == "totp", challenge.text
    wrong = http.post("/api/session/challenge", json={**challenge.json(), "answer": "000000"})
    assert wrong.status_code == 401
    answer = {**sign_in(NEW).json(), "answer": code_of(secret)}
    assert http.post("/api/session/challenge", json=answer).status_code == 200

    people.second_factor_off(local_cloud.stack, name)
    assert sign_in(NEW).status_code == 200


def test_a_stranger_is_stopped_and_keeps_nobody_out(local_cloud: LocalCloud, http: httpx.Client) -> None:
    name = f"person-{uuid4().hex[:6]}"
    people.add(local_cloud.stack, name, ["leaderboard"], PASSWORD)
    stranger = httpx.HTTPTransport(local_address="127.0.0.66")
    with httpx.Client(base_url=http.base_url, transport=stranger, timeout=60, trust_env=False) as elsewhere:
        wrong = {"name": name, "password": "wrong"}
        tries = [elsewhere.post("/api/session", json=wrong) for _ in range(8)]
    assert [answer.status_code for answer in tries] == [401] * 5 + [429] * 3
    assert 1 <= int(tries[-1].headers["retry-after"]) <= 60
    assert http.post("/api/session", json={"name": name, "password": PASSWORD}).status_code == 200
