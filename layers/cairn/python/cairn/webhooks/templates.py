"""Which template of the receiver's an event is for, such as `first_reply_celebration`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cairn.errors import BadInputError
from cairn.webhooks.filters import matches, parse
from cairn.webhooks.model import Condition, Event


def template_of(event: Event, rules: Iterable[Mapping[str, Any]]) -> str | None:
    """The template of the rule with the most conditions of those that an event meets, of equals the first one.

    A rule is `{"type", "when", "template"}`; `when` is written as an endpoint's filter is. None when no rule is met.
    A rule that cannot be read is not met, so that a wrong one holds no message up.
    """
    best: tuple[int, str] | None = None
    for rule in rules:
        conditions = _conditions(rule) if rule.get("type") == event.type else None
        if conditions is None or not matches(conditions, event):
            continue
        if best is None or len(conditions) > best[0]:
            best = len(conditions), str(rule.get("template"))
    return best[1] if best else None


def _conditions(rule: Mapping[str, Any]) -> tuple[Condition, ...] | None:
    try:
        return parse(rule.get("when"))
    except BadInputError:
        return None
