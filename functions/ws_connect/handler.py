"""Sockets as they open, speak and close. Nothing is posted while one opens: it is not open until it is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import connections, dynamo, queue
from cairn.instants import from_millis, now
from cairn.joins import Joins
from cairn.observing import logger
from cairn.presence import Presence
from cairn.queue import Queue
from cairn.rooms import Rooms
from cairn.settings import from_environment
from cairn.sockets import Sockets
from cairn.tickets import Tickets
from functions.ws_connect.conversation import Conversation, Peer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


@dataclass(frozen=True, slots=True)
class Settings:
    connections_table: str
    connections_url: str
    presence_table: str
    count_queue_url: str
    viewer_joins_per_minute: int


@cache
def settings() -> Settings:
    return from_environment(Settings)


@cache
def _tables() -> Callable[[str], Table]:
    return dynamo.resource().Table


@cache
def table() -> Table:
    return _tables()(settings().connections_table)


@cache
def presence() -> Presence:
    counting = Queue(queue.client(), settings().count_queue_url)
    return Presence.of(_tables()(settings().presence_table), counting, now)


@cache
def sockets() -> Sockets:
    return Sockets(table(), presence())


@cache
def tickets() -> Tickets:
    return Tickets(table())


@cache
def conversation() -> Conversation:
    return Conversation(
        sockets=sockets(),
        rooms=Rooms(table()),
        presence=presence(),
        joins=Joins(_tables()(settings().presence_table), settings().viewer_joins_per_minute),
        poster=connections.poster or connections.connections(settings().connections_url),
        clock=now,
    )


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = event["requestContext"]
    connection_id = request["connectionId"]
    with logger.append_context_keys(connection_id=connection_id):
        match request["eventType"]:
            case "CONNECT":
                ticket = (event.get("queryStringParameters") or {}).get("ticket")
                return {"statusCode": _open(connection_id, ticket)}
            case "DISCONNECT":
                sockets().forget(connection_id, now())
                return {"statusCode": 200}
            case _:
                peer = Peer(connection_id, from_millis(request["connectedAt"]), request["identity"]["sourceIp"])
                # Bytes come in base64, which is no JSON object either.
                answer = conversation().take(peer, event.get("body") or "")
                return {"statusCode": 200} | ({"body": answer} if answer else {})


def _open(connection_id: str, ticket: str | None) -> int:
    """Anybody may connect; who shows a ticket must show a good one."""
    holder = tickets().redeem(ticket, now()) if ticket is not None else None
    if ticket is not None and holder is None:
        logger.warning("ticket refused")
        return 401
    sockets().open(connection_id, holder, now())
    logger.info("socket opened", user_id=holder.user_id if holder else None)
    return 200
