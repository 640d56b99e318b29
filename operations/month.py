"""`rollover`: rolls the month over now, as the schedule does in the first hours of a month; a repeat is harmless."""

from __future__ import annotations

import json

from operations.stack import OperationError, Stack


def roll_over(stack: Stack) -> str:
    """Invoke month_rollover; its result, as a line for the operator."""
    response = stack.clients.functions.invoke(
        FunctionName=stack.output("MonthRolloverFunction"), Payload=json.dumps({"source": "operator"})
    )
    result = response["Payload"].read().decode()
    if "FunctionError" in response:
        raise OperationError(f"the month could not be rolled over: {result[:300]}")
    return f"rolled over: {result}"
