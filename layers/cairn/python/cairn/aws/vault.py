"""Seals what must not be read in a table: AES-GCM with a data key for each owner, which KMS encrypts.

An owner is a webhook endpoint, or who has credentials at a platform. KMS is asked once when it is made, and now and
then by each warm function that opens its secrets: the decrypted data key stays in memory. KMS's quota for these calls
is one for the whole account and region, some thousands a second:
https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cairn.aws.dynamodb import RETRIES
from cairn.aws.sealed import Sealed
from cairn.errors import CairnError

CACHE_SECONDS = 900
"""For so long a warm function opens secrets after an operator has disabled the key."""
MAX_CACHED = 500
_NONCE_BYTES = 12
_BROKEN = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class Kms(Protocol):
    """KMS's client, as far as it is used here."""

    def generate_data_key(self, *, KeyId: str, KeySpec: str, EncryptionContext: Mapping[str, str]) -> Any: ...  # noqa: N803 - boto3's names

    def decrypt(self, *, KeyId: str, CiphertextBlob: bytes, EncryptionContext: Mapping[str, str]) -> Any: ...  # noqa: N803 - boto3's names


class BrokenSealError(Exception):
    """The bytes were changed, or sealed for another owner or with another key: no retry opens them."""


class VaultUnavailableError(CairnError):
    """KMS throttles us, does not answer, or refuses, as with a disabled key; a retry may succeed."""

    status = 503


@cache
def client() -> Kms:
    """The client, which a warm function reuses. It retries what KMS throttles, as botocore does by default."""
    made: Kms = boto3.client("kms", config=RETRIES)
    return made


class Vault:
    def __init__(
        self, kms: Kms, key_id: str, clock: Callable[[], float] = time.monotonic, kind: str = "endpoint"
    ) -> None:
        """`key_id` is the ARN of the key of KMS. `kind` says what owners are: KMS opens nothing of another kind."""
        self._kms = kms
        self._key_id = key_id
        self._kind = kind
        self._clock = clock
        self._cached: OrderedDict[tuple[str, bytes], tuple[float, bytes]] = OrderedDict()

    def seal(self, owner: str, plain: bytes, key: bytes | None = None) -> Sealed:
        """The sealed bytes: with the owner's encrypted data key, or a new one. VaultUnavailableError."""
        if key is None:
            made = self._call(
                self._kms.generate_data_key,
                KeyId=self._key_id,
                KeySpec="AES_256",
                EncryptionContext=self._context(owner),
            )
            key = bytes(made["CiphertextBlob"])
            self._keep(owner, key, made["Plaintext"])
        # Random nonces are safe for 2^32 seals with one key: https://csrc.nist.gov/pubs/sp/800/38/d/final, 8.3
        nonce = secrets.token_bytes(_NONCE_BYTES)
        cipher = AESGCM(self._data_key(owner, key))
        return Sealed(nonce + cipher.encrypt(nonce, plain, owner.encode()), key)

    def open(self, owner: str, sealed: Sealed) -> bytes:
        """The bytes that were sealed for this owner. BrokenSealError; VaultUnavailableError."""
        cipher = AESGCM(self._data_key(owner, sealed.key))
        nonce, ciphertext = sealed.blob[:_NONCE_BYTES], sealed.blob[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, ciphertext, owner.encode())
        except (InvalidTag, ValueError) as error:
            raise BrokenSealError(f"{owner}: what was sealed has been changed") from error

    def _data_key(self, owner: str, key: bytes) -> bytes:
        decrypted_at, plain = self._cached.get((owner, key), (0.0, b""))
        if plain and self._clock() - decrypted_at <= CACHE_SECONDS:
            self._cached.move_to_end((owner, key))
            return plain
        answer = self._call(
            self._kms.decrypt, KeyId=self._key_id, CiphertextBlob=key, EncryptionContext=self._context(owner)
        )
        return self._keep(owner, key, answer["Plaintext"])

    def _keep(self, owner: str, key: bytes, plain: bytes) -> bytes:
        self._cached[owner, key] = (self._clock(), plain)
        self._cached.move_to_end((owner, key))
        while len(self._cached) > MAX_CACHED:
            self._cached.popitem(last=False)
        return plain

    def _call(self, operation: Callable[..., Any], **request: Any) -> Any:
        try:
            return operation(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _BROKEN:
                raise BrokenSealError(f"KMS rejects the data key: {code}") from error
            raise VaultUnavailableError(f"the key that protects secrets cannot be used: {code}") from error
        except BotoCoreError as error:
            reason = type(error).__name__
            raise VaultUnavailableError(f"the key that protects secrets cannot be used: {reason}") from error

    def _context(self, owner: str) -> dict[str, str]:
        """KMS decrypts a data key only with the context that encrypted it. CloudTrail logs it: it must be no secret."""
        return {self._kind: owner}
