"""What the bench runs of each function (bench/invocations.py), so that it measures all of them and every one works."""

from __future__ import annotations

from bench.costs.emitted import emitted_metrics
from bench.invocations import CASES
from tests.unit.test_house import ROOT


def test_every_function_has_a_typical_invocation() -> None:
    functions = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}
    assert {case.function for case in CASES} == functions


def test_typical_invocations_succeed_and_emit_the_metrics_that_costs_count() -> None:
    found = emitted_metrics()
    assert found["fetch_stats"] == 2  # ReadingsStored and ReadingsUnchanged
    assert found["detect_milestone"] == 2  # MilestonesReached and DetectionDelay
    assert found["viewer_heartbeat"] == 0
    assert found["ingest_usage"] == 1  # UsageEvents, by type
