"""The JSON conventions of every route: camelCase, UTC instants in ISO 8601, exact numbers."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from cairn.clock import iso
from cairn.leaderboard.representation import json_number

Instant = Annotated[datetime, PlainSerializer(iso, return_type=str)]
Amount = Annotated[int | Decimal, PlainSerializer(json_number, return_type=int | float)]


class Schema(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Error(Schema):
    """What went wrong, and in which fields."""

    error: str
    details: list[dict[str, str]] = []


class Health(Schema):
    status: Literal["ok"] = "ok"


class Threshold(Schema):
    threshold: Amount
    label: str
