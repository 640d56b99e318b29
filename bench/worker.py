"""One Lambda of notify in its own process: handles messages from the queue one by one until its input ends."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from typing import Any

import boto3

from testing.cloud import Context
from testing.functions import FUNCTIONS
from testing.records import received_record


def main() -> None:
    """Writes its log to standard output; the last line says how long it was busy."""
    os.environ["AWS_ENDPOINT_URL"] = sys.argv[1]  # the environment of tests and bench has none
    sqs, url = boto3.client("sqs"), os.environ["NOTIFY_QUEUE_URL"]
    notify = FUNCTIONS["notify"]
    notify.warm_up()
    notify.dependencies.subscribers.count()  # warm up: the pace is measured, not the start
    print("warm", flush=True)
    busy, invocations = 0.0, 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        received = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=1, MessageSystemAttributeNames=["All"]
        )
        for message in received.get("Messages", []):
            began = time.monotonic()
            result: Any = FUNCTIONS["notify"]({"Records": [received_record(message)]}, Context())
            busy += time.monotonic() - began
            invocations += 1
            if not result["batchItemFailures"]:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    print(json.dumps({"busy": busy, "invocations": invocations}))


if __name__ == "__main__":
    main()
