"""A WebSocket client's connect, messages and disconnect as API Gateway's events for ws_connect.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cairn.clock import now, to_millis
from testing.cloud import Context
from testing.functions import FUNCTIONS


@dataclass(frozen=True)
class Client:
    """A socket, connected to ws_connect."""

    connection_id: str
    opened_at: datetime = field(default_factory=now)
    address: str = "127.0.0.1"

    def connect(self, ticket: str | None = None) -> int:
        """The handshake's status."""
        query = {"ticket": ticket} if ticket is not None else None
        status: int = self._invoke("$connect", "CONNECT", headers={"Host": "x"}, queryStringParameters=query)[
            "statusCode"
        ]
        return status

    def disconnect(self) -> None:
        assert self._invoke("$disconnect", "DISCONNECT")["statusCode"] == 200

    def send(self, **frame: Any) -> dict[str, Any]:
        """The response to a frame."""
        answer = self.send_text(json.dumps(frame))
        assert answer, "no response to the frame"
        return answer

    def send_text(self, text: str) -> dict[str, Any] | None:
        answer = self._invoke("$default", "MESSAGE", body=text)
        assert answer["statusCode"] == 200
        if "body" not in answer:
            return None
        frame: dict[str, Any] = json.loads(answer["body"])
        assert {"id", "event", "room", "at", "data"} == set(frame)
        return frame

    def join(self, room: str, after: str | None = None, viewer: str | None = None) -> dict[str, Any]:
        """The data of a join's last frame; `code` when it is rejected."""
        options = {"after": after, "viewer": viewer}
        answer = self.send(action="join", room=room, **{name: value for name, value in options.items() if value})
        assert answer["event"] in ("joined", "error")
        data: dict[str, Any] = answer["data"]
        return data

    def _invoke(self, route: str, type_: str, **more: Any) -> Any:
        return FUNCTIONS["ws_connect"](event(self, route, type_, **more), Context())


def event(client: Client, route: str, type_: str, **more: Any) -> dict[str, Any]:
    """An event for ws_connect."""
    request = {
        "routeKey": route,
        "eventType": type_,
        "extendedRequestId": "VYqdtFf0joEFdzA=",
        "requestTime": "20/Nov/2026:12:00:00 +0000",
        "messageDirection": "IN",
        "stage": "live",
        "connectedAt": to_millis(client.opened_at),
        "requestTimeEpoch": to_millis(now()),
        "identity": {"sourceIp": client.address},
        "requestId": "VYqdtFf0joEFdzA=",
        "domainName": "abc123.execute-api.us-east-1.amazonaws.com",
        "connectionId": client.connection_id,
        "apiId": "abc123",
    }
    return {"requestContext": request, "isBase64Encoded": False} | more
