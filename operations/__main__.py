"""`./cairn`: operates a deployed Cairn, in AWS or, with `--local`, on this machine."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from cairn.audit import Outcome
from cairn.clock import now
from cairn.codec import number
from cairn.errors import CairnError
from cairn.identity.api_keys import SCOPES
from cairn.identity.cognito import MODULES
from cairn.leaderboard.rows import SCORE_LIMIT
from cairn.model import Number
from operations import (
    audit,
    creators,
    keys,
    migration,
    milestones,
    month,
    pages,
    people,
    personal_data,
    platform_secrets,
    queues,
    settings,
    subscribers,
    target,
    usage,
    webhooks,
)
from operations.clients import Clients
from operations.deployment import commands as deployment
from operations.stack import OperationError, Stack, read_local_stack, read_stack
from operations.telegram import TELEGRAM_API_URL, TelegramRejectedError, set_webhook, webhook_url

MAX_TEXT = 500
"""Characters of a reason or a name."""
_COMMANDS = {**personal_data.COMMANDS, **webhooks.COMMANDS, **usage.COMMANDS, **creators.COMMANDS}
_LOCAL_HOME = Path(__file__).resolve().parent.parent / ".local"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 on success, 1 with a line on stderr that gives the reason."""
    options = _parser().parse_args(arguments)
    try:
        if options.command in deployment.COMMANDS:
            return deployment.run(options)
        stack = read_local_stack(options.home) if options.local else _stack_of_the_account(options)
        for line in _recorded(options, stack):
            print(line)
    except NoCredentialsError as error:
        print(f"cairn: {error}: `make preflight` says how to get some", file=sys.stderr)
        return 1
    except (OperationError, CairnError, TelegramRejectedError, BotoCoreError, ClientError) as error:
        print(f"cairn: {error}", file=sys.stderr)
        return 1
    return 0


def _stack_of_the_account(options: argparse.Namespace) -> Stack:
    aimed = target.decide(options.stack, options.region, os.environ, target.context())
    return read_stack(Clients.of_the_account(aimed.region), aimed.stack)


def _recorded(options: argparse.Namespace, stack: Stack) -> list[str]:
    """The command's lines; a command that changes something leaves a line in the audit trail, whatever came of it."""
    outcome: Outcome = "failed"
    try:
        lines = _run(options, stack)
        outcome = "done"
    finally:
        if options.command not in audit.READS and (problem := audit.record(stack, options, outcome, now())):
            print(f"cairn: not in the audit trail: {problem}", file=sys.stderr)
    return lines


def _run(options: argparse.Namespace, stack: Stack) -> list[str]:
    if command := _COMMANDS.get(options.command):
        return command(options, stack)
    match options.command:
        case "keys create":
            return [keys.create(stack, options.name, options.scopes)]
        case "keys list":
            return keys.table_of_keys(stack)
        case "keys revoke":
            return [keys.revoke(stack, options.id_or_name)]
        case "people add":
            password = options.password or _prompt("password")
            return [people.add(stack, options.name, options.modules, password.strip(), temporary=options.temporary)]
        case "people list":
            return people.table_of_people(stack)
        case "people modules":
            return [people.set_modules(stack, options.name, options.modules)]
        case "people password":
            password = options.password or _prompt("password")
            return [people.set_password(stack, options.name, password.strip(), temporary=options.temporary)]
        case "people second-factor-off":
            return [people.second_factor_off(stack, options.name)]
        case "people sign-out":
            return [people.sign_out(stack, options.name)]
        case "people remove":
            return [people.remove(stack, options.name)]
        case "migrate":
            return [*migration.migrate(stack), *settings.seed(settings.workspaces(stack), target.context())]
        case "settings" | "settings set" | "settings undo" | "settings history":
            return settings.run(options, stack)
        case "pages publish":
            return [pages.publish(stack)]
        case "rollover":
            return [month.roll_over(stack)]
        case "secrets set":
            values = platform_secrets.parse(options.assignment, _prompt)
            return platform_secrets.merge(stack, options.platform, values)
        case "telegram webhook":
            return [_register_webhook(stack, options.telegram_url)]
        case "subscribers suspended":
            return subscribers.suspended(stack)
        case "subscribers suspend":
            return subscribers.suspend(stack, options.chat)
        case "subscribers resume":
            return subscribers.resume(stack, options.chat, every=options.all)
        case "announce":
            return [milestones.announce(stack, options.milestone_id)]
        case "revert":
            return _revert(options, stack)
        case "redetect":
            lines = milestones.redetect(stack, options.subject)
            if failed := sum(milestones.FAILED in line for line in lines):
                print(*lines, sep="\n")
                raise OperationError(f"detection failed for {failed} of {len(lines)} subjects")
            return lines
        case "audit":
            query = audit.Query(
                audit.since(options.since, now()), options.who, options.what, options.target, options.outcome
            )
            return audit.table_of_lines(stack, query)
        case "queues":
            return [f"{queue.messages:>7,}  {queue.name}" for queue in queues.dead_letter_queues(stack)]
        case "redrive":
            return [queues.redrive(stack, options.queue)]
    raise AssertionError(options.command)


def _revert(options: argparse.Namespace, stack: Stack) -> list[str]:
    """Show what would change; change it once the operator agrees."""
    plan = milestones.reverting(stack).plan(options.milestone_id, value=options.to, only=options.only)
    print("\n".join(milestones.describe(plan)))
    if not options.yes and input("Revert? [y/N] ").strip().lower() not in ("y", "yes"):
        return ["nothing was changed"]
    return milestones.revert(
        stack, options.milestone_id, plan, by=options.by or getpass.getuser(), reason=options.reason
    )


def _register_webhook(stack: Stack, telegram_url: str) -> str:
    content = platform_secrets.read(stack, "telegram")
    token, secret = content.get("TELEGRAM_BOT_TOKEN"), content.get("TELEGRAM_WEBHOOK_SECRET")
    if not token or not secret:
        raise OperationError("Set TELEGRAM_BOT_TOKEN and TELEGRAM_WEBHOOK_SECRET first: ./cairn secrets set telegram …")
    url = webhook_url(stack.api_url)
    set_webhook(telegram_url, token, url, secret)
    return f"Telegram sends the bot's updates to {url}"


def _prompt(name: str) -> str:
    """A value typed at the terminal, which does not show it, or a line from a pipe."""
    return getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./cairn", description=__doc__)
    parser.add_argument("--stack", help=f"default: {target.STACK_VARIABLE} of the environment, then cdk.json")
    parser.add_argument("--region", help="default: that of the environment, of cdk.json, then of the AWS profile")
    parser.add_argument("--local", action="store_true", help="use the local cloud that runs from this checkout")
    parser.add_argument(
        "--home", type=Path, default=_LOCAL_HOME, help="with --local: the CAIRN_HOME of the local cloud"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    group = commands.add_parser("keys", help="API keys").add_subparsers(required=True, metavar="create|list|revoke")
    create = group.add_parser("create", help="create a key and show it once")
    create.add_argument("--scopes", required=True, help=f"comma-separated: {', '.join(sorted(SCOPES))}")
    create.add_argument("--name", required=True, help="a name to identify the key")
    create.set_defaults(command="keys create")
    group.add_parser("list", help="list all keys, without their secrets").set_defaults(command="keys list")
    revoke = group.add_parser("revoke", help="revoke a key, at once for sockets, within half a minute for requests")
    revoke.add_argument("id_or_name", metavar="ID_OR_NAME")
    revoke.set_defaults(command="keys revoke")

    deployment.add_commands(commands)
    _people(commands)
    personal_data.add_commands(commands)
    webhooks.add_commands(commands)
    usage.add_commands(commands)

    migrate = commands.add_parser(
        "migrate", help="move data of an older version; make deploy runs it, repeats are safe"
    )
    migrate.set_defaults(command="migrate")
    group = commands.add_parser("pages", help="the pages in web/").add_subparsers(required=True, metavar="publish")
    group.add_parser("publish", help="upload them to the bucket that serves them").set_defaults(command="pages publish")
    commands.add_parser("rollover", help="roll the month over now, if it is due").set_defaults(command="rollover")

    group = commands.add_parser("secrets", help="the platforms' keys").add_subparsers(required=True, metavar="set")
    secrets = group.add_parser("set", help="set keys of a platform's secret; a NAME alone prompts for its value")
    secrets.add_argument("platform", help="youtube, telegram or instagram")
    secrets.add_argument("assignment", nargs="+", metavar="NAME[=VALUE]")
    secrets.set_defaults(command="secrets set")

    group = commands.add_parser("telegram", help="the Telegram bot").add_subparsers(required=True, metavar="webhook")
    webhook = group.add_parser("webhook", help="make Telegram send the bot's updates to the deployed API")
    webhook.add_argument("--telegram-url", default=TELEGRAM_API_URL, help="default: %(default)s")
    webhook.set_defaults(command="telegram webhook")

    _subscribers(commands)
    creators.add_commands(commands)
    settings.add_commands(commands)

    announce = commands.add_parser("announce", help="notify those who were not notified of a milestone")
    announce.add_argument("milestone_id", metavar="MILESTONE_ID")
    announce.set_defaults(command="announce")
    revert = commands.add_parser("revert", help="take back a false milestone and those of the same reading")
    revert.add_argument("milestone_id", metavar="MILESTONE_ID")
    revert.add_argument("--reason", required=True, type=_text, help="shown in GET /api/milestones")
    revert.add_argument("--to", type=_number, metavar="VALUE", help="the true value, while the stored reading is false")
    revert.add_argument("--only", action="store_true", help="leave milestones of other metrics")
    revert.add_argument("--by", type=_text, help="who reverts it; default: the user of this machine")
    revert.add_argument("--yes", action="store_true", help="change it without asking")
    revert.set_defaults(command="revert")
    redetect = commands.add_parser("redetect", help="compare stored readings with their high-water marks again")
    redetect.add_argument("subject", nargs="*", metavar="SUBJECT", help="such as channel:youtube:UC…; all by default")
    redetect.set_defaults(command="redetect")

    trail = commands.add_parser("audit", help="who did what, on what, from where; patterns such as 'rep:*' work")
    trail.add_argument("--who", help="a person's, key's or operator's id or name, or a kind: person, key, operator, …")
    trail.add_argument("--what", help="such as 'sign in', 'people *', 'PATCH *'")
    trail.add_argument("--target", help="such as rep:17, channel:youtube:UC…, person:ada")
    trail.add_argument("--outcome", help="done, refused, invalid or failed")
    trail.add_argument("--since", default="24h", help="90m, 24h, 7d or an instant (default: %(default)s)")
    trail.set_defaults(command="audit")

    commands.add_parser("queues", help="list the dead-letter queues and their message counts").set_defaults(
        command="queues"
    )
    redrive = commands.add_parser("redrive", help="retry the messages of a dead-letter queue")
    redrive.add_argument("queue", help="the name that `queues` shows, such as NotifyDeadLetters")
    redrive.set_defaults(command="redrive")
    return parser


def _people(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("people", help="the people who can sign in").add_subparsers(
        required=True, metavar="add|list|modules|password|second-factor-off|sign-out|remove"
    )
    add = group.add_parser("add", help="add a person; prompts for the password unless --password is given")
    add.add_argument("name", metavar="NAME")
    add.add_argument(
        "--modules", type=_comma_separated, default=[], help=f"comma-separated: {', '.join(sorted(MODULES))}"
    )
    add.add_argument("--password")
    add.add_argument("--temporary", action="store_true", help="the person chooses a password at the first sign-in")
    add.set_defaults(command="people add")
    group.add_parser("list", help="list all people and their modules").set_defaults(command="people list")
    modules = group.add_parser("modules", help="replace a person's modules")
    modules.add_argument("name", metavar="NAME")
    modules.add_argument("modules", type=_comma_separated, metavar="MODULES", help="comma-separated; '' for none")
    modules.set_defaults(command="people modules")
    password = group.add_parser("password", help="set a person's new password")
    password.add_argument("name", metavar="NAME")
    password.add_argument("--password")
    password.add_argument("--temporary", action="store_true", help="the person chooses one at the next sign-in")
    password.set_defaults(command="people password")
    second_factor_off = group.add_parser("second-factor-off", help="let a person sign in without a code again")
    second_factor_off.add_argument("name", metavar="NAME")
    second_factor_off.set_defaults(command="people second-factor-off")
    sign_out = group.add_parser("sign-out", help="end a person's sessions everywhere, and close their sockets")
    sign_out.add_argument("name", metavar="NAME")
    sign_out.set_defaults(command="people sign-out")
    remove = group.add_parser("remove", help="remove a person, who can no longer sign in")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(command="people remove")


def _subscribers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("subscribers", help="chats that Telegram called gone").add_subparsers(
        required=True, metavar="suspended|suspend|resume"
    )
    group.add_parser("suspended", help="list the chats that are no longer notified, and why").set_defaults(
        command="subscribers suspended"
    )
    suspend = group.add_parser("suspend", help="stop notifying chats; for thirty days they may be resumed")
    suspend.add_argument("chat", nargs="+", metavar="CHAT_ID")
    suspend.set_defaults(command="subscribers suspend")
    resume = group.add_parser("resume", help="notify suspended chats again")
    resume.add_argument("chat", nargs="*", metavar="CHAT_ID")
    resume.add_argument("--all", action="store_true", help="every suspended chat")
    resume.set_defaults(command="subscribers resume")


def _comma_separated(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _text(text: str) -> str:
    if not 0 < len(text.strip()) <= MAX_TEXT:
        raise argparse.ArgumentTypeError(f"1 to {MAX_TEXT} characters")
    return text.strip()


def _number(text: str) -> Number:
    try:
        value = number(text)
        valid = 0 <= value < SCORE_LIMIT
    except ArithmeticError:
        valid = False
    if not valid:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
