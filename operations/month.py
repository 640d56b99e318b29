"""`turn`: turns the month now, as the schedule does in a month's first hours; a second time changes nothing."""

from __future__ import annotations

import json

from operations.stack import OperationError, Stack


def turn(stack: Stack) -> str:
    """What month_rollover answered."""
    answer = stack.clients.functions.invoke(
        FunctionName=stack.output("MonthRolloverFunction"), Payload=json.dumps({"source": "operator"})
    )
    said = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        raise OperationError(f"the month could not be turned: {said[:300]}")
    return f"turned: {said}"
