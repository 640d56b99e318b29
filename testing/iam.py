"""IAM's decision about one request, with the conditions that MiniStack does not enforce (`dynamodb:LeadingKeys`).

It knows what the template's policies use, and fails on anything else rather than guess. A request is allowed if some
statement allows it and none denies it.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache


class UnknownPolicyElementError(NotImplementedError):
    """A policy uses something whose effect is not modelled: no answer is better than a wrong one."""


@dataclass(frozen=True)
class Statement:
    effect: str
    actions: Sequence[str]
    resources: Sequence[str]
    """ARNs, in which each reference to a resource of the template is its logical id or name."""
    conditions: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """Operator to condition key to values."""

    @classmethod
    def of(cls, document: Mapping[str, object]) -> Statement:
        """A statement of a policy document, whose resources are text."""
        if unknown := document.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
            raise UnknownPolicyElementError(f"a statement with {', '.join(sorted(unknown))}")
        conditions = document.get("Condition", {})
        assert isinstance(conditions, Mapping)
        return cls(
            effect=str(document["Effect"]),
            actions=_many(document["Action"]),
            resources=_many(document["Resource"]),
            conditions={
                operator: {key: _many(values) for key, values in keys.items()} for operator, keys in conditions.items()
            },
        )


@dataclass(frozen=True)
class Request:
    """`context` has the condition keys that the request has, each with its values."""

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


def allows(statements: Iterable[Statement], request: Request) -> bool:
    effects = {one.effect for one in statements if _applies(one, request)}
    return effects == {"Allow"}


def _applies(statement: Statement, request: Request) -> bool:
    return (
        any(_like(action, request.action, ignore_case=True) for action in statement.actions)
        and any(_like(resource, request.resource) for resource in statement.resources)
        and all(
            _holds(operator, request.context.get(key), values)
            for operator, keys in statement.conditions.items()
            for key, values in keys.items()
        )
    )


def _holds(operator: str, actual: Sequence[str] | None, expected: Sequence[str]) -> bool:
    """Whether a condition holds for a request's values; None if the request does not have the key.

    ForAllValues holds without the key, and so does every operator that ends in IfExists.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    """
    quantifier, _, name = operator.rpartition(":")
    if name == "Null":
        return (actual is None) == (expected[0].lower() == "true")
    compares = _OPERATORS.get(name.removesuffix("IfExists"))
    if compares is None or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UnknownPolicyElementError(f"the condition operator {operator}")
    if not actual:
        return quantifier == "ForAllValues" or name.endswith("IfExists")
    matches = (any(compares(value, one) for value in expected) for one in actual)
    return any(matches) if quantifier == "ForAnyValue" else all(matches)


@cache
def _pattern(text: str, ignore_case: bool) -> re.Pattern[str]:
    parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in text)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _like(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    return _pattern(pattern, ignore_case).fullmatch(text) is not None


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda expected, actual: expected == actual,
    "StringLike": _like,
    "ArnLike": _like,
    "Bool": lambda expected, actual: expected.lower() == actual.lower(),
}


def _many(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)
