"""What releases left behind, and an account in which it arrives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from tests.upgrade import product
from tests.upgrade.site import Site, site
from tests.upgrade.world import World

FOLDER = Path(__file__).parent / "fixtures"
RELEASES = tuple(sorted(path.name for path in FOLDER.iterdir()))


@dataclass(frozen=True)
class Fixture:
    """The files that a release recorded, by their names."""

    files: dict[str, Any]
    is_present: bool = False
    """Whether the present code recorded it, and no release."""

    @classmethod
    def of(cls, release: str) -> Fixture:
        return cls({path.stem: json.loads(path.read_text("utf-8")) for path in (FOLDER / release).glob("*.json")})

    def items(self, table: str) -> list[dict[str, Any]]:
        """None of a table that the release did not have."""
        found: list[dict[str, Any]] = self.files["items"].get(table, [])
        return found

    def messages(self, state: str, type_: str | None = None) -> list[dict[str, Any]]:
        """Those that are `waiting`, or those that were `delivered` and may be delivered again."""
        found: list[dict[str, Any]] = self.files["messages"][state]
        return [one for one in found if type_ in (None, json.loads(one["body"])["type"])]

    def told(self) -> dict[tuple[str, str], set[str]]:
        """The chats that were sent an alert, by the subject's name and the threshold's label."""
        return told(self.files["announced"]["telegram"])

    @property
    def clients(self) -> dict[str, Any]:
        found: dict[str, Any] = self.files["clients"]
        return found


def told(chats_by_text: dict[str, list[str]]) -> dict[tuple[str, str], set[str]]:
    """Fails when a chat was sent an alert twice."""
    found: dict[tuple[str, str], set[str]] = {}
    for text, chats in chats_by_text.items():
        name, label = (part.partition("</b>")[0] for part in text.split("<b>")[1:3])
        known = found.setdefault((name, label), set())
        assert len(known) + len(chats) == len(known | set(chats)), f"told twice: {text}"
        known |= set(chats)
    return found


def told_now(site: Site) -> dict[tuple[str, str], set[str]]:
    """The same, of what was sent since the upgrade."""
    chats_by_text: dict[str, list[str]] = {}
    for chat, text in site.world.sent:
        if " passed " in text:
            chats_by_text.setdefault(text, []).append(chat)
    return told(chats_by_text)


def detect(site: Site, records: Iterable[Mapping[str, Any]]) -> None:
    for record in records:
        assert site.call("detect_milestone", {"Records": [record]}) == {"batchItemFailures": []}


def put_all(site: Site, messages: Iterable[Mapping[str, Any]]) -> None:
    for message in messages:
        site.put(message)


def plain(site: Site, table: str) -> list[dict[str, Any]]:
    """A table's items without their types."""
    read = TypeDeserializer().deserialize
    return [{name: read(value) for name, value in item.items()} for item in site.items(table)]


def logged(site: Site, room: str) -> dict[int, dict[str, Any]]:
    """The frames that a room's log keeps, by number."""
    items = [item for item in plain(site, "CONNECTIONS_TABLE") if item["pk"] == f"log#{room}"]
    return {int(item["sk"][6:]): json.loads(item["frame"]) for item in items if item["sk"].startswith("event#")}


@contextmanager
def arrived(fixture: Fixture, *, at: datetime | None = None, migrated: bool = True, **settings: Any) -> Iterator[Site]:
    """A fresh account of the present code with everything that the release left in tables, at the instant of recording.

    The operator's command has moved what has a new place, unless that is yet to come.

    Its queues are empty, and its sockets are open.
    """
    about = fixture.files["about"]
    world = World(counts=dict(about["platforms"]), names=dict(about["handles"]))
    with site(world, **settings) as made:
        made.advance_to(at or product.from_iso(about["recorded_at"]))
        for table in product.TABLES:
            product.stored(table).clear()
            product.restore(table, fixture.items(table))
        for name, one in fixture.clients["sockets"].items():
            if one["open"]:
                made.hold_open(name, product.from_iso(one["opened_at"]))
        if migrated:
            product.migrate(made.account)
        yield made
