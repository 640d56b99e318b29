"""Calls, capacity units and dollars of a usage event, counted by the meter beside the source's design."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from boto3.dynamodb.types import TypeSerializer

from bench.figures import Figure, Section, at_most
from testing import prices
from testing.clock import controlled_clock
from testing.cloud import cloud
from testing.functions import FUNCTIONS
from testing.item_sizes import item_size
from testing.meter import Usage, metered
from testing.prices import Charges
from testing.product import Product

MILLION = 1_000_000
MEMORY_MB = 1024
SECONDS = 0.025
"""Of a warm invocation: two calls of DynamoDB, and a few milliseconds of its own."""
SECONDS_OF_A_USER = 0.02
"""Of each user in a batch, of whom ten are worked on at a time."""
LOG_BYTES = 750
"""The line of an event, and its metric."""
ANSWER_BYTES = 700
DETECTION_SECONDS, DETECTION_BATCH, DETECTION_MB = 0.1, 20, 512
"""Of both readers of the stream, for a batch of so many changes."""
USERS, EVENTS_OF_A_USER = 20, 5
SOURCE_WRITES, SOURCE_READS = 2, 2
"""A row of the day and one of the lifetime, each read and written: without ids, a repeat counts twice."""
PROSE = (
    "One event of a user who has had some, through `ingest_usage`, warm, with a cached key. Dollars are those of AWS's "
    "price list, without free allowances: CloudFront, the function, its log, DynamoDB, and both readers of the stream "
    f"in batches of {DETECTION_BATCH}; what a milestone costs comes on top. A batch has {EVENTS_OF_A_USER} events of "
    f"each of {USERS} users. The source's design is a row for each user's day and one for the lifetime; its figures "
    "are computed, for the same function, without CloudFront, and without recognising a repeat."
)


def measure() -> Section:
    """One event in each way, and a million of them."""
    event: dict[str, Any] = {"userId": "ada", "type": "reply"}
    plain, size = _usage(lambda product, _: product("track", event))
    with_id, _ = _usage(lambda product, number: product("track", event | {"id": f"reply {number}"}))
    repeated, _ = _usage(lambda product, _: product("track", event | {"id": "the same"}))
    batch, _ = _usage(_batch)
    per_event = 1 / (USERS * EVENTS_OF_A_USER)
    batched = prices.total(
        {price: amount * per_event for price, amount in batch.charges.items()},
        prices.lambda_charges(per_event, USERS * SECONDS_OF_A_USER / 10, MEMORY_MB),
        prices.cdn_charges(per_event, ANSWER_BYTES * USERS * EVENTS_OF_A_USER, 1),
        prices.log_charges(LOG_BYTES / EVENTS_OF_A_USER),
        _detection(1 / EVENTS_OF_A_USER),
    )
    source: Charges = {prices.WRITE_UNIT: SOURCE_WRITES, prices.READ_UNIT: SOURCE_READS}
    source = prices.total(source, prices.lambda_charges(1, SECONDS, MEMORY_MB), prices.log_charges(LOG_BYTES))
    return Section(
        "Product usage: what an event costs",
        PROSE,
        (
            at_most("an event without an id", plain.write_units, 2, unit="WRU"),
            at_most("an event with an id", with_id.write_units, 6, unit="WRU"),
            at_most("AWS calls of either: a read and a write", max(plain.total, with_id.total), 2, unit="calls"),
            Figure("reads of either", f"{plain.read_units:g} RRU"),
            Figure("a repeat of an event with an id", f"{repeated.write_units:g} WRU, {repeated.total} calls"),
            Figure("an event with an id, in the batch", f"{batch.write_units * per_event:.2f} WRU"),
            Figure("the item of a user with some history", f"{size} bytes"),
            Figure("a million events without ids", f"${MILLION * prices.dollars(_charges(plain)):.2f}"),
            Figure("a million events with ids", f"${MILLION * prices.dollars(_charges(with_id)):.2f}"),
            Figure("a million events with ids, in such batches", f"${MILLION * prices.dollars(batched):.2f}"),
            Figure("the source's design: an event", f"{SOURCE_WRITES} WRU, {SOURCE_READS} RRU, 4 calls"),
            Figure("the source's design: a million events", f"${MILLION * prices.dollars(source):.2f}"),
        ),
    )


def _batch(product: Product, number: int) -> object:
    users = [f"user-{user}" for user in range(USERS)]
    events = [
        {"userId": user, "type": "reply", "id": f"{number} {user} {reply}"}
        for reply in range(EVENTS_OF_A_USER)
        for user in users
    ]
    return product("batch", {"events": events})


def _usage(send: Callable[[Product, int], object]) -> tuple[Usage, int]:
    """Of one request after some others, and the bytes of the first user's item."""
    with controlled_clock() as clock, cloud(httpx.MockTransport(lambda _: httpx.Response(404))) as aws:
        with metered() as meter:
            FUNCTIONS.forget()
            product = Product(aws)
            for kind in ("reply", "meme", "suggestion", "like", "retweet"):
                product.tracked(kind=kind)
            for feature in ("write_like_me", "research"):
                product.tracked(kind="feature", feature=feature)
            for number in range(4):
                send(product, number)
                clock.sleep(20 * 3600)
            FUNCTIONS["ingest_usage"].dependencies.workspaces.current()
            send(product, 4)
            with meter.measuring() as usage:
                send(product, 5)
        return usage, item_size(_stored(aws.table("STATS_TABLE")))


def _stored(table: Any) -> Any:
    write = TypeSerializer().serialize
    item = table.get_item(Key={"subject": "user:ada"}, ConsistentRead=True)["Item"]
    return {name: write(value) for name, value in item.items()}


def _charges(usage: Usage) -> Charges:
    return prices.total(
        usage.charges,
        prices.lambda_charges(1, SECONDS, MEMORY_MB),
        prices.cdn_charges(1, ANSWER_BYTES, 1),
        prices.log_charges(LOG_BYTES),
        _detection(1),
    )


def _detection(changes: float) -> Charges:
    """Both readers of the stream, for so many changes."""
    return prices.lambda_charges(2 * changes / DETECTION_BATCH, DETECTION_SECONDS, DETECTION_MB)
