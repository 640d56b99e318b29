"""`usage show`, `list`, `set`, `grant-freeze`, `erase` and `export`: a product's users, as the API has them."""

from __future__ import annotations

import argparse
import getpass
import json
from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property
from typing import Any

from cairn.aws.sqs import Queue
from cairn.clock import iso, now
from cairn.errors import BadInputError, NotFoundError
from cairn.model import Reading
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.usage import shapes
from cairn.usage.days import Days
from cairn.usage.erasure import Erasing, Erasures
from cairn.usage.events import to_user_id
from cairn.usage.freezes import Freezes
from cairn.usage.listing import UserList, Wanted
from cairn.usage.personal_data import UserItems
from cairn.usage.putting import UNSET, Change, Putting
from cairn.usage.reading import is_erased, subject_of, user_of
from cairn.usage.representation import day_json, grant_json, user_json
from cairn.usage.users import Users
from cairn.webhooks.erasure import tell_of_erasure
from cairn.workspace.rule_book import RuleSet
from operations.settings import workspaces
from operations.stack import OperationError, Stack

NONE = "none"
"""In place of a value, clears it."""
MOST_LISTED = 1000


class UserSite:
    """The adapters of a deployed stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.stats = Stats(self.table("Stats"), keep_unreadable=True)
        self.users = Users(self.table("Usage"))
        self.days = Days(self.table("History"))

    def table(self, name: str) -> Any:
        return self._stack.clients.table(self._stack.output(f"{name}Table"))

    @cached_property
    def rules(self) -> RuleSet:
        return RuleSet.of(workspaces(self._stack).latest())

    @property
    def zone(self) -> str:
        return self.rules.zones.at(now())

    @cached_property
    def erasing(self) -> Erasing:
        stats, usage = self.table("Stats"), self.table("Usage")
        queue = Queue(self._stack.clients.sqs, self._stack.output("WebhookQueueUrl"))
        return Erasing(
            stats=Stats(stats),  # what nobody can read is erased, too
            users=self.users,
            erasures=Erasures(usage),
            items=UserItems(
                stats=stats, usage=usage, milestones=self.table("Milestones"), history=self.table("History")
            ),
            tell=tell_of_erasure(queue),
            clock=now,
        )

    def reading(self, user_id: str) -> Reading:
        """NotFoundError also for somebody who was erased."""
        reading = self.stats.get(subject_of(user_id))
        if reading is None or is_erased(reading):
            raise NotFoundError(f"there is no user {user_id}")
        return reading

    def shown(self, user_id: str) -> dict[str, Any]:
        reading = self.reading(user_id)
        found: dict[str, Any] = user_json(user_id, self.users.get(user_id), reading, self.rules.rules, now())
        return found


def show(stack: Stack, user_id: str) -> str:
    """A user, as JSON."""
    return _json(UserSite(stack).shown(user_id))


def listed(stack: Stack, wanted: Wanted, limit: int) -> list[str]:
    """A row for each user, the last active first, under a header."""
    site = UserSite(stack)
    listing = UserList(users=site.users, stats=site.stats, rules=site.rules.rules, clock=now)
    rows = [("ID", "NAME", "ACTIVE", "STREAK", "GOAL", "TOTALS")]
    cursor = None
    while len(rows) <= limit:
        page = listing.page(wanted, limit - len(rows) + 1, cursor)
        for profile, reading in page.items:
            user = user_json(profile.id, profile, reading, site.rules.rules, now())
            totals = ", ".join(f"{count:,} {metric}" for metric, count in user["totals"].items())
            active = profile.active.isoformat() if profile.active else "-"
            goal = str(user["dailyGoal"] or "-")
            rows.append((profile.id, profile.name or "-", active, str(user["streakDays"]), goal, totals or "-"))
        cursor = page.next_cursor
        if cursor is None:
            break
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1])) for row in rows
    ]


def change(stack: Stack, user_id: str, given: Change) -> str:
    """Change a user, or begin one."""
    site = UserSite(stack)
    putting = Putting(stats=site.stats, users=site.users, rules_version=site.rules.version, zone=site.zone, clock=now)
    putting.put(user_id, given)
    return _json(site.shown(user_id))


def grant_freeze(stack: Stack, options: argparse.Namespace) -> str:
    site = UserSite(stack)
    freezes = Freezes(
        stats=site.stats, table=site.table("Usage"), rules_version=site.rules.version, zone=site.zone, clock=now
    )
    by = options.by or getpass.getuser()
    grant, reading = freezes.grant(options.user, options.count, options.reason, by, options.id)
    left = user_of(reading, now()).habits.freezes
    return f"{options.user} was given {grant.count} at {iso(grant.at)}, and has {left}"


def erase(stack: Stack, user_id: str, *, confirmed: bool) -> list[str]:
    """Erase a user everywhere, as DELETE /api/users/{id} does; without `confirmed` only say what would be erased."""
    site = UserSite(stack)
    found = [one for one in site.erasing.items_of(user_id) if one.erase]
    if not confirmed:
        site.reading(user_id)
        return [
            f"{len(found):,} items of {user_id} would be erased",
            "Nothing was erased: repeat the command with --yes",
        ]
    at = site.erasing.erase(user_id)
    return [
        f"{user_id} is erased since {iso(at)}: {len(found):,} items; the CRM is told",
        "What webhooks said is erased within the hour, and once more a day later",
    ]


def export(stack: Stack, user_id: str) -> str:
    """All that is stored of a user, as JSON. What webhooks said: `personal-data export user:ID`."""
    site = UserSite(stack)
    reading = site.reading(user_id)
    freezes = Freezes(
        stats=site.stats, table=site.table("Usage"), rules_version=site.rules.version, zone=site.zone, clock=now
    )
    milestones = Milestones(site.table("Milestones")).of(reading.subject)
    return _json(
        {
            "exportedAt": iso(now()),
            "user": site.shown(user_id),
            "usage": [day_json(one) for one in site.days.all(reading)],
            "milestones": [
                {"id": one.id, "label": one.label, "value": int(one.value), "achievedAt": iso(one.achieved_at)}
                for one in milestones
            ],
            "freezes": [grant_json(grant) for grant in freezes.of(user_id)],
            "notIncluded": f"What webhooks sent of the user: ./cairn personal-data export user:{user_id}",
        }
    )


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


# -- on the command line


def add_commands(group: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """To the group `usage`."""

    def of_one(name: str, words: str) -> argparse.ArgumentParser:
        one = group.add_parser(name, help=words)
        one.add_argument("user", metavar="USER_ID", type=_parsed(to_user_id))
        one.set_defaults(command=f"usage {name}")
        return one

    of_one("show", "print a user as JSON: totals, today, streak, freezes, what is near")
    of_one("export", "print all that is stored of a user as JSON")
    of_one("erase", "erase a user everywhere; shows how much, until --yes is given").add_argument(
        "--yes", action="store_true", help="erase it"
    )
    several = group.add_parser("list", help="list users, the last active first")
    several.add_argument("--search", help="a part of the id, the name or the e-mail address")
    several.add_argument("--active-since", type=date.fromisoformat, metavar="DATE")
    several.add_argument("--near", action="store_true", help="only those of whom a milestone is near")
    several.add_argument("--limit", type=int, default=50, choices=range(1, MOST_LISTED + 1), metavar="N")
    several.set_defaults(command="usage list")
    changed = of_one("set", f"create or change a user; '{NONE}' clears")
    for option, parse in (
        ("--time-zone", shapes.to_zone),
        ("--goal", shapes.to_goal),
        ("--name", shapes.to_name),
        ("--email", shapes.to_email),
        ("--phone", shapes.to_phone),
    ):
        changed.add_argument(option, type=_parsed(parse, clears=True), default=UNSET)
    freeze = of_one("grant-freeze", "give a user freezes, of which each covers one missed day")
    freeze.add_argument("--count", type=int, default=1, choices=range(1, 32), metavar="N")
    freeze.add_argument("--reason", required=True, type=_parsed(shapes.to_name))
    freeze.add_argument("--id", type=_parsed(shapes.to_name), help="by which a repeat is recognised")
    freeze.add_argument("--by", type=_parsed(shapes.to_name), help="who grants it; default: the user of this machine")


def _parsed(parse: Callable[[str], Any], *, clears: bool = False) -> Callable[[str], Any]:
    def parsed(text: str) -> Any:
        if clears and text == NONE:
            return None
        try:
            return parse(text)
        except (ValueError, BadInputError) as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


def _list(options: argparse.Namespace, stack: Stack) -> list[str]:
    wanted = Wanted(search=options.search, active_since=options.active_since, near=options.near)
    return listed(stack, wanted, options.limit)


def _set(options: argparse.Namespace, stack: Stack) -> list[str]:
    given = Change(options.time_zone, options.goal, options.name, options.email, options.phone)
    if given == Change():
        raise OperationError("give what to set: --time-zone, --goal, --name, --email or --phone")
    return [change(stack, options.user, given)]


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Stack], list[str]]] = {
    "usage show": lambda options, stack: [show(stack, options.user)],
    "usage list": _list,
    "usage set": _set,
    "usage grant-freeze": lambda options, stack: [grant_freeze(stack, options)],
    "usage erase": lambda options, stack: erase(stack, options.user, confirmed=options.yes),
    "usage export": lambda options, stack: [export(stack, options.user)],
}
