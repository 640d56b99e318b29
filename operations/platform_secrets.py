"""`secrets`: fills a platform's secret; the functions read it again within minutes, so nothing is deployed for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from operations.stack import OperationError, Stack

_CDK_JSON = Path(__file__).resolve().parent.parent / "cdk.json"


def read(stack: Stack, platform: str) -> dict[str, str]:
    """What the platform's secret holds."""
    answer = stack.clients.secretsmanager.get_secret_value(SecretId=_secret(stack, platform))
    content: dict[str, str] = json.loads(answer["SecretString"])
    return content


def merge(stack: Stack, platform: str, values: dict[str, str]) -> list[str]:
    """Set some of the secret's keys and leave the others; which keys there are, and which of them have values."""
    names = _names(platform)
    if unknown := values.keys() - set(names):
        raise OperationError(f"{platform} has no key {', '.join(sorted(unknown))}; it has {', '.join(names)}")
    content = read(stack, platform) | values
    stack.clients.secretsmanager.put_secret_value(SecretId=_secret(stack, platform), SecretString=json.dumps(content))
    return [f"{name}: {'set' if content.get(name) else 'empty'}" for name in names]


def parse(assignments: Iterable[str], ask: Callable[[str], str]) -> dict[str, str]:
    """`NAME=value` as it is; for `NAME` alone the value is asked for, so that it stays out of the shell's history."""
    values = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        values[name] = (value if equals else ask(name)).strip()
    return values


def _names(platform: str) -> list[str]:
    platforms = json.loads(_CDK_JSON.read_text(encoding="utf-8"))["context"]["platforms"]
    if platform not in platforms:
        raise OperationError(f"No platform {platform}; there are {', '.join(platforms)}")
    names: list[str] = platforms[platform]["keys"]
    return names


def _secret(stack: Stack, platform: str) -> str:
    return stack.output(f"{platform.capitalize()}Secret")
