"""What a product copies from our document sends each event once, never makes the product wait, and survives outages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
SNIPPETS = ROOT / "web" / "snippets"
NODE = Path(sys.prefix) / "bin" / "node"
SECONDS = 30
Respond = Callable[[int, list[dict[str, Any]]], tuple[int, Any] | None]
"""What a Cairn answers to its nth request: a status and a body; None cuts the connection."""


def counted(_: int, events: list[dict[str, Any]]) -> tuple[int, Any]:
    return 200, {"results": [{"status": "counted"} for _ in events]}


@dataclass
class FakeCairn:
    """Batches of events on 127.0.0.1."""

    respond: Respond = counted
    requests: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    """The key and the events of each."""
    accepted: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    lock: Lock = field(default_factory=Lock)

    def answer(self, path: str, key: str, body: bytes) -> tuple[int, bytes] | None:
        assert path == "/api/usage/batch"
        events = json.loads(body)["events"]
        with self.lock:
            self.requests.append((key, events))
            number = len(self.requests)
        answered = self.respond(number, events)
        if answered is None:
            return None
        status, content = answered
        if status == 200:
            kept = (event for event, one in zip(events, content["results"], strict=True) if one["status"] == "counted")
            self.accepted += kept
        return status, json.dumps(content).encode()


@pytest.fixture
def cairn() -> Iterator[FakeCairn]:
    fake = FakeCairn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answered = fake.answer(self.path, self.headers["authorization"], body)
            if answered is None:
                self.close_connection = True
                return
            self.send_response(answered[0])
            self.send_header("content-length", str(len(answered[1])))
            self.end_headers()
            self.wfile.write(answered[1])

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        fake.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Language:
    """How a product's program in it is written."""

    name: str
    start: str
    """With {url} and {options}."""
    tick: str
    command: tuple[str, ...]
    options: Callable[[dict[str, float]], str]

    def run(self, folder: Path, url: str, program: str, **options: float) -> subprocess.CompletedProcess[str]:
        file = folder / f"product.{'py' if self.name == 'python' else 'mjs'}"
        start = self.start.format(folder=SNIPPETS, url=url, options=self.options(options))
        file.write_text(f"{start}\n{program}\n{self.tick}\n")
        return subprocess.run(
            [*self.command, str(file)], capture_output=True, text=True, check=False, timeout=SECONDS, cwd=folder
        )


PYTHON = Language(
    "python",
    "import sys, time, datetime\nsys.path.insert(0, '{folder}')\nfrom track import Usage\nbegan = time.monotonic()\n"
    "usage = Usage({url!r}, 'key'{options})",
    "print(f'{time.monotonic() - began:.3f}')",
    (sys.executable, "-B"),
    lambda options: "".join(f", {name}={value:g}" for name, value in options.items()),
)
JAVASCRIPT = Language(
    "node",
    "import {{ Usage }} from '{folder}/track.mjs';\nconst began = performance.now();\n"
    "const usage = new Usage('{url}', 'key', {{{options}}});",
    "console.log(((performance.now() - began) / 1000).toFixed(3));",
    (str(NODE),),
    lambda options: ", ".join(
        f"{name}: {value * 1000 if name == 'timeout' else value:g}" for name, value in options.items()
    ),
)
every_language = pytest.mark.parametrize("language", [PYTHON, JAVASCRIPT], ids=lambda one: one.name)


def tracked(language: Language, number: int) -> str:
    """A program that tracks so many events."""
    if language is PYTHON:
        return f"kept = [usage.track('ada', 'reply', id=f'reply-{{n}}') for n in range({number})]\nprint(sum(kept))"
    return (
        f"const kept = Array.from({{ length: {number} }}, (_, n) => usage.track('ada', 'reply', 1, "
        "{ id: `reply-${n}` }));\nconsole.log(kept.filter(Boolean).length);"
    )


def ids(events: list[dict[str, Any]]) -> Counter[str]:
    return Counter(event["id"] for event in events)


@every_language
def test_what_is_tracked_is_sent_when_the_process_ends_with_an_id_and_its_instant(
    language: Language, cairn: FakeCairn, tmp_path: Path
) -> None:
    program = {
        "python": "usage.track('ada', 'reply')\nusage.track('ada', 'feature', feature='research')\n"
        "usage.track('bo', 'meme', 2, at=datetime.datetime(2026, 11, 30, 23, 59, tzinfo=datetime.timezone.utc))",
        "node": "usage.track('ada', 'reply');\nusage.track('ada', 'feature', 1, { feature: 'research' });\n"
        "usage.track('bo', 'meme', 2, { at: new Date('2026-11-30T23:59:00Z') });",
    }
    ended = language.run(tmp_path, cairn.url, program[language.name])
    assert ended.returncode == 0, ended.stderr
    reply, feature, meme = cairn.accepted
    assert {key for key, _ in cairn.requests} == {"Bearer key"}
    assert (reply["userId"], reply["type"], reply["count"]) == ("ada", "reply", 1)
    assert feature["feature"] == "research"
    assert (meme["count"], meme["at"][:16]) == (2, "2026-11-30T23:59")
    assert len({event["id"] for event in cairn.accepted}) == 3
    assert all(datetime.fromisoformat(event["at"]).tzinfo for event in cairn.accepted)


@every_language
def test_thousands_go_in_few_requests_in_their_order(language: Language, cairn: FakeCairn, tmp_path: Path) -> None:
    ended = language.run(tmp_path, cairn.url, tracked(language, 3_000))
    assert ended.returncode == 0, ended.stderr
    assert [event["id"] for event in cairn.accepted] == [f"reply-{n}" for n in range(3_000)]
    assert len(cairn.requests) < 60
    assert max(len(events) for _, events in cairn.requests) <= 500


@every_language
def test_a_short_outage_loses_nothing_and_what_was_answered_is_not_sent_again(
    language: Language, cairn: FakeCairn, tmp_path: Path
) -> None:
    outage: list[tuple[int, Any] | None] = [None, (503, {"error": "busy"}), (429, {"error": "slowly"}), (401, {})]
    cairn.respond = lambda number, events: outage[number - 1] if number <= len(outage) else counted(number, events)
    ended = language.run(tmp_path, cairn.url, tracked(language, 700))
    assert ended.returncode == 0, ended.stderr
    assert ids(cairn.accepted) == Counter(f"reply-{n}" for n in range(700))


@every_language
def test_a_cairn_that_cannot_be_reached_does_not_hold_the_product_and_what_is_lost_is_said(
    language: Language, tmp_path: Path
) -> None:
    began = time.monotonic()
    ended = language.run(tmp_path, "http://127.0.0.1:1", tracked(language, 8), capacity=5)
    assert ended.returncode == 0
    kept, seconds = ended.stdout.split()
    assert float(seconds) < 1, "tracking waits for nobody"
    assert (kept, ended.stderr.count("the buffer is full")) == ("5", 3)
    assert "5 events were not sent" in ended.stderr
    assert time.monotonic() - began < SECONDS / 2


@every_language
def test_a_cairn_that_does_not_answer_is_given_up_in_time_and_asked_again(
    language: Language, cairn: FakeCairn, tmp_path: Path
) -> None:
    released = Event()

    def silent_at_first(number: int, events: list[dict[str, Any]]) -> tuple[int, Any] | None:
        if number == 1:
            released.wait(SECONDS)
            return None
        return counted(number, events)

    cairn.respond = silent_at_first
    ended = language.run(tmp_path, cairn.url, tracked(language, 5), timeout=1)
    released.set()
    assert float(ended.stdout.split()[-1]) < 1
    assert set(ids(cairn.accepted)) == {f"reply-{n}" for n in range(5)}


@every_language
def test_a_refused_event_is_said_and_spoils_no_other_and_one_to_be_repeated_is(
    language: Language, cairn: FakeCairn, tmp_path: Path
) -> None:
    def picky(number: int, events: list[dict[str, Any]]) -> tuple[int, Any]:
        def result(event: dict[str, Any]) -> dict[str, Any]:
            if event["id"] == "reply-1":
                return {"status": "rejected", "error": "too_old: it is more than 48 hours ago"}
            if event["id"] == "reply-2" and number == 1:
                return {"status": "rejected", "error": "busy", "retry": True}
            return {"status": "counted"}

        return 200, {"results": [result(event) for event in events]}

    cairn.respond = picky
    ended = language.run(tmp_path, cairn.url, tracked(language, 4))
    assert ids(cairn.accepted) == Counter(["reply-0", "reply-2", "reply-3"])
    assert ids([event for _, events in cairn.requests for event in events])["reply-1"] == 1
    assert "too_old" in ended.stderr


@pytest.mark.parametrize("name", ["track.py", "track.mjs"])
def test_the_document_shows_the_snippets_that_are_tested_here(name: str) -> None:
    document = (ROOT / "docs" / "usage.md").read_text()
    language = {"py": "python", "mjs": "js"}[name.partition(".")[2]]
    blocks = re.findall(rf"^```{language} {re.escape(name)}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    assert blocks == [(SNIPPETS / name).read_text()]
