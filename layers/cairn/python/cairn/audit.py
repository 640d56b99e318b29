"""The audit trail: one log line for each sign-in, each refusal and each write, in one shape.

`./cairn audit` finds lines by this shape, so a change of it must still read the older ones.
docs/operations.md describes the fields. Secrets and passwords never belong in any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from cairn.observability import logger

MAX_TEXT = 200
MAX_TARGETS = 1000
"""As many as a bulk update has."""

ActorKind = Literal["person", "key", "operator", "telegram", "anonymous"]
Outcome = Literal["done", "refused", "invalid", "failed"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. What somebody only claims to be, such as the name of a failed sign-in, is a target, not the actor."""

    kind: ActorKind
    id: str = ""
    name: str = ""


ANONYMOUS = Actor("anonymous")


REFUSALS = frozenset({401, 403, 429})


def outcome_of(status: int) -> Outcome:
    """The outcome of an HTTP status."""
    if status in REFUSALS:
        return "refused"
    if status >= 500:
        return "failed"
    return "invalid" if status >= 400 else "done"


def record(
    action: str, actor: Actor, outcome: Outcome, *, address: str, targets: Sequence[str] = (), trace_id: str = ""
) -> None:
    """Log one line; the logger adds the time, the function and the id of its invocation."""
    fields = line(action, actor, outcome, address=address, targets=targets)
    logger.info("audit", extra=fields | ({"trace_id": trace_id} if trace_id else {}))


def line(
    action: str, actor: Actor, outcome: Outcome, *, address: str, targets: Sequence[str] = ()
) -> dict[str, object]:
    """The fields of a line; texts that people typed are escaped and cut."""
    return {
        "audit": True,
        "action": _bounded(action),
        "actor": {name: _bounded(text) for name, text in asdict(actor).items()},
        "from": _bounded(address),
        "targets": [_bounded(target) for target in targets[:MAX_TARGETS]],
        "outcome": outcome,
    }


def printable(text: str) -> str:
    """The text on one line, without what changes how a terminal or a viewer of logs shows it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _bounded(text: str) -> str:
    return printable(text[:MAX_TEXT])
