"""What a sandbox keeps from one invocation to the next, and what is gone with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

from aws_lambda_powertools.utilities.parameters import get_secret
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS

from tests.support.cloud import SECRETS

REMEMBERING = ("ws_connect", "viewer_heartbeat", "count_viewers")
"""Functions that go by what they read or asked a moment ago."""


def warm_up(functions: Iterable[str]) -> None:
    """Have every function make its adapters, as after a first invocation."""
    for function in functions:
        for part in _parts(function):
            part()
    for variable in SECRETS:
        get_secret(os.environ[variable])
    _forget_secrets()


def bury(function: str) -> None:
    """The sandbox after a dead one knows nothing.

    Of most functions only secrets are forgotten: their clients hold nothing of what went before, and making them takes
    long.
    """
    _forget_secrets()
    if function in REMEMBERING:
        for part in _parts(function):
            part.cache_clear()


def _parts(function: str) -> list[Any]:
    """What a function makes on first use."""
    modules = [module for name, module in sys.modules.items() if name.startswith(f"functions.{function}.")]
    return [value for module in modules for value in vars(module).values() if hasattr(value, "cache_clear")]


def _forget_secrets() -> None:
    for provider in DEFAULT_PROVIDERS.values():
        provider.clear_cache()
