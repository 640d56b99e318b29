"""A function's settings: a frozen dataclass whose fields are its environment variables in lower case."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_type_hints

T = TypeVar("T")


class SettingError(Exception):
    """A variable is missing or unreadable: the deployment is wrong, not the request."""


def from_environment(cls: type[T], environment: Mapping[str, str] | None = None) -> T:
    """`cls` filled from the environment: str, int and float fields; SettingError names the variable that is wrong."""
    source = os.environ if environment is None else environment
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for field in fields(cls):  # type: ignore[arg-type]  # typeshed cannot bind T to dataclasses
        variable = field.name.upper()
        if variable in source:
            try:
                values[field.name] = hints[field.name](source[variable])
            except ValueError as error:
                raise SettingError(f"{variable} is not of type {hints[field.name].__name__}: {error}") from error
        elif field.default is MISSING:
            raise SettingError(f"{variable} is not set")
    return cls(**values)
