"""The page of the API's document: complete, without scripts, and safe whatever the document says."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

from operations import api_docs

VOID = {"meta", "link"}


class Page(HTMLParser):
    """Fails on unbalanced tags; collects ids, links, and what the page loads."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.ids += [value or ""] if name == "id" else []
            if name in ("href", "src"):
                (self.links if tag == "a" else self.loaded).append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_operation_and_schema_is_on_the_page_and_every_link_leads_somewhere() -> None:
    document, page = json.loads(api_docs.DOCUMENT.read_text()), Page(api_docs.page())
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    for path, item in document["paths"].items():
        assert path in page.text
        assert all(operation.get("summary", "").replace("`", "") in page.text for operation in item.values())
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= set(page.ids)
    inside = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)


def test_the_page_has_no_script_and_loads_its_own_sites_styles_alone() -> None:
    page = Page(api_docs.page())
    assert "script" not in page.tags
    assert page.loaded == ["/favicon.svg", "/style.css", "/api-docs.css"]


def test_a_text_of_the_document_is_never_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'&"
    schema = {"type": "object", "description": evil, "properties": {evil: {"enum": [evil], "pattern": evil}}}
    operation = {"summary": evil, "tags": [evil], "responses": {"200": {"description": evil}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": evil, "description": evil},
        "paths": {f"/{evil}": {"get": operation}},
        "components": {"schemas": {evil: schema}},
    }
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    page = Page(api_docs.page(file))
    assert page.open == []
    assert "script" not in page.tags
    assert page.text.count(evil) >= 8


def test_the_published_document_is_the_committed_one_without_its_white_space() -> None:
    assert json.loads(api_docs.compact()) == json.loads(api_docs.DOCUMENT.read_text())
    assert len(api_docs.compact()) < 0.6 * api_docs.DOCUMENT.stat().st_size
