"""The settings that a person changes while Cairn runs, as tests choose them."""

from __future__ import annotations

import json
import os
from typing import Any

from cairn.aws import dynamodb
from cairn.rules import Rule
from cairn.workspace.document import DEFAULTS, Workspace
from cairn.workspace.rule_book import RuleBook, RuleSet
from cairn.workspace.store import CACHED_FOR, Workspaces
from cairn.zones import UTC_ONLY, Zones
from testing.adversarial_dynamodb import catch_up
from testing.clock import ControlledClock
from testing.functions import FUNCTIONS


def begin_with(**chosen: Any) -> None:
    """Start cold functions with these settings, as those that a deployment begins with."""
    os.environ["INITIAL_SETTINGS"] = json.dumps({**json.loads(os.environ["INITIAL_SETTINGS"]), **chosen})
    FUNCTIONS.restart()


def change(clock: ControlledClock, **changes: Any) -> Workspace:
    """Change settings as a person does; by the time that this returns, every warm function follows."""
    found = workspaces()
    made = found.save(found.latest().version, changes, by="key:test")
    catch_up()
    clock.sleep(CACHED_FOR.total_seconds())
    return made


def workspaces() -> Workspaces:
    return Workspaces(dynamodb.table(os.environ["SETTINGS_TABLE"]), given=os.environ["INITIAL_SETTINGS"])


def rule_set(*rules: Rule, zones: Zones = UTC_ONLY) -> RuleSet:
    """One version of exactly these rules."""
    return RuleSet(0, rules, zones)


def rule_book(*rules: Rule, zones: Zones = UTC_ONLY) -> RuleBook:
    """Rules that never change."""
    return RuleBook(_Unchanged(), lambda _: rule_set(*rules, zones=zones))


class _Unchanged:
    def current(self) -> Workspace:
        return DEFAULTS

    def at(self, version: int) -> Workspace:
        return DEFAULTS


def know_settings(*functions: str) -> None:
    """Let these functions read the settings now, as warm ones have within the last 30 seconds."""
    for name in functions:
        FUNCTIONS[name].dependencies.workspaces.current()
