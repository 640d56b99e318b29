"""`pages`: uploads web/ and the API's document to the pages' bucket, and deletes what is no longer there."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cairn.clock import iso, now
from operations import api_docs
from operations.stack import OperationError, Stack

WEB = Path(__file__).resolve().parent.parent / "web"

_CONCURRENCY = 8
_INDEX = "index.html"
_REVALIDATE = "no-cache"
"""Cached but revalidated on each request, so that the modules of a page always have the same version."""
_CACHE_A_DAY = "public, max-age=86400"
_TYPES: Mapping[str, tuple[str, str]] = {
    ".html": ("text/html; charset=utf-8", _REVALIDATE),
    ".js": ("text/javascript; charset=utf-8", _REVALIDATE),
    ".css": ("text/css; charset=utf-8", _REVALIDATE),
    ".json": ("application/json", _REVALIDATE),
    ".webmanifest": ("application/manifest+json", _REVALIDATE),
    ".txt": ("text/plain; charset=utf-8", _CACHE_A_DAY),
    # Code that a page shows, to be copied.
    ".py": ("text/plain; charset=utf-8", _REVALIDATE),
    ".mjs": ("text/plain; charset=utf-8", _REVALIDATE),
    ".sh": ("text/plain; charset=utf-8", _REVALIDATE),
    ".svg": ("image/svg+xml", _CACHE_A_DAY),
    ".png": ("image/png", _CACHE_A_DAY),
    ".ico": ("image/x-icon", _CACHE_A_DAY),
    ".woff2": ("font/woff2", _CACHE_A_DAY),
}
_NOT_PUBLISHED = frozenset({".md", ".ts"})
"""Documentation, and types for the check of the JavaScript."""


@dataclass(frozen=True, slots=True)
class Page:
    """An object of the bucket."""

    key: str
    """Its path without the leading slash: pages have no `.html`, except `index.html`."""
    content: bytes
    content_type: str
    cache_control: str

    @property
    def is_html(self) -> bool:
        return self.content_type == _TYPES[".html"][0]


def pages(web: Path = WEB) -> list[Page]:
    """Everything to publish, pages after the modules they load; OperationError for an unknown type."""
    files = sorted(file for file in web.rglob("*") if file.is_file() and not _is_hidden(file.relative_to(web)))
    found = [_page(file, web) for file in files if file.suffix not in _NOT_PUBLISHED]
    documents = [
        Page("api/openapi.json", api_docs.compact(), *_TYPES[".json"]),
        Page("api/docs", api_docs.page(), *_TYPES[".html"]),
    ]
    return sorted([*documents, *found], key=lambda page: page.is_html)


def publish(stack: Stack, web: Path = WEB) -> str:
    """Make the bucket match `web`; a line for the operator."""
    bucket, s3 = stack.output("PagesBucket"), stack.clients.s3
    wanted = pages(web)

    def put(page: Page) -> None:
        s3.put_object(
            Bucket=bucket,
            Key=page.key,
            Body=page.content,
            ContentType=page.content_type,
            CacheControl=page.cache_control,
        )

    with ThreadPoolExecutor(_CONCURRENCY) as pool:
        for html in (False, True):
            list(pool.map(put, [page for page in wanted if page.is_html == html]))
    listings = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    stored = {item["Key"] for listing in listings for item in listing.get("Contents", [])}
    obsolete = stored - {page.key for page in wanted}
    for key in obsolete:
        s3.delete_object(Bucket=bucket, Key=key)
    if not stack.clients.are_local:  # the local cloud caches nothing
        stack.clients.cloudfront.create_invalidation(
            DistributionId=stack.output("DistributionId"),
            InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": iso(now())},
        )
    deleted = f", {len(obsolete)} deleted" if obsolete else ""
    return f"{len(wanted)} files published at {stack.api_url}{deleted}"


def _page(file: Path, web: Path) -> Page:
    if file.suffix not in _TYPES:
        raise OperationError(f"{file.relative_to(web.parent)}: files of this type cannot be published")
    path = file.relative_to(web)
    without_suffix = path.suffix == ".html" and path.name != _INDEX
    key = (path.with_suffix("") if without_suffix else path).as_posix()
    return Page(key, file.read_bytes(), *_TYPES[file.suffix])


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
