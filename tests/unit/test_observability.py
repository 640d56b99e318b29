"""A function's lines are what Lambda passes on unchanged: JSON objects with a level and a time that it can read."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cairn.observability import MetricUnit, fetch_error, logger, metrics

LEVELS = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}
"""What Lambda knows; a line with any other level counts as INFO, and is kept."""


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    """The lines on standard output, which has to be one JSON object each."""

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return lines


def test_a_line_has_a_level_and_a_time_of_rfc_3339(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    handler = logger.registered_handler
    monkeypatch.setattr(handler, "stream", written)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("failed", subject="rep:17")
    (line,) = map(json.loads, written.getvalue().splitlines())
    assert line["level"] in LEVELS
    at = datetime.fromisoformat(line["timestamp"])
    assert at.utcoffset() == UTC.utcoffset(None)
    assert line["timestamp"] == at.isoformat(timespec="milliseconds")


def test_metrics_are_one_json_object_a_line_for_cloudwatch(printed: Any) -> None:
    metrics.clear_metrics()  # what other tests left
    metrics.add_metric("FramesPosted", MetricUnit.Count, 3)
    metrics.flush_metrics()
    fetch_error("youtube")
    posted, failed = printed()
    assert posted["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] == "FramesPosted"
    assert {*failed["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]} == {"service", "platform"}
    assert "level" not in posted, "it counts as INFO; an application's log level above that would drop it"
