"""The sandbox on a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from local.sandbox.app import create_app
from local.sandbox.world import World


@pytest.fixture
def sandbox() -> Iterator[httpx.Client]:
    """A client of a sandbox that runs in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(create_app(World()), log_level="warning", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(base_url=address, trust_env=False, timeout=httpx.Timeout(10)) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
