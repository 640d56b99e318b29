"""What a warm function makes from the settings, and makes again when another version of them holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, overload

from cairn.workspace.document import Workspace
from cairn.workspace.store import Workspaces

T = TypeVar("T")
D = TypeVar("D", bound="HasWorkspaces")


class HasWorkspaces(Protocol):
    """A function's `Dependencies`."""

    @property
    def workspaces(self) -> Workspaces: ...


class following_settings(Generic[D, T]):  # noqa: N801 - used as a decorator, like cached_property
    """Like `cached_property`, for a method that is given the settings: it is called once a version of them."""

    def __init__(self, make: Callable[[D, Workspace], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._name = f"_{name} of a version"

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> following_settings[D, T]: ...
    @overload
    def __get__(self, instance: D, owner: type[Any]) -> T: ...
    def __get__(self, instance: D | None, owner: type[Any]) -> T | following_settings[D, T]:
        if instance is None:
            return self
        workspace = instance.workspaces.current()
        held = vars(instance).get(self._name)
        if held is None or held[0] is not workspace:
            held = vars(instance)[self._name] = (workspace, self._make(instance, workspace))
        made: T = held[1]
        return made
