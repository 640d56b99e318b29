"""Opens, serves and closes sockets. A socket opens only after its handshake is answered: nothing is posted before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from cairn import audit
from cairn.audit import ANONYMOUS
from cairn.aws import dynamodb, sqs, websocket_api
from cairn.aws.websocket_api import Connect
from cairn.clock import from_millis, now
from cairn.identity.revocations import Revocations
from cairn.observability import logger
from cairn.realtime.event_log import EventLog
from cairn.realtime.membership import Sockets
from cairn.realtime.tickets import Tickets
from cairn.settings import from_environment
from cairn.viewers.join_limits import JoinCaps, JoinLimits
from cairn.viewers.presence import Presence
from cairn.workspace.document import Workspace
from cairn.workspace.following import following_settings
from cairn.workspace.store import Workspaces
from functions.ws_connect.request_handler import Peer, RequestHandler


@dataclass(frozen=True, slots=True)
class Settings:
    connections_table: str
    sessions_table: str
    connections_url: str
    presence_table: str
    count_queue_url: str
    address_key: str
    settings_table: str
    initial_settings: str


class Dependencies:
    """The adapters of a warm function, created on first use; `connect` creates the one that posts to sockets."""

    def __init__(self, connect: Connect = websocket_api.connect) -> None:
        self._connect = connect

    @cached_property
    def settings(self) -> Settings:
        return from_environment(Settings)

    @cached_property
    def presence(self) -> Presence:
        table, queue = dynamodb.table(self.settings.presence_table), sqs.queue(self.settings.count_queue_url)
        return Presence.of(table, queue, now)

    @cached_property
    def sockets(self) -> Sockets:
        return Sockets(dynamodb.table(self.settings.connections_table), self.presence)

    @cached_property
    def tickets(self) -> Tickets:
        return Tickets(dynamodb.table(self.settings.sessions_table))

    @cached_property
    def revocations(self) -> Revocations:
        return Revocations(dynamodb.table(self.settings.sessions_table))

    @cached_property
    def workspaces(self) -> Workspaces:
        return Workspaces(dynamodb.table(self.settings.settings_table), given=self.settings.initial_settings)

    @following_settings
    def request_handler(self, workspace: Workspace) -> RequestHandler:
        return RequestHandler(
            sockets=self.sockets,
            event_log=EventLog(dynamodb.table(self.settings.connections_table)),
            presence=self.presence,
            join_limits=JoinLimits(
                dynamodb.table(self.settings.presence_table),
                workspace.viewer_joins_per_minute,
                JoinCaps.of(workspace),
            ),
            named=frozenset(workspace.live_channels),
            address_key=self.settings.address_key,
            poster=self._connect(self.settings.connections_url),
            clock=now,
        )


def create(dependencies: Dependencies) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function with these dependencies."""

    def open_socket(connection_id: str, ticket: str | None, address: str) -> int:
        """The status of the handshake. Anyone may connect; a ticket must be valid if one is sent."""
        holder = dependencies.tickets.redeem(ticket, now()) if ticket is not None else None
        if ticket is not None and holder is None:
            logger.warning("ticket rejected")
            audit.record("open socket", ANONYMOUS, "refused", address=address)
            return 401
        dependencies.sockets.open(connection_id, holder, now())
        # Only now that the end of the session would find the socket.
        if holder and holder.credential and dependencies.revocations.is_revoked(holder.credential, consistent=True):
            dependencies.sockets.remove(connection_id, now())
            logger.warning("ticket rejected: its session has ended", user_id=holder.user_id)
            return 401
        logger.info("socket opened", user_id=holder.user_id if holder else None)
        return 200

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        request = event["requestContext"]
        connection_id = request["connectionId"]
        with logger.append_context_keys(connection_id=connection_id):
            match request["eventType"]:
                case "CONNECT":
                    ticket = (event.get("queryStringParameters") or {}).get("ticket")
                    return {"statusCode": open_socket(connection_id, ticket, request["identity"]["sourceIp"])}
                case "DISCONNECT":
                    dependencies.sockets.remove(connection_id, now())
                    return {"statusCode": 200}
                case _:
                    peer = Peer(connection_id, from_millis(request["connectedAt"]), request["identity"]["sourceIp"])
                    # A binary frame arrives in base64, which is not a JSON object either.
                    answer = dependencies.request_handler.handle(peer, event.get("body") or "")
                    return {"statusCode": 200} | ({"body": answer} if answer else {})

    return handler


handler = create(Dependencies())
