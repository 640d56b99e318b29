"""`rollover`: rolls the month over now, as the schedule does in a month's first hours; repeating it is harmless."""

from __future__ import annotations

import json

from operations.stack import OperationError, Stack


def roll_over(stack: Stack) -> str:
    """What month_rollover answered."""
    answer = stack.clients.functions.invoke(
        FunctionName=stack.output("MonthRolloverFunction"), Payload=json.dumps({"source": "operator"})
    )
    said = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        raise OperationError(f"the month could not be rolled over: {said[:300]}")
    return f"rolled over: {said}"
