"""How values are stored and sent: numbers without loss of digits, JSON, and milestones as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cairn.clock import from_millis, to_millis
from cairn.model import Milestone, Number, Passed, Reversal, Subject

_escaped = json.JSONEncoder().encode
_plain = json.JSONEncoder(ensure_ascii=False).encode


def number(value: Any) -> Number:
    """A stored or sent number: int when it is whole, else Decimal. ArithmeticError when it is not a number."""
    exact = Decimal(value)
    return int(exact) if exact == exact.to_integral_value() else exact


def text(value: Any) -> str:
    """A stored text. TypeError when it is not one."""
    if not isinstance(value, str):
        raise TypeError(f"not a text: {type(value).__name__}")
    return value


def numbers(values: Mapping[str, Any]) -> dict[str, Number]:
    return {key: number(value) for key, value in values.items()}


def details(values: Mapping[str, Any]) -> dict[str, str | int]:
    """Stored details: texts unchanged, whole numbers as int."""
    return {key: value if isinstance(value, str) else int(value) for key, value in values.items()}


def to_json(value: Any) -> str:
    """Compact JSON in which a Decimal has exactly its digits, `1.0` too, and text is as it is: 🎉, and not an escape.

    ValueError for a number that JSON cannot write; TypeError for a value of another type, or a key that is no text.
    """
    match value:
        case str():
            return _json_string(value)
        case None | bool() | int() | float():
            return json.dumps(value, allow_nan=False)
        case Decimal():
            if not value.is_finite():
                raise ValueError(f"JSON has no number {value}")
            return str(value)
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise TypeError("a key of a JSON object is a text")
            return "{" + ",".join(f"{_json_string(key)}:{to_json(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(to_json, value)) + "]"
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def from_json(text: str | bytes) -> Any:
    """The value of a JSON text, its fractions as Decimal. ValueError for any other text, and for NaN and Infinity."""
    return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)


def _json_string(text: str) -> str:
    """Half of a surrogate pair has no UTF-8, so it stays an escape."""
    if text.isascii():
        return _escaped(text)
    plain = _plain(text)
    return plain if _encodable(plain) else _escaped(text)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_constant(name: str) -> Any:
    raise ValueError(f"JSON has no number {name}")


def milestone_fields(milestone: Milestone) -> dict[str, Any]:
    """A milestone as plain values, for its item and its messages."""
    return {
        "subject": str(milestone.subject),
        "name": milestone.name,
        "rule": milestone.rule,
        "metric": milestone.metric,
        "period": milestone.period,
        "threshold": milestone.threshold,
        "label": milestone.label,
        "value": milestone.value,
        "also_passed": [{"threshold": passed.threshold, "label": passed.label} for passed in milestone.also_passed],
        "achieved_at": to_millis(milestone.achieved_at),
        "trace_id": milestone.trace_id,
        "metrics": dict(milestone.metrics),
        "details": dict(milestone.details),
        **({"revision": milestone.revision} if milestone.revision else {}),
    }


def to_milestone(fields: Mapping[str, Any]) -> Milestone:
    """The milestone of an item or a message; KeyError or ValueError when a field is missing or malformed."""
    return Milestone(
        subject=Subject.parse(fields["subject"]),
        name=fields["name"],
        rule=fields["rule"],
        metric=fields["metric"],
        period=fields["period"],
        threshold=number(fields["threshold"]),
        label=fields["label"],
        value=number(fields["value"]),
        also_passed=tuple(Passed(number(step["threshold"]), step["label"]) for step in fields["also_passed"]),
        achieved_at=from_millis(int(fields["achieved_at"])),
        trace_id=fields["trace_id"],
        metrics=numbers(fields.get("metrics", {})),
        details=details(fields.get("details", {})),
        revision=int(fields.get("revision", 0)),
        reverted=Reversal(from_millis(int(fields["reverted_at"])), fields["reverted_by"], fields["reason"])
        if "reverted_at" in fields
        else None,
    )
