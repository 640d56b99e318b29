"""The HTTP client of the functions. It logs no URLs, because Telegram's contain the bot token."""

from __future__ import annotations

import logging

import httpx

# httpx logs each URL at INFO.
logging.getLogger("httpx").setLevel(logging.WARNING)


def client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client for a warm function to reuse; without a transport it uses the network."""
    return httpx.Client(transport=transport, timeout=httpx.Timeout(5.0, connect=2.0), headers={"User-Agent": "cairn"})
