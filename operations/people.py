"""`people`: adds, lists and removes the people who can sign in, and sets their modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from cairn.clock import now
from cairn.identity.cognito import MODULES
from operations import sessions
from operations.stack import OperationError, Stack

_PAGE_SIZE = 60
"""Cognito's maximum."""


def add(stack: Stack, name: str, modules: Iterable[str], password: str, *, temporary: bool = False) -> str:
    """Add a person, who can sign in immediately; a line with the modules. A rejected password leaves no user behind."""
    pool, wanted = stack.output("UserPoolId"), _checked(modules)
    with _mistakes_explained():
        stack.clients.cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    try:
        _set_password(stack, name, password, temporary=temporary)
    except OperationError:
        stack.clients.cognito.admin_delete_user(UserPoolId=pool, Username=name)
        raise
    with _mistakes_explained():
        _change_modules(stack, name, wanted)
    return f"{name}: {_listed(wanted)}"


def set_password(stack: Stack, name: str, password: str, *, temporary: bool = False) -> str:
    """Replace a person's password, and sign them out everywhere: somebody else may have known the old one.

    A `temporary` one is valid for a week, and the sign-in asks for the person's own.
    """
    _set_password(stack, name, password, temporary=temporary)
    sign_out(stack, name)
    return f"{name} has a new password, and is signed out everywhere"


def _set_password(stack: Stack, name: str, password: str, *, temporary: bool) -> None:
    with _mistakes_explained():
        stack.clients.cognito.admin_set_user_password(
            UserPoolId=stack.output("UserPoolId"), Username=name, Password=password, Permanent=not temporary
        )


def sign_out(stack: Stack, name: str) -> str:
    """End a person's sessions everywhere, at once: tokens, tickets and sockets; a line for the operator."""
    with _mistakes_explained():
        answer = stack.clients.cognito.admin_user_global_sign_out(UserPoolId=stack.output("UserPoolId"), Username=name)
        _void_tokens(stack, name, answer)
    return f"{name} is signed out everywhere"


def _void_tokens(stack: Stack, name: str, answer: Any) -> None:
    """Void the tokens that Cognito had issued when it gave this answer, and close the person's sockets.

    By Cognito's clock, which issued the tokens, not by that of an operator's machine.
    """
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    until = parsedate_to_datetime(date) if date else now()
    # A pool that ignores case answers with the name as it is in the tokens.
    person = stack.clients.cognito.admin_get_user(UserPoolId=stack.output("UserPoolId"), Username=name)
    sessions.sign_out(stack).everywhere(person["Username"], until)


def second_factor_off(stack: Stack, name: str) -> str:
    """Let a person sign in without a code, as after the loss of a phone; they can turn it on again."""
    with _mistakes_explained():
        stack.clients.cognito.admin_set_user_mfa_preference(
            UserPoolId=stack.output("UserPoolId"),
            Username=name,
            SoftwareTokenMfaSettings={"Enabled": False, "PreferredMfa": False},
        )
    return f"{name} signs in without a code"


def set_modules(stack: Stack, name: str, modules: Iterable[str]) -> str:
    """Replace a person's modules, at once; a line with the modules.

    Their tokens are void and their sockets closed; a page renews both by itself, with the new modules.
    """
    wanted = _checked(modules)
    with _mistakes_explained():
        answer = _change_modules(stack, name, wanted)
        _void_tokens(stack, name, answer)
    return f"{name}: {_listed(wanted)}"


def _change_modules(stack: Stack, name: str, wanted: frozenset[str]) -> Any:
    """Cognito's last answer."""
    pool, cognito = stack.output("UserPoolId"), stack.clients.cognito
    current = modules_of(stack, name)
    for module in wanted - current:
        cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=module)
    for module in current - wanted:
        cognito.admin_remove_user_from_group(UserPoolId=pool, Username=name, GroupName=module)
    return cognito.admin_get_user(UserPoolId=pool, Username=name)


def remove(stack: Stack, name: str) -> str:
    """Remove a person, whose sessions end at once; a line for the operator.

    They can no longer sign in before their sessions end, and are deleted last, so a failed removal can be repeated.
    """
    pool = stack.output("UserPoolId")
    with _mistakes_explained():
        stack.clients.cognito.admin_disable_user(UserPoolId=pool, Username=name)
        sign_out(stack, name)
        stack.clients.cognito.admin_delete_user(UserPoolId=pool, Username=name)
    return f"removed {name}"


def table_of_people(stack: Stack) -> list[str]:
    """A line for each person, sorted by name, under a header."""
    pages = stack.clients.cognito.get_paginator("list_users").paginate(
        UserPoolId=stack.output("UserPoolId"), PaginationConfig={"PageSize": _PAGE_SIZE}
    )
    names = sorted(user["Username"] for page in pages for user in page["Users"])
    rows = [("NAME", "MODULES"), *((name, _listed(modules_of(stack, name))) for name in names)]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {modules}" for name, modules in rows]


def modules_of(stack: Stack, name: str) -> frozenset[str]:
    """A person's modules."""
    pages = stack.clients.cognito.get_paginator("admin_list_groups_for_user").paginate(
        UserPoolId=stack.output("UserPoolId"), Username=name
    )
    return frozenset(group["GroupName"] for page in pages for group in page["Groups"])


def _checked(modules: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(modules)
    if unknown := wanted - MODULES:
        raise OperationError(
            f"Unknown module {', '.join(sorted(unknown))}; the modules are {', '.join(sorted(MODULES))}"
        )
    return wanted


def _listed(modules: Iterable[str]) -> str:
    return ", ".join(sorted(modules)) or "no module"


@contextmanager
def _mistakes_explained() -> Iterator[None]:
    """An operator's mistake as OperationError, in Cognito's words without boto3's preamble."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISTAKES:
            raise
        raise OperationError(error.response["Error"]["Message"]) from None


_MISTAKES = frozenset(
    {"InvalidParameterException", "InvalidPasswordException", "UsernameExistsException", "UserNotFoundException"}
)
