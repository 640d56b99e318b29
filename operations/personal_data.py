"""`personal-data`: exports everything that is stored about a person, and erases it from every table.

A person is written `rep:17`, `telegram:12345` (a chat), `viewer:…`, `person:ada` (who signs in), `user:4711` (of a
product), `contact:ada@example.com` or `contact:+4930123456` (whom events name).
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from cairn.aws.personal_data import DELETED, PersonalItem, StillChangingError, erase_all
from cairn.clock import iso, now
from cairn.identity.api_keys import ApiKeys
from cairn.leaderboard.boards import Boards
from cairn.leaderboard.personal_data import RepItems
from cairn.leaderboard.reps import KIND as REP
from cairn.leaderboard.reps import Reps
from cairn.model import Subject
from cairn.readings.milestones import Milestones
from cairn.readings.stats import Stats
from cairn.realtime.event_log import KEY_RETENTION, EventLog
from cairn.realtime.personal_data import ConnectionItems, SessionItems
from cairn.telegram.personal_data import ChatItems
from cairn.viewers.personal_data import ViewerItems
from cairn.webhooks.personal_data import WebhookItems
from cairn.workspace.rule_book import RuleSet
from operations import people, queues
from operations.settings import workspaces
from operations.stack import OperationError, Stack
from operations.usage_users import UserSite

KINDS = ("rep", "telegram", "viewer", "person", "user", "contact")
WRITTEN = "rep:17, telegram:12345, viewer:ID, person:NAME, user:ID or contact:ADDRESS"
BACKUPS = (
    "Backups (point-in-time recovery) keep what was erased for 35 days, logs for a month, the audit trail for a year."
)
QUEUES = "Messages that wait in queues may still name the person, for up to 14 days: "
_ACCOUNT = "the account"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody about whom something is stored: their kind, one of KINDS, and their id."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Person:
        """OperationError unless the text names a person."""
        kind, _, id_ = text.partition(":")
        numbers = {"rep": id_.isdecimal() and id_.isascii() and 0 < len(id_) <= 15}
        if kind not in KINDS or not id_ or not numbers.get(kind, True):
            raise OperationError(f"a person is written {WRITTEN}, not {text!r}")
        return cls(kind, str(int(id_)) if kind == "rep" else id_)


def export(stack: Stack, text: str) -> str:
    """Everything that is stored about a person, as JSON; `erasure` says what `purge` makes of each item."""
    person = Person.parse(text)
    tables: dict[str, list[Any]] = {}
    for one in _Finder(stack).find(person):
        tables.setdefault(one.table, []).append({"erasure": one.fate, "item": one.item})
    content = {
        "person": str(person),
        "exportedAt": iso(now()),
        "tables": tables,
        "account": _account(stack, person.id) if person.kind == "person" else None,
        "notIncluded": _remains(stack, person),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, default=_plain)


def purge(stack: Stack, text: str, *, confirmed: bool) -> list[str]:
    """What is erased of a person, table by table, and what remains; without `confirmed`, nothing is erased."""
    person, finder = Person.parse(text), _Finder(stack)
    found = [one for one in finder.find(person) if one.erase]
    has_account = person.kind == "person" and _account(stack, person.id) is not None
    counts = Counter((one.table, one.fate) for one in found)
    lines = [f"{number:>7,}  {table}: {fate}" for (table, fate), number in sorted(counts.items())]
    lines += [f"{1:>7,}  {_ACCOUNT}: {DELETED}"] if has_account else []
    if not lines:
        lines = [f"nothing is stored that identifies {person}"]
    if confirmed and (found or has_account):
        if person.kind == "rep":
            finder.suppress_celebrations(Subject(REP, person.id))
        if has_account:
            people.remove(stack, person.id)
        try:
            erase_all(lambda: finder.find(person))
        except StillChangingError as error:
            raise OperationError(str(error)) from None
        lines.append(f"{person} is erased. Repeat the command after a minute: a function may have been at work.")
    elif found or has_account:
        lines.append("Nothing was erased: repeat the command with --yes")
    return [*lines, *_remains(stack, person)]


class _Finder:
    """Every system's items of a person."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def find(self, person: Person) -> Iterator[PersonalItem]:
        tickets = self._table("Sessions") if "SessionsTable" in self._stack.outputs else None
        connections = ConnectionItems(self._table("Connections"), tickets)
        yield from self._webhooks(person)
        match person.kind:
            case "rep":
                subject = Subject(REP, person.id)
                yield from self._reps().of(subject)
                yield from connections.of_rep(subject)
            case "telegram":
                yield from ChatItems(self._table("Audience")).of(person.id)
            case "viewer":
                yield from ViewerItems(self._table("Presence")).of(person.id)
                yield from connections.of_viewer(person.id)
            case "user":
                if "UsageTable" in self._stack.outputs:
                    yield from UserSite(self._stack).erasing.items_of(person.id)
            case "person":
                yield from self._reps().of_user(person.id)
                yield from SessionItems(self._table("Sessions")).of_user(person.id)
                yield from connections.of_user(person.id)

    def _webhooks(self, person: Person) -> Iterator[PersonalItem]:
        if "WebhooksTable" not in self._stack.outputs:
            return
        items = WebhookItems(self._table("Webhooks"))
        match person.kind:
            case "rep" | "user":
                yield from items.of_subject(str(person))
            case "telegram":
                yield from items.of_chat(person.id)
            case "person":
                yield from items.of_user(person.id)
            case "contact":
                yield from items.of_contact(person.id)

    def suppress_celebrations(self, subject: Subject) -> None:
        """Keep messages that still wait in the broadcast queue, or among its dead letters, from naming the rep."""
        event_log, present = EventLog(self._table("Connections")), now()
        milestones = Milestones(self._table("Milestones"))
        recent = [one.id for one in milestones.of(subject) if one.achieved_at > present - KEY_RETENTION]
        for milestone_id in {*recent, *milestones.being_announced(subject)}:
            event_log.suppress(milestone_id, present)

    def _reps(self) -> RepItems:
        rules = RuleSet.of(workspaces(self._stack).latest())
        stats, board, leaderboard = (self._table(name) for name in ("Stats", "Board", "Leaderboard"))
        boards = Boards(board, leaderboard)
        reps = Reps(stats=Stats(stats), boards=boards, rules=rules, clock=now)
        return RepItems(
            reps=reps,
            rules=rules.rules,
            stats=stats,
            milestones=self._table("Milestones"),
            history=self._table("History"),
            board=board,
            leaderboard=leaderboard,
            clock=now,
        )

    def _table(self, name: str) -> Any:
        return self._stack.clients.table(self._stack.output(f"{name}Table"))


def _account(stack: Stack, name: str) -> dict[str, Any] | None:
    """The person's account in Cognito; None if there is none."""
    try:
        user = stack.clients.cognito.admin_get_user(UserPoolId=stack.output("UserPoolId"), Username=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "UserNotFoundException":
            raise
        return None
    return {
        "name": user["Username"],
        "status": user["UserStatus"],
        "createdAt": iso(user["UserCreateDate"]),
        "attributes": {one["Name"]: one.get("Value", "") for one in user.get("UserAttributes", [])},
        "modules": sorted(people.modules_of(stack, name)),
    }


def _remains(stack: Stack, person: Person) -> list[str]:
    """What an erasure does not reach."""
    waiting = [f"{one.name} holds {one.messages:,}" for one in queues.dead_letter_queues(stack) if one.messages]
    lines = [BACKUPS, *([QUEUES + ", ".join(waiting)] if waiting else [])]
    if person.kind == "person":
        tables = [stack.outputs[name] for name in ("KeysTable", "AudienceTable") if name in stack.outputs]
        keys = [key for table in tables for key in ApiKeys(stack.clients.table(table)).list()]
        named = [key.id for key in keys if key.name.casefold() == person.id.casefold()]
        lines += [f"API key {id_} has the same name: ./cairn keys revoke {id_}" for id_ in named]
    return lines


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


# -- on the command line


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("personal-data", help="what is stored about a person").add_subparsers(
        required=True, metavar="export|purge"
    )
    of = "rep:17, telegram:12345 (a chat), viewer:ID, person:NAME (who signs in), user:ID of a product, contact:ADDRESS"
    exported = group.add_parser("export", help="print everything that is stored about a person, as JSON")
    exported.add_argument("person", metavar="PERSON", help=of)
    exported.set_defaults(command="personal-data export")
    purged = group.add_parser("purge", help="erase a person from every table; shows what, until --yes is given")
    purged.add_argument("person", metavar="PERSON", help=of)
    purged.add_argument("--yes", action="store_true", help="erase it")
    purged.set_defaults(command="personal-data purge")


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Stack], list[str]]] = {
    "personal-data export": lambda options, stack: [export(stack, options.person)],
    "personal-data purge": lambda options, stack: purge(stack, options.person, confirmed=options.yes),
}
