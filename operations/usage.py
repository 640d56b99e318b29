"""`usage …`: a product's users, and what they did."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from operations import usage_import, usage_users
from operations.stack import Stack


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = commands.add_parser("usage", help="a product's users, and what they did").add_subparsers(
        required=True, metavar="show|list|set|grant-freeze|erase|export|import"
    )
    usage_users.add_commands(group)
    usage_import.add_commands(group)


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Stack], list[str]]] = {
    **usage_users.COMMANDS,
    **usage_import.COMMANDS,
}
