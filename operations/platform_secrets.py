"""`secrets`: fills a platform's secret; the functions reread it within minutes, without a deployment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from operations.stack import OperationError, Stack
from operations.target import context


def read(stack: Stack, platform: str) -> dict[str, str]:
    """The content of the platform's secret."""
    response = stack.clients.secretsmanager.get_secret_value(SecretId=_secret(stack, platform))
    content: dict[str, str] = json.loads(response["SecretString"])
    return content


def merge(stack: Stack, platform: str, values: dict[str, str]) -> list[str]:
    """Set some of the secret's keys and keep the others; a line for each key says whether it has a value."""
    names = _names(platform)
    if unknown := values.keys() - set(names):
        raise OperationError(f"{platform} has no key {', '.join(sorted(unknown))}; it has {', '.join(names)}")
    content = read(stack, platform) | values
    stack.clients.secretsmanager.put_secret_value(SecretId=_secret(stack, platform), SecretString=json.dumps(content))
    return [f"{name}: {'set' if content.get(name) else 'empty'}" for name in names]


def parse(assignments: Iterable[str], prompt: Callable[[str], str]) -> dict[str, str]:
    """`NAME=value` as it is; `NAME` alone prompts for the value, which keeps it out of the shell's history."""
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        values[name] = (value if equals else prompt(name)).strip()
    return values


def _names(platform: str) -> list[str]:
    platforms = context()["platforms"]
    if platform not in platforms:
        raise OperationError(f"Unknown platform {platform}; the platforms are {', '.join(platforms)}")
    names: list[str] = platforms[platform]["keys"]
    return names


def _secret(stack: Stack, platform: str) -> str:
    return stack.output(f"{platform.capitalize()}Secret")
