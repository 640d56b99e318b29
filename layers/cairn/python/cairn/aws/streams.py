"""Processing the records of a DynamoDB stream: in order, up to the first that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cairn.observability import logger


def process_in_order(event: dict[str, Any], handle: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Report the first record that failed to Lambda, which retries it and all records after it.

    Continuing after a failure would let a later reading claim what the failed one had yet to announce. When the first
    of several records fails, its error is raised: Lambda bisects a batch whose invocation failed until the record is
    alone, but retries a reported remainder undivided, and finally gives up all of it.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    records = event["Records"]
    for record in records:
        try:
            handle(record)
        except Exception:  # every error has the same result: retries, then the dead-letter queue
            trace_id = record["dynamodb"].get("NewImage", {}).get("trace_id", {}).get("S")
            logger.exception("stream record failed", event_id=record["eventID"], trace_id=trace_id)
            if record is records[0] and len(records) > 1:
                raise
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}
