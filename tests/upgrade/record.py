"""Records what this release leaves behind: `python -m tests.upgrade 0.2.0` writes `fixtures/0.2.0`.

Run it once, with the code of the release, and commit what it wrote; never write an old release's fixture again. Time,
random ids and order are fixed, so a second run writes the same.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from tests.upgrade import product
from tests.upgrade.scenario import BATS, CATS, DEMO, DUE, STADIUM, UPGRADE, Story, play
from tests.upgrade.site import QUEUES, SCHEDULE, Site, channel_path, site

FIXTURES = Path(__file__).parent / "fixtures"
TTL_DELAY = timedelta(hours=1)
"""DynamoDB deletes expired items some time later: those that expired before this are gone."""


def record() -> dict[str, Any]:
    """The files of a fixture by their names."""
    with _fixed_randomness(), site() as made:
        product.count_stream_records_from_zero()
        story = play(made)
        stored = {table: _items(made, table) for table in product.TABLES}
        _as_before_this_release(stored, story)
        waiting = [one for queue in QUEUES for one in made.waiting(queue)]
        for table, items in stored.items():  # what is answered below is answered from what is recorded
            product.stored(table).clear()
            product.restore(table, items)
        return {
            "about": {"recorded_at": product.iso(UPGRADE), "platforms": made.world.counts, "handles": made.world.names},
            "items": {table: sorted(items, key=json.dumps) for table, items in stored.items()},
            "stream_records": {"processed": story.taken, "waiting": story.untaken},
            "messages": {
                "delivered": [one for one in story.delivered if _reaches_somebody(one, story)],
                "waiting": waiting,
            },
            "invocations": {
                "schedules": {"fetch_stats": SCHEDULE, "month_rollover": SCHEDULE},
                "answered_updates": story.updates[-2:],
            },
            "clients": {
                "keys": story.keys,
                "reps": story.reps,
                "tickets": story.tickets,
                "pages": story.pages,
                "sockets": {
                    name: {
                        **one,
                        "open": name in made.account.gateway.connected,
                        "opened_at": product.iso(made.opened[name]),
                    }
                    for name, one in story.sockets.items()
                },
            },
            "cookies": {"set_cookies": sorted({*story.set_cookies, *_other_cookies(made)})},
            "announced": {"telegram": _telegram(made), "sockets": _frames(made), "due": DUE},
            "answers": _answers(made, story),
            "replays": [_replay(made, after) for after in (_kept(stored), 1, 0)],
        }


def _items(made: Site, table: str) -> list[dict[str, Any]]:
    """What is left in a table once TTL has removed what expired long ago."""
    earliest = (UPGRADE - TTL_DELAY).timestamp()
    return [
        {name: _sorted(value) for name, value in item.items()}
        for item in made.items(table)
        if int(item.get("expires_at", {"N": str(2**40)})["N"]) >= earliest
    ]


def _sorted(value: dict[str, Any]) -> dict[str, Any]:
    """A set has no order."""
    return {kind: sorted(held) if kind in ("SS", "NS") else held for kind, held in value.items()}


def _reaches_somebody(message: Mapping[str, Any], story: Story) -> bool:
    """Most shards of a room are empty, and one message of them is like another."""
    body = json.loads(message["body"])
    room = "tv-display" if body.get("room") == "everyone" else body.get("room")
    shards = {product.shard_of(name) for name, socket in story.sockets.items() if room in socket["rooms"]}
    return "shard" not in body or body["shard"] in shards


def _as_before_this_release(stored: dict[str, list[dict[str, Any]]], story: Story) -> None:
    """Forms that releases before 0.1.0 wrote, which 0.1.0 still read, and which may be in a table to this day."""
    for channel in stored["CHANNELS_TABLE"]:
        if channel["sk"] == {"S": BATS}:
            del channel["page"]
    room, connection_id, opened_at = f"channel:{DEMO}", "old", UPGRADE - timedelta(hours=1)
    story.site.hold_open(connection_id, opened_at)
    story.sockets[connection_id] = {"rooms": [room], "viewer": None}
    expires_at = {"N": str(int((UPGRADE + timedelta(hours=1)).timestamp()))}
    since = {"N": str(int(opened_at.timestamp()) * 1000)}
    member = {"pk": {"S": f"room#{room}"}, "sk": {"S": f"{product.shard_of(connection_id):x}#{connection_id}"}}
    stored["CONNECTIONS_TABLE"] += [
        {
            "pk": {"S": f"socket#{connection_id}"},
            "sk": {"S": "socket"},
            "rooms": {"SS": [room]},
            "expires_at": expires_at,
        },
        {**member, "since": since, "expires_at": expires_at},
    ]


def _telegram(made: Site) -> dict[str, list[str]]:
    """The chats that each text was sent to."""
    told: dict[str, list[str]] = {}
    for chat, text in made.world.sent:
        if " passed " in text:
            told.setdefault(text, []).append(chat)
    return told


def _frames(made: Site) -> dict[str, list[str]]:
    """The ids of the events that each socket was sent."""
    return {name: [frame["id"] for frame in frames if frame["id"]] for name, frames in made.frames.items()}


def _other_cookies(made: Site) -> list[str]:
    return list(made.api("DELETE", "/api/session").cookies)


def _answers(made: Site, story: Story) -> list[dict[str, Any]]:
    """What this release answers at the instant of the upgrade, page by page where there are several."""
    cookies = story.sign_in("ada")
    found: list[dict[str, Any]] = []

    def ask(path: str, by: str = "admin", pages: int = 2, **query: object) -> None:
        function = "viewer_heartbeat" if path.startswith("/api/viewer/") else "api"
        caller: dict[str, Any] = {"cookies": cookies} if by == "ada" else {"key": story.keys[by]}
        answer = made.api("GET", path, query=query, function=function, **caller)
        assert answer.status == 200, answer.text
        given = answer.json if answer.text.startswith("{") else answer.text
        found.append({"path": path, "query": query, "by": by, "answer": given})
        if pages > 1 and isinstance(given, dict) and given.get("nextCursor"):
            ask(path, by, pages - 1, **query | {"cursor": given["nextCursor"]})

    for path, query in _questions(story):
        ask(path, **query)
    ask("/api/session", by="ada")
    ask("/api/milestones", by="screen", limit=1, to="2026-11-21T09:30:00Z")
    return found


def _kept(stored: Mapping[str, list[dict[str, Any]]]) -> int:
    """An event of the TV's room after which all others are kept still."""
    sorts = [item["sk"]["S"] for item in stored["CONNECTIONS_TABLE"] if item["pk"]["S"] == "log#tv-display"]
    return min(int(sort.partition("#")[2]) for sort in sorts if sort.startswith("event#")) + 2


def _replay(made: Site, number: int) -> dict[str, Any]:
    """What a socket is sent that joins the TV's room after an event."""
    asked: dict[str, Any] = {"action": "join", "room": "tv-display", "after": f"tv-display/{number}"}
    before = len(made.frames["wall1"])
    answer = made.send("wall1", **asked)
    return {"asked": asked, "ids": [frame["id"] for frame in made.frames["wall1"][before:]], "answer": answer["data"]}


def _questions(story: Story) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "/api/channels", {"limit": 4}
    yield channel_path(CATS), {}
    yield f"{channel_path(CATS)}/history", {"from": "2026-12-05T00:00:00Z"}
    yield f"{channel_path(CATS)}/history", {"limit": 2, "bucket": "none"}
    yield "/api/milestones", {"limit": 5}
    yield "/api/milestones", {"limit": 1, "subject": f"channel:{CATS}"}
    yield "/api/subscribers", {"limit": 10}
    yield "/api/config", {}
    yield "/api/leaderboard", {"limit": 2}
    yield "/api/leaderboard", {"limit": 2, "period": "2026-11"}
    yield "/api/leaderboard/badges", {}
    yield "/api/leaderboard/sales-reps", {"limit": 1}
    for name in ("Ada", "Cyd", "Eve"):
        yield f"/api/leaderboard/sales-reps/{story.reps[name]}", {}
    yield f"/api/leaderboard/sales-reps/{story.reps['Cyd']}/badges", {}
    for channel in (DEMO, STADIUM):
        yield f"/api/viewer/count/{channel}", {}
        yield f"/api/viewer/curve/{channel}", {"hours": 24}
        yield f"/api/viewer/channel/{channel}", {}
        yield f"/api/viewer/sse/{channel}", {}


@contextmanager
def _fixed_randomness() -> Iterator[None]:
    """Ids and tokens are numbers that count up, which nobody could take for secrets."""
    numbers, real = count(1), os.urandom

    def counted(size: int) -> bytes:
        return next(numbers).to_bytes(8)[-size:].rjust(size, b"\0")

    random.seed(0)
    vars(os)["urandom"] = vars(random)["_urandom"] = counted
    try:
        yield
    finally:
        vars(os)["urandom"] = vars(random)["_urandom"] = real


def write(files: Mapping[str, Any], folder: Path) -> None:
    """One item, record or message a line, so that a difference between two releases can be read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(_text(content, 0) + "\n", encoding="utf-8")


def _text(value: Any, depth: int) -> str:
    on_one_line = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if not isinstance(value, dict | list) or len(on_one_line) <= 100 or depth > 2:
        return on_one_line
    if isinstance(value, dict):
        lines = [f"{json.dumps(key, ensure_ascii=False)}: {_text(value[key], depth + 1)}" for key in sorted(value)]
        opening, closing = "{", "}"
    else:
        lines = [_text(one, 3) for one in value]
        opening, closing = "[", "]"
    indent = "  " * (depth + 1)
    return f"{opening}\n" + ",\n".join(indent + line for line in lines) + f"\n{'  ' * depth}{closing}"
