"""Handlers that only pass on their input, or respond, and log a line, as Cairn's do.

MiniStack waits 50 ms for the log of an invocation that writes none, which would be most of what is measured.
They run in Lambda functions of their own, deployed by bench/empty.py, with boto3 as the only library.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3


@cache
def _sqs() -> Any:
    return boto3.client("sqs")


@cache
def _sockets() -> Any:
    return boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["CONNECTIONS_URL"])


def forward(event: dict[str, Any], _: object) -> None:
    """Stream to queue."""
    for record in event["Records"]:
        text = record["dynamodb"]["NewImage"]["pk"]["S"]
        _sqs().send_message(
            QueueUrl=os.environ["QUEUE_URL"],
            MessageBody=text,
            MessageGroupId="room",
            MessageDeduplicationId=record["eventID"],
        )
        print(text)


def post(event: dict[str, Any], _: object) -> None:
    """Queue to socket; a message is the socket's id, a space, and the text to send."""
    for record in event["Records"]:
        connection_id, _, text = record["body"].partition(" ")
        _sockets().post_to_connection(ConnectionId=connection_id, Data=text.encode())
        print(text)


def respond(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Accept every socket; respond to a message with the socket's id."""
    return {"statusCode": 200, "body": event["requestContext"]["connectionId"]}


def page(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Respond to every request."""
    print(json.dumps(event))
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": '{"viewers": 1}'}
