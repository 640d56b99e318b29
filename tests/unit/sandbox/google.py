"""Google's discovery document of the YouTube API as JSON Schema that rejects unknown fields."""

import json
from importlib.resources import files
from typing import Any

WHOLE_NUMBER = r"^(0|[1-9]\d*)$"
RANGES = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1)}
RFC3339 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of a type in the document, such as ChannelListResponse."""
    document = files("googleapiclient") / "discovery_cache" / "documents" / "youtube.v3.json"
    schemas: dict[str, Any] = json.loads(document.read_text(encoding="utf-8"))["schemas"]
    return {"$ref": f"#/$defs/{name}", "$defs": {known: converted(schema) for known, schema in schemas.items()}}


def converted(schema: dict[str, Any]) -> dict[str, Any]:
    """Google's dialect (JSON Schema draft 3 with its own formats) as current JSON Schema, closed to unknown fields."""
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    made: dict[str, Any] = {key: schema[key] for key in ("type", "enum", "pattern") if key in schema}
    if schema.get("type") == "object":
        made["properties"] = {name: converted(inner) for name, inner in schema.get("properties", {}).items()}
        more = schema.get("additionalProperties")
        made["additionalProperties"] = converted(more) if more else False
        made["required"] = [
            name for name, inner in schema.get("properties", {}).items() if inner.get("required") is True
        ]
    if "items" in schema:
        made["items"] = converted(schema["items"])
    form = schema.get("format")
    if form in {"uint64", "int64"}:
        made["pattern"] = WHOLE_NUMBER
    elif form == "date-time":
        made["pattern"] = RFC3339
    elif form in RANGES:
        made["minimum"], made["maximum"] = RANGES[form]
    return made
