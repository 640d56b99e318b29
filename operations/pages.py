"""`pages`: puts web/ into the pages' bucket, each file as browsers should take it, and drops what is there no more."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cairn.clock import iso, now
from operations.stack import OperationError, Stack

WEB = Path(__file__).resolve().parent.parent / "web"

_AT_ONCE = 8
_FRONT_PAGE = "index.html"
_ASK_FIRST = "no-cache"
"""Kept, and asked after each time, so that the modules of a page are always of one version."""
_KEEP_A_DAY = "public, max-age=86400"
_TYPES: Mapping[str, tuple[str, str]] = {
    ".html": ("text/html; charset=utf-8", _ASK_FIRST),
    ".js": ("text/javascript; charset=utf-8", _ASK_FIRST),
    ".css": ("text/css; charset=utf-8", _ASK_FIRST),
    ".json": ("application/json", _ASK_FIRST),
    ".webmanifest": ("application/manifest+json", _ASK_FIRST),
    ".txt": ("text/plain; charset=utf-8", _KEEP_A_DAY),
    ".svg": ("image/svg+xml", _KEEP_A_DAY),
    ".png": ("image/png", _KEEP_A_DAY),
    ".ico": ("image/x-icon", _KEEP_A_DAY),
    ".woff2": ("font/woff2", _KEEP_A_DAY),
}
_NOT_PUBLISHED = frozenset({".md", ".ts"})
"""Documentation, and types for the check of the JavaScript."""


@dataclass(frozen=True, slots=True)
class Page:
    """A file as an object of the bucket."""

    key: str
    """Its address without the leading slash: a page is called by its name, and the front page is `index.html`."""
    file: Path
    content_type: str
    cache_control: str


def pages(web: Path = WEB) -> list[Page]:
    """Every file that is published, pages after what they load; OperationError for one of a type that is not known."""
    files = sorted(file for file in web.rglob("*") if file.is_file() and not _is_hidden(file.relative_to(web)))
    found = [_page(file, web) for file in files if file.suffix not in _NOT_PUBLISHED]
    return sorted(found, key=lambda page: page.file.suffix == ".html")


def publish(stack: Stack, web: Path = WEB) -> str:
    """Make the bucket hold what `web` does; what was done, in words."""
    bucket, s3 = stack.output("PagesBucket"), stack.clients.s3
    wanted = pages(web)

    def put(page: Page) -> None:
        s3.put_object(
            Bucket=bucket,
            Key=page.key,
            Body=page.file.read_bytes(),
            ContentType=page.content_type,
            CacheControl=page.cache_control,
        )

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for html in (False, True):
            list(pool.map(put, [page for page in wanted if (page.file.suffix == ".html") == html]))
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    gone = {item["Key"] for answer in listed for item in answer.get("Contents", [])} - {page.key for page in wanted}
    for key in gone:
        s3.delete_object(Bucket=bucket, Key=key)
    if not stack.clients.are_local:  # where nothing is cached
        stack.clients.cloudfront.create_invalidation(
            DistributionId=stack.output("DistributionId"),
            InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": iso(now())},
        )
    dropped = f", {len(gone)} dropped" if gone else ""
    return f"{len(wanted)} files published at {stack.api_url}{dropped}"


def _page(file: Path, web: Path) -> Page:
    if file.suffix not in _TYPES:
        raise OperationError(f"{file.relative_to(web.parent)}: files of this type are not published")
    path = file.relative_to(web)
    by_name = path.suffix == ".html" and path.name != _FRONT_PAGE
    return Page((path.with_suffix("") if by_name else path).as_posix(), file, *_TYPES[file.suffix])


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
