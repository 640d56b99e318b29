"""Tells an endpoint's owner that it was disabled, by another way than the endpoint: a room, or Telegram."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from cairn.aws.sqs import Queue
from cairn.clock import Clock, iso
from cairn.messages import Reply, RoomEvent
from cairn.rooms import user_room
from cairn.webhooks.model import Endpoint

DISABLED = "webhook:disabled"


@dataclass(frozen=True, slots=True)
class Owners:
    """`broadcast` and `notify` are the queues; the alarm on EndpointsDisabled tells the operator."""

    broadcast: Queue
    notify: Queue
    clock: Clock

    def tell(self, endpoint: Endpoint, since: datetime, reason: str) -> None:
        """Tell the owner, if there is one, of an endpoint that has failed since an instant.

        A repeat is told once, because its key is the same.
        """
        kind, _, name = (endpoint.owner or "").partition(":")
        key = f"{endpoint.id}/disabled/{iso(since)}"
        named = endpoint.description or endpoint.host
        if kind == "user":
            data = {"endpoint": endpoint.id, "description": named, "reason": reason}
            text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
            event = RoomEvent(user_room(name), DISABLED, key, text, self.clock(), None, endpoint.id)
            self.broadcast.send([event])
        elif kind == "chat":
            words = f"The webhook “{named}” was disabled: {reason}. What it missed is kept and can be sent again."
            self.notify.send([Reply(key, name, words, self.clock(), endpoint.id)])
