"""`people`: adds, lists and removes the people who can sign in, and sets their modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from cairn.identity.cognito import MODULES
from operations.stack import OperationError, Stack

_PAGE_SIZE = 60
"""Cognito's maximum."""


def add(stack: Stack, name: str, modules: Iterable[str], password: str, *, temporary: bool = False) -> str:
    """Add a person, who can sign in immediately; a line with the modules. A rejected password leaves no user behind."""
    pool, wanted = stack.output("UserPoolId"), _checked(modules)
    with _mistakes_explained():
        stack.clients.cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    try:
        set_password(stack, name, password, temporary=temporary)
    except OperationError:
        stack.clients.cognito.admin_delete_user(UserPoolId=pool, Username=name)
        raise
    return set_modules(stack, name, wanted)


def set_password(stack: Stack, name: str, password: str, *, temporary: bool = False) -> str:
    """Replace a person's password; sessions continue until their tokens expire.

    A `temporary` one is valid for a week, and the sign-in asks for the person's own.
    """
    with _mistakes_explained():
        stack.clients.cognito.admin_set_user_password(
            UserPoolId=stack.output("UserPoolId"), Username=name, Password=password, Permanent=not temporary
        )
    return f"{name} has a new password"


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
    """Replace a person's modules, from their next token on; a line with the modules."""
    pool, cognito = stack.output("UserPoolId"), stack.clients.cognito
    wanted = _checked(modules)
    with _mistakes_explained():
        current = modules_of(stack, name)
        for module in wanted - current:
            cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=module)
        for module in current - wanted:
            cognito.admin_remove_user_from_group(UserPoolId=pool, Username=name, GroupName=module)
    return f"{name}: {_listed(wanted)}"


def remove(stack: Stack, name: str) -> str:
    """Remove a person, who can no longer sign in or refresh a session; an issued token expires within an hour."""
    pool = stack.output("UserPoolId")
    with _mistakes_explained():
        stack.clients.cognito.admin_user_global_sign_out(UserPoolId=pool, Username=name)
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
