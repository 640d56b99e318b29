"""A Telegram on loopback, stricter than the real one: at most 30 messages in any sliding second."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PER_SECOND = 30


class Telegram(ThreadingHTTPServer):
    """Records the messages, their times and the rejections; `latency` is the response time in seconds."""

    daemon_threads = True

    def __init__(self, latency: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.latency = latency
        self.arrivals: list[float] = []
        self.chats: list[str] = []
        self.rejected = 0
        self._last_second: deque[float] = deque()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def accept(self, chat: str) -> bool:
        """Whether a message that has just arrived is within the limit."""
        with self._lock:
            now = time.monotonic()
            while self._last_second and self._last_second[0] <= now - 1:
                self._last_second.popleft()
            if len(self._last_second) >= PER_SECOND:
                self.rejected += 1
                return False
            self._last_second.append(now)
            self.arrivals.append(now)
            self.chats.append(chat)
            return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet
    server: Telegram

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        accepted = self.server.accept(str(body["chat_id"]))
        time.sleep(self.server.latency)
        if accepted:
            self._respond(200, {"ok": True, "result": {"message_id": len(self.server.chats)}})
        else:
            retry = {"parameters": {"retry_after": 1}}
            self._respond(
                429, {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 1", **retry}
            )

    def _respond(self, status: int, response: dict[str, object]) -> None:
        body = json.dumps(response).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Log nothing."""


@contextmanager
def telegram(latency: float) -> Iterator[Telegram]:
    """A server that runs until the end of the block."""
    server = Telegram(latency)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
