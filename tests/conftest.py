"""What holds for every test: the environment comes before any other import, and garbage is collected rarely."""

from __future__ import annotations

import gc
import random
from collections.abc import Generator, Iterator

import pytest

import testing.environment  # noqa: F401 - comes first, for what it sets
from testing import adversarial_dynamodb
from testing.local_cloud import local_cloud
from testing.logs import Written, written

__all__ = ["local_cloud"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--adversarial",
        metavar="SEED",
        help="DynamoDB does what its contract permits, at the choice of a generator with this seed, or a `random` one",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Look for garbage seldom: as often as Python does of itself, it takes a fifth of all time."""
    gc.set_threshold(5_000)
    if config.option.adversarial == "random":
        config.option.adversarial = str(random.randrange(10**6))  # noqa: S311 - no secret


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With an adversarial DynamoDB, leave out the tests that it would not disturb: they run without it anyway."""
    if not config.option.adversarial:
        return
    left_out = [item for item in items if _is_undisturbed(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not _is_undisturbed(item)]


def _is_undisturbed(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("undisturbed")) or "meter" in getattr(item, "fixturenames", ())


def pytest_collection_finish() -> None:
    """What was imported stays, and is no more looked through for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def logs(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """What the functions log."""
    with written(lambda: capsys.readouterr().out) as record:
        yield record


def pytest_report_header(config: pytest.Config) -> str | None:
    seed = config.option.adversarial
    return f"DynamoDB is adversarial: --adversarial={seed}" if seed else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """Each test has its own generator, so that it fails alone as it failed among others."""
    seed = item.config.option.adversarial
    adversarial_dynamodb.begin(f"{seed} {item.nodeid}" if seed else None)
    ran = yield
    adversarial_dynamodb.begin(None)
    return ran


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure tells the seed."""
    report = yield
    if report.failed and (seed := item.config.option.adversarial):
        report.sections.append(("DynamoDB is adversarial", f"pytest --adversarial={seed} {item.nodeid}"))
    return report
