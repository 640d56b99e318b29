"""moto as atomic as DynamoDB: of threads that call at once, one after the other is answered.

moto reads, changes and writes back without a lock, and takes a whole table back when a transaction is cancelled.
"""

from __future__ import annotations

from threading import RLock
from typing import Any

from moto.core.botocore_stubber import BotocoreStubber

_answer = BotocoreStubber.__call__
_one_at_a_time = RLock()


def _answer_alone(stubber: BotocoreStubber, *arguments: Any, **named: Any) -> Any:
    with _one_at_a_time:
        return _answer(stubber, *arguments, **named)


setattr(BotocoreStubber, "__call__", _answer_alone)  # noqa: B010 - mypy would have a method stay as it is
