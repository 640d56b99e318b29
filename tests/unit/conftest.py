"""Unit tests reach nothing: sockets are off, and whoever sleeps for real has forgotten a seam."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/unit/" in item.path.as_posix() and not item.get_closest_marker("enable_socket"):
            item.add_marker(pytest.mark.disable_socket)
