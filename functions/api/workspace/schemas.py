"""Request and response bodies of the settings' routes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from functions.api.schemas import Instant, Schema


class Setting(Schema):
    name: str
    value: Any
    default: Any
    words: str = Field(description="What it is, in one line.")
    set_by_somebody: bool = Field(description="False: it has its default, also when a later release changes that.")


class Settings(Schema):
    version: int = Field(description="0 until somebody has saved one.")
    changed_at: Instant | None
    changed_by: str = Field(description="Who saved this version: `person:ada`, `key:crm`, `deployment`, an operator.")
    reason: str
    items: list[Setting]
    notes: list[str] = Field(description="What a change means that was just made, such as from when on it holds.")


class Changes(Schema):
    version: Annotated[int, Field(ge=0, description="The version that you have seen; 409 if it holds no more.")]
    changes: Annotated[
        dict[str, Any],
        Field(min_length=1, max_length=100, description="Names and new values; null gives a setting its default back."),
    ]
    reason: Annotated[str, Field(max_length=500)] = ""


class Undo(Schema):
    version: Annotated[int, Field(ge=0, description="The version whose changes are taken back.")]
    reason: Annotated[str, Field(max_length=500)] = ""


class Change(Schema):
    name: str
    before: Any
    after: Any


class Version(Schema):
    version: int
    changed_at: Instant | None
    changed_by: str
    reason: str
    changes: list[Change] = Field(description="What it changed.")


class History(Schema):
    items: list[Version]
    next_cursor: str | None
