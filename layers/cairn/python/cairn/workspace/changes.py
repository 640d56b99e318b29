"""What a version of the settings changed, and what that means: for the API's answers and the operator's lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cairn.clock import iso
from cairn.rules import Rule, catalogue
from cairn.rules.ladder import Ladder
from cairn.workspace.document import DEFAULTS, Workspace, plain

_TIERS = "bonus_tier"


def change_of(before: Workspace | None, made: Workspace) -> list[dict[str, Any]]:
    """The settings that a version changed, with their values before and after; None is before the first."""
    earlier = before or DEFAULTS
    return [
        {"name": name, "before": plain(getattr(earlier, name)), "after": plain(getattr(made, name))}
        for name in made.differences(earlier)
    ]


def notes(before: Workspace, made: Workspace) -> list[str]:
    """What a person should know of a change that was just made; a sentence each."""
    changed, found = made.differences(before), list[str]()
    if "time_zone" in changed or made.zones != before.zones:
        since, name = made.zones.changes[-1]
        found.append(f"time_zone: {name} holds from {iso(since)}, when no month or day is cut short or repeated by it.")
    if "ladders" in changed:
        found += _of_ladders(before, made)
    if "live_channels" in changed and (dropped := before.live_channels.keys() - made.live_channels.keys()):
        found.append(
            f"live_channels: what is stored of {', '.join(sorted(dropped))} is forgotten 30 days after the last change."
        )
    return found


def _of_ladders(before: Workspace, made: Workspace) -> list[str]:
    earlier, found = _thresholds(before), list[str]()
    for rule, steps in _thresholds(made).items():
        if added := [step for step in steps if step not in earlier[rule]]:
            shown = ", ".join(f"{step:,}" for step in added[:10]) + (" …" if len(added) > 10 else "")
            found.append(f"ladders: {rule} has new thresholds, {shown}. Who has passed one already is not announced.")
        if rule == _TIERS and steps != earlier[rule]:
            found.append("ladders: a rep's tier on the board follows at the rep's next update.")
    return found


def _thresholds(workspace: Workspace) -> Mapping[str, tuple[int, ...]]:
    rules: tuple[Rule, ...] = catalogue(workspace.ladders)
    return {rule.name: rule.thresholds for rule in rules if isinstance(rule, Ladder)}
