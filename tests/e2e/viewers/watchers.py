"""A viewer of a channel in a real browser, and when which count was on the page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from playwright.sync_api import Browser, BrowserContext, Error

from testing.local_cloud import LocalCloud

Count = tuple[int, int]
"""Viewers and connections."""
NOTES = """
(() => {
  const noted = (window.noted = []);
  const note = (what, value) => noted.push([Date.now() / 1000, what, value]);
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (text) {
    if (JSON.parse(text).action === 'join') note('joins', null);
    return send.call(this, text);
  };
  window.noteCount = ({ viewers, connections }) => note('count', [viewers, connections]);
  addEventListener('cairn-viewers', ({ detail }) => noteCount(detail));
  addEventListener('DOMContentLoaded', () => {
    const [viewers, connections] = ['viewers', 'connections'].map((id) => document.getElementById(id));
    if (!viewers) return;
    const read = () => noteCount({ viewers: Number(viewers.innerText), connections: Number(connections.innerText) });
    new MutationObserver(read).observe(connections, { childList: true });
  });
})();"""
"""For the live page, for the element, and for a page that calls noteCount: what was shown, and when."""
PAUSE_MILLISECONDS = 50
NO_ICON = '<link rel="icon" href="data:,">'
"""For pages of a site that has none: browsers request one."""


class Watcher:
    """A tab, whose page notes what it shows."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda message: self.troubles.append(message.text) if message.type == "error" else None)
        self.page.add_init_script(NOTES)

    def opens(self, address: str) -> float:
        """Go there, and join a channel by a socket; returns when it joined."""
        self.page.goto(address)
        return self._first("joins", None, 0, 20)

    def sees(self, count: Count, since: float, seconds: float = 20) -> float:
        """Wait until so many are shown; returns how long after `since` that was."""
        return self._first("count", list(count), since, seconds) - since

    def counts(self) -> list[Count]:
        """What has been shown, in order."""
        return [(value[0], value[1]) for _, what, value in self._noted() if what == "count"]

    def crashes(self) -> float:
        """End the tab's process, without notice; returns when."""
        at = time.time()
        with suppress(Error):
            self.page.goto("chrome://crash")
        return at

    def _first(self, what: str, value: object, since: float, seconds: float) -> float:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for at, noted, found in self._noted():
                if at >= since and (noted, found) == (what, value):
                    return at
            self.page.wait_for_timeout(PAUSE_MILLISECONDS)
        raise AssertionError(f"no {what} {value} in {seconds} s: {self._noted()}, {self.troubles}")

    def _noted(self) -> list[tuple[float, str, list[int]]]:
        found: list[tuple[float, str, list[int]]] = self.page.evaluate("window.noted ?? []")
        return [(at, what, value) for at, what, value in found]


@contextmanager
def somebody(browser: Browser, *, sockets: bool = True) -> Iterator[BrowserContext]:
    """A person's browser, with its own storage; without `sockets`, each socket is closed as it opens."""
    with browser.new_context() as context:
        context.set_default_timeout(20_000)
        if not sockets:
            context.route_web_socket("**/*", lambda socket: socket.close())
        yield context


def live(cloud: LocalCloud, channel: str) -> str:
    return f"{cloud.outputs['WebUrl']}/live/{channel}"


def embed(cloud: LocalCloud, channel: str) -> str:
    return f"{cloud.outputs['WebUrl']}/embed/{channel}"


def listening(cloud: LocalCloud, channel: str) -> str:
    """Somebody's page that receives the counts by the browser's own EventSource."""
    address = json.dumps(f"{cloud.outputs['ApiUrl']}/api/viewer/sse/{channel}")
    return (
        f"<!doctype html><title>Somebody’s dashboard</title>{NO_ICON}<script>"
        f"new EventSource({address}).onmessage = ({{ data }}) => noteCount(JSON.parse(data));"
        "</script>"
    )
