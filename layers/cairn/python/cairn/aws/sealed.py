"""What `cairn.aws.vault` has sealed, for those who keep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sealed:
    """Bytes that only who may use the key of KMS can read."""

    blob: bytes
    """A nonce and the AES-GCM ciphertext."""
    key: bytes
    """The data key, encrypted by KMS."""


def from_stored(blob: Any, key: Any) -> Sealed:
    """Of an item's attributes; boto3 wraps what is binary:
    https://boto3.amazonaws.com/v1/documentation/api/latest/reference/customizations/dynamodb.html
    """
    return Sealed(bytes(getattr(blob, "value", blob)), bytes(getattr(key, "value", key)))
