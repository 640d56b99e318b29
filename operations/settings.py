"""`settings`: what a person changes while Cairn runs, by the same code as the API's routes."""

from __future__ import annotations

import argparse
import getpass
import json
from collections.abc import Mapping
from typing import Any

from cairn.clock import iso
from cairn.workspace.changes import change_of, notes
from cairn.workspace.document import SETTINGS, Workspace, plain
from cairn.workspace.store import Workspaces
from operations.stack import OperationError, Stack, variables_of

SHOWN = 120
"""Characters of a value in a list."""


def add_commands(commands: Any) -> None:
    settings = commands.add_parser("settings", help="what a person changes while Cairn runs: docs/settings.md")
    settings.set_defaults(command="settings")
    group = settings.add_subparsers(metavar="set|undo|history")
    change = group.add_parser("set", help="change one; every function follows within a minute")
    change.add_argument("setting", metavar="NAME")
    change.add_argument("value", metavar="VALUE", help="text or JSON; null gives the setting its default back")
    undo = group.add_parser("undo", help="take back what a version changed")
    undo.add_argument("version", type=int, nargs="?", metavar="VERSION", help="default: the one that holds")
    for parser, command in ((change, "settings set"), (undo, "settings undo")):
        parser.add_argument("--reason", default="", help="shown in the history")
        parser.set_defaults(command=command)
    group.add_parser("history", help="who changed what, newest first").set_defaults(command="settings history")


def run(options: argparse.Namespace, stack: Stack) -> list[str]:
    found = workspaces(stack)
    match options.command:
        case "settings":
            return show(found.latest())
        case "settings set":
            return change(found, options.setting, options.value, options.reason)
        case "settings undo":
            latest = found.latest()
            return _saved(found, found.undo(options.version or latest.version, by=_by(), reason=options.reason))
    return history(found)


def workspaces(stack: Stack) -> Workspaces:
    """The settings of the deployed Cairn."""
    given = variables_of(stack, "DetectMilestone").get("INITIAL_SETTINGS", "{}")
    return Workspaces(stack.clients.table(stack.output("SettingsTable")), given=given)


def show(made: Workspace) -> list[str]:
    """A line for each setting; `*` marks those that somebody has set."""
    at = f"{iso(made.changed_at)}, {made.changed_by}" if made.changed_at else "as deployed"
    lines = [
        f"{'*' if name in made.given else ' '} {name.ljust(34)} {_shown(getattr(made, name))}" for name in SETTINGS
    ]
    return [f"version {made.version}: {at}{f', {made.reason}' if made.reason else ''}", *lines]


def change(found: Workspaces, name: str, text: str, reason: str) -> list[str]:
    """Save the value of one setting; what that means, as lines for the operator."""
    if name not in SETTINGS:
        raise OperationError(f"there is no setting {name}; `./cairn settings` lists them")
    return _saved(found, found.save(found.latest().version, {name: _value(name, text)}, by=_by(), reason=reason))


def history(found: Workspaces, limit: int = 20) -> list[str]:
    lines = []
    for made in found.history(limit)[0]:
        before = found.at(made.version - 1) if made.version > 1 else None
        reason = f"  ({made.reason})" if made.reason else ""
        lines.append(f"{made.version}  {iso(made.changed_at) if made.changed_at else ''}  {made.changed_by}{reason}")
        lines += [
            f"     {one['name']}: {_shown(one['before'])} -> {_shown(one['after'])}" for one in change_of(before, made)
        ]
    return lines or ["nobody has changed a setting"]


def seed(found: Workspaces, context: Mapping[str, Any]) -> list[str]:
    """Keep what the deployment began with as version 1; say which values of cdk.json no longer count."""
    fresh = found.latest().version == 0
    made = found.seed()
    lines = [f"settings: version 1 has what was deployed ({', '.join(made.given) or 'the defaults'})"] if fresh else []
    given = {**context.get("initial_settings", {}), **{name: context[name] for name in SETTINGS if name in context}}
    for name, value in sorted(given.items()):
        if name in SETTINGS and plain(SETTINGS[name].to_value(value)) != plain(getattr(made, name)):
            lines.append(f"settings: {name} of cdk.json is not used; version {made.version} holds (./cairn settings)")
    return lines


def _saved(found: Workspaces, made: Workspace) -> list[str]:
    before = found.at(made.version - 1)
    changes = [f"{one['name']}: {_shown(one['before'])} -> {_shown(one['after'])}" for one in change_of(before, made)]
    return [f"version {made.version}: every function follows within a minute", *changes, *notes(before, made)]


def _value(name: str, text: str) -> Any:
    """The JSON value of an argument; a text needs no quotation marks."""
    if isinstance(SETTINGS[name].default, str) and text != "null":
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise OperationError(f"{name}: a value in JSON, such as {json.dumps(plain(SETTINGS[name].default))}") from None


def _shown(value: Any) -> str:
    text = json.dumps(plain(value), ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _by() -> str:
    return f"operator:{getpass.getuser()}"


def before_the_table(stack: Stack) -> dict[str, str]:
    """What an operator has set of these settings in a Cairn that had them as variables of its functions: 0.1.0.

    As values for the CDK's command line, by name; only what differs from the defaults, and nothing for a later Cairn.
    """
    if "SettingsTable" in stack.outputs:
        return {}
    variables: dict[str, str] = {}
    for function in ("Api", "DetectMilestone", "Notify", "ViewerHeartbeat", "EraseRetiredReps"):
        if f"{function}Function" in stack.outputs:
            variables |= variables_of(stack, function)
    found = {}
    for name, setting in SETTINGS.items():
        text = variables.get(name.upper())
        if text is None:
            continue
        value = setting.to_value(text if isinstance(setting.default, str) else json.loads(text))
        if value != setting.default:
            found[name] = text
    return found
