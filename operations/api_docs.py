"""The API's document, and a page that shows it: files beside the pages, so that no function is started for them.

The page is HTML without scripts, made from `docs/openapi.json` when the pages are published.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"

_METHODS = ("get", "post", "put", "patch", "delete")
_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "above {}",
    "exclusiveMaximum": "below {}",
    "minLength": "{} characters or more",
    "maxLength": "{} characters at most",
    "minItems": "{} items or more",
    "maxItems": "{} items at most",
    "pattern": "matches {}",
    "format": "{}",
    "default": "{} by default",
}

Node = Mapping[str, Any]


def compact(document: Path = DOCUMENT) -> bytes:
    """The document without the white space that makes it readable in a diff."""
    return json.dumps(json.loads(document.read_text(encoding="utf-8")), separators=(",", ":")).encode()


def page(document: Path = DOCUMENT) -> bytes:
    """The page: every operation by its tag, and every schema, linked to each other."""
    api: Node = json.loads(document.read_text(encoding="utf-8"))
    groups: dict[str, list[str]] = {}
    for path, item in sorted(api["paths"].items()):
        for method in _METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["other"])[0]
                groups.setdefault(tag, []).append(_operation(api, path, method, item[method]))
    title, about = escape(api["info"]["title"]), _prose(api["info"].get("description"))
    links = " ".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in (*groups, "schemas"))
    schemas = "".join(_schema(name, schema) for name, schema in sorted(api["components"]["schemas"].items()))
    sections = "".join(f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(found)}' for tag, found in groups.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}: the API</title>'
        '<link rel="icon" href="/favicon.svg"><link rel="stylesheet" href="/style.css">'
        '<link rel="stylesheet" href="/api-docs.css"></head><body class="api-docs"><header>'
        f'<h1>{title}: the API</h1>{about}<p>As a file for tools: <a href="/api/openapi.json">openapi.json</a>, '
        f"OpenAPI {escape(api['openapi'])}.</p></header><nav aria-label='Contents'>{links}</nav><main>{sections}"
        f'<h2 id="schemas">schemas</h2>{schemas}</main></body></html>'
    ).encode()


def _operation(api: Node, path: str, method: str, operation: Node) -> str:
    parameters = [_resolved(api, one) for one in operation.get("parameters", [])]
    rows = [
        (one["name"], f"{_type(one['schema'])} in the {one['in']}", one.get("required"), one.get("description"))
        for one in parameters
    ]
    body = operation.get("requestBody", {}).get("content", {})
    sent = "".join(f"<p>Body: {_type(one['schema'])} ({escape(kind)})</p>" for kind, one in body.items())
    answers = "".join(_answer(api, status, one) for status, one in sorted(operation["responses"].items()))
    name = f"{method}{path}".replace("/", "-").replace("{", "").replace("}", "")
    who = _who(operation.get("security", api.get("security", [])))
    return (
        f'<details id="{escape(name)}"><summary><b>{method.upper()}</b> <code>{escape(path)}</code> '
        f"<span>{_text(operation.get('summary', ''))}</span></summary>{_prose(operation.get('description'))}"
        f"<p>{who}</p>{_table(rows)}{sent}<ul>{answers}</ul></details>"
    )


def _who(security: Iterable[Node]) -> str:
    schemes = sorted({name for one in security for name in one})
    return f"Who may call: {escape(' or '.join(schemes))}." if schemes else "Anybody may call."


def _answer(api: Node, status: str, response: Node) -> str:
    response = _resolved(api, response)
    content = ", ".join(_type(one["schema"]) for one in response.get("content", {}).values() if "schema" in one)
    return (
        f"<li><b>{escape(status)}</b> {escape(response.get('description', ''))}{f': {content}' if content else ''}</li>"
    )


def _schema(name: str, schema: Node) -> str:
    required = set(schema.get("required", []))
    rows = [
        (field, _type(one), field in required, one.get("description"))
        for field, one in schema.get("properties", {}).items()
    ]
    fields = _table(rows) if rows else f"<p>{_type(schema)}</p>"
    return (
        f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"{_prose(schema.get('description'))}{fields}</details>"
    )


def _table(rows: Iterable[tuple[str, str, bool | None, str | None]]) -> str:
    lines = [
        f"<tr><th scope='row'><code>{escape(name)}</code></th><td>{kind}{'' if required else ', optional'}</td>"
        f"<td>{_text(about or '')}</td></tr>"
        for name, kind, required, about in rows
    ]
    return f"<table>{''.join(lines)}</table>" if lines else ""


def _type(schema: Node) -> str:
    """A schema in words, with its limits, and links to other schemas."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    for kind in ("anyOf", "oneOf", "allOf"):
        if kind in schema:
            return (" and " if kind == "allOf" else " or ").join(map(_type, schema[kind]))
    if "enum" in schema or "const" in schema:
        return " or ".join(f"<code>{_literal(one)}</code>" for one in schema.get("enum", [schema.get("const")]))
    words = schema.get("type", "anything")
    words = " or ".join(words) if isinstance(words, list) else words
    if "items" in schema:
        words = f"list of {_type(schema['items'])}"
    elif isinstance(schema.get("additionalProperties"), Mapping):
        words = f"object of {_type(schema['additionalProperties'])}"
    limits = ", ".join(_limits(schema))
    return f"{words} ({limits})" if limits else words


def _limits(schema: Node) -> Iterator[str]:
    for name, text in _LIMITS.items():
        if schema.get(name) not in (None, ""):
            yield text.format(f"<code>{_literal(schema[name])}</code>")


def _literal(value: object) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return escape(value if isinstance(value, str) else json.dumps(int(value) if whole else value))  # type: ignore[call-overload]  # whole: a number


def _prose(text: str | None) -> str:
    return "".join(f"<p>{_text(part)}</p>" for part in (text or "").split("\n\n") if part)


def _text(text: str) -> str:
    """Escaped, with what is between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _resolved(api: Node, node: Node) -> Node:
    """The parameter, header or response that a reference names."""
    if "$ref" not in node:
        return node
    found: Any = api
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found  # type: ignore[no-any-return]  # JSON
