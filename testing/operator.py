"""A stack of the account in this process, as the operator's commands see it."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

from operations.clients import Clients
from operations.stack import Stack
from testing.tables import TABLES
from testing.user_pool import POOL_ID


def operators_stack() -> Stack:
    """The tables and the user pool of the current account; the deployed detection has this process's settings."""
    clients = Clients.of_the_account()
    configuration = {"Environment": {"Variables": dict(os.environ)}}
    events: Any = clients.functions.meta.events
    events.register(
        "before-call.lambda.GetFunctionConfiguration", lambda **_: (SimpleNamespace(status_code=200), configuration)
    )
    tables = {f"{variable.partition('_')[0].capitalize()}Table": variable.lower() for variable in TABLES}
    others = {
        "DetectMilestoneFunction": "detect",
        "UserPoolId": POOL_ID,
        "BroadcastQueueUrl": os.environ["BROADCAST_QUEUE_URL"],
        "WebhookQueueUrl": os.environ["WEBHOOK_QUEUE_URL"],
        "WebhookKey": os.environ["WEBHOOK_KEY"],
    }
    return Stack("Cairn", clients, tables | others, "")
