"""Tokens as a forger would make them, and keys as Cognito changes them: which signatures count, and for how long."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cairn.clock import now
from cairn.errors import CairnError
from cairn.identity.cognito import KEYS_SECONDS, REFETCH_SECONDS, RETRY_SECONDS, SESSION_ENDED, IdTokens, SigningKeys
from functions.api.cookies import SESSION
from testing.api import Answer, Api
from testing.clock import controlled_clock
from testing.cloud import cloud
from testing.platforms import FakePlatforms
from testing.user_pool import CLIENT_ID, ISSUER

KEYS_PATH = "/people/.well-known/jwks.json"


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """One for each name, because generating a key is slow."""
    assert name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published(*names: str) -> dict[str, Any]:
    """Public keys as a pool publishes them."""
    keys = []
    for name in names:
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private_key(name).public_key()))
        keys.append(key | {"kid": name, "alg": "RS256", "use": "sig"})
    return {"keys": keys}


def claims(others: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The claims of a valid id token; `None` omits one."""
    issued = int(now().timestamp())
    good = {
        "sub": "4d610862-1eb4-4dc1-9763-0baeac50ed8a",
        "iss": ISSUER,
        "aud": CLIENT_ID,
        "token_use": "id",
        "iat": issued,
        "auth_time": issued,
        "exp": issued + 3600,
        "cognito:username": "ada",
        "cognito:groups": ["admin"],
    }
    return {name: value for name, value in (good | dict(others or {})).items() if value is not None}


def signed(key: str = "first", key_id: str | None = None, others: Mapping[str, Any] | None = None) -> str:
    return jwt.encode(claims(others), private_key(key), algorithm="RS256", headers={"kid": key_id or key})


def assembled(header: dict[str, Any], payload: dict[str, Any], sign: Callable[[bytes], bytes] = lambda _: b"") -> str:
    """A token assembled by hand, because PyJWT cannot make some of them."""

    def encoded(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    content = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(payload).encode())}"
    return f"{content}.{encoded(sign(content.encode()))}"


def keyed_hash(secret: bytes) -> Callable[[bytes], bytes]:
    """HS256."""
    return lambda content: hmac.digest(secret, content, hashlib.sha256)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with controlled_clock(), cloud(FakePlatforms(user_pool_keys=published("first")).transport()) as aws:
        yield Api(aws)


def shown(api: Api, token: str) -> Answer:
    """What a route for administrators answers."""
    return api("GET", "/api/subscribers", cookies={SESSION: token})


def rejected(answer: Answer) -> bool:
    deleted = f"{SESSION}=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict"
    return (answer.status, answer.error, answer.cookies) == (401, SESSION_ENDED, (deleted,))


def test_a_token_that_the_pool_signed_gives_access(api: Api) -> None:
    assert shown(api, signed()).status == 200


@pytest.mark.parametrize(
    "others",
    [
        {"aud": "another-client"},
        {"aud": None},
        {"aud": [CLIENT_ID, "another-client"]},
        {"iss": ISSUER.replace("people", "strangers")},
        {"iss": f"{ISSUER}/"},
        {"iss": None},
        {"exp": None},
        {"iat": None},
        {"exp": "soon"},
        {"token_use": "access"},
        {"token_use": None},
        {"aud": None, "client_id": CLIENT_ID, "token_use": "access", "username": "ada"},
        {"cognito:username": None},
        {"cognito:username": ""},
        {"cognito:username": 5},
        {"cognito:groups": 5},
        {"cognito:groups": [["admin"]]},
    ],
    ids=str,
)
def test_a_token_of_the_pools_own_that_is_not_for_us_opens_nothing(api: Api, others: dict[str, Any]) -> None:
    assert rejected(shown(api, signed(others=others)))


def test_a_token_is_good_for_its_time_and_a_little_for_clocks_that_differ(api: Api) -> None:
    seconds = int(now().timestamp())
    assert shown(api, signed(others={"exp": seconds - 4})).status == 200
    assert rejected(shown(api, signed(others={"exp": seconds - 6})))
    assert shown(api, signed(others={"iat": seconds + 4})).status == 200
    assert rejected(shown(api, signed(others={"iat": seconds + 6})))
    assert rejected(shown(api, signed(others={"nbf": seconds + 60})))


def test_a_token_without_groups_opens_no_module(api: Api) -> None:
    assert shown(api, signed(others={"cognito:groups": None})).status == 403
    assert shown(api, signed(others={"cognito:groups": ["Admin", "admins"]})).status == 403


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None, "RS512", "PS256", "ES256", "rs256"])
def test_a_token_signed_in_any_other_way_opens_nothing(api: Api, algorithm: str | None) -> None:
    header = {"alg": algorithm, "kid": "first", "typ": "JWT"}
    assert rejected(shown(api, assembled(header, claims())))
    good = signed().split(".")
    assert rejected(shown(api, f"{assembled(header, claims()).rpartition('.')[0]}.{good[2]}"))


def test_the_public_key_is_no_secret_to_sign_with(api: Api) -> None:
    public = private_key("first").public_key()
    formats = [
        public.public_bytes(encoding, kind)
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER)
        for kind in (serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1)
    ]
    published_key = json.dumps(published("first")["keys"][0]).encode()
    secrets = [*formats, *(secret.strip() for secret in formats), published_key, b""]
    for secret in secrets:
        for header in ({"alg": "HS256", "kid": "first"}, {"alg": "RS256", "kid": "first"}):
            forged = assembled(header, claims(), keyed_hash(secret))
            assert rejected(shown(api, forged))


def test_another_key_under_the_pools_key_id_opens_nothing(api: Api) -> None:
    assert rejected(shown(api, signed("forgers", key_id="first")))


def test_a_key_that_comes_along_in_the_token_opens_nothing(api: Api) -> None:
    forgers = published("forgers")["keys"][0]
    address = "http://evil.test/keys"
    for extra in ({"jwk": forgers}, {"jku": address}, {"x5u": address}, {"kid": KEYS_PATH}):
        for key_id in ("first", "forgers"):
            header = {"alg": "RS256", "kid": key_id, **extra}
            token = jwt.encode(claims(), private_key("forgers"), algorithm="RS256", headers=header)
            assert rejected(shown(api, token))


@pytest.mark.parametrize("key_id", [None, 5, "", ["first"], {"first": 1}, "x" * 2000], ids=str)
def test_a_key_id_that_is_none_opens_nothing(api: Api, key_id: object) -> None:
    header: dict[str, Any] = {"alg": "RS256"} if key_id is None else {"alg": "RS256", "kid": key_id}
    assert rejected(shown(api, assembled(header, claims(), lambda _: b"x" * 256)))


def test_what_was_changed_after_it_was_signed_opens_nothing(api: Api) -> None:
    header, _, signature = signed(others={"cognito:groups": []}).split(".")
    assert rejected(shown(api, f"{header}.{signed().split('.')[1]}.{signature}"))
    for changed in (signature[:-8], signature + "AAAA", signature.swapcase(), ""):
        assert rejected(shown(api, f"{header}.{signed().split('.')[1]}.{changed}"))


@pytest.mark.parametrize(
    "part", ["[" * 2000, '"text"', "[]", "null", "5", "{", "\ufeff{}", '{"alg": "RS256", "kid": NaN}']
)
def test_what_is_no_object_within_opens_nothing(api: Api, part: str) -> None:
    def encoded(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    header, payload, signature = signed().split(".")
    assert rejected(shown(api, f"{encoded(part)}.{payload}.{signature}"))
    assert rejected(shown(api, f"{header}.{encoded(part)}.{signature}"))
    content = f"{header}.{encoded(part)}"
    algorithm = jwt.get_algorithm_by_name("RS256")
    well_signed = base64.urlsafe_b64encode(algorithm.sign(content.encode(), private_key("first"))).rstrip(b"=").decode()
    assert rejected(shown(api, f"{content}.{well_signed}"))


# -- the pool's keys


class Pool:
    """The pool that publishes the keys, and a clock that only the test moves."""

    def __init__(self, *names: str) -> None:
        self.platforms = FakePlatforms(user_pool_keys=published(*names))
        self.seconds = 1000.0
        http = httpx.Client(transport=self.platforms.transport())
        keys = SigningKeys(http, f"http://platforms.test{KEYS_PATH}", clock=lambda: self.seconds)
        self.tokens = IdTokens(keys, ISSUER, CLIENT_ID)

    def status(self, token: str) -> int:
        try:
            self.tokens.person(token)
        except CairnError as error:
            return error.status
        return 200

    @property
    def fetches(self) -> int:
        return len(self.platforms.calls)

    def publishes(self, *names: str) -> None:
        self.platforms.user_pool_keys = published(*names)

    def fails(self, answer: Callable[[], httpx.Response] | None) -> None:
        self.platforms.broken = {"people": answer} if answer else {}


def test_the_keys_are_fetched_once_in_an_hour() -> None:
    pool = Pool("first", "second")
    for _ in range(3):
        assert pool.status(signed("first")) == pool.status(signed("second")) == 200
        pool.seconds += KEYS_SECONDS / 4
    assert pool.fetches == 1
    pool.seconds += KEYS_SECONDS / 4
    assert pool.status(signed("first")) == 200
    assert pool.fetches == 2


def test_a_key_that_is_new_is_learnt_when_it_is_first_seen() -> None:
    pool = Pool("first")
    assert pool.status(signed("first")) == 200
    pool.publishes("first", "second")
    pool.seconds += REFETCH_SECONDS
    assert pool.status(signed("second")) == 200
    assert pool.fetches == 2


def test_a_key_that_the_pool_gave_up_is_forgotten() -> None:
    pool = Pool("first")
    assert pool.status(signed("first")) == 200
    pool.publishes("second")
    pool.seconds += KEYS_SECONDS
    assert pool.status(signed("first")) == 401


def test_forged_key_ids_do_not_have_the_keys_fetched_again_and_again() -> None:
    pool = Pool("first")
    for index in range(100):
        assert pool.status(signed("forgers", key_id=f"forged-{index}")) == 401
        assert pool.status(signed("first")) == 200
    assert pool.fetches == 1
    pool.seconds += REFETCH_SECONDS
    for index in range(100):
        assert pool.status(signed("forgers", key_id=f"forged-{index}")) == 401
    assert pool.fetches == 2


def test_no_key_is_fetched_to_reject_what_could_not_be_signed_by_one() -> None:
    pool = Pool("first")
    for token in (
        "nonsense",
        assembled({"alg": "none", "kid": "first"}, claims()),
        assembled({"alg": "HS256"}, claims()),
    ):
        assert pool.status(token) == 401
    assert pool.fetches == 0


def _unreachable() -> httpx.Response:
    raise httpx.ConnectTimeout("unreachable")


OUTAGES: dict[str, Callable[[], httpx.Response]] = {
    "unreachable": _unreachable,
    "500": lambda: httpx.Response(500),
    "404": lambda: httpx.Response(404, json=published("first")),
    "elsewhere": lambda: httpx.Response(302, headers={"location": "http://evil.test/keys"}),
    "no JSON": lambda: httpx.Response(200, text="<html>"),
    "a list": lambda: httpx.Response(200, json=[]),
    "no keys": lambda: httpx.Response(200, json={"keys": []}),
    "keys that are none": lambda: httpx.Response(200, json={"keys": 5}),
    "a key that is none": lambda: httpx.Response(200, json={"keys": ["first"]}),
    "empty": lambda: httpx.Response(200, json={}),
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_keys_that_cannot_be_fetched_do_not_make_a_token_invalid(outage: str) -> None:
    pool = Pool("first")
    pool.fails(OUTAGES[outage])
    for _ in range(3):
        assert pool.status(signed("first")) == 503
    assert pool.fetches == 1
    pool.fails(None)
    assert pool.status(signed("first")) == 503
    pool.seconds += RETRY_SECONDS
    assert pool.status(signed("first")) == 200
    assert pool.status(signed("forgers")) == 401


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_ends_no_session(outage: str) -> None:
    pool = Pool("first")
    assert pool.status(signed("first")) == 200
    pool.fails(OUTAGES[outage])
    pool.seconds += 2 * KEYS_SECONDS
    assert pool.status(signed("first")) == 200
    assert pool.status(signed("second")) == 503
    assert pool.fetches == 2


def test_a_secret_among_the_keys_is_not_one_to_trust() -> None:
    pool = Pool("first")
    secret = base64.urlsafe_b64encode(b"s" * 32).rstrip(b"=").decode()
    shared = {"kty": "oct", "kid": "shared", "k": secret}
    pool.platforms.user_pool_keys = {"keys": [shared, *published("first")["keys"]]}
    for algorithm in ("HS256", "RS256"):
        header = {"alg": algorithm, "kid": "shared"}
        forged = assembled(header, claims(), keyed_hash(b"s" * 32))
        assert pool.status(forged) == 401
    assert pool.status(signed("first")) == 200
