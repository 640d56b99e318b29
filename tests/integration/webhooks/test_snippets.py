"""What a receiver copies from our page and our document verifies what Cairn sends, and nothing else."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, get_args

import pytest

from cairn.clock import now
from cairn.webhooks.formats import render
from cairn.webhooks.model import Format, Secret
from cairn.webhooks.signing import headers, new_secret
from testing.webhooks import SECRET, endpoint, event, message_of

ROOT = Path(__file__).parents[3]
SNIPPETS = ROOT / "web" / "snippets"
NODE = Path(sys.prefix) / "bin" / "node"
DATA = {"text": '🎉 \x1b[1m \u2028 it\'s "quoted" $HOME `id`', "lines": "a\nb\r\n"}


@dataclass(frozen=True)
class Received:
    """A request as a receiver has it."""

    headers: Mapping[str, str]
    body: bytes


def sent(format_: Format = "standard", *, at: datetime | None = None, secrets: tuple[str, ...] = (SECRET,)) -> Received:
    one, wanted = event(DATA), endpoint(format_)
    id_ = message_of(one, wanted)
    body = render(one, wanted, template=None, message_id=id_).content
    return Received(headers(id_, at or now(), body, [Secret(secret) for secret in secrets]), body)


def by_python(secret: str, received: Received, folder: Path) -> str | None:
    try:
        runpy.run_path(str(SNIPPETS / "verify.py"))["verify"](secret, received.headers, received.body)
    except ValueError as error:
        return str(error)
    return None


def by_node(secret: str, received: Received, folder: Path) -> str | None:
    (folder / "body").write_bytes(received.body)
    (folder / "run.mjs").write_text(
        f"import {{ readFileSync }} from 'node:fs';\n"
        f"import {{ verify }} from {json.dumps(str(SNIPPETS / 'verify.mjs'))};\n"
        f"try {{ verify({json.dumps(secret)}, {json.dumps(dict(received.headers))}, readFileSync('body')); }}\n"
        f"catch (error) {{ console.error(error.message); process.exit(1); }}\n"
    )
    ended = subprocess.run([str(NODE), "run.mjs"], cwd=folder, capture_output=True, text=True, check=False)
    return ended.stderr if ended.returncode else None


def by_shell(secret: str, received: Received, folder: Path) -> str | None:
    (folder / "body").write_bytes(received.body)
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    ended = shell(secret, folder / "body", *(received.headers[name] for name in names))
    return ended.stderr if ended.returncode else None


needs_openssl = pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("curl")), reason="the shell's snippet calls openssl and curl"
)


def shell(secret: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(SNIPPETS / "verify.sh"), *map(str, arguments)]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "WEBHOOK_SECRET": secret}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


Verifier = Callable[[str, Received, Path], str | None]
every_verifier = pytest.mark.parametrize(
    "verify", [by_python, by_node, pytest.param(by_shell, marks=needs_openssl)], ids=["python", "node", "shell"]
)


@every_verifier
@pytest.mark.parametrize("format_", get_args(Format))
def test_each_snippet_takes_what_cairn_sends(verify: Verifier, format_: Format, tmp_path: Path) -> None:
    assert verify(SECRET, sent(format_), tmp_path) is None


@every_verifier
def test_each_snippet_takes_the_new_secret_and_the_old_one_while_they_rotate(verify: Verifier, tmp_path: Path) -> None:
    new = new_secret()
    received = sent(secrets=(new, SECRET))
    assert verify(new, received, tmp_path) is None
    assert verify(SECRET, received, tmp_path) is None
    assert verify(new_secret(), received, tmp_path)


@every_verifier
def test_each_snippet_refuses_what_was_changed(verify: Verifier, tmp_path: Path) -> None:
    genuine = sent()
    changed = [
        Received(genuine.headers, genuine.body + b" "),
        Received({**genuine.headers, "webhook-id": "msg_other"}, genuine.body),
        Received({**genuine.headers, "webhook-timestamp": str(int(now().timestamp()) - 1)}, genuine.body),
        Received({**genuine.headers, "webhook-signature": "v1,AAAA"}, genuine.body),
        Received({**genuine.headers, "webhook-signature": ""}, genuine.body),
    ]
    assert all(verify(SECRET, one, tmp_path) for one in changed)


@pytest.mark.parametrize("verify", [by_python, by_node], ids=["python", "node"])
@pytest.mark.parametrize("away", [timedelta(minutes=-6), timedelta(minutes=6)])
def test_a_genuine_message_of_another_time_is_refused(verify: Verifier, away: timedelta, tmp_path: Path) -> None:
    assert "five minutes" in str(verify(SECRET, sent(at=now() + away), tmp_path))


# -- the shell's own way to try a receiver


@contextmanager
def receiver() -> Iterator[tuple[str, list[Received]]]:
    came: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append(Received({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", came
        server.shutdown()
        thread.join()


@needs_openssl
def test_curl_sends_a_message_that_the_other_snippets_take(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_bytes(sent().body)
    with receiver() as (url, came):
        ended = shell(SECRET, body, url)
    assert "204" in ended.stdout
    (one,) = came
    assert one.body == body.read_bytes()
    assert one.headers["content-type"] == "application/json"
    assert by_python(SECRET, one, tmp_path) is None


@needs_openssl
@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!!!"])
def test_the_shell_takes_nothing_for_genuine_without_a_secret(secret: str, tmp_path: Path) -> None:
    forged = Received({**sent().headers, "webhook-signature": "v1,"}, sent().body)
    assert by_shell(secret, forged, tmp_path)


def test_called_without_what_it_needs_the_shell_says_how(tmp_path: Path) -> None:
    ended = shell(SECRET)
    assert ended.returncode == 2
    assert "verify.sh body.json" in ended.stderr


# -- the document


@pytest.mark.parametrize("name", ["verify.py", "verify.mjs", "verify.sh"])
def test_the_document_shows_the_snippets_that_are_tested_here(name: str) -> None:
    document = (ROOT / "docs" / "webhooks.md").read_text()
    language = {"py": "python", "mjs": "js", "sh": "sh"}[name.partition(".")[2]]
    blocks = re.findall(rf"^```{language} {re.escape(name)}\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    assert blocks == [(SNIPPETS / name).read_text()]
