"""How a DynamoDB stream is read: in order, and no further than the first record that failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cairn.observability import logger


def process_in_order(event: dict[str, Any], take: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The stream's answer: the first record that failed. Lambda brings it, and all that follow it, again.

    Going on after a failure would let a later reading claim what the failed one had yet to announce. When it is the
    first of several that fails, its error is raised: Lambda halves a batch whose invocation failed, until the record is
    alone, but brings what a report leaves over again as it is, and at last gives all of it up.
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    records = event["Records"]
    for record in records:
        try:
            take(record)
        except Exception:  # whatever it is, the answer is the same: again, and then to the dead letters
            trace_id = record["dynamodb"].get("NewImage", {}).get("trace_id", {}).get("S")
            logger.exception("record not taken", event_id=record["eventID"], trace_id=trace_id)
            if record is records[0] and len(records) > 1:
                raise
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}
