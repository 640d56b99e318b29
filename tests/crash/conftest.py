"""Counts the runs with failures, and reports them at the end of the session."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from testing.grants import enforced
from tests.crash.explorer import Explorer, Outcome, Verdict

HERE = Path(__file__).parent
SAMPLE = 12
"""How many of the crash tests run beside an adversary, whose seed chooses them."""
TRIED = pytest.StashKey[list[Outcome]]()
Prove = Callable[..., list[Outcome]]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a whole directory of crash tests, a sample; of tests that were named, all."""
    crash = sorted(item.nodeid for item in items if HERE in item.path.parents)
    if not config.option.adversarial or any("::" in argument for argument in config.args):
        return
    chosen = Random(config.option.adversarial).sample(crash, min(SAMPLE, len(crash)))  # noqa: S311 - no secret
    left_out = [item for item in items if item.nodeid in crash and item.nodeid not in chosen]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session", autouse=True)
def _roles() -> Iterator[None]:
    """A function does only what its role allows."""
    with enforced():
        yield


@pytest.fixture
def prove(pytestconfig: pytest.Config) -> Prove:
    """Run a scenario with a failure at each of its calls, and fail with the first bad outcomes."""

    def prove(scenario: Callable[[Explorer], Verdict], *, pairs: int = 0, alike: int = sys.maxsize) -> list[Outcome]:
        if pytestconfig.option.adversarial:
            pairs, alike = 0, 1  # the adversary interferes with every run besides
        outcomes = Explorer(pairs=pairs, alike=alike).explore(scenario)
        pytestconfig.stash.setdefault(TRIED, []).extend(outcomes)
        assert len(outcomes) > 1, outcomes
        bad = [str(outcome) for outcome in outcomes if not outcome.good]
        assert not bad, f"{len(bad)} of {len(outcomes)} runs ended badly:\n" + "\n".join(bad[:8])
        return outcomes

    return prove


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tried = terminalreporter.config.stash.get(TRIED, [])
    single = [outcome for outcome in tried if len(outcome.failures) == 1]
    if single:
        kills, pairs = sum(outcome.kills for outcome in single), [o for o in tried if len(o.failures) == 2]
        repeated, lost = sum(o.verdict.repeated for o in tried), sum(len(o.verdict.lost) for o in tried)
        terminalreporter.write_line(
            f"crash points tried: {len(single)} (kill {kills}, error {len(single) - kills}), "
            f"pairs of them: {len(pairs)}, repeated in-flight messages: {repeated}, lost: {lost}"
        )
