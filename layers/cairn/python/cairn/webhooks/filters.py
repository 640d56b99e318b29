"""Which events an endpoint wants, by their fields: `{"rule": "revenue", "threshold": {"gte": 1000}}`. Pure.

All conditions must hold. A bare value means `eq`. Values are compared as JSON has them: 1 is 1.0, and "1" is not 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from cairn.errors import BadInputError
from cairn.webhooks.fields import MISSING, find
from cairn.webhooks.model import Condition, Event

OPERATORS = ("eq", "in", "gte", "exists")
MAX_CONDITIONS = 20
MAX_VALUES = 100
MAX_PATH = 200
MAX_TEXT = 500


def parse(filter_json: object, field: str = "filter") -> tuple[Condition, ...]:
    """The conditions of a filter as JSON. BadInputError, which names the field, for anything else."""
    if filter_json is None:
        return ()
    if not isinstance(filter_json, Mapping):
        raise BadInputError(f'{field}: an object of conditions, such as {{"rule": "revenue"}}')
    conditions = [
        condition for path, wanted in filter_json.items() for condition in _conditions(path, wanted, f"{field}.{path}")
    ]
    if len(conditions) > MAX_CONDITIONS:
        raise BadInputError(f"{field}: at most {MAX_CONDITIONS} conditions")
    return tuple(conditions)


def to_filter(conditions: Iterable[Condition]) -> dict[str, dict[str, Any]]:
    """The filter that `parse` reads as these conditions."""
    written: dict[str, dict[str, Any]] = {}
    for condition in conditions:
        value = list(condition.value) if condition.operator == "in" else condition.value
        written.setdefault(condition.path, {})[condition.operator] = value
    return written


def matches(conditions: Iterable[Condition], event: Event) -> bool:
    """Whether an event meets all conditions."""
    return all(_holds(condition, find(event, condition.path)) for condition in conditions)


def _conditions(path: object, wanted: object, field: str) -> list[Condition]:
    if not isinstance(path, str) or not path or len(path) > MAX_PATH or not all(path.split(".")):
        raise BadInputError(f"{field[:MAX_PATH]}: a field is named by its path, such as rule or details.team")
    path = path.removeprefix("data.")
    if isinstance(wanted, list | tuple):
        raise BadInputError(f'{field}: one of several values is written {{"in": […]}}')
    if not isinstance(wanted, Mapping):
        return [Condition(path, "eq", _scalar(wanted, field))]
    if not wanted:
        raise BadInputError(f"{field}: one or more of {', '.join(OPERATORS)}")
    return [_condition(path, operator, value, f"{field}.{operator}") for operator, value in wanted.items()]


def _condition(path: str, operator: object, value: object, field: str) -> Condition:
    match operator:
        case "eq":
            return Condition(path, "eq", _scalar(value, field))
        case "in":
            if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_VALUES:
                raise BadInputError(f"{field}: a list of 1 to {MAX_VALUES} values")
            return Condition(path, "in", tuple(_scalar(one, field) for one in value))
        case "gte":
            least = _scalar(value, field)
            if not _is_number(least):
                raise BadInputError(f"{field}: a number")
            return Condition(path, "gte", least)
        case "exists":
            if not isinstance(value, bool):
                raise BadInputError(f"{field}: true or false")
            return Condition(path, "exists", value)
    raise BadInputError(f"{field}: there is no such operator; there are {', '.join(OPERATORS)}")


def _scalar(value: object, field: str) -> object:
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal) and not value.is_finite():
        raise BadInputError(f"{field}: not a number that JSON can write")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise BadInputError(f"{field}: a text of at most {MAX_TEXT} characters")
    if value is None or isinstance(value, str | bool | int | Decimal):
        return value
    raise BadInputError(f"{field}: a text, a number, true, false or null")


def _holds(condition: Condition, value: Any) -> bool:
    match condition.operator:
        case "eq":
            return _equal(value, condition.value)
        case "in":
            return any(_equal(value, one) for one in condition.value)
        case "gte":
            return _is_number(value) and bool(value >= condition.value)
        case "exists":
            return (value is not MISSING and value is not None) is condition.value


def _equal(value: Any, wanted: Any) -> bool:
    if _is_number(value) and _is_number(wanted):
        return bool(value == wanted)
    return type(value) is type(wanted) and bool(value == wanted)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
