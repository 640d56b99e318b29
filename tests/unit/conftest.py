"""Unit tests have no network: sockets are disabled, except the pair with which an event loop wakes itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def _no_sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("enable_socket"):
        yield
        return
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
