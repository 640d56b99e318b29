"""Which rules a reading is judged by: those that held when it was written, at every later look at it.

A reading is written with the version of the rules that its writer knew, and its writer's answer, detection, and every
later look at it use this version. So a threshold that is new is never held against an older reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Protocol

from cairn.errors import NotFoundError
from cairn.model import Reading
from cairn.observability import logger
from cairn.rules import Rule, catalogue
from cairn.rules.counter import counters
from cairn.workspace.document import Workspace
from cairn.zones import Zones


@dataclass(frozen=True)
class RuleSet:
    """The rules of a version of the settings."""

    version: int
    rules: tuple[Rule, ...]
    zones: Zones

    @classmethod
    def of(cls, workspace: Workspace) -> RuleSet:
        fixed = catalogue(workspace.ladders, workspace.zones)
        return cls(workspace.rules_version, (*fixed, *counters(workspace.usage_types)), workspace.zones)

    @cached_property
    def by_name(self) -> dict[str, Rule]:
        return {rule.name: rule for rule in self.rules}


class Versions(Protocol):
    """The settings as `Workspaces` has them."""

    def current(self) -> Workspace: ...
    def at(self, version: int) -> Workspace: ...


class RuleBook:
    """`make` makes the rules of a version."""

    def __init__(self, versions: Versions, make: Callable[[Workspace], RuleSet] = RuleSet.of) -> None:
        self._versions = versions
        self._make = make
        self._made: dict[int, RuleSet] = {}

    def current(self) -> RuleSet:
        return self._of(self._versions.current())

    def of(self, reading: Reading) -> RuleSet:
        """The rules by which a reading was judged; of one that does not say so, those that held at its time."""
        if reading.rules_version is None:
            return self.at(reading.as_of)
        current = self._versions.current()
        if reading.rules_version == current.rules_version:
            return self._of(current)
        if reading.rules_version in self._made:
            return self._made[reading.rules_version]
        try:
            return self._of(self._versions.at(reading.rules_version))
        except NotFoundError:  # the settings were restored from a time before
            logger.error("the reading's version of the rules is unknown", version=reading.rules_version)
            return self._of(current)

    def at(self, instant: datetime) -> RuleSet:
        """The rules that held at an instant."""
        found = self._versions.current()
        while found.rules_changed_at and instant < found.rules_changed_at and found.rules_version > 1:
            found = self._versions.at(found.rules_version - 1)
        return self._of(found)

    def _of(self, workspace: Workspace) -> RuleSet:
        made = self._made.get(workspace.rules_version)
        if made is None:
            made = self._made[workspace.rules_version] = self._make(workspace)
        return made
