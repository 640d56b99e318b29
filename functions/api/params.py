"""Query parameters that several routes share: pagination and time ranges."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BeforeValidator

from cairn.errors import BadInputError

Limit = Annotated[int, Query(description="The maximum number of items.", ge=1, le=100)]
Cursor = Annotated[str | None, Query(description="`nextCursor` of the previous page.", max_length=1000)]


def _iso_8601(text: object) -> object:
    """Reject text that is not a date or time: pydantic would read a bare number as seconds since 1970."""
    if isinstance(text, str) and not _DATE.match(text):
        raise ValueError("must be an ISO 8601 date or time, such as 2026-11-20T12:00:00Z")
    return text


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
When = Annotated[datetime, BeforeValidator(_iso_8601)]
Day = Annotated[date, BeforeValidator(_iso_8601)]


def time_range(
    since: datetime | None, until: datetime | None, present: datetime, default: timedelta
) -> tuple[datetime, datetime]:
    """The range from `from` to `to`; times without an offset are UTC. BadInputError when the two are reversed."""
    last = _utc(until) if until else present
    try:
        first = _utc(since) if since else last - default
    except OverflowError:
        first = datetime.min.replace(tzinfo=UTC)
    if first > last:
        raise BadInputError("from: must not be later than to")
    return first, last


def _utc(instant: datetime) -> datetime:
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        raise BadInputError("from, to: must be between the years 1 and 9999") from None
