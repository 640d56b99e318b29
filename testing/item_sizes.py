"""The sizes of DynamoDB's items, and the units of reading and writing them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

WireItem = Mapping[str, Any]
"""An item in wire format: values tagged with their types."""

READ_BLOCK, WRITE_BLOCK = 4096, 1024


class UnmeteredError(NotImplementedError):
    """An operation whose units are unknown: no figure is better than a wrong one."""


def item_size(item: WireItem | None) -> int:
    """An item's size in bytes; 0 when there is none."""
    return sum(_text(name) + value_size(value) for name, value in (item or {}).items())


def value_size(tagged: Mapping[str, Any]) -> int:
    """The size in bytes of a value tagged with its type."""
    ((tag, value),) = tagged.items()
    match tag:
        case "S":
            return _text(value)
        case "N":
            return _number(value)
        case "B":
            return _binary(value)
        case "BOOL" | "NULL":
            return 1
        case "SS":
            return sum(map(_text, value))
        case "NS":
            return sum(map(_number, value))
        case "BS":
            return sum(map(_binary, value))
        case "L":
            return 3 + sum(1 + value_size(one) for one in value)
        case "M":
            return 3 + sum(1 + _text(name) + value_size(one) for name, one in value.items())
    raise UnmeteredError(f"a value of type {tag}")


def write_blocks(size: int) -> int:
    """Units of a write of so many bytes outside a transaction."""
    return max(1, math.ceil(size / WRITE_BLOCK))


def read_blocks(size: int) -> int:
    """Units of a strongly consistent read of so many bytes."""
    return max(1, math.ceil(size / READ_BLOCK))


def _text(text: str) -> int:
    return len(text.encode())


def _number(text: str) -> int:
    """One byte, one for every two significant digits, and one for a minus."""
    digits = "".join(map(str, Decimal(text).as_tuple().digits)).strip("0")
    return 1 + math.ceil(len(digits) / 2) + (text.startswith("-"))


def _binary(value: bytes | str) -> int:
    return len(value) if isinstance(value, bytes) else len(base64.b64decode(value))
