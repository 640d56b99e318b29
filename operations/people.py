"""`people`: adds, lists and removes who may sign in, and says which modules they may use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from cairn.identity.cognito import MODULES
from operations.stack import OperationError, Stack

_AT_ONCE = 60
"""As many as Cognito lists at once."""


def add(stack: Stack, name: str, modules: Iterable[str], password: str) -> str:
    """A person who can sign in at once; what they may use. Nothing is left behind when the password is refused."""
    pool, wanted = stack.output("UserPoolId"), _known(modules)
    with _in_words():
        stack.clients.cognito.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS")
    try:
        set_password(stack, name, password)
    except OperationError:
        stack.clients.cognito.admin_delete_user(UserPoolId=pool, Username=name)
        raise
    return set_modules(stack, name, wanted)


def set_password(stack: Stack, name: str, password: str) -> str:
    """Replace a person's password; sessions go on until their tokens run out."""
    with _in_words():
        stack.clients.cognito.admin_set_user_password(
            UserPoolId=stack.output("UserPoolId"), Username=name, Password=password, Permanent=True
        )
    return f"{name} has a new password"


def set_modules(stack: Stack, name: str, modules: Iterable[str]) -> str:
    """These modules and no others, from the person's next token on; who they are, in words."""
    pool, cognito = stack.output("UserPoolId"), stack.clients.cognito
    wanted = _known(modules)
    with _in_words():
        has = _modules_of(stack, name)
        for module in wanted - has:
            cognito.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=module)
        for module in has - wanted:
            cognito.admin_remove_user_from_group(UserPoolId=pool, Username=name, GroupName=module)
    return f"{name}: {_words(wanted)}"


def remove(stack: Stack, name: str) -> str:
    """They can neither sign in nor refresh a session any more; a token that was given runs out within the hour."""
    pool = stack.output("UserPoolId")
    with _in_words():
        stack.clients.cognito.admin_user_global_sign_out(UserPoolId=pool, Username=name)
        stack.clients.cognito.admin_delete_user(UserPoolId=pool, Username=name)
    return f"removed {name}"


def table_of_people(stack: Stack) -> list[str]:
    """A line for each person by name, under a line of titles."""
    pages = stack.clients.cognito.get_paginator("list_users").paginate(
        UserPoolId=stack.output("UserPoolId"), PaginationConfig={"PageSize": _AT_ONCE}
    )
    names = sorted(user["Username"] for page in pages for user in page["Users"])
    rows = [("NAME", "MODULES"), *((name, _words(_modules_of(stack, name))) for name in names)]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {modules}" for name, modules in rows]


def _modules_of(stack: Stack, name: str) -> frozenset[str]:
    pages = stack.clients.cognito.get_paginator("admin_list_groups_for_user").paginate(
        UserPoolId=stack.output("UserPoolId"), Username=name
    )
    return frozenset(group["GroupName"] for page in pages for group in page["Groups"])


def _known(modules: Iterable[str]) -> frozenset[str]:
    wanted = frozenset(modules)
    if unknown := wanted - MODULES:
        raise OperationError(f"No module {', '.join(sorted(unknown))}; there are {', '.join(sorted(MODULES))}")
    return wanted


def _words(modules: Iterable[str]) -> str:
    return ", ".join(sorted(modules)) or "no module"


@contextmanager
def _in_words() -> Iterator[None]:
    """What an operator got wrong, as Cognito says it and without its preamble."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISTAKES:
            raise
        raise OperationError(error.response["Error"]["Message"]) from None


_MISTAKES = frozenset(
    {"InvalidParameterException", "InvalidPasswordException", "UsernameExistsException", "UserNotFoundException"}
)
