"""The HTTP client of the functions: one for a warm Lambda's life, and silent, because addresses hold tokens."""

from __future__ import annotations

import logging
from functools import cache

import httpx

# httpx logs each address at INFO, and Telegram's hold the bot's token.
logging.getLogger("httpx").setLevel(logging.WARNING)

transport: httpx.BaseTransport | None = None
"""What the client sends through: None is the network; tests put their own here before a function's first call."""


@cache
def client() -> httpx.Client:
    return httpx.Client(transport=transport, timeout=httpx.Timeout(5.0, connect=2.0), headers={"User-Agent": "cairn"})
