"""Event records as AWS hands them to a function: SQS messages, and changes of the stats table.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from boto3.dynamodb.types import TypeSerializer

from cairn.model import Reading
from cairn.readings.stats import to_item

_write = TypeSerializer().serialize


def sqs_record(
    body: str, message_id: str, receipt: str = "", attributes: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "messageId": message_id,
        "receiptHandle": receipt,
        "body": body,
        "attributes": attributes or {},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }


def received_record(message: Any) -> dict[str, Any]:
    """The record of a message that ReceiveMessage returned."""
    return sqs_record(message["Body"], message["MessageId"], message["ReceiptHandle"], message["Attributes"])


def stream_record(new: Reading, old: Reading | None = None, event_id: str | None = None) -> dict[str, Any]:
    """A change of a reading in the stats table."""
    images = {"NewImage": _image(new)} | ({"OldImage": _image(old)} if old else {})
    return {"eventID": event_id or uuid4().hex, "eventName": "MODIFY", "dynamodb": images}


def _image(reading: Reading) -> dict[str, Any]:
    return {name: _write(value) for name, value in to_item(reading).items()}
