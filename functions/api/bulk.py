"""Many changes in one request: each on its own, in parallel, but those of one subject in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from pydantic import ValidationError

from cairn.errors import CairnError
from functions.api.errors import describe, log_unexpected

CONCURRENCY = 8
"""Changes that are applied in parallel; each mostly waits for DynamoDB."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refused:
    """The error to return for one change."""

    status: int
    message: str
    details: list[dict[str, str]]


def in_lanes(items: Sequence[Any], field: str, apply: Callable[[Any], T]) -> list[T]:
    """What `apply` returns for each item, in their order; items with the same `field` are applied one by one."""

    def key(numbered: tuple[int, Any]) -> str:
        return str(numbered[1].get(field) if isinstance(numbered[1], dict) else None)

    def apply_lane(lane: Sequence[tuple[int, Any]]) -> list[tuple[int, T]]:
        return [(number, apply(item)) for number, item in lane]

    lanes = [list(lane) for _, lane in groupby(sorted(enumerate(items), key=key), key=key)]
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        applied = dict(one for results in pool.map(apply_lane, lanes) for one in results)
    return [applied[number] for number in range(len(items))]


def attempt(change: Callable[[], T]) -> T | Refused:
    """What `change` returns, or the error to return for it: it stops no other change."""
    try:
        return change()
    except ValidationError as error:
        return Refused(400, *describe(error.errors()))
    except CairnError as error:
        return Refused(error.status, error.message, [])
    except Exception as error:  # noqa: BLE001 - one change's unexpected error stops only that change
        return Refused(500, log_unexpected(error), [])


def no_time(what: str) -> Refused:
    """For a change for which no time was left."""
    return Refused(503, f"no time was left to {what}", [])
