"""CSV for spreadsheets: a header row, RFC 4180, and no cell of somebody else's that a spreadsheet would compute.

https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aws_lambda_powertools.event_handler import Response

from cairn.clock import iso

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def text(value: str | None) -> str:
    """A text that a spreadsheet shows as it is."""
    return f"'{value}" if value and value.lstrip(" ").startswith(_STARTS_A_FORMULA) else value or ""


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A file with these columns; texts are made harmless, numbers and None stay as they are."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
    return file.getvalue()


def _cell(value: Any) -> Any:
    match value:
        case str():
            return text(value)
        case bool():
            return "true" if value else "false"
        case datetime():
            return iso(value)
    return value


def csv_response(file: str, name: str, next_cursor: str | None = None) -> Response[str]:
    """The file as a download; the cursor of the next part, if there is one, is in a header."""
    headers: dict[str, str | list[str]] = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    if next_cursor:
        headers["X-Next-Cursor"] = next_cursor
    return Response(200, content_type="text/csv; charset=utf-8; header=present", body=file, headers=headers)


def or_csv(responses: Any) -> Any:
    """A route's responses for the OpenAPI document, of which the successful one may be a file."""
    success = responses[200]
    content = {**success["content"], "text/csv": {"schema": {"type": "string"}}}
    headers = {
        "X-Next-Cursor": {
            "description": "Of a part of a file: the cursor of the next one.",
            "schema": {"type": "string"},
        }
    }
    return {**responses, 200: {**success, "content": content, "headers": headers}}
