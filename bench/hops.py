"""Functions that do nothing else than hand on what they are given, or answer.

They run in Lambda functions of their own, made by bench/empty.py, where boto3 is all there is.
"""

from __future__ import annotations

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
    """Stream to queue. Empty handlers log nothing, unless the item asks for it."""
    for record in event["Records"]:
        text = record["dynamodb"]["NewImage"]["pk"]["S"]
        _sqs().send_message(
            QueueUrl=os.environ["QUEUE_URL"],
            MessageBody=text,
            MessageGroupId="room",
            MessageDeduplicationId=record["eventID"],
        )
        if text.endswith("aloud"):
            print(text)


def post(event: dict[str, Any], _: object) -> None:
    """Queue to socket; a message is the socket and, after a space, what it is told."""
    for record in event["Records"]:
        connection_id, _, text = record["body"].partition(" ")
        _sockets().post_to_connection(ConnectionId=connection_id, Data=text.encode())


def answer(event: dict[str, Any], _: object) -> dict[str, Any]:
    """A socket that opens may; one that speaks is told its id."""
    return {"statusCode": 200, "body": event["requestContext"]["connectionId"]}


def page(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Whoever asks is answered, and the log hears of it where the address says so."""
    if event["rawPath"].endswith("aloud"):
        print("asked")
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": '{"viewers": 1}'}
