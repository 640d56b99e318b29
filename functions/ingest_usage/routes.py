"""The routes of what a product's users do. A program calls them, with an API key of the scope `ingest` or `admin`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from cairn.clock import now
from cairn.errors import BadInputError, CairnError
from cairn.identity.api_keys import ApiKey
from cairn.identity.cached_keys import bearer, require_scope
from cairn.observability import MetricUnit, logger, metrics, single_metric
from cairn.usage.counting import Outcome, Refused, Tracked
from cairn.usage.events import UsageEvent, to_event
from cairn.usage.importing import Foretold
from cairn.usage.rows import FIRST_ZONE, Row, to_row
from cairn.usage.tracking import RETRYABLE
from functions.ingest_usage import requests, responses
from functions.ingest_usage.answers import (
    foretold_json,
    imported_json,
    outcome_json,
    rejected_json,
    tracked_json,
)
from functions.ingest_usage.dependencies import Dependencies
from functions.ingest_usage.responses import Response

Event = dict[str, Any]
SecondsLeft = Callable[[], float]
Route = Callable[[Dependencies, ApiKey, Event, SecondsLeft], Response]

SCOPES = frozenset({"admin", "ingest"})


def track(dependencies: Dependencies, key: ApiKey, event: Event, _: SecondsLeft) -> Response:
    given = requests.fields(event, requests.MAX_EVENT_BYTES)
    try:
        tracked = dependencies.tracking.track(key.id, to_event(given, dependencies.types))
    except CairnError as error:
        _count((), [isinstance(error, RETRYABLE)])
        raise
    _count([tracked], ())
    return responses.json_answer(tracked_json(tracked))


def batch(dependencies: Dependencies, key: ApiKey, event: Event, seconds_left: SecondsLeft) -> Response:
    listed = requests.items(requests.fields(event, requests.MAX_BATCH_BYTES), "events")
    types, results = dependencies.types, dict[int, dict[str, Any]]()
    parsed: dict[int, UsageEvent] = {}
    for number, given in enumerate(listed):
        try:
            parsed[number] = to_event(given, types)
        except BadInputError as error:
            results[number] = rejected_json(error.message)
    refused = [False] * len(results)
    outcomes: list[Outcome] = dependencies.tracking.track_many(key.id, [*parsed.values()], seconds_left)
    results |= {number: outcome_json(outcome) for number, outcome in zip(parsed, outcomes, strict=True)}
    refused += [outcome.retry for outcome in outcomes if isinstance(outcome, Refused)]
    _count([outcome for outcome in outcomes if isinstance(outcome, Tracked)], refused)
    logger.info("batch counted", extra=dict(Counter(result["status"] for result in results.values())))
    return responses.json_answer({"results": [results[number] for number in range(len(listed))]})


def import_rows(dependencies: Dependencies, _: ApiKey, event: Event, seconds_left: SecondsLeft) -> Response:
    given = requests.fields(event, requests.MAX_BATCH_BYTES)
    listed, dry_run = requests.items(given, "rows", "dryRun"), given.get("dryRun", False)
    if not isinstance(dry_run, bool):
        raise BadInputError("dryRun: must be true or false")
    metrics_, latest = {one.metric for one in dependencies.types.values()}, now().astimezone(FIRST_ZONE).date()
    parsed, results = dict[int, Row](), dict[int, dict[str, Any]]()
    for number, row in enumerate(listed):
        try:
            parsed[number] = to_row(row, metrics_, latest)
        except BadInputError as error:
            results[number] = rejected_json(error.message)
    rows, foretold = [*parsed.values()], list[Foretold]()
    if dry_run:
        outcomes, foretold = dependencies.importing.foretell(rows)
    else:
        outcomes = dependencies.importing.run(rows, seconds_left)
    results |= {number: imported_json(outcome) for number, outcome in zip(parsed, outcomes, strict=True)}
    statuses = Counter(result["status"] for result in results.values())
    logger.info("rows looked at" if dry_run else "rows imported", extra=dict(statuses))
    answer = {"results": [results[number] for number in range(len(listed))]}
    return responses.json_answer(answer | ({"milestones": [foretold_json(one) for one in foretold]} if dry_run else {}))


ROUTES: dict[str, Route] = {
    "/api/usage/track": track,
    "/api/usage/batch": batch,
    "/api/usage/import": import_rows,
}
"""Called with POST."""


def answer(dependencies: Dependencies, event: Event, seconds_left: SecondsLeft) -> Response:
    """The answer to any request."""
    try:
        return _routed(dependencies, event, seconds_left)
    except CairnError as error:
        return responses.rejected(error)
    except Exception as error:  # noqa: BLE001 - the caller gets a 500, and the log the reason
        return responses.failed(error)


def _routed(dependencies: Dependencies, event: Event, seconds_left: SecondsLeft) -> Response:
    logger.append_keys(address=dependencies.cdn.address(event))
    key = dependencies.keys.find(bearer(event["headers"]) or "")
    require_scope(key, SCOPES)
    logger.remove_keys(["address"])  # of those alone who are refused
    logger.append_keys(key=key.id)
    route = ROUTES.get(event["rawPath"])
    if route is None:
        return responses.no_route(None)
    if event["requestContext"]["http"]["method"] != "POST":
        return responses.no_route("POST")
    return route(dependencies, key, event, seconds_left)


def _count(tracked: Iterable[Tracked], refused: Iterable[bool]) -> None:
    """As metrics: the events by type, and what was refused, of which True may be sent again."""
    by_type = Counter(one.event.type for one in tracked if not one.duplicate)
    for name, number in by_type.items():
        with single_metric(name="UsageEvents", unit=MetricUnit.Count, value=number) as metric:
            metric.add_dimension("type", name)
    by_reason = Counter("UsageNotStored" if retry else "UsageRejected" for retry in refused)
    for name, number in by_reason.items():
        metrics.add_metric(name, MetricUnit.Count, number)
