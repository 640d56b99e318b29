"""Signatures as Standard Webhooks has them, and the headers that an endpoint may add."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.errors import BadInputError
from cairn.webhooks.model import Secret
from cairn.webhooks.signing import check_headers, headers, new_secret
from testing.webhooks import AT, SECRET

ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_example_of_the_specification_has_the_signature_it_says() -> None:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
    at = datetime.fromtimestamp(1614265330, UTC)
    assert headers(ID, at, b'{"test": 2432232314}', [Secret(SECRET)]) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(st.binary(max_size=200), st.integers(24, 64))
def test_whoever_has_the_secret_can_verify_any_bytes(body: bytes, length: int) -> None:
    key = bytes(range(length))
    signed = headers(ID, AT, body, [Secret("whsec_" + base64.b64encode(key).decode())])
    content = b".".join([ID.encode(), signed["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert signed["webhook-signature"] == f"v1,{expected}"


def test_while_a_secret_rotates_both_sign_and_then_only_the_new_one() -> None:
    old, new = Secret(SECRET, until=AT + timedelta(hours=24)), Secret(new_secret())
    both = headers(ID, AT + timedelta(hours=23), b"{}", [new, old])["webhook-signature"].split(" ")
    assert both == [
        headers(ID, AT + timedelta(hours=23), b"{}", [Secret(one.value)])["webhook-signature"] for one in (new, old)
    ]
    later = AT + timedelta(hours=24)
    assert headers(ID, later, b"{}", [new, old]) == headers(ID, later, b"{}", [new])


def test_a_new_secret_is_random_and_as_long_as_the_standard_wants() -> None:
    one, other = new_secret(), new_secret()
    assert one != other
    assert one.startswith("whsec_")
    assert 24 <= len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) <= 64


@pytest.mark.parametrize("secret", ["whsec_short", "whsec_" + "A" * 20, "whsec_" + "A" * 92])
def test_what_is_no_secret_signs_nothing_and_is_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="signing secret") as refused:
        headers(ID, AT, b"{}", [Secret(secret)])
    assert secret.removeprefix("whsec_") not in str(refused.value)


# -- headers


def test_an_endpoint_may_add_headers() -> None:
    check_headers({"Authorization": "Bearer abc", "X-Tenant": 'a, b;c="d"\te', "X-Empty": "", "Cookie": "a=b"})


@pytest.mark.parametrize(
    "name",
    [
        *("Connection", "keep-alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer"),
        *("Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Host", "User-Agent", "Expect", "Accept-Encoding"),
        *("Content-Type", "content-length", "Content-Encoding", "Webhook-Id", "webhook-signature", "WEBHOOK-ANYTHING"),
    ],
)
def test_headers_of_the_connection_and_of_cairn_are_refused(name: str) -> None:
    with pytest.raises(BadInputError, match=name):
        check_headers({name: "value"})


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é", "(a)", "a" * 101])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(BadInputError, match="not the name of a header"):
        check_headers({name: "value"})


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\x00b", "é", " a", "a ", "\ta", "a\x7f", "a" * 4097])
def test_a_value_that_would_break_the_request_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(BadInputError, match=r"headers\.X-Key") as refused:
        check_headers({"X-Key": value})
    assert value not in str(refused.value)


def test_the_longest_value_and_the_most_headers_are_accepted_and_one_more_is_not() -> None:
    check_headers({f"X-{number}": "a" * 4096 for number in range(20)})
    with pytest.raises(BadInputError, match="at most 20"):
        check_headers({f"X-{number}": "a" for number in range(21)})


def test_a_header_is_added_once_whatever_its_capitals() -> None:
    with pytest.raises(BadInputError, match="twice"):
        check_headers({"X-Key": "a", "x-key": "b"})


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4))
def test_what_is_accepted_cannot_break_out_of_its_line(added: dict[str, str]) -> None:
    try:
        check_headers(added)
    except BadInputError:
        return
    for name, value in added.items():
        assert f"{name}: {value}".isascii()
        assert not set(name + value) & set("\r\n\0")
