"""The commands of a deployment's life, which work on a target: its stack need not exist yet."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping

from cairn.clock import now
from operations import audit, target
from operations.clients import Clients
from operations.deployment import alarm_address, preflight
from operations.deployment.cdk import InstalledCdk
from operations.deployment.console import Console
from operations.deployment.deploy import APPROVALS, Deployment
from operations.deployment.findings import note
from operations.deployment.undo import Undo
from operations.stack import OperationError, read_stack

_SETTING = re.compile(r"[a-z_0-9]+=.*", re.DOTALL)
_AIMED_BY = {"stack_name": "--stack, before the command", "region": "--region, before the command"}


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add them to the operator's command."""
    look = commands.add_parser("preflight", help="what would make a deployment fail; changes nothing")
    look.set_defaults(command="preflight")
    prepare = commands.add_parser("bootstrap", help="prepare the account and region for the CDK, once")
    prepare.set_defaults(command="bootstrap")
    deploy = commands.add_parser("deploy", help="deploy the stack, migrate its data, publish its pages")
    deploy.add_argument(
        "-c",
        dest="chosen",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="a setting in place of cdk.json's, for this deployment alone",
    )
    deploy.add_argument(
        "--approval",
        choices=APPROVALS,
        help="which changes to ask about; default: more permissions (broadening), and never without a terminal",
    )
    deploy.add_argument("--despite-problems", action="store_true", help="deploy although the preflight found problems")
    deploy.set_defaults(command="deploy")
    protect = commands.add_parser("protect", help="protect stack and tables from deletion, and look at the user pool")
    protect.set_defaults(command="protect")
    undo = commands.add_parser("undo", help="delete a failed first deployment, or, once confirmed, a whole stack")
    undo.add_argument("--confirm", metavar="STACK", help="its name, where nobody can type it")
    undo.add_argument("--keep-data", action="store_true", help="leave tables, people, secrets, queues and logs")
    undo.set_defaults(command="undo")


def run(options: argparse.Namespace) -> int:
    """Run one of COMMANDS; its exit code. OperationError says why it could not be done."""
    if options.local:
        raise OperationError(f"{options.command} works on AWS; make run starts and ends the local cloud")
    return COMMANDS[options.command](options, Console())


def _aimed(options: argparse.Namespace) -> target.Target:
    return target.decide(options.stack, options.region, os.environ, target.context())


def _deployment(options: argparse.Namespace, console: Console) -> Deployment:
    aimed = _aimed(options)
    clients = Clients.of_the_account(aimed.region)
    probes = Clients.of_the_account(aimed.region, preflight.PATIENCE)
    chosen = dict(getattr(options, "chosen", ()))
    return Deployment(aimed, clients, probes, InstalledCdk(), console, target.context(), chosen)


def _preflight(options: argparse.Namespace, console: Console) -> int:
    deployment = _deployment(options, console)
    ready = deployment.preflight()
    if not deployment.settings["alarm_email"]:
        console.say(str(note("alarms", alarm_address.NOBODY)))
    return 0 if ready else 1


def _bootstrap(options: argparse.Namespace, console: Console) -> int:
    aimed = _aimed(options)
    account, credentials = preflight.find_account(aimed, Clients.of_the_account(aimed.region, preflight.PATIENCE))
    console.say(str(credentials))
    if account is None:
        return 1
    InstalledCdk().bootstrap(aimed, account)
    return 0


def _deploy(options: argparse.Namespace, console: Console) -> int:
    deployment = _deployment(options, console)
    stack = deployment.run(approval=options.approval, despite_problems=options.despite_problems)
    if problem := audit.record(stack, options, "done", now()):
        console.say(f"not in the audit trail: {problem}")
    return 0


def _protect(options: argparse.Namespace, console: Console) -> int:
    deployment = _deployment(options, console)
    stack = read_stack(deployment.clients, deployment.target.stack)
    protected = deployment.protect()
    audit.record(stack, options, "done" if protected else "failed", now())
    if protected:
        console.say("The stack, its tables and its user pool are protected from deletion.")
    return 0 if protected else 1


def _undo(options: argparse.Namespace, console: Console) -> int:
    aimed = _aimed(options)
    clients = Clients.of_the_account(aimed.region)
    if options.keep_data and target.context()["removal_policy"] != "retain":
        raise OperationError("removal_policy in cdk.json is destroy: such a stack keeps no data when it is deleted")

    def record() -> None:
        audit.record(read_stack(clients, aimed.stack), options, "done", now())

    Undo(aimed, clients, console).run(confirmed=options.confirm, keep_data=options.keep_data, before=record)
    return 0


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Console], int]] = {
    "preflight": _preflight,
    "bootstrap": _bootstrap,
    "deploy": _deploy,
    "protect": _protect,
    "undo": _undo,
}


def _setting(text: str) -> tuple[str, str]:
    if not _SETTING.fullmatch(text):
        raise argparse.ArgumentTypeError("NAME=VALUE")
    name, _, value = text.partition("=")
    if name in _AIMED_BY:
        raise argparse.ArgumentTypeError(f"{name} decides for every command: give {_AIMED_BY[name]}")
    return name, value
