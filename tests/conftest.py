"""What holds for every test: the environment comes before any other import, and garbage is collected rarely."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

import testing.environment  # noqa: F401 - comes first, for what it sets
from testing.local_cloud import local_cloud
from testing.logs import Written, written

__all__ = ["local_cloud"]


def pytest_configure() -> None:
    """Look for garbage seldom: as often as Python does of itself, it takes a fifth of all time."""
    gc.set_threshold(5_000)


def pytest_collection_finish() -> None:
    """What was imported stays, and is no more looked through for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def logs(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """What the functions log."""
    with written(lambda: capsys.readouterr().out) as record:
        yield record
