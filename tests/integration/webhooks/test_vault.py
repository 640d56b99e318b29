"""What is sealed is read by who may use the key of KMS, for the endpoint it was sealed for, and by nobody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cairn.aws.sealed import Sealed
from cairn.aws.vault import CACHE_SECONDS, MAX_CACHED, BrokenSealError, Vault, VaultUnavailableError
from testing.cloud import Cloud

SECRET = b'{"url": "https://crm.test/hook"}'


class Counting:
    """KMS, with its calls counted, and failing as told."""

    def __init__(self) -> None:
        self.kms: Any = boto3.client("kms")
        self.calls: list[str] = []
        self.failure: Exception | None = None

    def generate_data_key(self, **request: Any) -> Any:
        return self._call("generate_data_key", request)

    def decrypt(self, **request: Any) -> Any:
        return self._call("decrypt", request)

    def _call(self, operation: str, request: dict[str, Any]) -> Any:
        self.calls.append(operation)
        if self.failure:
            raise self.failure
        return getattr(self.kms, operation)(**request)


@pytest.fixture
def kms(aws: Cloud) -> Counting:
    return Counting()


def vault(kms: Counting, seconds: list[float] | None = None) -> Vault:
    return Vault(kms, os.environ["WEBHOOK_KEY"], clock=lambda: (seconds or [0.0])[0])


@contextmanager
def failing(kms: Counting, error: Exception) -> Iterator[None]:
    kms.failure = error
    yield
    kms.failure = None


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "arn:aws:iam::1:role/x is not authorized"}}, "Decrypt")


def test_what_is_sealed_is_opened_by_another_function_and_cannot_be_read_as_it_is(kms: Counting) -> None:
    sealed = vault(kms).seal("ep_1", SECRET)
    assert vault(kms).open("ep_1", sealed) == SECRET
    assert b"crm" not in sealed.blob + sealed.key


def test_kms_is_called_once_for_a_new_endpoint_and_once_by_each_warm_function(kms: Counting) -> None:
    first = vault(kms)
    sealed = first.seal("ep_1", SECRET)
    again = first.seal("ep_1", b"another address", sealed.key)
    assert (first.open("ep_1", sealed), first.open("ep_1", again)) == (SECRET, b"another address")
    assert kms.calls == ["generate_data_key"]
    second = vault(kms)
    for _ in range(3):
        second.open("ep_1", again)
    assert kms.calls == ["generate_data_key", "decrypt"]


def test_two_seals_of_the_same_bytes_differ(kms: Counting) -> None:
    one = vault(kms).seal("ep_1", SECRET)
    assert vault(kms).seal("ep_1", SECRET, one.key).blob != one.blob


def test_one_endpoints_secrets_are_not_opened_for_another(kms: Counting) -> None:
    """Who may only write items could otherwise give an endpoint of their own another one's secrets."""
    warm = vault(kms)
    sealed = warm.seal("ep_1", SECRET)
    for who in (warm, vault(kms)):
        with pytest.raises(BrokenSealError):
            who.open("ep_2", sealed)


@pytest.mark.parametrize("position", [0, 5, 13, -1])
def test_a_changed_byte_is_noticed(kms: Counting, position: int) -> None:
    sealed = vault(kms).seal("ep_1", SECRET)
    changed = bytearray(sealed.blob)
    changed[position] ^= 1
    with pytest.raises(BrokenSealError, match="ep_1"):
        vault(kms).open("ep_1", Sealed(bytes(changed), sealed.key))


@pytest.mark.parametrize("blob", [b"", b"short", b"x" * 12])
def test_what_is_too_short_to_be_sealed_is_an_error_of_its_own(kms: Counting, blob: bytes) -> None:
    key = vault(kms).seal("ep_1", SECRET).key
    with pytest.raises(BrokenSealError):
        vault(kms).open("ep_1", Sealed(blob, key))


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "DisabledException", "KMSInvalidStateException", "AccessDeniedException"]
)
def test_kms_that_refuses_is_a_matter_of_time_and_the_message_says_no_more_than_the_reason(
    kms: Counting, code: str
) -> None:
    sealed = vault(kms).seal("ep_1", SECRET)
    with failing(kms, refused(code)), pytest.raises(VaultUnavailableError, match=code) as caught:
        vault(kms).open("ep_1", sealed)
    assert caught.value.status == 503
    assert "arn:" not in caught.value.message
    assert vault(kms).open("ep_1", sealed) == SECRET


def test_kms_that_does_not_answer_is_a_matter_of_time(kms: Counting) -> None:
    lost = EndpointConnectionError(endpoint_url="https://kms.test")
    with failing(kms, lost), pytest.raises(VaultUnavailableError, match="EndpointConnectionError"):
        vault(kms).seal("ep_1", SECRET)


def test_a_warm_function_opens_secrets_while_kms_is_throttled(kms: Counting) -> None:
    warm = vault(kms)
    sealed = warm.seal("ep_1", SECRET)
    with failing(kms, refused("ThrottlingException")):
        assert warm.open("ep_1", sealed) == SECRET


def test_a_disabled_key_opens_nothing_after_a_quarter_of_an_hour(kms: Counting) -> None:
    seconds = [0.0]
    warm = vault(kms, seconds)
    sealed = warm.seal("ep_1", SECRET)
    with failing(kms, refused("DisabledException")):
        seconds[0] = CACHE_SECONDS
        assert warm.open("ep_1", sealed) == SECRET
        seconds[0] += 1
        with pytest.raises(VaultUnavailableError):
            warm.open("ep_1", sealed)


def test_a_function_keeps_a_bounded_number_of_data_keys_those_used_last(kms: Counting) -> None:
    warm = vault(kms)
    first = warm.seal("ep_first", SECRET)
    second = warm.seal("ep_second", SECRET)
    for number in range(MAX_CACHED - 1):
        warm.open("ep_first", first)
        warm.seal(f"ep_{number}", SECRET)
    kms.calls.clear()
    warm.open("ep_first", first)
    assert kms.calls == []
    warm.open("ep_second", second)
    assert kms.calls == ["decrypt"]
